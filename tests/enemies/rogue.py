"""A central system that wants the box unsafe, broke, deaf or talkative, and a whole wallbox in a virtual world that it
may ask anything; judged by the invariants, and by a good central system afterwards.

Rules this file upholds:
- One seed, one walk. What it asks is drawn from the schemas, from what is known to hurt, and from nowhere.
- A driver with car and card goes in and out meanwhile; the contactor closes only for what is durable (tests/world).
- Afterwards a good central system sets back what it finds, and a charge begins and ends; no one helps.
"""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from typing import Any

from evsed.ocpp.v16.dialect import INBOUND
from tests.enemies.hunt import bent
from tests.enemies.wire_doors import FRAMES
from tests.enemies.wire_doors import WORDS as BYTES
from tests.evsed.ocpp.schema_kit import DATES, INTEGERS, LIMITS, WORDS, WRONG, schema
from tests.lab.lives.acts import NOISE, order
from tests.lab.lives.draw import Character
from tests.lab.lives.invariants import bounded
from tests.lab.lives.life import Life, folder
from tests.world.csms import ERROR_CODES
from tests.world.messages import Message, Question
from tests.world.wallbox import TAG

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
LONGEST_REPLY = 65_536
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
CHATTER_S = 20
"""Frames a second that a station may say on its own, whatever it was set to; nobody reads more."""
BOOKS = (" began before ", " stopped twice", "has the id of", "an answer to nothing", "before the station was accepted")


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
    """One walk through one world."""

    def __init__(self, life: Life, seed: int) -> None:
        self.life, self.world, self.csms = life, life.world, life.world.csms
        self._dice = Random(f"rogue {seed}")
        self.keys: dict[str, str] = {}
        self.heard = self.said = self.longest = 0
        self.world.carries = self._carries
        self.deeds = (
            (self._asks, 12),
            (self._configures, 5),
            (self._makes_noise, 2),
            (self._floods, 1),
            (self._answers_badly, 2),
            (self._starts_without_a_card, 2),
            (self._bends_a_frame, 3),
            (self._hangs_up, 1),
            (self._driver, 5),
        )

    def _carries(self, frame: str) -> bool:
        self.heard, self.longest = self.heard + 1, max(self.longest, len(frame))
        return True

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

    def reform(self) -> None:
        """A good one takes over, and sets back what it finds."""
        world = self.world
        self.csms.fate = lambda message: False
        self.csms.behaves()
        world.drop_line("a good central system takes over")
        world.advance(90)
        for key, value in self.keys.items():
            self.csms.call("ChangeConfiguration", {"key": key, "value": value})
            world.advance(1)
        self.csms.call("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []})
        for number in WORDS["reservationId"]:
            self.csms.call("CancelReservation", {"reservationId": number}, wild=True)
        world.advance(30)

    # --- what it does ----------------------------------------------------------------------------------------

    def _call(self, action: str, payload: Any) -> None:
        self.said += 1
        if self.csms.registered:
            self.csms.call(action, payload, wild=True)

    def _asks(self) -> None:
        action = self._dice.choice(sorted(INBOUND))
        self._call(action, drawn(schema(action), self._dice))

    def _configures(self) -> None:
        key = self._dice.choice((*self.keys, "nope"))
        self._call("ChangeConfiguration", {"key": key, "value": self._dice.choice(VALUES)})

    def _starts_without_a_card(self) -> None:
        profile = drawn(schema("SetChargingProfile")["properties"]["csChargingProfiles"], self._dice)
        asked = {"connectorId": 1, "idTag": self._dice.choice((TAG, "NOBODY"))}
        self._call(
            "RemoteStartTransaction", asked | ({"chargingProfile": profile} if self._dice.random() < 0.5 else {})
        )

    def _say(self, frame: str) -> None:
        """Text of any kind; what it may be answered as is known to the books."""
        self.said += 1
        for id in ("x", *map(str, range(10))):
            self.csms._questions[id] = Question(id, "Reset", {})
        with suppress(ValueError, RecursionError):
            said = json.loads(frame)
            if isinstance(said, list) and len(said) > 2 and isinstance(said[1], str) and said[2] in tuple(INBOUND):
                self.csms._questions[said[1]] = Question(said[1], said[2], {})
        self.csms.say(frame)

    def _makes_noise(self) -> None:
        self._say(self._dice.choice(NOISE))

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
            if left < 0 or message.action == "BootNotification":
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
        order(self.life, 1, *self._dice.choice(words))


def walked(seed: int, steps: int) -> list[str]:
    """A walk and the return to a good central system: what was wrong."""
    with folder() as state:
        life = Life(state, seed, BOX)
        rogue = Rogue(life, seed)
        life.world.csms.judges_stamps = life.world.csms.judges_statuses = False
        began_ms = life.world.ms
        try:
            rogue.walk(steps)
            seconds = (life.world.ms - began_ms) / 1_000
            chatter = rogue.heard - 10 * rogue.said - CHATTER_S * seconds
            rogue.reform()
            life.recover()
        except Exception as crash:
            return [f"{type(crash).__name__}: {crash}"[:1_000]]
        finally:
            life.world.close()
        found = [*life.world.watch.breaches, *bounded(life)]
        found += [breach for breach in life.world.csms.breaches if not any(book in breach for book in BOOKS)]
        found += [f"{rogue.heard} frames in {seconds:.0f} s"] if chatter > 1_000 else []
        return found + ([f"a frame of {rogue.longest} characters"] if rogue.longest > LONGEST_REPLY else [])
