"""Every fault at every moment: 28 × 15 cells, each a scenario with its variants, or a stated reason why it is none.

    ./evse matrix                          all cells, some minutes
    ./evse matrix --fault 14 --moment 5    one cell; what is red is told with the log of its world
    ./evse matrix --variant "hal for 20 s" only variants of that name

The table shows how many variants of a cell went well. The last line counts cells of which all did.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from tests.lab.lives.invariants import Violation
from tests.lab.lives.window import window
from tests.matrix.cell import lived
from tests.matrix.moments import MOMENTS
from tests.matrix.table import FAULTS, NOT_HERE, Place, places, variants
from tests.options import whole
from tests.suite import Crew, progress

LAST_LINES = 40
WIDTH = 48


class Red(NamedTuple):
    """A variant that went wrong."""

    variant: str
    violations: list[Violation]
    lines: list[str]


class Outcome(NamedTuple):
    """What became of a cell."""

    place: Place
    tried: int
    red: list[Red]

    @property
    def passed(self) -> bool:
        """All that was tried went well, and something was."""
        return self.tried > 0 and not self.red

    @property
    def word(self) -> str:
        """As the table shows it."""
        if self.red:
            return f"{self.tried - len(self.red)}!"
        return str(self.tried) if self.tried else "-"


def walk(place: Place, only: str = "") -> Outcome:
    """All variants of a cell."""
    logging.disable(logging.CRITICAL)
    tried, red = 0, []
    for name, fault in variants(place):
        if only in ("", name):
            tried += 1
            violations, lines = lived(MOMENTS[place.moment][1], fault)
            if violations:
                red.append(Red(name, violations, window(lines, violations, LAST_LINES)))
    return Outcome(place, tried, red)


def told(outcome: Outcome) -> Iterator[str]:
    """What went wrong in a cell, in words."""
    fault, moment = FAULTS[outcome.place.fault - 1][0], MOMENTS[outcome.place.moment][0]
    for red in outcome.red:
        yield f"\n{outcome.place}  {fault}: {red.variant}, at the moment: {moment}"
        yield from (f"  {violation.invariant}: {violation.text}" for violation in red.violations[:5])
        yield from (f"    {line[:200]}" for line in red.lines)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """All cells, a row for each fault; below it why some are no scenarios, and how many are."""
    words = {outcome.place: outcome.word for outcome in outcomes}
    for number, (moment, _) in enumerate(MOMENTS):
        yield f"m{number:<3} {moment}"
    yield ""
    yield " " * (WIDTH + 4) + "".join(f"{f'm{number}':>5}" for number in range(len(MOMENTS)))
    for number, (fault, _) in enumerate(FAULTS, start=1):
        cells = (words.get(Place(number, moment), "") for moment in range(len(MOMENTS)))
        yield f"{number:3} {fault:{WIDTH}}" + "".join(f"{word:>5}" for word in cells)
    yield ""
    yield from (f"{Place(*place)} is no scenario: {why}" for place, why in NOT_HERE.items())
    passed = sum(outcome.passed for outcome in outcomes)
    tried = sum(outcome.tried for outcome in outcomes)
    red = sum(bool(outcome.red) for outcome in outcomes)
    yield f"{passed} cells pass with {tried} variants, {red} are red, {len(NOT_HERE)} have a reason why they are none"
    yield f"cells {passed} of {len(places())}"


def chosen(options: argparse.Namespace) -> list[Place]:
    """The cells that were asked for."""
    return [
        place for place in places() if options.fault in (None, place.fault) and options.moment in (None, place.moment)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk, tell, count; 1 when a cell is red."""
    parser = argparse.ArgumentParser(prog="./evse matrix", description="Every fault at every moment.")
    parser.add_argument("--fault", type=int, choices=range(1, len(FAULTS) + 1), metavar="1-28", help="only this row")
    parser.add_argument("--moment", type=int, choices=range(len(MOMENTS)), metavar="0-14", help="only this column")
    parser.add_argument("--variant", default="", help="only variants of this name")
    parser.add_argument("--jobs", type=whole(1), default=os.cpu_count(), help="processes (one a core)")
    options = parser.parse_args(arguments)
    wanted, outcomes = chosen(options), []
    names = dict.fromkeys(name for place in wanted for name, _ in variants(place))
    if options.variant and options.variant not in names:
        parser.error(f"no variant is named {options.variant!r}; there are {', '.join(map(repr, names))}")
    with Crew(options.jobs) as pool:
        for outcome in pool.map(partial(walk, only=options.variant), wanted):
            outcomes.append(outcome)
            progress("")
            for line in told(outcome):
                print(line, flush=True)
            progress(f"{len(outcomes)} of {len(wanted)} cells")
    progress("")
    print("\n".join(table(outcomes)))
    return int(any(outcome.red for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
