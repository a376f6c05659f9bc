"""Calls of both sides cross: a question of the central system is on the wire together with a call of the station.

In the ordinary run a few such for each certification story; with EVSED_LONG_TESTS each question at each call of the
station, before its answer, long before it and right after it, which takes an hour.
"""

from __future__ import annotations

from tests.hardship.blows import PLACES, QUESTIONS, Crossed
from tests.hardship.picks import each_story, picked
from tests.hardship.story import Story
from tests.hardship.walk import walked

KINDS = {f"{number} {order}": (QUESTIONS[number], order) for number in range(len(QUESTIONS)) for order in PLACES}


@each_story
def test_a_question_crosses_a_call_of_the_station(story: Story) -> None:
    for place, kind in picked(story, KINDS, few=1):
        question, order = KINDS[kind]
        crossed = Crossed(place, question, order)
        walked(story, crossed, f"{question} {order} {place}")
        assert crossed.fell
