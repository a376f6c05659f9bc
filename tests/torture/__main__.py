"""The two real daemons, a meter on a pseudo-terminal and a TLS central system, tortured for a bounded time.

    ./evse torture --minutes 10
    ./evse torture --seed 7
    ./evse torture --soak --minutes 60     only what both processes outlive: does anything grow?

Each round is a line; a violation is told with the seed and the last lines of both logs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median

from tests.options import minutes, whole
from tests.torture.rounds import Torture


def main(arguments: Sequence[str] | None = None) -> int:
    """Torture, tell, count; 1 when anything went wrong."""
    parser = argparse.ArgumentParser(prog="./evse torture", description="The two real daemons, really killed.")
    parser.add_argument("--minutes", type=minutes, default=2, help="begin no round after that (2)")
    parser.add_argument("--rounds", type=whole(1), default=1_000_000, help="at most so many")
    parser.add_argument("--soak", action="store_true", help="only blows that both processes outlive, to see what grows")
    parser.add_argument("--seed", type=whole(0), default=1, help="of what is drawn (1)")
    options = parser.parse_args(arguments)
    rounds = violations = 0
    with Torture(options.seed, options.soak) as torture:
        if not torture.clock.env:
            print("no clock steps: they need libfaketime (apt install libfaketime)")
        if shutil.which("strace") is None:
            print("no slow disk: that needs strace (apt install strace)")
        for done in torture.rounds(time.monotonic() + options.minutes * 60, options.rounds):
            rounds, violations = rounds + 1, violations + len(done.violations)
            verdict = "; ".join(done.violations) or "all well"
            print(f"{done.number:4} {done.took_s:5.1f} s  {done.blow.name}: {verdict}", flush=True)
            if done.violations:
                print(f"seed {options.seed}{torture.box.tails()}", flush=True)
        for line in (*told(torture), *torture.growth.lines(), *torture.growth.wrong()):
            print(line)
        violations += len(torture.growth.wrong())
    print(f"{rounds} rounds, {violations} violations")
    return 1 if violations else 0


def told(torture: Torture) -> Iterator[str]:
    """The contactor's times, a line each."""
    times = [(f"{name}: to the open contacts", ms) for name, ms in torture.parted_ms.items()]
    times.append(("from the card to the open contactor", [s * 1_000 for s in torture.opened_s]))
    for what, ms in times:
        if ms:
            yield f"{what}: {median(ms):.0f} ms in the middle, {max(ms):.0f} ms at most, {len(ms)} times"


if __name__ == "__main__":
    sys.exit(main())
