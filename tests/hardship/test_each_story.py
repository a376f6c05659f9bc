"""Every certification story with a hardship at one call of the station: its answer is lost, late, twice, empty, or an
error; its message is never processed at all; or a question of the central system is on the wire together with it.

In the ordinary run each story meets one of each kind, and each hardship is met by some story; with EVSED_LONG_TESTS
each story meets each of them at each call, which takes more than an hour.
"""

from __future__ import annotations

import pytest

from tests.hardship.blows import FOR_EVER, ONCE, PLACES, QUESTIONS, Crossed, Struck
from tests.hardship.picks import picked
from tests.hardship.story import Story, stories
from tests.hardship.walk import walked

CROSSINGS = {f"{number} {order}": (QUESTIONS[number], order) for number in range(len(QUESTIONS)) for order in PLACES}


def an_answer_is_lost_late_repeated_or_an_error(story: Story, place: int, name: str) -> None:
    blow = Struck(place, ONCE[name])
    walked(story, blow, f"answer {place} is {name}")
    assert blow.fell


def a_message_is_never_processed(story: Story, place: int, name: str) -> None:
    """It is given up after TransactionMessageAttempts, and all others arrive."""
    blow = Struck(place, FOR_EVER[name], always=True)
    walked(story, blow, f"each answer to message {place} is {name}")
    assert blow.fell


def a_question_crosses_a_call_of_the_station(story: Story, place: int, name: str) -> None:
    question, order = CROSSINGS[name]
    crossed = Crossed(place, question, order)
    walked(story, crossed, f"{question} {order} {place}")
    assert crossed.fell


KINDS = (
    (an_answer_is_lost_late_repeated_or_an_error, tuple(ONCE)),
    (a_message_is_never_processed, tuple(FOR_EVER)),
    (a_question_crosses_a_call_of_the_station, tuple(CROSSINGS)),
)


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)
def test_whatever_befalls_one_call_the_books_come_right(story: Story) -> None:
    for befalls, names in KINDS:
        for place, name in picked(story, names):
            befalls(story, place, name)


def test_each_hardship_is_met_by_some_story() -> None:
    for _, names in KINDS:
        assert len(names) <= len(stories())
