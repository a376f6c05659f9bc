"""The day is lived under strace, and cut: what its operations left is laid, judged and gone on with.

After each operation: all that was written, only what was synced, and some draws of what the disk may have made of the
rest. Of what a mark tells, the same without draws. Where anything differs in what is recovered or in what is known
outside, a whole wallbox goes on from there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.lab.cuts.disk import through
from tests.lab.cuts.reborn import goes_on
from tests.lab.cuts.recorded import OLDER
from tests.lab.cuts.replay import Files, Known, Progress, Replay, programs_of
from tests.lab.cuts.trace import OPTIONS, Operation, operations
from tests.lab.cuts.witness import MARKS

STATE = "state/"
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


class Day(NamedTuple):
    """What was recorded."""

    operations: list[Operation]
    known: Known
    older: bytes


class Cuts(NamedTuple):
    """How densely it is cut: draws of each, after each so many-th operation, and how many of the states that differ in
    what they mean are gone on with: each so many-th.
    """

    dice: int
    every: int
    reborn: int


class Replayed(NamedTuple):
    """How many states were opened, how many gone on with, and what was wrong, with the operation before the cut."""

    states: int
    reborn: int
    wrong: list[str]


def recorded(folder: Path) -> Day:
    """Live the day under strace."""
    home, trace = folder / "lived", folder / "trace"
    home.mkdir()
    command = ["strace", *OPTIONS, "-o", str(trace), sys.executable, "-m", "tests.lab.cuts.recorded", str(home)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    with trace.open() as lines:
        found = operations(lines, home)
    states: dict[str, list[Any]] = {}
    for what, state in told["known"]:
        states.setdefault(what, []).append(tuple(state) if isinstance(state, list) else state)
    programs = programs_of([path for path in (home / "state" / "slots").iterdir() if path.name in ("a", "b")])
    return Day(found, Known(states, programs), (home / OLDER).read_bytes())


def replayed(day: Day, first: dict[str, Any], cuts: Cuts, part: range) -> Replayed:
    """All cuts of a part of the day."""
    with TemporaryDirectory(prefix="evsed-cuts-", dir=MEMORY) as folder:
        cutter = _Cutter(day, first, cuts, Path(folder))
        cutter.skip(part.start)
        for at in part:
            cutter.cut(at)
    return Replayed(len(cutter.seen), cutter.reborn, cutter.wrong)


class _Cutter:
    def __init__(self, day: Day, first: dict[str, Any], cuts: Cuts, folder: Path) -> None:
        self._day, self._cuts, self._folder = day, cuts, folder
        self._disk, self._progress = through([], 0), Progress()
        self._replay = Replay(folder, day.known, first)
        self._judged: set[tuple[str, int]] = set()
        self._meant: set[Any] = set()
        self.seen: set[str] = set()
        self.reborn = 0
        self.wrong: list[str] = []

    def skip(self, many: int) -> None:
        """What came before this part."""
        for operation in self._day.operations[:many]:
            self._take(operation)

    def _take(self, operation: Operation) -> None:
        if operation.path == MARKS:
            if operation.kind == "write":
                self._progress.read(operation)
            return
        for each in _files([operation]):
            self._disk.take(each)

    def cut(self, at: int) -> None:
        """After one operation."""
        operation = self._day.operations[at]
        self._take(operation)
        if at % self._cuts.every:
            return
        for number in range(-2, self._cuts.dice if operation.path != MARKS else 0):
            luck = Random(f"{at} {number}") if number >= 0 else None
            files = self._disk.left(luck, all_there=number == -2)
            for text in self._judge(files):
                self.wrong.append(f"{text}: cut {at} ({operation.kind} {operation.path}), draw {number}")

    def _judge(self, files: Files) -> list[str]:
        progress = self._progress
        mark = sha256(repr((sorted(files.items()), progress.done, progress.begun)).encode()).hexdigest()
        if (mark, progress.ledger.marks) in self._judged:
            return []
        self._judged.add((mark, progress.ledger.marks))
        self.seen.add(mark)
        wrong = self._replay.check(files, progress)
        meaning = *self._replay.meaning(files), progress.ledger.marks
        if meaning not in self._meant:
            self._meant.add(meaning)
            if len(self._meant) % self._cuts.reborn == 0:
                self.reborn += 1
                wrong += self._goes_on(files)
        return wrong

    def _goes_on(self, files: Files) -> list[str]:
        replay = self._replay
        latched, older = "RESIDUAL_CURRENT" in replay.latches(files)[0], self._day.older
        return goes_on(self._folder / "reborn", files, self._progress.ledger, replay.booted(files), latched, older)


def _files(found: Sequence[Operation]) -> list[Operation]:
    """Those below the state folder, by their paths in it."""
    return [
        operation
        if operation.kind == "sync-all"
        else operation._replace(
            path=operation.path.removeprefix(STATE),
            target=operation.target.removeprefix(STATE) if operation.kind == "rename" else operation.target,
        )
        if operation.path != "state"
        else operation._replace(path=".")
        for operation in found
        if operation.path.startswith(STATE) or operation.kind == "sync-all" or _of_the_folder(operation)
    ]


def _of_the_folder(operation: Operation) -> bool:
    return operation.path == "state" and operation.kind == "sync"
