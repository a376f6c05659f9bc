"""The two real daemons, a meter on a serial line and a TLS central system, tortured for a bounded time.

    ./evse torture --minutes 10
    ./evse torture --guest          power cuts, in a machine of its own; needs ./evse lab-kernel once
    ./evse torture --seed 7

Each round is a line; a violation is told with the seed and the last lines of the logs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.lab import kernel
from tests.options import minutes, whole
from tests.torture.power_cuts import PowerCuts
from tests.torture.rounds import Torture


def main(arguments: Sequence[str] | None = None) -> int:
    """Torture, tell, count; 1 when anything went wrong, 2 when it cannot be done here."""
    parser = argparse.ArgumentParser(prog="./evse torture", description="The two real daemons, really killed.")
    parser.add_argument("--minutes", type=minutes, default=2, help="begin no round after that (2)")
    parser.add_argument("--rounds", type=whole(1), default=1_000_000, help="at most so many")
    parser.add_argument("--seed", type=whole(0), default=1, help="of what is drawn (1)")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--soak", action="store_true", help="only blows that both processes outlive, to see what grows")
    kinds.add_argument("--guest", action="store_true", help="cut the power of a User-Mode Linux in which both run")
    options = parser.parse_args(arguments)
    if options.guest and (not kernel.LINUX.exists() or kernel.lacking()):
        sys.stderr.write(
            "torture: no guest: there is no kernel of this checkout yet; build it with: ./evse lab-kernel\n"
        )
        return 2
    rounds = violations = 0
    with PowerCuts(options.seed) if options.guest else Torture(options.seed, options.soak) as torture:
        for gap in torture.gaps:
            print(gap)
        for done in torture.rounds(time.monotonic() + options.minutes * 60, options.rounds):
            rounds, violations = rounds + 1, violations + len(done.violations)
            verdict = "; ".join(done.violations) or "all well"
            print(f"{done.number:4} {done.took_s:5.1f} s  {done.name}: {verdict}", flush=True)
            if done.violations:
                print(f"seed {options.seed}{torture.box.tails()}", flush=True)
        for line in (*torture.figures(), *torture.late()):
            print(line)
        violations += len(torture.late())
    print(f"{rounds} rounds, {violations} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
