"""Which hardships a story meets: a few that are the same in each run, or with EVSED_LONG_TESTS every one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from random import Random

import pytest

from tests.hardship.story import Story, stories
from tests.hardship.walk import walked

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
FEW = 2
each_story = pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)


@cache
def calls(story: Story) -> int:
    """How often the station asks when nothing befalls it, and no step of the story goes astray."""
    walk = walked(story, lambda walk, csms: None)
    assert walk.astray == []
    return walk.calls


def picked(story: Story, kinds: Iterable[str], few: int = FEW) -> Sequence[tuple[int, str]]:
    """At which call of the station, and what."""
    every = list(product(range(calls(story)), kinds))
    return every if LONG else Random(f"{story.name} {every[-1]}").sample(every, min(few, len(every)))
