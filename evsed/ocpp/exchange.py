"""One dialect over one connection after the other, without I/O: reports of the core out, events of the core in.

Rules this file upholds:
- Every method returns an `Output`: frames to send and events to hand to the core, each in this order.
- What the peer sends ends in an event, an answer or a counted drop. What we send is checked against the schemas too.
- An answer of ours that breaks its schema becomes an internal error, a report that does becomes Undelivered.
- A connection that ends takes everything open with it; that is no failed attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from msgspec import Struct

from evsed.core.effects import Reply, Send
from evsed.core.events import Binding, BootAnswer, Delivered, Event, FromCentral, LinkDown, LinkUp, Ref, Undelivered
from evsed.core.security_events import SecurityKind, SecurityNoticed
from evsed.core.words import Nameplate, Registration, Stamp
from evsed.ocpp.dialect import Bindings, Dialect, Inbound, Lookups, Outbound, Refusal, RequestAnswer, VendorHandler
from evsed.ocpp.frames import Payload
from evsed.ocpp.pace import Pace
from evsed.ocpp.schemas import Violation
from evsed.ocpp.session import Answered, Asked, Dropped, Failed, Session
from evsed.ocpp.tape import Recorder, Tape
from evsed.ocpp.trace import IN, OUT, Trace
from evsed.ocpp.violations import Flaw, LocalViolation

REQUESTS_REMEMBERED = 32


class Output(Struct, frozen=True):
    """What one step leads to."""

    frames: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()


class _Sent(Struct, frozen=True):
    item: str
    report: Any
    outbound: Outbound[Any]


NOTHING = Output()


class Exchange:
    """Speaks `dialect` for a station. `date` tells the wall time of a stamp; `bindings` are what the store kept."""

    def __init__(
        self,
        dialect: Dialect,
        nameplate: Nameplate,
        date: Callable[[Stamp], int | None],
        bindings: Iterable[Binding] = (),
        *,
        vendors: Mapping[str, Mapping[str | None, VendorHandler]] | None = None,
        trace: Callable[[str], None] | None = None,
        tape: Tape | None = None,
    ) -> None:
        self.dialect = dialect
        self.counters: Counter[str] = Counter()
        self._bindings = Bindings(dialect.subprotocol, bindings)
        self._lookups = Lookups(nameplate, date, self._bindings, vendors or {})
        self._trace = Trace(trace, dialect.shown, Recorder(tape, dialect.veils) if tape is not None else None)
        self._session: Session | None = None
        self._sent: _Sent | None = None
        self._asked: dict[str, tuple[Asked, Inbound]] = {}
        self._refs = count(1)
        self._muted = False
        self._asking_since_ms: int | None = None
        self._pace = Pace()

    def opened(self, now_ms: int, chain: tuple[str, ...] = ()) -> Output:
        """A connection with our subprotocol is open; TLS relied on these certificates."""
        self._session, self._asking_since_ms = Session(self.dialect.codes, self.counters), None
        return Output(events=(LinkUp(chain),))

    def closed(self, now_ms: int, why: str) -> Output:
        """It is gone."""
        if self._session is None:
            return NOTHING
        self._session = self._sent = None
        self._asked.clear()
        return Output(events=(LinkDown(why),))

    def silent_ms(self, now_ms: int) -> int | None:
        """For how long the peer has said nothing at all since it was asked; None if nothing is asked."""
        return None if self._asking_since_ms is None else now_ms - self._asking_since_ms

    def rest_ms(self, now_ms: int) -> int:
        """How long the next frame of the peer is to be left unread; 0 = not at all."""
        return self._pace.rest_ms(now_ms)

    def next_deadline(self) -> int | None:
        """When `tick` is due."""
        return self._session.deadline_ms if self._session is not None else None

    def tick(self, now_ms: int) -> Output:
        """Give up a call that got no answer in time."""
        if self._session is None or not self._session.expire(now_ms):
            return NOTHING
        return self._undelivered(None, "no answer in time", note=True)

    def send(self, effect: Send, now_ms: int) -> Output:
        """Ask the peer. Without a connection nothing happens: the LinkDown is on its way to the core."""
        if self._session is None:
            self.counters["reports without a connection"] += 1
            return NOTHING
        try:
            outbound = self.dialect.outbound.get(type(effect.report))
            if outbound is None:
                raise LocalViolation(f"{self.dialect.subprotocol} has no message for it")
            payload = outbound.encode(effect.report, self._lookups)
            _must_be_none(self.dialect.schemas.of_request(outbound.action, payload))
            frame = self._session.call(effect.item, outbound.action, payload, now_ms + effect.timeout_ms)
        except LocalViolation as ours:
            text = f"{type(effect.report).__name__}: {ours}"
            self._own_fault(text)
            return Output(events=(Undelivered(effect.item, self.dialect.codes[Flaw.INTERNAL], text),))
        self._sent = _Sent(effect.item, effect.report, outbound)
        self._asking_since_ms = now_ms if self._asking_since_ms is None else self._asking_since_ms
        self._trace.call(OUT, effect.item, outbound.action, payload)
        return Output(frames=(frame,))

    def reply(self, effect: Reply) -> Output:
        """Answer the peer, if the connection over which it asked is still open."""
        asked, inbound = self._asked.pop(effect.ref, (None, None))
        if asked is None or inbound is None:
            self.counters["answers nobody waits for"] += 1
            return NOTHING
        return self._answer(asked, inbound, effect.answer)

    def refuse(self, ref: Ref, text: str) -> Output:
        """Answer the peer that we failed at its request."""
        self.counters["requests that failed"] += 1
        asked, _ = self._asked.pop(ref, (None, None))
        return NOTHING if asked is None else self._refuse(asked, Flaw.INTERNAL, text)

    def receive(self, frame: str | bytes, now_ms: int) -> Output:
        """Take a frame of the peer, whatever it is."""
        if self._session is None:
            return NOTHING
        self._asking_since_ms = None
        incoming = self._session.receive(frame, now_ms)
        if isinstance(incoming, Asked | Dropped) and self._pace.heard(len(frame), now_ms):
            self._trace.note("the central system asks too much at once: it is heard more slowly")
        if isinstance(incoming, Asked):
            return self._take_call(incoming)
        if isinstance(incoming, Answered):
            return self._take_answer(incoming.payload)
        if isinstance(incoming, Failed):
            return self._take_error(incoming)
        self._trace.unread(frame, incoming.why, incoming.reply is not None)
        events = () if incoming.concern is None else (SecurityNoticed(incoming.concern, incoming.why),)
        return Output(self._frame(incoming.reply).frames, events)

    def _take_call(self, asked: Asked) -> Output:
        self._trace.call(IN, asked.id, asked.action, asked.payload)
        inbound = self.dialect.inbound.get(asked.action)
        if inbound is None:
            known = asked.action in self.dialect.schemas.actions
            flaw, word = (Flaw.UNSUPPORTED_ACTION, "supported") if known else (Flaw.UNKNOWN_ACTION, "known")
            return self._refuse(asked, flaw, f"this action is not {word}")
        violation = self.dialect.schemas.of_request(asked.action, asked.payload)
        if violation is not None:
            verdict = inbound.unknown_words.get(violation.field) if violation.flaw is Flaw.VALUE else None
            if verdict is None:
                concern = SecurityNoticed(SecurityKind.INVALID_MESSAGES, f"{asked.action}: {violation.text}")
                return Output(self._refuse(asked, violation.flaw, violation.text).frames, (concern,))
            return self._answer(asked, inbound, verdict)
        ref = f"central-{next(self._refs)}"
        decoded = inbound.decode(asked.payload, ref, self._lookups)
        if isinstance(decoded, Refusal):
            return self._refuse(asked, decoded.flaw, decoded.text)
        if isinstance(decoded, RequestAnswer):
            return self._answer(asked, inbound, decoded)
        while len(self._asked) >= REQUESTS_REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._asked[ref] = (asked, inbound)
        return Output(events=(FromCentral(decoded),))

    def _take_answer(self, payload: Payload) -> Output:
        assert self._sent is not None
        sent = self._sent
        self._trace.result(IN, sent.item, sent.outbound.action, payload)
        schemas = self.dialect.schemas
        if schemas.of_answer(sent.outbound.action, payload) is not None:
            payload = _without_nulls(payload)
            violation = schemas.of_answer(sent.outbound.action, payload, forgiving=True)
            self.counters["answers against the schema"] += 1
            if violation is not None:
                return self._undelivered(self.dialect.codes[violation.flaw], violation.text, note=True)
        self._sent = None
        answer, bindings = sent.outbound.decode(payload, sent.report, self._lookups)
        self._bindings.add(bindings)
        if isinstance(answer, BootAnswer):
            self._muted = answer.status is Registration.REJECTED and not self.dialect.rules.answers_while_rejected
        return Output(events=(Delivered(sent.item, answer, bindings),))

    def _answer(self, asked: Asked, inbound: Inbound, answer: RequestAnswer) -> Output:
        assert self._session is not None
        try:
            payload = inbound.encode(answer, asked.payload, self._lookups)
            if isinstance(payload, Refusal):
                return self._refuse(asked, payload.flaw, payload.text)
            _must_be_none(self.dialect.schemas.of_answer(asked.action, payload))
            frame = self._session.answer(asked.id, payload)
        except LocalViolation as ours:
            self._own_fault(f"answer to {asked.action}: {ours}")
            return self._refuse(asked, Flaw.INTERNAL, "the answer could not be made")
        if frame is not None and not self._muted:
            self._trace.result(OUT, asked.id, asked.action, payload)
        return self._frame(frame)

    def _refuse(self, asked: Asked, flaw: Flaw, text: str) -> Output:
        assert self._session is not None
        frame = self._session.refuse(asked.id, flaw, text)
        if frame is not None and not self._muted:
            self._trace.error(OUT, asked.id, asked.action, self.dialect.codes[flaw], text, {})
        return self._frame(frame)

    def _take_error(self, failed: Failed) -> Output:
        assert self._sent is not None
        action = self._sent.outbound.action
        self._trace.error(IN, self._sent.item, action, failed.code, failed.text, failed.details)
        return self._undelivered(failed.code, failed.text)

    def _undelivered(self, code: str | None, text: str, *, note: bool = False) -> Output:
        assert self._sent is not None
        item, self._sent = self._sent.item, None
        if note:
            self._trace.note(f"{item}: {text}")
        return Output(events=(Undelivered(item, code, text),))

    def _frame(self, frame: str | None) -> Output:
        """While rejected, nothing that the peer sends is answered (OCPP 1.6 §4.2)."""
        return NOTHING if frame is None or self._muted else Output(frames=(frame,))

    def _own_fault(self, text: str) -> None:
        self.counters["own violations"] += 1
        self._trace.note(text)


def _must_be_none(violation: Violation | None) -> None:
    if violation is not None:
        raise LocalViolation(violation.text)


def _without_nulls(value: Any) -> Any:
    """A field that is null was not said."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
