"""What waits to be sent, in which order, and how often it is tried.

Transaction messages are one queue in strict order, kept on disk until they are answered (OCPP 1.6 §3.7); notices are
kept likewise, each for itself (`notices.py`). Everything else is of the present: it lives only as long as the
connection. One call is open at a time; items leave in the order in which they were put, except that a question a driver
waits for goes first, and that the backlog (what was queued before the connection came up) yields to all that describes
the present.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from enum import Enum, auto

from msgspec import Struct
from msgspec.structs import replace

from evsed.core.events import Undelivered
from evsed.core.notices import NOTICES, Notices
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
MOST_PRESENT = 1_000
TRANSACTIONAL = (TransactionStarted, TransactionUpdated, TransactionEnded)
FIRST = (Booted, AuthorizationAsked)


class Stage(Enum):
    """How much may leave now."""

    NOTHING = auto()
    BOOT = auto()
    ASKED_FOR = auto()
    PRESENT = auto()
    ALL = auto()


class Present(Struct, frozen=True):
    """A report of this connection; `asked_for`: it may leave while we are only pending."""

    row: QueuedReport
    asked_for: bool


class Outbox:
    """The queue on disk and the reports of this connection."""

    def __init__(self, queued: Iterable[QueuedReport], new_id: Callable[[], str]) -> None:
        rows = tuple(queued)
        self._queue = deque(row for row in rows if not isinstance(row.report, NOTICES))
        self._notices = Notices(row for row in rows if isinstance(row.report, NOTICES))
        self._present: dict[str, Present] = {}
        self._new_id = new_id
        self._seq = max((row.seq for row in rows), default=0)
        self._backlog_seq = self._seq
        self._not_before_ms = 0
        self.open: QueuedReport | None = None

    def __len__(self) -> int:
        """How many transaction messages wait for an answer."""
        return len(self._queue)

    def put(self, report: Report, turn: Turn, *, asked_for: bool = False) -> None:
        """Take a report. What a central system asked for is of the present, never queued."""
        self._seq += 1
        row = QueuedReport(self._new_id(), self._seq, report)
        if isinstance(report, TRANSACTIONAL) and not asked_for:
            self._queue.append(row)
            turn.put(row, urgent=not isinstance(report, TransactionUpdated))
            self._thin(turn)
        elif isinstance(report, NOTICES):
            self._notices.put(row, turn)
        else:
            self._present[row.id] = Present(row, asked_for)
            self._limit_present()

    def heads(self) -> tuple[Report, ...]:
        """The transaction message and the notice whose turn it is."""
        rows = (self._queue[0] if self._queue else None, self._notices.head())
        return tuple(row.report for row in rows if row is not None)

    def has(self, kind: type[Report]) -> bool:
        """Whether such a report of this connection waits or is being sent."""
        return any(isinstance(present.row.report, kind) for present in self._present.values())

    def start_waits(self, tx: str) -> bool:
        """Whether the start of this transaction has not arrived yet."""
        return any(isinstance(row.report, TransactionStarted) and row.report.tx == tx for row in self._queue)

    def settle_backlog(self) -> None:
        """What is queued now yields from now on (OCPP 1.6 §3.7: others need not wait)."""
        self._backlog_seq = self._seq

    def next(self, stage: Stage, now_ms: int) -> QueuedReport | None:
        """The item to send now; it becomes the open one."""
        if self.open is not None or stage is Stage.NOTHING:
            return None
        allowed = [present.row for present in self._present.values() if _may_leave(present, stage)]
        if stage is Stage.ALL and self._queue and now_ms >= self._not_before_ms:
            allowed.append(self._queue[0])
        notice = self._notices.due(now_ms)
        if stage is Stage.ALL and notice is not None:
            allowed.append(notice)
        self.open = min(allowed, key=self._turn_of, default=None)
        return self.open

    def deadlines(self) -> tuple[int | None, ...]:
        """When the head of each queue may be tried again."""
        return self._not_before_ms if self._queue else None, self._notices.next_deadline()

    def answered(self, item: str, turn: Turn) -> Report | None:
        """It arrived; None if it is not the open one."""
        row = self._close(item)
        if row is not None:
            self._remove(row, turn)
        return row.report if row else None

    def failed(self, event: Undelivered, attempts: int, interval_s: int, turn: Turn) -> tuple[Report, bool] | None:
        """It was refused or not answered: (report, given up); None if it is not the open one."""
        row = self._close(event.item)
        if row is None:
            return None
        if self._notices.holds(row.id):
            return row.report, self._notices.failed(row, event.code, attempts, turn)
        tried = replace(row, attempts=row.attempts + 1)
        if row.id in self._present or tried.attempts >= attempts:
            self._remove(row, turn)
            return row.report, True
        # OCPP 1.6 §3.7.1: the interval times the number of preceding transmissions.
        self._not_before_ms = turn.now.mono_ms + interval_s * 1_000 * tried.attempts
        self._queue[0] = tried
        turn.put(tried, urgent=False)
        return row.report, False

    def not_sent(self, item: str | None) -> None:
        """The shell did not do this Send: its turn comes again."""
        self._close(item)

    def disconnected(self) -> list[Report]:
        """The connection is gone, which is no failed attempt: returns its reports that were not answered."""
        lost = [present.row.report for present in self._present.values()]
        self._present.clear()
        self.open = None
        return lost

    def withdraw(self, kind: type[Report], evses: Collection[int] | None = None) -> None:
        """Forget such reports of this connection, but for the one that is being sent; or only those of these EVSEs."""
        for row in [present.row for present in self._present.values()]:
            meant = isinstance(row.report, kind) and (evses is None or getattr(row.report, "evse", None) in evses)
            if meant and row is not self.open:
                del self._present[row.id]

    def discard(self, tx: str, turn: Turn) -> None:
        """Forget the messages of a transaction that never became durable."""
        for row in [row for row in self._queue if isinstance(row.report, TRANSACTIONAL) and row.report.tx == tx]:
            self._remove(row, turn)

    def _turn_of(self, row: QueuedReport) -> tuple[bool, bool, int]:
        backlog = row.id not in self._present and row.seq <= self._backlog_seq
        return not isinstance(row.report, FIRST), backlog, row.seq

    def _close(self, item: str | None) -> QueuedReport | None:
        row, self.open = (self.open, None) if self.open and self.open.id == item else (None, self.open)
        return row

    def _remove(self, row: QueuedReport, turn: Turn) -> None:
        if self._present.pop(row.id, None) is not None:
            return
        if self._notices.holds(row.id):
            self._notices.remove(row, turn)
            return
        if self._queue and self._queue[0].id == row.id:
            self._queue.popleft()
            self._not_before_ms = 0
        else:
            self._queue = deque(kept for kept in self._queue if kept.id != row.id)
        turn.drop(QueuedReport, row.id, urgent=not isinstance(row.report, TransactionUpdated))

    def _thin(self, turn: Turn) -> None:
        """When full, every second sample goes; starts and stops never (I14)."""
        if len(self._queue) <= MOST_QUEUED:
            return
        samples = [row for row in self._queue if isinstance(row.report, TransactionUpdated) and row is not self.open]
        gone = dict.fromkeys(row.id for row in samples[::2])
        for id in gone:
            turn.drop(QueuedReport, id, urgent=False)
        if gone:
            self._queue = deque(row for row in self._queue if row.id not in gone)

    def _limit_present(self) -> None:
        """A central system that answers slower than things happen learns the newest (I14)."""
        if len(self._present) > MOST_PRESENT:
            rows = (present.row for present in self._present.values())
            oldest = next(row for row in rows if row is not self.open and not isinstance(row.report, FIRST))
            del self._present[oldest.id]


def _may_leave(present: Present, stage: Stage) -> bool:
    if stage in (Stage.PRESENT, Stage.ALL) or isinstance(present.row.report, Booted):
        return True
    return present.asked_for and stage is Stage.ASKED_FOR
