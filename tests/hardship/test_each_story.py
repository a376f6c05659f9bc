"""Every certification story with a hardship at one call of the station: its answer is lost, late, twice, empty, or an
error; its message is never processed at all; or a question of the central system is on the wire together with it.

In the ordinary run each story meets one or two, and each hardship is met by some story; with EVSED_LONG_TESTS each is
met in each situation of a call, which takes about half an hour of one core.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from evsed.core.notices import UNKNOWN_THERE
from tests.hardship.blows import FOR_EVER, ONCE, PLACES, QUESTIONS, Crossed, Hardship, Struck, Together
from tests.hardship.picks import LONG, Alike, Case, every_case, situations, some_name, some_place
from tests.hardship.story import Story, stories
from tests.hardship.walk import walked
from tests.world.csms import ERROR_CODES

CROSSINGS = {f"{number} {order}": (QUESTIONS[number], order) for number in range(len(QUESTIONS)) for order in PLACES}
LIKELY_CALLS = 7


def an_answer_is_lost_late_repeated_or_an_error(place: int, name: str) -> Hardship:
    return Struck(place, ONCE[name])


def a_message_is_never_processed(place: int, name: str) -> Hardship:
    """It is given up after TransactionMessageAttempts, and all others arrive."""
    return Struck(place, FOR_EVER[name], always=True)


def a_question_crosses_a_call_of_the_station(place: int, name: str) -> Hardship:
    return Crossed(place, *CROSSINGS[name])


def _alike(name: str) -> str:
    """Only a notice tells error codes from one another (evsed/core/notices.py)."""
    return "an error" if name in ERROR_CODES and name not in UNKNOWN_THERE else name


def _by(common: Callable[[str], str], names: dict[str, object]) -> Alike:
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(common(name), []).append(name)
    return alike


Make = Callable[[int, str], Hardship]

KINDS: dict[Make, Alike] = {
    an_answer_is_lost_late_repeated_or_an_error: _by(_alike, dict(ONCE)),
    a_message_is_never_processed: _by(str, dict(FOR_EVER)),
    a_question_crosses_a_call_of_the_station: _by(lambda name: name.split()[0], dict(CROSSINGS)),
}


@cache
def _cases(make: Make) -> dict[Story, list[Case]]:
    return every_case(KINDS[make])


def _some(story: Story, *makes: Make) -> None:
    """Of each kind one, together; how many calls there are is known when they are over."""
    names = {make: some_name(story, [name for names in KINDS[make].values() for name in names]) for make in makes}
    calls, late = dict.fromkeys(makes, LIKELY_CALLS), list(makes)
    while late:
        each = {make: make(some_place(story, name, calls[make]), name) for make, name in names.items()}
        walk = walked(story, Together(*each.values()), str({name: each[make].place for make, name in names.items()}))
        late = [make for make, hardship in each.items() if not hardship.fell]
        calls |= {make: max(1, min(walk.calls, each[make].place)) for make in late}


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.name)
def test_whatever_befalls_one_call_the_books_come_right(story: Story) -> None:
    if not LONG:
        _some(story, an_answer_is_lost_late_repeated_or_an_error, a_question_crosses_a_call_of_the_station)
        if stories().index(story) % 3 == 0:
            _some(story, a_message_is_never_processed)
        return
    for make in KINDS:
        for place, name in _cases(make)[story]:
            hardship = make(place, name)
            walked(story, hardship, f"{make.__name__} {place} {name}")
            assert hardship.fell


def test_a_sample_of_a_transaction_meets_all_that_befalls_an_answer() -> None:
    """Few stories have one."""
    story = next(story for story in stories() if "070_sampled" in story.name)
    place = next(place for place, found in enumerate(situations(story)) if found.action == "MeterValues")
    for make in (an_answer_is_lost_late_repeated_or_an_error, a_message_is_never_processed):
        for name in (name for names in KINDS[make].values() for name in names):
            walked(story, make(place, name), f"{make.__name__} {place} {name}")


def test_each_hardship_is_met_by_some_story() -> None:
    assert len(CROSSINGS) <= len(stories())
    if LONG:
        for make, alike in KINDS.items():
            met = {name for cases in _cases(make).values() for _, name in cases}
            assert met == {name for names in alike.values() for name in names}
