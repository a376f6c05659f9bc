"""Which hardships a story meets: some that are the same in each run, or with EVSED_LONG_TESTS all there are.

All there are, are not all names at each call of each story: most calls find the station as another one found it, in
another story or in this one. So each name is met once in each situation, by a call that is drawn from all that find it
so. Names that are alike in all but one case share a situation's turn; each of them is met by each kind of message.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Any, NamedTuple

from tests.hardship.story import Story, stories
from tests.hardship.walk import Walk, walked
from tests.world.csms import Csms
from tests.world.messages import Message
from tests.world.wallbox import Wallbox

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
WORDS = ("connectorId", "status", "reason", "errorCode", "type")

Alike = Mapping[str, Sequence[str]]
"""The names of a kind of hardship, by what they have in common."""


class Situation(NamedTuple):
    """In what a call finds the station, as far as it decides what an answer or a question leads to."""

    action: str
    words: tuple[Any, ...]
    outlets: tuple[str, ...]
    online: bool
    queued: tuple[str, ...]  # its first messages of transactions
    present: tuple[str, ...]  # kinds of what else waits
    asked: tuple[str, ...]  # what the central system waits for
    errands: tuple[str, ...]
    transactions: int
    again: bool  # not the first connection
    rebooted: bool

    @property
    def message(self) -> tuple[str, tuple[Any, ...]]:
        """Its kind alone."""
        return self.action, self.words


def _situation(world: Wallbox, message: Message) -> Situation:
    assert world.evsed is not None
    station, outbox = world.evsed.station, world.evsed.station.box.outbox
    return Situation(
        message.action,
        tuple(message.payload.get(word) for word in WORDS),
        tuple(outlet.status.name for outlet in station.outlets.values()),
        station.registration.online,
        tuple(type(row.report).__name__ for row in outbox._queue)[:4],
        tuple(sorted({type(present.row.report).__name__ for present in outbox._present.values()})),
        tuple(sorted(question.action for question in world.csms._questions.values())),
        tuple(sorted(world.evsed.clerk._under_way)),
        len(world.watch.open),
        world.csms.connections > 1,
        world.boot_nr > 1,
    )


@cache
def situations(story: Story) -> tuple[Situation, ...]:
    """In what each call of the station finds it when nothing befalls it, and no step of the story goes astray."""
    found: list[Situation] = []

    def befall(walk: Walk, csms: Csms) -> None:
        world, place = walk.worlds[-1], len(walk.worlds)

        def fate(message: Message) -> bool:
            if place == 1:
                found.append(_situation(world, message))
            return False

        csms.fate = fate

    assert walked(story, befall).astray == []
    return tuple(found)


Case = tuple[int, str]
"""At which call of the station, and what."""


@cache
def _table() -> dict[Situation, list[tuple[Story, int]]]:
    table: dict[Situation, list[tuple[Story, int]]] = {}
    for story in stories():
        for place, situation in enumerate(situations(story)):
            table.setdefault(situation, []).append((story, place))
    return table


def every_case(alike: Alike) -> dict[Story, list[Case]]:
    """Each name with each kind of message, and one of those that are alike in each situation."""
    cases: dict[Story, list[Case]] = {story: [] for story in stories()}
    missing = {(situation.message, name) for situation in _table() for names in alike.values() for name in names}
    # In the same order in each run; a situation that only one call finds goes first.
    for situation, calls in sorted(_table().items(), key=lambda found: (len(found[1]), str(found[0]))):
        for common, names in alike.items():
            chance = Random(f"{situation} {common}")
            wanted = [name for name in names if (situation.message, name) in missing] or names
            name = chance.choice(wanted)
            missing.discard((situation.message, name))
            story, place = chance.choice(calls)
            cases[story].append((place, name))
    for situation, calls in _table().items():
        for name in [name for names in alike.values() for name in names if (situation.message, name) in missing]:
            missing.discard((situation.message, name))
            story, place = Random(f"{situation} {name}").choice(calls)
            cases[story].append((place, name))
    return cases


def some_name(story: Story, names: Sequence[str]) -> str:
    """They go round the stories, so that each is met."""
    return names[stories().index(story) % len(names)]


def some_place(story: Story, name: str, calls: int) -> int:
    """One of so many calls."""
    return Random(f"{story.name} {name}").randrange(calls)
