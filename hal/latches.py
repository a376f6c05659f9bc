"""The small file in which latched hardware faults outlive the process.

Rules this file upholds:
- `keep` never touches the disk; `flush`, called from a thread that may wait, writes: new file, fsync, rename, fsync.
- The file is old or new, never half. A file that cannot be believed becomes a latched fault, never a crash and
  never a clean bill of health.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from hal.faults import Name
from hal.kept_file import keep_names_of, read_lines, write_lines

_HEAD = "evse-hal latched faults 1"
FILE = "latched-faults"


class LatchFile:
    """Latched faults by outlet. `wake` is called when there is something to flush; `failed` says why it cannot."""

    def __init__(self, folder: Path, evses: Iterable[int], wake: Callable[[], None]) -> None:
        self._path = folder / FILE
        self._wake = wake
        self._dirty = False
        self._kept: dict[int, tuple[Name, ...]] = dict.fromkeys(evses, ())
        self.failed = ""
        try:
            self._kept |= _read(self._path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as broken:
            self._kept = dict.fromkeys(self._kept, (Name.MEMORY_DAMAGED,))
            self.failed = f"{self._path}: {broken}" if isinstance(broken, OSError) else ""

    def recall(self, evse: int) -> tuple[Name, ...]:
        """What was kept for an outlet."""
        return self._kept.get(evse, ())

    def keep(self, evse: int, names: tuple[Name, ...]) -> None:
        """Keep these from now on; written by the next flush."""
        self._kept[evse] = names
        self._dirty = True
        self._wake()

    @property
    def dirty(self) -> bool:
        """Whether something is not on disk yet."""
        return self._dirty

    def flush(self) -> None:
        """Write what changed; a failure is told by `failed` and tried again by the next call."""
        if not self._dirty:
            return
        self._dirty = False
        try:
            _write(self._path, self._kept)
            self.failed = ""
        except OSError as broken:
            self._dirty = True
            self.failed = f"{self._path}: {broken.strerror}"


def forget_all(folder: Path) -> list[str]:
    """Service: begin again with no latched fault; says what there was. Raises OSError."""
    path = folder / FILE
    try:
        kept = _read(path)
        forgotten = [f"outlet {evse} {name}" for evse, names in sorted(kept.items()) for name in names]
    except FileNotFoundError:
        return []
    except ValueError:
        forgotten = ["a memory that was damaged"]
    path.unlink()
    keep_names_of(folder)
    return forgotten


def _read(path: Path) -> dict[int, tuple[Name, ...]]:
    """Raises OSError, and ValueError at anything that `_write` did not write."""
    kept: dict[int, tuple[Name, ...]] = {}
    for line in read_lines(path, _HEAD):
        evse, _, name = line.partition(" ")
        kept[int(evse)] = (*kept.get(int(evse), ()), Name(name))
    return kept


def _write(path: Path, kept: dict[int, tuple[Name, ...]]) -> None:
    write_lines(path, _HEAD, (f"{evse} {name}" for evse, names in sorted(kept.items()) for name in names))
