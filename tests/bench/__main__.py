"""./evse bench: every figure of the product, in one run.

./evse bench [--json] [--quick]      --quick: fewer edges and shorter waits, to see that all of it works
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.bench import backlog, daemons, dead_man, meters, parts, pilot, virtual
from tests.bench.figures import Figure, document, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="./evse bench")
    parser.add_argument("--json", action="store_true", help="one key a figure, its unit in the name")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter measurements")
    options = parser.parse_args()
    quick = options.quick
    measures: dict[str, Callable[[], list[Figure]]] = {
        "messages": virtual.messages,
        "starts": lambda: daemons.starts(3 if quick else daemons.STARTS),
        "a quiet minute": lambda: daemons.quiet(10 if quick else daemons.IDLE_S),
        "ticks": lambda: daemons.ticks(5 if quick else 30),
        "the pilot's buses": lambda: pilot.figures(quick),
        "the parts of a tick": lambda: parts.costs(50 if quick else 2_000),
        "a dead control loop": lambda: dead_man.figures(2 if quick else 20),
        "meters": lambda: meters.polls(50 if quick else 300),
        "stacked profiles": lambda: backlog.composite(5 if quick else 50),
        "a storm of stations": backlog.storm,
        "a full queue": lambda: backlog.flush(500 if quick else 10_000),
        "the network back": lambda: backlog.network_back(1 if quick else 5, 5, 100),
        "virtual hours": lambda: virtual.hours(2, 1) if quick else virtual.hours(24, 4),
        "openings": lambda: daemons.openings(400 if quick else 10_000),
    }
    figures: list[Figure] = []
    for name, measure in measures.items():
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        figures += measure()
    print(document(figures) if options.json else table(figures))
    missed = [figure.key for figure in figures if figure.most is not None and figure.typical > figure.most]
    if missed:
        print(f"missed: {', '.join(missed)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
