"""Every change of status that OCPP 1.6 §4.9 names, told as a story; and how statuses are reported.

The world watches all stories, here and elsewhere: moves and reports are pairs of the table, and no outlet is Available
while a transaction is alive.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, permutations

import pytest

from evsed.core.connector import NEXT, hop
from evsed.core.words import Status
from tests.evsed.core.box_world import World
from tests.evsed.core.stories import (
    asks,
    available,
    card,
    charging,
    deaf_meter,
    ends,
    ends_without_car,
    fails,
    finishing,
    gone_for_good,
    inoperative,
    lifts,
    no_current,
    operative,
    plugs_in,
    preparing,
    recovers,
    refused,
    stops_asking,
    suspended_ev,
    told,
    unavailable,
    unplugs,
    waits,
)
from tests.evsed.core.watch import ALLOWED, CHANGES, COLUMNS

A, P, C = Status.AVAILABLE, Status.PREPARING, Status.CHARGING
SEV, SEVSE, F = Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.FINISHING
U, X = Status.UNAVAILABLE, Status.FAULTED


Story = tuple[Callable[[], World], Callable[[World], World]]
STORIES: dict[str, Story] = {
    "A2": (available, plugs_in),
    "A5": (lambda: no_current(free=True), plugs_in),
    "A8": (available, inoperative),
    "A9": (available, fails),
    "B1": (preparing, unplugs),
    "B3": (preparing, told(card, asks)),
    "B4": (preparing, told(card, waits(6))),
    "B5": (no_current, told(plugs_in, card)),
    "B6": (finishing, told(deaf_meter, card, waits(61))),
    "B9": (preparing, fails),
    "C1": (lambda: charging(World(socket=False).online()), ends_without_car),
    "C4": (charging, stops_asking),
    "C5": (refused, waits(0)),
    "C6": (charging, ends),
    "C8": (charging, told(inoperative, ends)),
    "C9": (charging, fails),
    "D1": (lambda: charging(World(socket=False).online()), gone_for_good),
    "D3": (suspended_ev, asks),
    "D5": (lambda: refused(car_asks=False), waits(0)),
    "D6": (suspended_ev, ends),
    "D8": (suspended_ev, told(inoperative, ends)),
    "D9": (suspended_ev, fails),
    "E1": (lambda: refused(socket=False), gone_for_good),
    "E3": (refused, lifts),
    "E4": (lambda: refused(car_asks=False), lifts),
    "E6": (refused, ends),
    "E8": (refused, told(inoperative, ends)),
    "E9": (refused, fails),
    "F1": (finishing, unplugs),
    "F2": (finishing, card),
    "F8": (finishing, inoperative),
    "F9": (finishing, fails),
    "H1": (unavailable, operative),
    "H2": (unavailable, told(plugs_in, operative)),
    "H5": (lambda: inoperative(no_current(free=True)), told(plugs_in, operative)),
    "H9": (unavailable, fails),
    "I1": (available, recovers),
    "I2": (preparing, recovers),
    "I3": (charging, recovers),
    "I4": (suspended_ev, recovers),
    "I5": (refused, recovers),
    "I6": (finishing, recovers),
    "I8": (unavailable, recovers),
}
NO_RESERVATION = "Reserved belongs to the Reservation profile"
TAKES_ITS_TIME = "a contactor or a car that does not ask takes its time, and meanwhile the outlet is Preparing"
NOT_REACHED = {
    **dict.fromkeys(("A7", "G1", "G2", "G8", "G9", "I7"), NO_RESERVATION),
    **dict.fromkeys(("A3", "A4", "H3", "H4"), TAKES_ITS_TIME),
}


@pytest.mark.parametrize("event", STORIES)
def test_each_event_of_the_table_is_told_as_the_table_has_it(event: str) -> None:
    before, then = STORIES[event]
    world = then(before())
    world.answer_all()
    assert CHANGES[event] in pairwise(world.statuses())


def test_every_event_has_a_story_or_a_reason() -> None:
    assert {*STORIES, *NOT_REACHED} == set(CHANGES)
    assert not {*STORIES} & {*NOT_REACHED}


def test_the_table_is_that_of_the_specification() -> None:
    assert {(before, after) for before, goals in NEXT.items() for after in goals} == ALLOWED


@pytest.mark.parametrize(("before", "goal"), list(permutations(COLUMNS, 2)))
def test_every_pair_is_joined_by_allowed_changes(before: Status, goal: Status) -> None:
    way = [before]
    while way[-1] is not goal:
        way.append(hop(way[-1], goal))
        assert len(way) <= 3
    assert set(pairwise(way)) <= ALLOWED
