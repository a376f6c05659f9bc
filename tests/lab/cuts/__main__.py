"""Every cut of a day: `./evse cuts`.

A whole day of the real store and files is lived by a process of its own (`recorded.py`) under strace, so that what is
replayed is what the kernel really got. After each operation the power goes: with all that was written, with only what
was synced, and with `--dice` draws of what the disk may have made of the rest, torn and reordered. Each state that
differs is opened and booted (`replay.py`). Then whole worlds go on: with operations of the disk that fail and commits
that take seconds, once or for a while, and with journals that are damaged (`broken.py`); `--worlds 2000` fails each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.lab.cuts import broken
from tests.lab.cuts.disk import through
from tests.lab.cuts.replay import Known, Progress, Replay, programs_of
from tests.lab.cuts.trace import OPTIONS, Operation, operations
from tests.lab.cuts.witness import MARKS
from tests.options import whole

STATE = "state/"
MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
MOST_TOLD = 10


class Day(NamedTuple):
    """What was recorded."""

    operations: list[Operation]
    known: Known


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
    return Day(found, Known(states, programs))


class Replayed(NamedTuple):
    """How many states were opened, and what was wrong, with the operation before the cut."""

    states: int
    wrong: list[str]


def replayed(day: Day, first: dict[str, Any], dice: int, every: int, part: range) -> Replayed:
    """All cuts of a part of the day."""
    disk, progress, wrong = through(_files(day.operations[: part.start]), 1 << 30), Progress(), list[str]()
    seen, judged = set[str](), set[tuple[str, int]]()
    for operation in day.operations[: part.start]:
        if operation.path == MARKS and operation.kind == "write":
            progress.read(operation)
    with TemporaryDirectory(prefix="evsed-cuts-", dir=MEMORY) as folder:
        replay = Replay(Path(folder), day.known, first)
        for at in part:
            operation = day.operations[at]
            marked = operation.path == MARKS
            if not marked:
                for each in _files([operation]):
                    disk.take(each)
            elif operation.kind == "write":
                progress.read(operation)
            for number in range(-2, dice if at % every == 0 and not marked else 0):
                luck = Random(f"{at} {number}") if number >= 0 else None
                files = disk.left(luck, all_there=number == -2)
                mark = sha256(repr((sorted(files.items()), progress.done, progress.begun)).encode()).hexdigest()
                if (mark, progress.ledger.marks) not in judged:
                    seen.add(mark)
                    judged.add((mark, progress.ledger.marks))
                    for text in replay.check(files, progress):
                        wrong.append(f"{text}: cut {at} ({operation.kind} {operation.path}), draw {number}")
    return Replayed(len(seen), wrong)


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, cut, break, count; 1 when anything went wrong, 2 when nothing can be recorded here."""
    parser = argparse.ArgumentParser(prog="./evse cuts", description="Every cut of a day, replayed.")
    parser.add_argument("--dice", type=whole(0), default=20, help="draws of what a disk may have made of a cut (20)")
    parser.add_argument("--every", type=whole(1), default=1, help="cut only after each so many-th operation (1)")
    parser.add_argument(
        "--worlds", type=whole(0), default=120, help="whole worlds with failing disks or damaged files (120)"
    )
    parser.add_argument("--jobs", type=whole(1), default=os.cpu_count(), help="processes (one a core)")
    options = parser.parse_args(arguments)
    if shutil.which("strace") is None:
        sys.stderr.write("cuts: strace is missing, nothing was recorded; install it: apt install strace\n")
        return 2
    with TemporaryDirectory(prefix="evsed-cuts-", dir=MEMORY) as folder:
        day = recorded(Path(folder))
    kinds = Counter(operation.kind for operation in day.operations if operation.path != MARKS)
    print("recorded: " + ", ".join(f"{many} {kind}" for kind, many in kinds.most_common()), flush=True)
    return concluded(day, options)


def concluded(day: Day, options: argparse.Namespace) -> int:
    """Cut and break, and say what was found."""
    size = max(1, len(day.operations) // (4 * options.jobs))
    parts = [range(at, min(at + size, len(day.operations))) for at in range(0, len(day.operations), size)]
    states, wrong = 0, list[str]()
    with ProcessPoolExecutor(options.jobs) as pool:
        for found in pool.map(partial(replayed, day, broken.nothing_kept(), options.dice, options.every), parts):
            states, wrong = states + found.states, wrong + found.wrong
        worlds = broken.worlds(options.worlds)
        for breach in pool.map(broken.lived, worlds):
            wrong += breach
    for text in wrong[:MOST_TOLD]:
        print(text)
    print(f"{len(worlds)} worlds with failing or slow disks and damaged journals")
    print(f"{states + len(worlds)} states, {len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
