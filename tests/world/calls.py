"""How the calls of the station must follow one another on the wire, whatever it is about.

Rules this file upholds:
- One call is open at a time. Only what bears its id closes it, else its deadline or the end of the connection.
- An id that was answered is not called again; what is of its moment is called once.
- Messages of transactions leave in the order of their times; one that fails is tried again until it is answered or has
  failed TransactionMessageAttempts times, and nothing that came after it leaves before (OCPP 1.6 §3.7, §3.7.1).
- Before each further try the station waits TransactionMessageRetryInterval times the tries before it, and no longer
  than that unless something else keeps it (§3.7.1). Notices wait at least a minute, and ever longer.
- Where the station's clock was set meanwhile, times tell no order.
- A connection that ends is no try. A new life may have forgotten tries and answers of the lives before it, or know of
  them: it gives up, and tries again, as it would with none, all or some of those tries.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from evsed.core.notices import PAUSE_MS
from tests.world.messages import schema, wall_ms

NOTICES = ("SecurityEventNotification",)
KEPT = ("StartTransaction", "StopTransaction")
NEVER_MS = 1 << 62
STEP_MS = 1_000  # of a clock that is set
DELAYED_MS = 1_000  # what a slow disk and the rounds of the world may take


class Patience(NamedTuple):
    """What the station is told to have now."""

    timeout_ms: int
    attempts: int
    interval_ms: int
    clock_ms: int | None  # how far its clock is ahead of the world's


@dataclass
class Call:
    """One message, over all its tries in this life of the station."""

    id: str
    action: str
    payload: dict[str, Any]
    until_ms: int = 0
    tries: int = 0
    before: int = 0  # tries in the lives before: so many of them this one may know of
    over: bool = False  # answered, or given up
    may_be_over: bool = False  # given up by a life that knows of all tries
    unsure: bool = False  # answered with something that need not be taken
    not_before_ms: int = 0
    due_ms: int = 0  # at the latest, with all tries known

    def __str__(self) -> str:
        return f"{self.action} {self.id}"


class Calls:
    """Follows both directions of one station; `breach` takes what must never be."""

    def __init__(self, breach: Callable[[str], None], patience: Callable[[], Patience]) -> None:
        self._breach, self._patience = breach, patience
        self.took: Callable[[str, dict[str, Any], dict[str, Any]], object] = lambda action, asked, answer: None
        self._calls: dict[str, Call] = {}
        self._before: dict[str, int] = {}  # tries of each message in the lives before
        self._open: Call | None = None
        self._head: Call | None = None
        self._free_ms = 0  # since when a call may leave: none is open over this connection, and the disk takes its row
        self._newest_ms = 0
        self._clock_ms: int | None = None
        self._steady = True  # its clock was never set to another time
        self._owed_ms = NEVER_MS  # of which time the start or stop tells that the life before did not bring to its end

    def begins(self, now_ms: int) -> None:
        """A new life of the station."""
        if self._head is not None:  # a sample may never have been on the disk
            kept = self.owed() is not None and self._head.action in KEPT
            self._owed_ms = self._newest_ms if kept else NEVER_MS
        self._head, self._newest_ms = None, 0
        for call in self._calls.values():
            expired = call is self._open and now_ms >= call.until_ms
            self._before[call.id] = call.before + call.tries + (expired or call.unsure)
        self._calls.clear()
        self.connected(now_ms)

    def connected(self, now_ms: int) -> None:
        """A new connection: nothing is open."""
        self._open, self._free_ms = None, now_ms

    def written_again(self, now_ms: int) -> None:
        """The disk takes again what the station keeps: until then no message of a transaction leaves (I5)."""
        self._free_ms = max(self._free_ms, now_ms)

    def ended(self, now_ms: int) -> None:
        """The connection ends: what had not failed before, did not fail."""
        self._expire(now_ms)
        self._open = None

    def forget(self) -> None:
        """Keep no more of what is over, in a life of years."""
        self._calls = {id: call for id, call in self._calls.items() if not call.over}

    def owed(self) -> str | None:
        """The message of a transaction that was tried and is neither answered nor given up."""
        head = self._head
        return None if head is None or head.over or head.may_be_over or head.unsure else str(head)

    def said(self, frame: str, now_ms: int) -> None:
        """A frame of the station."""
        kind, id, *rest = json.loads(frame)
        self.look_at_clock()
        if kind != 2:
            return
        self._expire(now_ms)
        if self._open is not None:
            self._breach(f"{rest[0]} {id} is called while {self._open} is open")
        call = self._calls.get(id)
        if call is None:
            call = self._calls[id] = Call(id, *rest)
            call.before = self._before.get(id, 0)
        else:
            self._again(call, now_ms)
        if is_queued(call.action, call.payload):
            self._queued(call)
        self._open, call.until_ms = call, now_ms + self._patience().timeout_ms

    def heard(self, frame: str, now_ms: int) -> None:
        """A frame for the station."""
        self._expire(now_ms)
        kind, id, *rest = _read(frame)
        if self._open is None or kind not in (3, 4) or id != self._open.id:
            return
        call, self._open, self._free_ms = self._open, None, now_ms
        if kind == 4 or not rest or not isinstance(rest[0], dict):
            self._failed(call, now_ms)
        elif schema(f"{call.action}Response").is_valid(rest[0]):
            call.over = True
            self.took(call.action, call.payload, rest[0])
        else:
            call.unsure = True

    def look_at_clock(self) -> None:
        """Once it was set, what happened before bears another time."""
        was_ms, self._clock_ms = self._clock_ms, self._patience().clock_ms
        if was_ms is not None and self._clock_ms is not None and abs(self._clock_ms - was_ms) > STEP_MS:
            self._steady = False

    def _expire(self, now_ms: int) -> None:
        if self._open is not None and now_ms >= self._open.until_ms:
            call, self._open = self._open, None
            self._free_ms = call.until_ms
            self._failed(call, call.until_ms)

    def _failed(self, call: Call, at_ms: int) -> None:
        patience = self._patience()
        call.tries += 1
        if call.action in NOTICES:
            call.not_before_ms = at_ms + PAUSE_MS
        else:
            known = call.before + call.tries
            call.over, call.may_be_over = call.tries >= patience.attempts, known >= patience.attempts
            call.not_before_ms = at_ms + call.tries * patience.interval_ms
            call.due_ms = at_ms + known * patience.interval_ms

    def _again(self, call: Call, now_ms: int) -> None:
        queued = is_queued(call.action, call.payload)
        if call.unsure:
            call.unsure = False
            call.tries += 1
        elif call.over:
            self._breach(f"{call} is called again after its answer, or its last try")
        elif not queued and call.action not in NOTICES:
            self._breach(f"{call} is called again, and is of its moment")
        elif now_ms < call.not_before_ms:
            self._breach(f"{call} is called again {call.not_before_ms - now_ms} ms too early, after {call.tries} tries")
        elif queued and call.tries and now_ms > max(call.due_ms, self._free_ms) + DELAYED_MS:
            self._breach(f"{call} is called again only at {now_ms} ms, and was due at {call.due_ms}")

    def _queued(self, call: Call) -> None:
        told_ms = _told_ms(call) if self._steady else 0
        if self._head is not None and self._head is not call and self.owed():
            self._breach(f"{call} overtakes {self._head}")
        if self._head is None and told_ms > self._owed_ms:
            self._breach(f"{call} overtakes what was tried before the restart")
        if self._steady and told_ms < self._newest_ms and self._head is not call:
            self._breach(f"{call} is older than what left before it")
        self._head, self._newest_ms = call, max(told_ms, self._newest_ms)


def _read(frame: str) -> list[Any]:
    """Noise is no frame."""
    try:
        parts = json.loads(frame)
    except (ValueError, RecursionError):
        return [None, None]
    return parts if isinstance(parts, list) and len(parts) > 1 else [None, None]


def is_queued(action: str, payload: dict[str, Any]) -> bool:
    """What belongs to a transaction waits and is tried again; a sample that was asked for is of its moment."""
    if action in KEPT:
        return True
    if action != "MeterValues" or "transactionId" not in payload:
        return False
    return all(v.get("context") != "Trigger" for sample in payload["meterValue"] for v in sample["sampledValue"])


def _told_ms(call: Call) -> int:
    """Of which time it tells."""
    if call.action == "MeterValues":
        return max(wall_ms(sample["timestamp"]) for sample in call.payload["meterValue"])
    return wall_ms(call.payload["timestamp"])
