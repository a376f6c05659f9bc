"""OCPP-J for one connection, without I/O: which calls are open, what a frame answers, what must be sent back.

Rules this file upholds:
- One call of ours is open at a time; it ends with its answer or at its deadline. Calls of both sides may cross.
- Every frame ends as an `Incoming`: never in an exception. What can't be answered is counted and dropped.
- An answer counts once, and only while its call is open; late, repeated and foreign ones are counted and dropped.
- Calls of the peer are remembered until we answer, for ANSWER_WITHIN_MS at most and CALLS_AT_MOST at a time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from msgspec import Struct

from evsed.core.security_events import SecurityKind
from evsed.ocpp import frames
from evsed.ocpp.frames import Payload
from evsed.ocpp.violations import Flaw, RemoteViolation

CALLS_AT_MOST = 16
ANSWER_WITHIN_MS = 60_000
CLOSED_CALLS_KEPT = 32
# Late answers, and those to questions of an earlier connection, are nobody's fault.
_CONCERNS = {"repeated answers": SecurityKind.REPLAYED}


class Asked(Struct, frozen=True):
    """The peer asks, and waits for `answer` or `refuse` with this id."""

    id: str
    action: str
    payload: Payload


class Answered(Struct, frozen=True):
    """Our open call was answered."""

    payload: Payload


class Failed(Struct, frozen=True):
    """Our open call was answered with an error, or with what is no answer."""

    code: str
    text: str
    details: Payload


class Dropped(Struct, frozen=True):
    """A frame of no use; `reply`, if there is one, goes back. `concern`: it is of interest to the security log."""

    why: str
    reply: str | None = None
    concern: SecurityKind | None = None


Incoming = Asked | Answered | Failed | Dropped


class Session:
    """`codes` spells the flaws; `counters` goes on counting over connections."""

    def __init__(self, codes: Mapping[Flaw, str], counters: Counter[str]) -> None:
        self._codes = codes
        self._counters = counters
        self._open: str | None = None
        self._deadline_ms: int | None = None
        self._asked: dict[str, int] = {}
        self._closed: deque[tuple[str, str]] = deque(maxlen=CLOSED_CALLS_KEPT)

    @property
    def deadline_ms(self) -> int | None:
        """When the open call times out; None while none is open."""
        return self._deadline_ms

    def call(self, id: str, action: str, payload: Payload, deadline_ms: int) -> str:
        """The frame of a call that is open from now on. Raises LocalViolation.

        One that is still open is given up: the caller decides when a call is open, see `LinkDown`.
        """
        frame = frames.call_frame(id, action, payload)
        if self._open is not None:
            self._counters["superseded calls"] += 1
            self._close("late answers")
        self._open, self._deadline_ms = id, deadline_ms
        return frame

    def answer(self, id: str, payload: Payload) -> str | None:
        """The frame that answers the peer's call; None if it is not waiting any more. Raises LocalViolation."""
        if id not in self._asked:
            return None
        frame = frames.result_frame(id, payload)
        del self._asked[id]
        return frame

    def refuse(self, id: str, flaw: Flaw, text: str) -> str | None:
        """The frame that refuses the peer's call; None if it is not waiting or the version has no code for it."""
        waits = self._asked.pop(id, None) is not None
        return self._error(id, flaw, text) if waits else None

    def expire(self, now_ms: int) -> bool:
        """Whether the open call has just timed out."""
        if self._deadline_ms is None or now_ms < self._deadline_ms:
            return False
        self._counters["timed out calls"] += 1
        self._close("late answers")
        return True

    def receive(self, frame: str | bytes, now_ms: int) -> Incoming:
        """What a frame means."""
        try:
            message = frames.read(frame)
        except RemoteViolation as broken:
            self._counters["malformed frames"] += 1
            reply = self._error(broken.id, broken.flaw, broken.text) if broken.id is not None else None
            return Dropped(broken.text, reply, SecurityKind.INVALID_MESSAGES)
        if isinstance(message, frames.Call):
            return self._called(message, now_ms)
        if message.id != self._open:
            return self._stray(message.id)
        self._close("repeated answers")
        if isinstance(message, frames.Error):
            return Failed(message.code or self._codes[Flaw.OTHER], message.text, message.details)
        if message.payload is None:
            return Failed(self._codes[Flaw.MALFORMED], "the answer is no object", {})
        return Answered(message.payload)

    def _called(self, call: frames.Call, now_ms: int) -> Incoming:
        for id in [id for id, until_ms in self._asked.items() if until_ms <= now_ms]:
            del self._asked[id]
        if call.id in self._asked:  # OCPP-J 1.6 §4.2.3
            self._counters["repeated calls"] += 1
            why = "a call with this id is being handled already"
            return Dropped(why, self._error(call.id, Flaw.OTHER, why))
        if len(self._asked) >= CALLS_AT_MOST:
            self._counters["calls over the limit"] += 1
            why = f"{CALLS_AT_MOST} calls wait for their answers already"
            return Dropped(why, self._error(call.id, Flaw.OTHER, why))
        self._asked[call.id] = now_ms + ANSWER_WITHIN_MS
        return Asked(call.id, call.action, call.payload)

    def _stray(self, id: str) -> Dropped:
        kind = next((kind for closed, kind in reversed(self._closed) if closed == id), "unknown answers")
        self._counters[kind] += 1
        return Dropped(f"an answer that nobody waits for ({kind})", concern=_CONCERNS.get(kind))

    def _close(self, kind_of_next: str) -> None:
        if self._open is not None:
            self._closed.append((self._open, kind_of_next))
        self._open = self._deadline_ms = None

    def _error(self, id: str, flaw: Flaw, text: str) -> str | None:
        code = self._codes.get(flaw)
        return frames.error_frame(id, code, text) if code else None
