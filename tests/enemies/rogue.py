"""A central system that wants the box unsafe, broke, deaf or talkative, and a whole wallbox in a virtual world that it
may ask anything; judged by `harms.py` and by the good central system that takes over afterwards.

Rules this file upholds:
- One seed, one walk. What it asks is drawn from the schemas of all 39 requests, from what is known to hurt, and from
  nowhere; in any order, in pairs, with ids of other calls.
- In every second walk the box has a key, and the door of the central system knows only that one: whatever the rogue
  writes over it, the box comes in again. In the others nobody is refused.
- A driver with car and card goes in and out meanwhile; the contactor closes only for what is durable (tests/world).
- Afterwards a good central system sets back what it finds, and a charge begins and ends; no one helps.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from evsed.core.central_systems import Target
from evsed.ocpp.v16.dialect import INBOUND, SCHEMAS
from tests.enemies.harms import Harms
from tests.enemies.hunt import bent
from tests.enemies.wire_doors import FRAMES
from tests.enemies.wire_doors import WORDS as BYTES
from tests.evsed.ocpp.schema_kit import DATES, INTEGERS, LIMITS, WORDS, WRONG, schema
from tests.lab.lives.acts import NOISE, order
from tests.lab.lives.credentials import OTHER_KEY, SECURED, USES, install_root
from tests.lab.lives.draw import Character
from tests.lab.lives.life import Life, folder
from tests.world.csms import ERROR_CODES
from tests.world.messages import Message, Question
from tests.world.wallbox import TAG


def _list(version: int) -> dict[str, Any]:
    entries = [{"idTag": f"{version}-{n}", "idTagInfo": {"status": "Accepted"}} for n in range(100)]
    return {"listVersion": version, "updateType": "Full", "localAuthorizationList": entries}


def _reservation(number: int) -> dict[str, Any]:
    return {"connectorId": 1, "expiryDate": "2027-01-02T00:00:00Z", "idTag": f"T{number}", "reservationId": number}


LOCATIONS = (
    "http://127.0.0.1/x",
    "http://[::1]:9/x",
    "http://[x",
    "http://169.254.169.254/latest/meta-data",
    "ftp://localhost/x",
    "file:///etc/shadow",
    "https://h/" + "a" * 2_000,
    "http://a]b/",
)
VALUES = (
    "",
    "-1",
    "0",
    "1",
    "true",
    "false",
    "2147483647",
    "2147483648",
    "1e9",
    "x" * 500,
    "Energy.Active.Import.Register",
)
ACTIONS = (*sorted(INBOUND) * 3, *sorted(SCHEMAS.actions))
BOOKS = (" began before ", " stopped twice", "has the id of", "an answer to nothing", "before the station was accepted")
FLOODS: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = (
    ("ChangeConfiguration", tuple({"key": "HeartbeatInterval", "value": str(60 + n)} for n in range(7))),
    ("ChangeAvailability", tuple({"connectorId": 1, "type": kind} for kind in ("Inoperative", "Operative"))),
    ("SendLocalList", tuple(_list(version) for version in range(1, 8))),
    ("ReserveNow", tuple(_reservation(number) for number in range(1, 8))),
    ("TriggerMessage", ({"requestedMessage": "StatusNotification"}, {"requestedMessage": "MeterValues"})),
)
PROFILES = tuple(("SecurityProfile", str(number)) for number in (0, 1, 2, 3))
BOOTS_S = 90_000  # who was told to wait waits a day at most
BETWEEN_S = 60
BOX = Character(
    evses=1,
    phase_ms=0,
    free=False,
    presets={
        "OCPPCommCtrlr.MessageTimeout": "10",
        "OCPPCommCtrlr.MessageAttempts": "5",
        "OCPPCommCtrlr.MessageAttemptInterval": "20",
    },
)


def drawn(shape: dict[str, Any], dice: Random, field: str = "") -> Any:
    """Something that this part of a schema allows, or nearly."""
    kind = shape.get("type")
    if dice.random() < 0.02:
        return dice.choice(WRONG)
    if field == "location":
        return dice.choice(LOCATIONS)
    if "enum" in shape:
        return dice.choice(shape["enum"])
    if kind == "object":
        needed = shape.get("required", ())
        parts = shape.get("properties", {}).items()
        return {name: drawn(part, dice, name) for name, part in parts if name in needed or dice.random() < 0.6}
    if kind == "array":
        return [drawn(shape["items"], dice, field) for _ in range(dice.choice((1, 1, 2, 3, 30)))]
    if field in WORDS and dice.random() < 0.9:
        return dice.choice(WORDS[field])
    if kind == "string":
        return dice.choice(DATES) if shape.get("format") == "date-time" else "x" * dice.choice((0, 1, 20, 300))
    return dice.choice(LIMITS if kind == "number" else INTEGERS if kind == "integer" else (True, False))


class Rogue:
    """One walk through one world. `strict`: the door of the central system knows the box's first key and no other."""

    def __init__(self, life: Life, seed: int, *, strict: bool) -> None:
        self.life, self.world, self.csms = life, life.world, life.world.csms
        self.harms = Harms(life)
        self._dice = Random(f"rogue {seed}")
        self._strict = strict
        self.keys: dict[str, str] = {}
        self._admit()
        self.deeds: tuple[tuple[Callable[[], None], int], ...] = (
            (self._asks, 12),
            (self._asks_two, 3),
            (self._configures, 5),
            (self._writes_credentials, 1),
            (self._makes_noise, 2),
            (self._breaks_the_order, 3),
            (self._floods, 1),
            (self._answers_badly, 2),
            (self._starts_without_a_card, 2),
            (self._bends_a_frame, 3),
            (self._hangs_up, 1),
            (self._driver, 5),
        )

    def walk(self, steps: int) -> None:
        """All that it does."""
        self.world.advance(3)
        asked = self.csms.call("GetConfiguration", {})
        self.world.advance(1)
        assert asked.answer is not None
        self.keys = {
            entry["key"]: entry["value"]
            for entry in asked.answer["configurationKey"]
            if not entry["readonly"] and "value" in entry
        }
        deeds, weights = zip(*self.deeds, strict=True)
        for _ in range(steps):
            self._dice.choices(deeds, weights)[0]()
            self.world.advance(self._dice.choice((0, 0, 0.1, 1, 8, 45)))

    def reform(self) -> list[str]:
        """A good one takes over at the same door, and sets back what it finds; what was wrong."""
        world = self.world
        self.csms.fate = lambda message: False
        self.csms.behaves()
        self.csms.registered, self.csms.judges_statuses = False, True
        world.drop_line("a good central system takes over")
        self._admit()
        if not any(self._hears_us() for _ in range(BOOTS_S // BETWEEN_S)):
            return ["deaf: a good central system is not answered"]
        for key, value in self.keys.items():
            self.csms.call("ChangeConfiguration", {"key": key, "value": value})
            world.advance(1)
        self.csms.call("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []})
        for number in WORDS["reservationId"]:
            self.csms.call("CancelReservation", {"reservationId": number}, wild=True)
        world.advance(30)
        return []

    def _hears_us(self) -> bool:
        """Whether the box is here and answers; a good one asks it to boot where it does not know it."""
        asked = self.csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        self.world.advance(BETWEEN_S)
        evsed = self.world.evsed
        if asked.answer is None or evsed is None or not evsed.station.registration.online:
            return False
        self.csms.registered = True
        return True

    def _admit(self) -> None:
        def admits(target: Target) -> str:
            if target.profile != SECURED.profile:
                return "unreachable"
            return "" if target.key == SECURED.key else "refused"

        self.world.admits = admits if self._strict else lambda target: ""

    # --- what it does ----------------------------------------------------------------------------------------

    def _call(self, action: str, payload: Any) -> None:
        self.harms.said += 1
        if self.csms.registered:
            self.csms.call(action, payload, wild=True)

    def _asks(self) -> None:
        action = self._dice.choice(ACTIONS)
        self._call(action, drawn(schema(action), self._dice))

    def _asks_two(self) -> None:
        """Before the first is answered: two that are drawn, or the same twice."""
        first, second = self._dice.choice(ACTIONS), self._dice.choice(ACTIONS)
        payload = drawn(schema(first), self._dice)
        self._call(first, payload)
        if self._dice.random() < 0.5:
            self._call(first, payload)
        else:
            self._call(second, drawn(schema(second), self._dice))

    def _configures(self) -> None:
        key = self._dice.choice((*self.keys, "nope"))
        self._call("ChangeConfiguration", {"key": key, "value": self._dice.choice(VALUES)})

    def _writes_credentials(self) -> None:
        """Another key or profile, and a root to believe in; where the door is strict none of them works."""
        key, value = self._dice.choice((("AuthorizationKey", OTHER_KEY), ("AuthorizationKey", "x"), *PROFILES))
        if self._strict and self.csms.registered and self._dice.random() < 0.5:
            install_root(self.life, self._dice.choice(USES), 1)
        self._call("ChangeConfiguration", {"key": key, "value": value})

    def _starts_without_a_card(self) -> None:
        profile = drawn(schema("SetChargingProfile")["properties"]["csChargingProfiles"], self._dice)
        asked = {"connectorId": 1, "idTag": self._dice.choice((TAG, "NOBODY"))}
        self._call(
            "RemoteStartTransaction", asked | ({"chargingProfile": profile} if self._dice.random() < 0.5 else {})
        )

    def _say(self, frame: str) -> None:
        """Text of any kind; what it may be answered as is known to the books."""
        self.harms.said += 1
        for id in ("x", *map(str, range(10))):
            self.csms._questions.setdefault(id, Question(id, "Reset", {}))
        with suppress(ValueError, RecursionError):
            said = json.loads(frame)
            if isinstance(said, list) and len(said) > 2 and isinstance(said[1], str) and said[2] in tuple(INBOUND):
                self.csms._questions[said[1]] = Question(said[1], said[2], {})
        self.csms.say(frame)

    def _makes_noise(self) -> None:
        self._say(self._dice.choice(NOISE))

    def _breaks_the_order(self) -> None:
        """Answers that nobody waits for, or twice; an id that is taken; a call inside of another; all at once."""
        own = self.csms.received[-1].id if self.csms.received else "x"
        action = self._dice.choice(("GetLocalListVersion", "ClearCache", "Heartbeat"))
        call, answer = json.dumps([2, "x", action, {}]), json.dumps([3, own, {"idTagInfo": {"status": "Accepted"}}])
        for frame in self._dice.choice(
            (
                (answer, answer),
                (json.dumps([4, own, "InternalError", "", {}]), answer),
                (json.dumps([3, "x" * 36, {}]), json.dumps([4, "", "", "", {}])),
                (call, call),
                (json.dumps([2, own, action, {}]), answer),
                (json.dumps([2, "x", action, [2, "1", action, {}]]),),
                (json.dumps([3, own, [2, "1", action, {}]]), call),
                (call[:-1] + "," + call + "]",),
                tuple(json.dumps([2, str(n), action, {}]) for n in range(10)),
            )
        ):
            self._say(frame)

    def _bends_a_frame(self) -> None:
        self._say(bent(self._dice, [frame.encode() for frame in FRAMES], BYTES).decode(errors="replace"))

    def _floods(self) -> None:
        action = self._dice.choice(("GetConfiguration", "TriggerMessage", "DataTransfer", "GetCompositeSchedule"))
        payload = drawn(schema(action), self._dice)
        for _ in range(200):
            self._call(action, payload)

    def _answers_badly(self) -> None:
        """The next calls of the station get errors, nothing, or anything."""
        left = self._dice.choice((1, 3, 10))

        def fate(message: Message) -> bool:
            nonlocal left
            left -= 1
            if left < 0:
                return False
            self.csms.miss(message)
            how = self._dice.random()
            if how < 0.3:
                self.csms.say(json.dumps([4, message.id, self._dice.choice(ERROR_CODES), "x" * 300, {}]))
            elif how < 0.7:
                answer = drawn(schema(f"{message.action}Response"), self._dice)
                self.csms.say(json.dumps([3, message.id, answer]))
            return True

        self.csms.fate = fate

    def _hangs_up(self) -> None:
        self.world.drop_line("it hung up")

    def _driver(self) -> None:
        words = (
            ("plug-in", "--cable", "20"),
            ("swipe", TAG),
            ("swipe", "NOBODY"),
            ("unplug",),
            ("car", "stop"),
            ("car", "drive"),
        )
        self.harms.acts += 1
        order(self.life, 1, *self._dice.choice(words))


def walked(seed: int, steps: int) -> list[str]:
    """A walk and the return to a good central system: what was wrong."""
    strict = seed % 2 == 0
    with folder() as state:
        life = Life(state / "box", seed, BOX._replace(secured=strict))
        rogue = Rogue(life, seed, strict=strict)
        life.world.csms.judges_stamps = life.world.csms.judges_statuses = False
        try:
            rogue.walk(steps)
            found = rogue.harms.found()
            found += rogue.reform()
            life.recover()
        except Exception as crash:
            return [f"{type(crash).__name__}: {crash}"[:1_000]]
        finally:
            life.world.close()
        found += [breach for breach in life.world.watch.breaches if breach not in found]
        return found + [breach for breach in life.world.csms.breaches if not any(book in breach for book in BOOKS)]


def flooded(seed: int, calls: int) -> list[str]:
    """One request that the disk must keep, as often as the line carries it: what was wrong."""
    action, payloads = FLOODS[seed % len(FLOODS)]
    with folder() as state:
        life = Life(state / "box", seed, BOX)
        try:
            life.world.advance(3)
            harms = Harms(life)
            for number in range(calls):
                life.world.csms.call(action, payloads[number % len(payloads)], wild=True)
                if number % 20 == 0:
                    life.world.advance(1)
            return harms.found()
        finally:
            life.world.close()
