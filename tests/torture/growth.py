"""What the two daemons and their folder hold after each round, and whether it grows (I14).

Rules this file upholds:
- A process is held against itself: once it has settled, what it holds between two charges stays what it was. One that
  is killed begins anew, so only those that live for some rounds are judged; `./evse torture --soak` lets both live.
- Memory is what the process alone has written (anonymous pages, from the kernel), since nothing else can leak.
- The folder of both is held against a size, since it keeps past charges and a log up to a number of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

SETTLED = 8  # rounds until caches, pools and the pages of the journal are full
JUDGED = 16  # a process that lived for fewer rounds says nothing
MOST_KIB = 2_048  # of memory from then on: the heap takes some hundred rounds to find its size
MOST_OPEN = 2  # descriptors and threads: one may be on its way out as we look
MOST_DISK = 8_000_000


class Held(NamedTuple):
    """By one process, between two charges."""

    kib: int
    files: int
    threads: int


WORDS = {"kib": "KiB of memory", "files": "descriptors", "threads": "threads"}
BOUNDS = Held(MOST_KIB, MOST_OPEN, MOST_OPEN)


def held_by(pid: int) -> Held:
    """What the kernel counts now. Raises OSError if it is gone."""
    process = Path(f"/proc/{pid}")
    pages = re.search(r"^Anonymous:\s+(\d+) kB", (process / "smaps_rollup").read_text(), re.MULTILINE)
    assert pages is not None
    return Held(int(pages[1]), len(os.listdir(process / "fd")), len(os.listdir(process / "task")))


class Growth:
    """The history of all lives of both, as rounds end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lives: dict[tuple[str, int], list[Held]] = {}
        self.disk: list[int] = []

    def look(self, pids: Mapping[str, int]) -> None:
        """A round has ended, and these run."""
        for name, pid in pids.items():
            self._lives.setdefault((name, pid), []).append(held_by(pid))
        self.disk.append(sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file()))

    def lines(self) -> Iterator[str]:
        """The longest life of each, and the folder, for people."""
        for name in sorted({name for name, _ in self._lives}):
            looks = max((looks for (whose, _), looks in self._lives.items() if whose == name), key=len)
            first, last = looks[min(SETTLED, len(looks) - 1)], looks[-1]
            told = ", ".join(f"{getattr(first, what)} to {getattr(last, what)} {word}" for what, word in WORDS.items())
            yield f"{name} over {len(looks)} rounds: {told}"
        if self.disk:
            yield f"state folder: {self.disk[0] / 1e6:.2f} MB at first, {max(self.disk) / 1e6:.2f} at most"

    def wrong(self) -> list[str]:
        """What grew."""
        found = [
            f"I14 {word} of {name} grew from {before:.0f} to {after:.0f} in {len(looks)} rounds"
            for (name, _), looks in self._lives.items()
            if len(looks) >= JUDGED
            for what, word in WORDS.items()
            for before, after in [_settled([getattr(look, what) for look in looks])]
            if after - before > getattr(BOUNDS, what)
        ]
        if max(self.disk, default=0) > MOST_DISK:
            found.append(f"I14 the state folder grew to {max(self.disk)} bytes")
        return found


def _settled(values: list[int]) -> tuple[float, float]:
    """The middle of the first settled rounds, and of the last ones: one odd look decides nothing."""
    span = (len(values) - SETTLED) // 2
    return median(values[SETTLED : SETTLED + span]), median(values[-span:])
