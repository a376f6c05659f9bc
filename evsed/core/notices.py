"""Reports that are no transaction's and must arrive all the same: kept on disk until the central system answers them.

Each waits for itself alone: neither do transactions wait for a notice, nor a notice for a transaction. A critical one
is tried for ever, ever more slowly; a central system that knows no such message has answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from evsed.core.records import QueuedReport
from evsed.core.security_events import SecurityNoted
from evsed.core.turn import Turn

NOTICES = (SecurityNoted,)
MOST_NOTICES = 1_000
MOST_PLAIN = 100
PAUSE_MS, LONGEST_PAUSE_MS = 60_000, 3_600_000
# OCPP spells them alike in all its versions.
UNKNOWN_THERE = ("NotImplemented", "NotSupported")


class Notices:
    """The queue; `queued` is what the disk held."""

    def __init__(self, queued: Iterable[QueuedReport]) -> None:
        self._rows = deque(queued)
        self._not_before_ms = 0

    def put(self, row: QueuedReport, turn: Turn) -> None:
        """Take one."""
        self._rows.append(row)
        turn.put(row, urgent=_critical(row))
        plain = [kept for kept in self._rows if not _critical(kept)]
        if len(plain) > MOST_PLAIN:
            self.remove(plain[0], turn)
        elif len(self._rows) > MOST_NOTICES:
            self.remove((plain or self._rows)[0], turn)

    def head(self) -> QueuedReport | None:
        """The oldest."""
        return self._rows[0] if self._rows else None

    def due(self, now_ms: int) -> QueuedReport | None:
        """The one that may be sent now."""
        return self.head() if now_ms >= self._not_before_ms else None

    def next_deadline(self) -> int | None:
        """When the head may be tried again."""
        return self._not_before_ms if self._rows else None

    def holds(self, id: str) -> bool:
        """Whether it waits here."""
        return any(row.id == id for row in self._rows)

    def failed(self, row: QueuedReport, code: str | None, attempts: int, turn: Turn) -> bool:
        """It was refused with `code`, or not answered; whether it is given up: a plain one after so many attempts."""
        tried = replace(row, attempts=row.attempts + 1)
        if code in UNKNOWN_THERE or (not _critical(row) and tried.attempts >= attempts):
            self.remove(row, turn)
            return True
        self._not_before_ms = turn.now.mono_ms + min(PAUSE_MS << min(row.attempts, 16), LONGEST_PAUSE_MS)
        self._rows = deque(tried if kept.id == row.id else kept for kept in self._rows)
        turn.put(tried, urgent=False)
        return False

    def remove(self, gone: QueuedReport, turn: Turn) -> None:
        """It arrived, or makes room."""
        if self._rows and self._rows[0].id == gone.id:
            self._not_before_ms = 0
        self._rows = deque(row for row in self._rows if row.id != gone.id)
        turn.drop(QueuedReport, gone.id, urgent=_critical(gone))


def _critical(row: QueuedReport) -> bool:
    return isinstance(row.report, SecurityNoted) and row.report.critical
