"""Enemies, for a bounded time: a hunter at every door, and a rogue central system, in turns.

    ./evse enemies --minutes 10
    ./evse enemies --door journal --seed 3

The first turn is a short one, so that the enemies soon were everywhere; each that follows is twice as long, up to a
bound. The order is drawn anew in each. The last line is `N inputs, N walks, V violations`; a violation is told with
what brought it about.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.enemies.doors import all_doors
from tests.enemies.hunt import Door, hunted
from tests.enemies.rogue import flooded, walked
from tests.options import minutes, whole
from tests.suite import progress

INPUTS, MOST_INPUTS, WALKS, STEPS, FLOOD = 60, 500, 5, 150, 3_000


class Enemies:
    """What they did so far, and what it brought about."""

    def __init__(self, doors: Sequence[Door], *, rogue: bool) -> None:
        self._doors, self._rogue = doors, rogue
        self.inputs = self.walks = self.violations = 0

    def turns(self, first: int, until_s: float) -> Iterator[int]:
        """The first whole, then what begins before that monotonic time; the seed of each turn that is done."""
        for number, seed in enumerate(count(first)):
            visits = self._visits(seed, min(MOST_INPUTS, INPUTS << number))
            for visit in Random(seed).sample(visits, len(visits)):
                if number and time.monotonic() > until_s:
                    return
                visit()
            yield seed

    def _visits(self, seed: int, inputs: int) -> list[Callable[[], None]]:
        visits: list[Callable[[], None]] = [partial(self._knock, door, seed, inputs) for door in self._doors]
        if self._rogue:
            visits += [partial(self._walk, walk) for walk in range(seed * WALKS, (seed + 1) * WALKS)]
            visits.append(partial(self._flood, seed))
        return visits

    def _knock(self, door: Door, seed: int, inputs: int) -> None:
        progress(f"seed {seed}: {door.name}")
        self.inputs += door.knocks(inputs)
        for finding in hunted(door, seed, inputs):
            self._tell(f"{door.name}, seed {seed}: {finding.wrong}, by {finding.input[:400]!r}")

    def _walk(self, walk: int) -> None:
        self.walks += 1
        progress(f"walk {walk}")
        for wrong in walked(walk, STEPS):
            self._tell(f"walk {walk}: {wrong}")

    def _flood(self, seed: int) -> None:
        for wrong in flooded(seed, FLOOD):
            self._tell(f"flood {seed}: {wrong}")

    def _tell(self, wrong: str) -> None:
        self.violations += 1
        progress("")
        print(wrong, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Let them loose; 1 when anything went wrong."""
    parser = argparse.ArgumentParser(prog="./evse enemies", description="Whatever comes from outside, bent.")
    parser.add_argument(
        "--minutes", type=minutes, default=2, help="after the first turn, knock nowhere anew after that (2)"
    )
    parser.add_argument("--seed", type=whole(0), default=1, help="of the first turn (1)")
    parser.add_argument("--door", help="only the door of this name")
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    until_s = time.monotonic() + options.minutes * 60
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-", dir=memory if memory.is_dir() else None) as folder:
        doors = all_doors(Path(folder))
        chosen = [door for door in doors if options.door in (None, door.name)]
        if not chosen:
            parser.error(f"there is no door {options.door!r}; there are {', '.join(door.name for door in doors)}")
        enemies = Enemies(chosen, rogue=options.door is None)
        for seed in enemies.turns(options.seed, until_s):
            progress("")
            print(f"turn {seed}: {enemies.inputs} inputs so far", flush=True)
    progress("")
    print(f"{enemies.inputs} inputs, {enemies.walks} walks, {enemies.violations} violations")
    return 1 if enemies.violations else 0


if __name__ == "__main__":
    sys.exit(main())
