"""./evse mutants: change the guard and the pilot's logic by one keystroke at a time, and see that a test notices.

Prints each mutant that no test noticed, as a diff; the last line is `killed N of M`. Those that change nothing that
anybody could see stand in `equivalents.toml` with the reason, and are not counted. The exit code is 1 if one survived.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.equivalents import equivalents
from tests.mutants.hunt import TARGETS, Target, is_killed
from tests.mutants.mutate import Mutant, mutants


def diff(target: Target, mutant: Mutant) -> str:
    """What the mutant changes."""
    before, after = target.path.read_text().splitlines(), mutant.source.splitlines()
    name = str(target.path.name)
    return "\n".join(list(difflib.unified_diff(before, after, name, name, n=1, lineterm=""))[2:])


def main() -> int:
    """Hunt; returns the exit code."""
    parser = argparse.ArgumentParser(prog="./evse mutants", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help=f"{' or '.join(TARGETS)}; all if left out")
    parser.add_argument("--only", metavar="WORD", default="", help="only mutants with this in their name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--list", action="store_true", help="name the mutants and run nothing")
    options = parser.parse_args()
    wanted = [(TARGETS[name], mutant) for name in options.target or TARGETS for mutant in hunted(name, options.only)]
    if options.list:
        print("\n".join(mutant.name for _, mutant in wanted))
        return 0
    for name in options.target or TARGETS:
        if is_killed(TARGETS[name], TARGETS[name].path.read_text()):
            print(f"the tests of {name} fail without any mutant; mend that first", file=sys.stderr)
            return 1
    killed = sum(hunt(wanted, options.jobs))
    print(f"killed {killed} of {len(wanted)}")
    return 0 if killed == len(wanted) else 1


def hunted(name: str, word: str) -> Iterator[Mutant]:
    """The mutants of a target that must be noticed."""
    harmless = equivalents(name)
    for mutant in mutants(TARGETS[name].path.read_text()):
        if mutant.name not in harmless and word in mutant.name:
            yield mutant


def hunt(wanted: list[tuple[Target, Mutant]], jobs: int) -> Iterator[bool]:
    """One after the other whether it was noticed; says so of each that was not."""
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = pool.map(lambda one: is_killed(one[0], one[1].source), wanted)
        for (target, mutant), noticed in zip(wanted, outcomes, strict=True):
            if not noticed:
                print(f"survived: {mutant.name}\n{diff(target, mutant)}\n", flush=True)
            yield noticed


if __name__ == "__main__":
    sys.exit(main())
