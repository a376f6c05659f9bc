"""How often each contactor has closed and how long it was closed, over its life.

Rules this file upholds:
- The feedback is counted, not the order: what falls and closes again has closed twice.
- Few writes: a power cut may cost up to `MOST_CLOSINGS` closings and `MOST_MS` of an outlet, an orderly end nothing.
- A contactor that was replaced begins at zero, by a service person's word.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from hal.kept_file import read_lines, write_lines

log = logging.getLogger("hal.wear")

FILE = "contactor-wear"
_HEAD = "evse-hal contactor wear 1"
MOST_CLOSINGS, MOST_MS = 10, 3_600_000
HOUR_MS = 3_600_000


class Worn:
    """The life of one contactor so far. The tick counts; any thread may read."""

    def __init__(self, closings: int = 0, closed_ms: int = 0) -> None:
        self.closings, self.closed_ms = closings, closed_ms
        self._since_ms: int | None = None  # counted up to here, while it is closed

    def look(self, closed: bool, now_ms: int) -> None:
        """Take what the feedback says; called at each change and at least each second."""
        if self._since_ms is not None:
            self.closed_ms += now_ms - self._since_ms
        elif closed:
            self.closings += 1
        self._since_ms = now_ms if closed else None

    @property
    def hours(self) -> int:
        """Whole hours that it was closed."""
        return self.closed_ms // HOUR_MS


class Wear:
    """The lives of all contactors of a board; `folder` None = they are forgotten with the process."""

    def __init__(self, evses: Iterable[int], folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / FILE
        kept = {} if self._path is None else _believed(self._path)
        self._lives = {evse: Worn(*kept.get(evse, (0, 0))) for evse in evses}
        self._written = self._tried = self._seen()

    def of(self, evse: int) -> Worn:
        """The life of an outlet's contactor."""
        return self._lives[evse]

    def flush(self, wholly: bool = False) -> None:
        """Write where enough is unwritten, or `wholly` anything; a write that fails is tried again after as much."""
        now = self._seen()
        due = now != self._written if wholly else any(_much(now[evse], self._tried[evse]) for evse in now)
        if self._path is None or not due:
            return
        self._tried = now
        try:
            _write(self._path, now)
            self._written = now
        except OSError as failed:
            log.warning("! %s: %s; closings of the contactor may be forgotten", self._path, failed.strerror)

    def _seen(self) -> dict[int, tuple[int, int]]:
        return {evse: (worn.closings, worn.closed_ms) for evse, worn in self._lives.items()}


def replaced(folder: Path, evse: int) -> tuple[int, int]:
    """Service: the contactor of an outlet is new; says how often the old one closed, and for how many hours.

    Raises OSError, and LookupError where nothing was counted there.
    """
    path = folder / FILE
    kept = _believed(path)
    closings, closed_ms = kept[evse]
    _write(path, kept | {evse: (0, 0)})
    return closings, closed_ms // HOUR_MS


def _much(now: tuple[int, int], before: tuple[int, int]) -> bool:
    return now[0] - before[0] >= MOST_CLOSINGS or now[1] - before[1] >= MOST_MS


def _believed(path: Path) -> dict[int, tuple[int, int]]:
    """What is kept; a file that cannot be believed is told of, and counts nothing."""
    try:
        rows = [tuple(map(int, line.split(" "))) for line in read_lines(path, _HEAD)]
        return {evse: (closings, closed_ms) for evse, closings, closed_ms in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as broken:
        log.warning("! %s: %s; closings of the contactor are counted from zero", path, broken)
        return {}


def _write(path: Path, lives: Mapping[int, tuple[int, int]]) -> None:
    write_lines(path, _HEAD, (f"{evse} {closings} {ms}" for evse, (closings, ms) in sorted(lives.items())))
