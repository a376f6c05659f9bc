"""Which hardships a story meets: one of each kind that is the same in each run, or with EVSED_LONG_TESTS every one.

The names of a kind go round the stories, so that each is met by many; at which call of the station is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from itertools import product
from random import Random

from tests.hardship.story import Story, stories
from tests.hardship.walk import walked

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))


@cache
def calls(story: Story) -> int:
    """How often the station asks when nothing befalls it, and no step of the story goes astray."""
    walk = walked(story, lambda walk, csms: None)
    assert walk.astray == []
    return walk.calls


def picked(story: Story, names: Sequence[str], every: bool = LONG) -> Sequence[tuple[int, str]]:
    """At which call of the station, and what."""
    if every:
        return list(product(range(calls(story)), names))
    name = names[stories().index(story) % len(names)]
    return [(Random(f"{story.name} {name}").randrange(calls(story)), name)]
