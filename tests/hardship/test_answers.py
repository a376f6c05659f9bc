"""Every certification story with an answer of the central system lost, late, twice, empty, or each error in its place.

In the ordinary run a few such for each story; with EVSED_LONG_TESTS each of them at each answer, a quarter of an hour.
"""

from __future__ import annotations

from tests.hardship.blows import FOR_EVER, ONCE, Struck
from tests.hardship.picks import each_story, picked
from tests.hardship.story import Story
from tests.hardship.walk import walked


@each_story
def test_an_answer_is_lost_late_repeated_or_an_error(story: Story) -> None:
    for place, name in picked(story, ONCE):
        blow = Struck(place, ONCE[name])
        walked(story, blow, f"answer {place} is {name}")
        assert blow.fell


@each_story
def test_a_message_is_never_processed(story: Story) -> None:
    """It is given up after TransactionMessageAttempts, and all others arrive."""
    for place, name in picked(story, FOR_EVER, few=1):
        blow = Struck(place, FOR_EVER[name], always=True)
        walked(story, blow, f"each answer to message {place} is {name}")
        assert blow.fell
