"""What evsed said lately: the lines of its log, with their times, for people at the box and for a log upload.

It is kept in memory and bounded; the operating system keeps the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from evsed.core.words import Stamp

MOST_LINES = 5_000
LONGEST_LINE = 2_000


class LogBook:
    """The newest lines."""

    def __init__(self) -> None:
        self._lines: deque[tuple[Stamp, str]] = deque(maxlen=MOST_LINES)

    def add(self, at: Stamp, line: str) -> None:
        """One more; a very long one is cut."""
        self._lines.append((at, line[:LONGEST_LINE]))

    def newest(self, most: int) -> list[tuple[Stamp, str]]:
        """Newest last."""
        return list(self._lines)[-most:]

    def __iter__(self) -> Iterator[tuple[Stamp, str]]:
        """All, oldest first, as they are now."""
        return iter(tuple(self._lines))
