"""One charge, and two questions of the central system, in every order in which their frames can pass the wire.

Each side's frames keep their order among themselves where the protocol binds them: an answer follows its call, and
the station has one call open. All else is free: a question comes in the rest before any call of the station, while it
is open, or after its answer. In the ordinary run some such orders; with EVSED_LONG_TESTS all of them, for each pair of
questions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from random import Random

import pytest

from tests.hardship.blows import QUESTIONS, Question, ask
from tests.hardship.picks import LONG
from tests.hardship.story import Make, Story
from tests.hardship.walk import Walk, walked
from tests.world.csms import Csms
from tests.world.wallbox import TAG

SOME = 3
MOST_CHOICES = 60
QUIET = {"SampledDataCtrlr.TxUpdatedInterval": "0", "AlignedDataCtrlr.Interval": "0"}
ACTIONS = (
    "ChangeAvailability",
    "GetConfiguration",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "Reset",
    "SetChargingProfile",
    "TriggerMessage",
    "UnlockConnector",
)

Choose = Callable[[int], int]


class Postman:
    """Carries one frame at a time; which one is `choose`n where there is a choice."""

    def __init__(self, csms: Csms, choose: Choose) -> None:
        self._csms, self._choose = csms, choose
        self._connection = 0
        self._questions: list[str] = []
        self._answers: list[str] = []
        self._waits = self._carried = self._done = False

    def __call__(self, frames: list[str]) -> list[str]:
        """What reaches the station now, of what the central system said until now."""
        if self._connection != self._csms.connections:  # what the last one held is lost with it
            self._connection = self._csms.connections
            self._questions, self._answers = [], []
        for frame in frames:
            (self._questions if json.loads(frame)[0] == 2 else self._answers).append(frame)
        if self._done:
            return self._all()
        self._waits = self._waits and not self._answers
        self._carried = not self._carried and not self._waits and bool(self._answers or self._questions)
        return [self._next()] if self._carried and not self._may_wait() else []  # the station has a turn after each

    def done(self) -> None:
        """No choices any more."""
        self._done = True

    def _may_wait(self) -> bool:
        """A question may wait until the station calls again."""
        self._waits = not self._answers and self._choose(2) == 0
        return self._waits

    def _next(self) -> str:
        if not self._questions or (self._answers and self._choose(2) == 0):
            return self._answers.pop(0)
        return self._questions.pop(0)

    def _all(self) -> list[str]:
        waiting = self._questions + self._answers
        self._questions, self._answers = [], []
        return waiting


def every_choice() -> Iterator[Choose]:
    """Choices that differ from run to run, until none is left."""
    path: list[tuple[int, int]] = []
    while True:
        taken = 0

        def choose(ways: int) -> int:
            nonlocal taken
            taken += 1
            if taken > MOST_CHOICES:
                return ways - 1
            if taken > len(path):
                path.append((0, ways))
            return path[taken - 1][0]

        yield choose
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return
        way, ways = path.pop()
        path.append((way + 1, ways))


def some_choices(name: str) -> Iterator[Choose]:
    """A few, the same in each run."""
    for number in range(SOME):
        chance = Random(f"{name} {number}")
        yield lambda ways, chance=chance: chance.randrange(ways)  # type: ignore[misc]


def charge(make: Make) -> None:
    """A card, a car, a charge, a card."""
    world = make(presets=QUIET)
    world.advance(5)
    world.order("swipe", TAG)
    world.order("plug-in", "--cable", "20")
    world.advance(15)
    world.order("swipe", TAG)
    world.advance(15)
    assert isinstance(world.csms.post, Postman)
    world.csms.post.done()
    world.advance(2)


STORY = Story("a charge", charge, {}, {}, [], {})
PAIRS = list(permutations([question for question in QUESTIONS if question[0] in ACTIONS], 2))


def pass_by(choose: Choose, pair: tuple[Question, Question]) -> None:
    """The story, with one choice of the order."""

    def befall(walk: Walk, csms: Csms) -> None:
        csms.post = Postman(csms, choose)
        for question in pair:
            ask(walk, csms, question)

    walked(STORY, befall, words(pair))


def words(pair: tuple[Question, Question]) -> str:
    """The pair, in short."""
    return "-then-".join(f"{action}-{QUESTIONS.index((action, payload))}" for action, payload in pair)


@pytest.mark.parametrize("pair", PAIRS if LONG else Random(1).sample(PAIRS, 30), ids=words)
def test_frames_pass_in_every_order(pair: tuple[Question, Question]) -> None:
    for choose in every_choice() if LONG else some_choices(words(pair)):
        pass_by(choose, pair)


def test_every_choice_is_made_once() -> None:
    seen = [tuple(choose(ways) for ways in (2, 3)) for choose in every_choice()]
    assert seen == [(first, then) for first in range(2) for then in range(3)]
