"""./evse mutants: change what decides in evse-hal by one keystroke at a time, and see that a test notices.

Prints each mutant that no test noticed, as a diff; the last line is `killed N of M`. Those that change nothing that
anybody could see stand in `equivalents.toml` with the reason, and are not counted. The exit code is 1 if one survived.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys

from tests.mutants.equivalents import equivalents
from tests.mutants.hunt import survivors
from tests.mutants.mutate import Mutant, mutants
from tests.mutants.targets import TARGETS, Target
from tests.options import whole


def diff(target: Target, mutant: Mutant) -> str:
    """What the mutant changes."""
    before, after = target.path.read_text().splitlines(), mutant.source.splitlines()
    name = str(target.path.name)
    return "\n".join(list(difflib.unified_diff(before, after, name, name, n=1, lineterm=""))[2:])


def main() -> int:
    """Hunt; returns the exit code."""
    parser = argparse.ArgumentParser(prog="./evse mutants", description=__doc__)
    parser.add_argument("target", nargs="*", metavar="TARGET", help=f"{', '.join(TARGETS)}; all if left out")
    parser.add_argument("--only", metavar="WORD", default="", help="only mutants with this in their name")
    parser.add_argument("--jobs", type=whole(1), default=os.cpu_count() or 1, help="how many at once")
    parser.add_argument("--list", action="store_true", help="name the mutants and run nothing")
    options = parser.parse_args()
    unknown = [name for name in options.target if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    if not any(options.only in mutant.name for name in options.target or TARGETS for mutant in noticeable(name)):
        parser.error(f"no mutant has {options.only!r} in its name; --list names them")
    hunted = killed = 0
    for name in options.target or TARGETS:
        wanted = [mutant for mutant in noticeable(name) if options.only in mutant.name]
        if options.list:
            print("\n".join(mutant.name for mutant in wanted))
            continue
        try:
            alive = survived(TARGETS[name], wanted, options.jobs)
        except RuntimeError as broken:
            print(broken, file=sys.stderr)
            return 1
        hunted, killed = hunted + len(wanted), killed + len(wanted) - alive
        print(f"{name}: {len(wanted) - alive} of {len(wanted)}, and {len(equivalents(name))} that change nothing")
    if not options.list:
        print(f"killed {killed} of {hunted}")
    return 0 if killed == hunted else 1


def noticeable(name: str) -> list[Mutant]:
    """The mutants of a target that must be noticed."""
    harmless = equivalents(name)
    return [mutant for mutant in mutants(TARGETS[name].path.read_text()) if mutant.name not in harmless]


def survived(target: Target, wanted: list[Mutant], jobs: int) -> int:
    """How many no test noticed; tells each."""
    alive = 0
    for mutant in survivors(target, wanted, jobs):
        print(f"survived: {mutant.name}\n{diff(target, mutant)}\n", flush=True)
        alive += 1
    return alive


if __name__ == "__main__":
    sys.exit(main())
