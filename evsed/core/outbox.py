"""What waits to be sent, in which order, and how often it is tried.

Transaction messages are one queue in strict order, kept on disk until they are answered (OCPP 1.6 §3.7).
Everything else lives only as long as the connection: it says what is so now. One call is open at a time; items leave in
the order in which they were put, except that a question a driver waits for goes first, and that what was queued before
the connection came up yields to what describes the present.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum, auto

from evsed.core.records import QueuedReport
from evsed.core.reports import (
    AuthorizationAsked,
    Booted,
    Report,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from evsed.core.turn import Turn

MOST_QUEUED = 10_000
TRANSACTIONAL = (TransactionStarted, TransactionUpdated, TransactionEnded)
FIRST = (Booted, AuthorizationAsked)


class Stage(Enum):
    """How much may leave now."""

    NOTHING = auto()
    BOOT = auto()
    ASKED_FOR = auto()
    ALL = auto()


class Outbox:
    """The queue on disk and the reports of this connection."""

    def __init__(self, queued: Iterable[QueuedReport], new_id: Callable[[], str]) -> None:
        self._queue = deque(queued)
        self._present: list[tuple[QueuedReport, bool]] = []
        self._new_id = new_id
        self._seq = max((row.seq for row in self._queue), default=0)
        self._floor = 0
        self._not_before_ms = 0
        self.open: QueuedReport | None = None

    def __len__(self) -> int:
        """How many transaction messages wait for an answer."""
        return len(self._queue)

    def put(self, report: Report, turn: Turn, *, asked_for: bool = False) -> str:
        """Take a report; returns its identity. `asked_for`: it may leave while we are only pending."""
        self._seq += 1
        row = QueuedReport(self._new_id(), self._seq, report)
        if isinstance(report, TRANSACTIONAL):
            self._queue.append(row)
            turn.put(row, urgent=not isinstance(report, TransactionUpdated))
            self._bound(turn)
        else:
            self._present.append((row, asked_for))
        return row.id

    def has(self, kind: type[Report]) -> bool:
        """Whether such a report of this connection waits or is being sent."""
        return any(isinstance(row.report, kind) for row, _ in self._present)

    def settle_backlog(self) -> None:
        """What is queued now leaves after what was put until now (OCPP 1.6 §3.7: others need not wait)."""
        self._seq += 1
        self._floor = self._seq

    def next(self, stage: Stage, now_ms: int) -> QueuedReport | None:
        """The item to send now; it becomes the open one."""
        if self.open is not None or stage is Stage.NOTHING:
            return None
        allowed = [row for row, asked in self._present if self._may_leave(row, asked, stage)]
        if stage is Stage.ALL and self._queue and now_ms >= self._not_before_ms:
            allowed.append(self._queue[0])
        self.open = min(allowed, key=self._turn_of, default=None)
        return self.open

    def next_deadline(self, now_ms: int) -> int | None:
        """When the head of the queue may be tried again."""
        return self._not_before_ms if self._queue and self._not_before_ms > now_ms else None

    def answered(self, item: str, turn: Turn) -> Report | None:
        """It arrived; None if it is not the open one."""
        row = self._close(item)
        if row is not None:
            self._remove(row, turn)
        return row.report if row else None

    def failed(self, item: str, attempts: int, interval_s: int, turn: Turn) -> tuple[Report, bool] | None:
        """It was refused or not answered: (report, given up); None if it is not the open one."""
        row = self._close(item)
        if row is None:
            return None
        tried = replace(row, attempts=row.attempts + 1)
        if not isinstance(row.report, TRANSACTIONAL) or tried.attempts >= attempts:
            self._remove(row, turn)
            return row.report, True
        # OCPP 1.6 §3.7.1: the interval times the number of preceding transmissions.
        self._not_before_ms = turn.now.mono_ms + interval_s * 1_000 * tried.attempts
        self._queue[0] = tried
        turn.put(tried, urgent=False)
        return row.report, False

    def disconnected(self) -> list[Report]:
        """The connection is gone: returns the reports of it that were not answered, the queue stays."""
        lost = [row.report for row, _ in self._present]
        self._present.clear()
        self.open = None
        self._not_before_ms = 0
        return lost

    def discard(self, tx: str, turn: Turn) -> None:
        """Forget the messages of a transaction that never became durable."""
        for row in tuple(self._queue):
            if isinstance(row.report, TRANSACTIONAL) and row.report.tx == tx:
                self._remove(row, turn)

    def _may_leave(self, row: QueuedReport, asked_for: bool, stage: Stage) -> bool:
        return stage is Stage.ALL or isinstance(row.report, Booted) or (asked_for and stage is Stage.ASKED_FOR)

    def _turn_of(self, row: QueuedReport) -> tuple[bool, int]:
        queued = isinstance(row.report, TRANSACTIONAL)
        return not isinstance(row.report, FIRST), max(row.seq, self._floor) if queued else row.seq

    def _close(self, item: str) -> QueuedReport | None:
        row, self.open = (self.open, None) if self.open and self.open.id == item else (None, self.open)
        return row

    def _remove(self, row: QueuedReport, turn: Turn) -> None:
        if isinstance(row.report, TRANSACTIONAL):
            self._forget({row.id})
            self._not_before_ms = 0
            turn.drop(QueuedReport, row.id, urgent=not isinstance(row.report, TransactionUpdated))
        else:
            self._present = [(kept, asked) for kept, asked in self._present if kept.id != row.id]

    def _bound(self, turn: Turn) -> None:
        """When full, every second sample goes; starts and stops never (I14)."""
        if len(self._queue) <= MOST_QUEUED:
            return
        samples = [row for row in self._queue if isinstance(row.report, TransactionUpdated) and row is not self.open]
        for row in samples[::2]:
            turn.drop(QueuedReport, row.id, urgent=False)
        self._forget({row.id for row in samples[::2]})

    def _forget(self, gone: set[str]) -> None:
        if gone == {self._queue[0].id}:
            self._queue.popleft()
        else:
            self._queue = deque(row for row in self._queue if row.id not in gone)
