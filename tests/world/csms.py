"""A central system in memory: speaks OCPP 1.6-J text frames like a good one, and misbehaves on request.

It reads and writes its frames by itself and judges what the station sends by the official schemas, with two engines of
different hands; `breaches` lists everything that a station must not do. A harness carries the frames: `receive` takes
the station's, `take` gives those for the station.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from tests.world.messages import Charge, Message, Payload, Question, iso, may_follow, schema, tags_in, wall_ms
from tests.world.second_opinion import objection

NEW_YEAR_2027 = 1_798_761_600_000
NEVER_MS = 1 << 62
STALE_MS = 60_000  # evcc takes no notice of a StatusNotification that is older
ENERGY = "Energy.Active.Import.Register"
ERROR_CODES = (  # OCPP-J 1.6 §4.2.3, spelt as there (J errata 5.1, 5.2)
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
)


class Csms:
    """`now_ms` is its wall clock."""

    def __init__(self, now_ms: Callable[[], int] = lambda: NEW_YEAR_2027, interval_s: int = 300) -> None:
        self.boot_status = "Accepted"
        self.interval_s = interval_s
        self.invalid_tags: set[str] = set()
        self.admitted: set[str] = set()  # whom it ever let in, by an answer or by what it asked
        self.parents: dict[str, str] = {}
        self.numbers: Iterator[int] = count(1)
        self.received: list[Message] = []
        self.charges: dict[int, Charge] = {}
        self.unbooked: list[Message] = []
        self.breaches: list[str] = []
        self._now_ms = now_ms
        self.registered = False
        self._triggered: Counter[str] = Counter()
        self._outgoing: list[str] = []
        self._questions: dict[str, Question] = {}
        self._question_ids = count(1)
        self._errors: dict[str, list[str]] = {}
        self._answers: dict[str, list[Payload]] = {}
        self._silent: set[str] = set()
        self._slow: dict[str, float] = {}
        self._held: set[str] = set()
        self._kept_back: list[str] = []
        self._later: list[tuple[int, str]] = []
        self._statuses: dict[int, str] = {}
        self.judges_statuses = False
        self.judges_stamps = True
        self._lost: Counter[str] = Counter()
        self.connections = 0
        self.hang_up: Callable[[], None] = lambda: None  # the connection ends at the next moment
        self.fate: Callable[[Message], bool] = lambda message: False
        self.post: Callable[[list[str]], list[str]] = lambda frames: frames
        self._by_id: dict[str, tuple[Message, Payload]] = {}

    # --- what a test asks ----------------------------------------------------------------------------------

    def all(self, action: str) -> list[Message]:
        """All messages of one kind, oldest first."""
        return [message for message in self.received if message.action == action]

    def last(self, action: str) -> Message:
        """The newest of one kind."""
        assert self.all(action), f"no {action} among {[message.action for message in self.received]}"
        return self.all(action)[-1]

    def call(self, action: str, payload: Payload | None = None, *, wild: bool = False) -> Question:
        """Ask the station; the answer appears in what is returned. A `wild` question may be as wrong as it likes."""
        asked = Question(f"csms-{next(self._question_ids)}", action, {} if payload is None else payload)
        fits = schema(action).is_valid(asked.payload)
        assert fits or wild, f"this central system is well-behaved: {payload}"
        if action in ("TriggerMessage", "ExtendedTriggerMessage") and fits:
            for prefix in ("", "Signed") if action == "ExtendedTriggerMessage" else ("",):
                wanted = asked.payload["requestedMessage"].replace("SignChargePoint", "Sign")
                self._triggered[prefix + wanted] += 8
        self._questions[asked.id] = asked
        self.admitted |= set(tags_in(asked.payload))
        self.say(json.dumps([2, asked.id, action, asked.payload]))
        return asked

    def registers(self, connector: int = 1) -> list[tuple[int, int]]:
        """Every value of the register that was told, as (wall time, Wh), in the order of their times."""
        told: list[tuple[int, int]] = []
        for message in self.received:
            if message.action == "StartTransaction" and message.connectorId == connector:
                told.append((wall_ms(message.timestamp), message.meterStart))
            elif message.action == "StopTransaction" and message.transactionId in self.charges:
                if self.charges[message.transactionId].connector == connector:
                    told.append((wall_ms(message.timestamp), message.meterStop))
            elif message.action == "MeterValues" and message.connectorId == connector:
                for sample in message.meterValue:
                    values = (int(v["value"]) for v in sample["sampledValue"] if v.get("measurand", ENERGY) == ENERGY)
                    told += [(wall_ms(sample["timestamp"]), value) for value in values]
        return sorted(told)

    # --- misbehaviour --------------------------------------------------------------------------------------

    def say(self, frame: str) -> None:
        """Send any text."""
        self._outgoing.append(frame)

    def behaves(self) -> None:
        """From now on like a good one."""
        self.boot_status, self.fate, self.post = "Accepted", lambda message: False, lambda frames: frames
        for misdeeds in (self._errors, self._answers, self._silent, self._slow, self._lost, self.invalid_tags):
            misdeeds.clear()
        for action in tuple(self._held):
            self.releases(action)

    def say_later(self, frame: str, seconds: float) -> None:
        """Send any text after a while, if the connection lasts."""
        self._later.append((self._now_ms() + round(seconds * 1_000), frame))

    def rejects_next(self, action: str, code: str = "InternalError", times: int = 1) -> None:
        """Answer the next ones with an error."""
        self._errors.setdefault(action, []).extend([code] * times)

    def answers_next(self, action: str, payload: Payload) -> None:
        """Answer the next one with this, right or wrong."""
        self._answers.setdefault(action, []).append(payload)

    def loses_next_answer(self, action: str) -> None:
        """Book the next one, but let its answer be lost on the way."""
        self._lost[action] += 1

    def silent_on(self, action: str) -> None:
        """Ignore them, and say nothing."""
        self._silent.add(action)

    def speaks_on(self, action: str) -> None:
        """Answer them again."""
        self._silent.discard(action)

    def slow_on(self, action: str, seconds: float) -> None:
        """Answer them after so long."""
        self._slow[action] = seconds

    def holds(self, action: str) -> None:
        """Keep the answers back until they are released."""
        self._held.add(action)

    def releases(self, action: str, times: int = 1) -> None:
        """Give the answers that were kept back, each so many times, and keep back no more."""
        self._held.discard(action)
        self._outgoing += [frame for frame in self._kept_back for _ in range(times)]
        self._kept_back.clear()

    # --- the wire ------------------------------------------------------------------------------------------

    def take(self) -> list[str]:
        """The frames for the station."""
        now_ms = self._now_ms()
        ripe = [frame for due_ms, frame in self._later if due_ms <= now_ms]
        self._later = [later for later in self._later if later[0] > now_ms]
        frames, self._outgoing = self._outgoing + ripe, []
        return self.post(frames)

    def next_ms(self) -> int:
        """When a slow answer is due, on the clock of the world."""
        return min((due_ms for due_ms, _ in self._later), default=NEVER_MS) - NEW_YEAR_2027

    def connected(self) -> None:
        """A new connection: what the station says now is what is so now."""
        self.connections += 1
        self._statuses.clear()

    def disconnected(self) -> None:
        """What was not delivered is gone, and nobody answers questions of the old connection."""
        self._outgoing.clear()
        self._later.clear()
        self._kept_back.clear()
        self._questions.clear()

    def receive(self, frame: str) -> None:
        """A frame of the station."""
        kind, id, *rest = json.loads(frame)
        question = None if kind == 2 else self._questions.pop(id, None)
        if kind != 2 and question is None:
            self.breaches.append(f"an answer to nothing: {frame}")
            return
        objected = objection(frame, question.action if question else rest[0])
        self.breaches += [objected] if objected else []
        if question is None:
            self._called(Message(id, rest[0], rest[1], self._now_ms()))
        elif kind == 3:
            question.answer = rest[0]
            self._judge(f"{question.action}Response", rest[0])
        else:
            question.error = rest[0]
            if question.error not in ERROR_CODES:
                self.breaches.append(f"no error code of OCPP-J 1.6: {frame}")

    def _called(self, message: Message) -> None:
        self._judge(message.action, message.payload)
        if len(message.id) > 36:
            self.breaches.append(f"an id of {len(message.id)} characters")
        known, _ = self._by_id.get(message.id, (message, {}))
        if (known.action, known.payload) != (message.action, message.payload):
            self.breaches.append(f"{message} has the id of {known}")
        self.received.append(message)
        if not self._may_say(message.action):
            self.breaches.append(f"{message.action} before the station was accepted")
            self.refuse(message, "SecurityError")
        elif self.fate(message) or message.action in self._silent:
            return
        elif self._errors.get(message.action):
            self.refuse(message, self._errors[message.action].pop(0))
        else:
            answer = self.book(message)
            if self._lost[message.action]:
                self._lost[message.action] -= 1
            else:
                self._say_in_time(message.action, answer)

    def _say_in_time(self, action: str, frame: str) -> None:
        if action in self._held:
            self._kept_back.append(frame)
        elif action in self._slow:
            self.say_later(frame, self._slow[action])
        else:
            self._outgoing.append(frame)

    def _may_say(self, action: str) -> bool:
        if action == "BootNotification" or self.registered:
            return True
        self._triggered[action] -= 1
        return self._triggered[action] >= 0

    def book(self, message: Message) -> str:
        """Take it as it is meant; returns the answer. The wire is at-least-once with stable ids: a message that came
        before is booked once, and gets its answer again. Good central systems do so.
        """
        if message.id not in self._by_id:
            answer = ANSWERS[message.action](self, message)
            said = self._answers.get(message.action)
            self._by_id[message.id] = (message, said.pop(0) if said else answer)
        return json.dumps([3, message.id, self._by_id[message.id][1]])

    def refuse(self, message: Message, code: str) -> None:
        """Answer with an error."""
        self.miss(message)
        self.say(json.dumps([4, message.id, code, "as told", {}]))

    def miss(self, message: Message) -> None:
        """Take no notice of it: if it brought a status, none is known now."""
        self._statuses.pop(message.payload.get("connectorId", -1), None)

    def _judge(self, name: str, payload: Payload) -> None:
        self.breaches += [
            f"{name} {error.instance_path}: {error.message}" for error in schema(name).iter_errors(payload)
        ]

    # --- what it answers -----------------------------------------------------------------------------------

    def _tag(self, tag: str) -> Payload:
        info = {"status": "Invalid" if tag in self.invalid_tags else "Accepted"}
        return info | ({"parentIdTag": self.parents[tag]} if tag in self.parents else {})

    def _authorize(self, message: Message) -> Payload:
        info = self._tag(message.idTag)
        self.admitted |= {message.idTag} if info["status"] == "Accepted" else set()
        return {"idTagInfo": info}

    def _boot(self, message: Message) -> Payload:
        self.registered = self.boot_status == "Accepted"
        self._statuses.clear()
        return {"status": self.boot_status, "currentTime": iso(self._now_ms()), "interval": self.interval_s}

    def _heartbeat(self, message: Message) -> Payload:
        return {"currentTime": iso(self._now_ms())}

    def _status(self, message: Message) -> Payload:
        if not self.judges_statuses:
            return {}
        before = self._statuses.get(message.connectorId, message.status)
        if not may_follow(before, message.status):
            self.breaches.append(f"connector {message.connectorId} went from {before} to {message.status}")
        self._statuses[message.connectorId] = message.status
        if message.connectorId == 0 and message.status not in ("Available", "Unavailable", "Faulted"):
            self.breaches.append(f"the station is {message.status}")
        stamp = message.payload.get("timestamp")
        if self.judges_stamps and stamp is not None and not -1_000 <= self._now_ms() - wall_ms(stamp) <= STALE_MS:
            self.breaches.append(f"{message.status} of {stamp} told at {iso(self._now_ms())}")
        return {}

    def _start(self, message: Message) -> Payload:
        number, said = next(self.numbers), self._answers.get("StartTransaction")
        charge = Charge(said[0]["transactionId"] if said else number, message)
        for other in self.charges.values():
            if other.stop is None and other.connector == charge.connector:
                self.breaches.append(f"transaction {charge.number} began before {other.number} ended")
        self.charges[charge.number] = charge
        return {"transactionId": charge.number, "idTagInfo": self._tag(message.idTag)}

    def _stop(self, message: Message) -> Payload:
        charge = self.charges.get(message.transactionId)
        if charge is None:
            self.unbooked.append(message)
        elif charge.stop is not None:
            self.breaches.append(f"transaction {charge.number} stopped twice")
        else:
            charge.stop = message
        tag = message.payload.get("idTag")
        return {} if tag is None else {"idTagInfo": self._tag(tag)}

    def _meter_values(self, message: Message) -> Payload:
        number = message.payload.get("transactionId")
        if number in self.charges:
            self.charges[number].samples.append(message)
        elif number is not None:
            self.unbooked.append(message)
        return {}


ANSWERS: dict[str, Callable[[Csms, Message], Payload]] = {
    "Authorize": Csms._authorize,
    "BootNotification": Csms._boot,
    "DataTransfer": lambda csms, message: {"status": "Accepted"},
    "DiagnosticsStatusNotification": lambda csms, message: {},
    "FirmwareStatusNotification": lambda csms, message: {},
    "LogStatusNotification": lambda csms, message: {},
    "SignedFirmwareStatusNotification": lambda csms, message: {},
    "Heartbeat": Csms._heartbeat,
    "MeterValues": Csms._meter_values,
    "SecurityEventNotification": lambda csms, message: {},
    "SignCertificate": lambda csms, message: {"status": "Accepted"},
    "StartTransaction": Csms._start,
    "StatusNotification": Csms._status,
    "StopTransaction": Csms._stop,
}
