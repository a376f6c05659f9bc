"""The fault laboratory: random lives of the virtual wallbox, each from one seed, judged by the invariants.

    ./evse lab --seeds 20 --days 1     twenty lives of a day
    ./evse lab --seeds 500 --dense     as many short ones, in which everything happens at once
    ./evse lab --seed 7                the life of one seed, as it was
    ./evse lab --year                  one long life, see year.py
    ./evse lab --story FILE            a story of a file like tests/lab/lives/stories.jsonl

A life that goes wrong is told by its seed, its shortest story in words, and the line with which to live it again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.lab.lives import year
from tests.lab.lives.acts import DAY_MS, DEEDS, REST, Act, told
from tests.lab.lives.draw import Character, character, dense, story
from tests.lab.lives.invariants import Violation
from tests.lab.lives.life import folder, lived, until_of
from tests.lab.lives.shrink import shrunk
from tests.lab.lives.window import window
from tests.options import whole
from tests.suite import Crew, progress

STORIES = Path(__file__).parent / "stories.jsonl"
LAST_LINES = 25


class Told(NamedTuple):
    """What became of one life; `acts` are the fewest that went wrong, all others where nothing did."""

    seed: int
    days: float
    violations: list[Violation]
    acts: Sequence[Act]
    lines: list[str]


def live(seed: int, days: int, shrink: bool = True) -> Told:
    """The life of a seed; 0 days are a dense quarter of an hour."""
    logging.disable(logging.CRITICAL)
    made, acts = character(seed), story(seed, days) if days else dense(seed)
    return judge(seed, made, acts, days, shrink)


def judge(seed: int, made: Character, acts: Sequence[Act], days: int, shrink: bool) -> Told:
    """A life with these acts."""
    until_ms = until_of(acts, days)
    violations, lines = lived(seed, made, acts, until_ms)
    if violations and shrink:
        wrong = violations[0].invariant

        def fails(fewer: Sequence[Act]) -> bool:
            return any(found.invariant == wrong for found in lived(seed, made, fewer, until_of(fewer, 0))[0])

        if not fails(acts):  # it took the quiet after them, too
            acts = [*acts, Act(until_ms, REST)]
        if fails(acts):
            acts = shrunk(acts, fails)
            violations, lines = lived(seed, made, acts, until_of(acts, 0))
    return Told(seed, until_ms / DAY_MS, violations, acts, lines)


def written(seed: int, made: Character, acts: Sequence[Act]) -> str:
    """A story as one line of a file."""
    return json.dumps({"seed": seed, "made": made, "acts": acts}, separators=(",", ":"))


def read(line: str) -> tuple[int, Character, list[Act]]:
    """A story from its line."""
    found: dict[str, Any] = json.loads(line)
    acts = [Act(at_ms, name, tuple(args)) for at_ms, name, args in found["acts"]]
    return found["seed"], Character(*found["made"]), acts


def stories(path: Path) -> list[tuple[int, Character, list[Act]]]:
    """Those of a file. Raises OSError, and ValueError with a sentence."""
    found = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            found.append(read(line.decode()))
            known = all(act.name in DEEDS for act in found[-1][2])
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise ValueError(f"{path}:{number}: is no story; ./evse lab tells one at each violation")
    return found


def report(life: Told, made: Character) -> None:
    """A life that went wrong, in words."""
    print(f"\nseed {life.seed}: {len(life.violations)} violations, a story of {len(life.acts)} acts")
    for violation in life.violations[:5]:
        print(f"  {violation.invariant}: {violation.text}")
    print("  (docs/contributor.md says what each I asks, tests/lab/lives/invariants.py who judges it)")
    print(f"  a box with {made}:")
    for act in life.acts:
        print(f"    {told(act)} ({act.at_ms / 1_000:.0f} s)")
    print("  lines of its log, in seconds, > from the box and < from the central system:")
    for line in window(life.lines, life.violations, LAST_LINES, life.acts[-1].at_ms / 1_000 if life.acts else None):
        print(f"    {line[:200]}")
    print(f"  again: ./evse lab --story FILE with this line in it:\n{written(life.seed, made, life.acts)}", flush=True)


def lives(options: argparse.Namespace) -> Iterator[tuple[Told, Character]]:
    """All that was asked for."""
    if options.story:
        for seed, made, acts in options.story:
            yield judge(seed, made, acts, 0, options.shrink), made
        return
    first = 1 if options.first is None else options.first
    seeds = [options.seed] if options.seed is not None else range(first, first + options.seeds)
    with Crew(options.jobs) as pool:
        for life in pool.map(
            partial(live, days=0 if options.dense else options.days or 1, shrink=options.shrink), seeds
        ):
            yield life, character(life.seed)


def a_year() -> int:
    """The long life, with its figures."""
    with folder() as state:
        figures, wrong = year.lived(state / "year", days=365, sessions=1_000, reconnects=10_000)
    for line in (*figures.lines(), *wrong):
        print(line)
    print(f"1 lives, {figures.days} days, {len(wrong)} violations")
    return 1 if wrong else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Live, tell, count; 1 when anything went wrong."""
    parser = argparse.ArgumentParser(prog="./evse lab", description="Random lives of the virtual wallbox, judged.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seeds", type=whole(1), default=20, help="how many lives (20)")
    parser.add_argument("--first", type=whole(0), help="the first of them (1)")
    parser.add_argument("--days", type=whole(1), help="how many days each lasts (1)")
    parser.add_argument("--dense", action="store_true", help="a quarter of an hour each, in which much happens at once")
    which.add_argument("--seed", type=whole(0), help="only the life of this seed")
    which.add_argument(
        "--year", action="store_true", help="one life of a year: 1,000 sessions, 10,000 reconnects, 72 h offline"
    )
    which.add_argument("--story", help="the stories of this file, a line each")
    parser.add_argument("--jobs", type=whole(1), default=os.cpu_count(), help="processes (one a core)")
    parser.add_argument("--as-it-was", dest="shrink", action="store_false", help="do not look for the shortest story")
    options = parser.parse_args(arguments)
    if options.dense and (options.year or options.story):
        parser.error("--dense is for lives that are drawn")
    if options.days and (options.dense or options.year or options.story):
        parser.error("--days is for lives that are drawn and not dense; leave it out")
    if options.first is not None and (options.seed is not None or options.year or options.story):
        parser.error("--first is the first of --seeds; leave it out")
    try:
        options.story = stories(Path(options.story)) if options.story else ()
    except (OSError, ValueError) as wrong:
        parser.error(f"{options.story}: {wrong.strerror}" if isinstance(wrong, OSError) else str(wrong))
    logging.disable(logging.CRITICAL)
    if options.year:
        return a_year()
    done, days, violations = 0, 0.0, 0
    for life, made in lives(options):
        done, days, violations = done + 1, days + life.days, violations + len(life.violations)
        progress("")
        if life.violations:
            report(life, made)
        progress(f"{done} lives, {violations} violations so far")
    progress("")
    print(f"{done} lives, {round(days, 2):g} days, {violations} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
