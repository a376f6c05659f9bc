"""Enemies, for a bounded time: a hunter at every door, and a rogue central system, in turns.

    ./evse enemies --minutes 10
    ./evse enemies --door journal --seed 3

The last line is `N inputs, N walks, V violations`; a violation is told with what brought it about.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.enemies.doors import all_doors
from tests.enemies.hunt import hunted
from tests.enemies.rogue import flooded, walked
from tests.options import minutes, whole
from tests.suite import progress

INPUTS, WALKS, STEPS, FLOOD = 500, 5, 150, 3_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Let them loose; 1 when anything went wrong."""
    parser = argparse.ArgumentParser(prog="./evse enemies", description="Whatever comes from outside, bent.")
    parser.add_argument(
        "--minutes", type=minutes, default=2, help="begin no turn after that (2); one of all doors takes some"
    )
    parser.add_argument("--seed", type=whole(0), default=1, help="of the first turn (1)")
    parser.add_argument("--door", help="only the door of this name")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    inputs = walks = violations = 0
    until = time.monotonic() + options.minutes * 60
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-", dir=memory if memory.is_dir() else None) as folder:
        doors = all_doors(Path(folder))
        chosen = [door for door in doors if options.door in (None, door.name)]
        if not chosen:
            parser.error(f"there is no door {options.door!r}; there are {', '.join(door.name for door in doors)}")
        for seed in count(options.seed):
            for door in chosen:
                progress(f"seed {seed}: {door.name}")
                inputs += door.knocks(INPUTS)
                for finding in hunted(door, seed, INPUTS):
                    violations += 1
                    progress("")
                    print(f"{door.name}, seed {seed}: {finding.wrong}, by {finding.input[:400]!r}", flush=True)
            for walk in range(seed * WALKS, (seed + 1) * WALKS) if options.door is None else ():
                walks += 1
                progress(f"seed {seed}: walk {walk}")
                for wrong in walked(walk, STEPS):
                    violations += 1
                    progress("")
                    print(f"walk {walk}: {wrong}", flush=True)
            for wrong in flooded(seed, FLOOD) if options.door is None else ():
                violations += 1
                progress("")
                print(f"flood {seed}: {wrong}", flush=True)
            if time.monotonic() > until:
                break
    progress("")
    print(f"{inputs} inputs, {walks} walks, {violations} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
