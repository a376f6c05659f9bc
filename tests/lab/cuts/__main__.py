"""Every cut of a day: `./evse cuts`.

A whole day of the real store and files is lived by a process of its own (`recorded.py`) under strace, so that what is
replayed is what the kernel really got. After each operation the power goes: with all that was written, with only what
was synced, and with `--dice` draws of what the disk may have made of the rest, torn and reordered. Each state that
differs is opened, booted and judged by what was known outside (`replay.py`, `ledger.py`); from each of another
meaning a whole wallbox goes on (`reborn.py`). Then there are worlds with operations of the disk that fail and commits
that take seconds, once or for a while, and with journals that are damaged (`broken.py`); `--worlds 2000` fails each.
At last each operation on all other files is refused, once and for ever (`files.py`, `chapters.py`).
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.evsed.store.disk import library
from tests.lab.cuts import broken, chapters
from tests.lab.cuts.cutting import MEMORY, Cuts, Day, recorded, replayed
from tests.lab.cuts.witness import MARKS
from tests.options import whole
from tests.suite import Crew, progress

MOST_TOLD = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, cut, break, count; 1 when anything went wrong, 2 when nothing can be recorded here."""
    parser = argparse.ArgumentParser(prog="./evse cuts", description="Every cut of a day, replayed.")
    parser.add_argument("--dice", type=whole(0), default=20, help="draws of what a disk may have made of a cut (20)")
    parser.add_argument("--every", type=whole(1), default=1, help="cut only after each so many-th operation (1)")
    parser.add_argument(
        "--reborn", type=whole(1), default=1, help="go on from each so many-th of the states that differ in meaning (1)"
    )
    parser.add_argument(
        "--worlds", type=whole(0), default=120, help="whole worlds with failing disks or damaged files (120)"
    )
    parser.add_argument("--files", type=whole(1), default=1, help="fail each so many-th operation on other files (1)")
    parser.add_argument("--jobs", type=whole(1), default=os.cpu_count(), help="processes (one a core)")
    options = parser.parse_args(arguments)
    if shutil.which("strace") is None:
        sys.stderr.write("cuts: strace is missing, nothing was recorded; install it: apt install strace\n")
        return 2
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory(prefix="evsed-cuts-", dir=MEMORY) as folder:
        day = recorded(Path(folder))
    kinds = Counter(operation.kind for operation in day.operations if operation.path != MARKS)
    print("recorded: " + ", ".join(f"{many} {kind}" for kind, many in kinds.most_common()), flush=True)
    return concluded(day, options)


def concluded(day: Day, options: argparse.Namespace) -> int:
    """Cut and break, and say what was found."""
    size = max(1, len(day.operations) // (4 * options.jobs))
    parts = [range(at, min(at + size, len(day.operations))) for at in range(0, len(day.operations), size)]
    cuts = Cuts(options.dice, options.every, options.reborn)
    states, reborn, wrong = 0, 0, list[str]()
    with Crew(options.jobs) as pool:
        for found in pool.map(partial(replayed, day, broken.nothing_kept(), cuts), parts):
            states, reborn, wrong = states + found.states, reborn + found.reborn, wrong + found.wrong
            progress(f"{states} states")
        worlds = broken.worlds(options.worlds)
        for number, breach in enumerate(pool.map(broken.lived, worlds), start=1):
            wrong += breach
            progress(f"{number} of {len(worlds)} worlds")
        with TemporaryDirectory(prefix="evsed-cuts-", dir=MEMORY) as folder:
            papers = chapters.Papers(Path(folder))
            lives = chapters.refused(papers)[:: options.files]
            for breach in pool.map(partial(chapters.lived, papers), lives, chunksize=4):
                wrong += breach
    progress("")
    for text in wrong[:MOST_TOLD]:
        print(text)
    if library() is None:
        print("no operation of the journal failed: SQLite is built into this Python, and nothing can stand before it")
    print(f"{reborn} whole worlds went on from what a cut left")
    print(f"{len(worlds)} worlds with failing or slow disks and damaged journals")
    print(f"{len(lives)} lives in which an operation on a file failed")
    print(f"{states + len(worlds) + len(lives)} states, {len(wrong)} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
