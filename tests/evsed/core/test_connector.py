"""Every change of status that OCPP 1.6 §4.9 names, told as a story; and how statuses are reported.

The world watches all stories, here and elsewhere: moves and reports are pairs of the table, and no outlet is Available
while a transaction is alive.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, permutations

import pytest

from evsed.core import events as ev
from evsed.core.connector import NEXT, hop
from evsed.core.reports import StatusChanged, TransactionStarted
from evsed.core.words import FaultNote, Status, TokenStatus, Verdict
from tests.evsed.core.box_world import World
from tests.evsed.core.plant import HOT, SHORT_C, TRIPPED, Facts
from tests.evsed.core.watch import ALLOWED, CHANGES, COLUMNS

A, P, C = Status.AVAILABLE, Status.PREPARING, Status.CHARGING
SEV, SEVSE, F = Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.FINISHING
U, X = Status.UNAVAILABLE, Status.FAULTED

TOO_LITTLE_MA = 5_000

# --- how the states are reached --------------------------------------------------------------------------------


def available() -> World:
    return World().online()


def preparing() -> World:
    world = available()
    world.plug_in()
    return world


def charging(socket: bool = True) -> World:
    world = World(socket=socket).online().charging()
    world.advance(0.5)  # the newest reading is older than what follows
    return world


def suspended_ev() -> World:
    world = charging()
    world.stops_drawing()
    return world


def refused(car_asks: bool = True, socket: bool = True) -> World:
    """The central system refuses the card of the running transaction, which may stay."""
    world = World(socket=socket).online().set("StopTransactionOnInvalidId", False)
    world.plug_in()
    world.swipe()
    world.wants()
    world.verdicts[TransactionStarted] = ev.TokenAnswer(TokenStatus.BLOCKED)
    world.until(TransactionStarted)
    if not car_asks:
        world.stops_drawing()
    world.answer_all()
    world.advance(0.5)
    return world


def finishing() -> World:
    return ends(charging())


def unavailable() -> World:
    return inoperative(available())


# --- what leads away from them ---------------------------------------------------------------------------------


def plugs_in(world: World) -> World:
    world.plug_in()
    return world


def unplugs(world: World) -> World:
    world.unplug()
    return world


def asks(world: World) -> World:
    world.wants()
    return world


def stops_asking(world: World) -> World:
    world.stops_drawing()
    return world


def card(world: World) -> World:
    world.swipe()
    world.answer_all()
    return world


def ends(world: World) -> World:
    """The card that started it ends it; the next reading lets it be written."""
    world.swipe()
    world.advance(2)
    return world


def ends_without_car(world: World) -> World:
    """The car leaves between the card and the reading."""
    world.swipe()
    world.unplug()
    world.advance(2)
    return world


def fails(world: World) -> World:
    world.fault(HOT)
    return world


def recovers(world: World) -> World:
    world.fault(HOT)
    world.advance(3)
    world.fault()
    world.advance(6)
    return world


def inoperative(world: World) -> World:
    world.asks(ev.AvailabilityRequested(world.ref(), 1, False))
    return world


def operative(world: World) -> World:
    world.asks(ev.AvailabilityRequested(world.ref(), 1, True))
    return world


def lifts(world: World) -> World:
    """The restriction of a refused card is lifted."""
    return world.set("MaxEnergyOnInvalidId", 100_000)


def gone_for_good(world: World) -> World:
    """The car leaves a transaction that outlives it, then the card is shown."""
    world.set("StopTransactionOnEVSideDisconnect", False)
    world.unplug()
    world.advance(0.5)
    return ends(world)


def waits(seconds: int) -> Callable[[World], World]:
    def wait(world: World) -> World:
        world.advance(seconds)
        return world

    return wait


def told(*steps: Callable[[World], World]) -> Callable[[World], World]:
    def story(world: World) -> World:
        for step in steps:
            world = step(world)
        return world

    return story


def no_current(free: bool = False) -> World:
    """The installer allows less than a pilot can say."""
    return World(free=free, installer_ma=TOO_LITTLE_MA).online()


def deaf_meter(world: World) -> World:
    world.bays[1].meter_works = False
    world.advance(6)
    return world


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
    "C1": (lambda: charging(socket=False), ends_without_car),
    "C4": (charging, stops_asking),
    "C5": (refused, waits(0)),
    "C6": (charging, ends),
    "C8": (charging, told(inoperative, ends)),
    "C9": (charging, fails),
    "D1": (lambda: charging(socket=False), gone_for_good),
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


# --- what is reported ------------------------------------------------------------------------------------------


def test_a_whole_session_as_the_central_system_sees_it() -> None:
    world = finishing()
    world.unplug()
    world.answer_all()
    assert world.statuses() == [A, P, C, F, A]


def test_a_car_that_leaves_a_transaction_that_may_not_outlive_it() -> None:
    world = charging()
    world.unplug()
    world.answer_all()
    report = world.last(StatusChanged)
    assert (report.status, report.fault, report.info) == (F, None, "EV side disconnected")
    world.advance(2)
    world.answer_all()
    report = world.last(StatusChanged)
    assert (report.status, report.info) == (A, "")


def test_a_cable_that_waits_for_its_owner_is_finishing_until_it_is_gone() -> None:
    world = charging().set("UnlockConnectorOnEVSideDisconnect", False)
    world.unplug()
    world.advance(60)
    assert world.status() is F
    assert world.bays[1].facts.locked
    world.swipe()
    world.answer_all()
    assert world.statuses()[-2:] == [F, A]


def test_a_car_that_leaves_a_transaction_that_outlives_it_and_comes_back() -> None:
    world = charging().set("StopTransactionOnEVSideDisconnect", False)
    world.unplug()
    world.advance(10)
    world.answer_all()
    report = world.last(StatusChanged)
    assert (report.status, report.fault, report.info) == (SEV, None, "EV side disconnected")
    world.plug_in()
    world.wants()
    world.answer_all()
    assert (world.last(StatusChanged).status, world.last(StatusChanged).info) == (C, "")


def test_where_both_sides_suspend_it_is_the_evse() -> None:
    world = refused(car_asks=False)
    assert world.status() is SEVSE


def test_a_car_that_asks_in_vain_is_suspended_by_the_evse() -> None:
    """Permission and offer stand, but the contactor stays open: here the bolt does not lock."""
    world = preparing()
    world.bays[1].lock_sticks = True
    card(world)
    world.wants()
    world.advance(6)
    assert world.status() is SEVSE


def test_faulted_names_the_fault_and_its_change() -> None:
    world = charging()
    world.fault(HOT)
    world.fault(TRIPPED, HOT)
    world.fault(HOT)
    world.answer_all()
    assert [(r.status, r.fault) for r in world.reports(StatusChanged)][-3:] == [(X, HOT), (X, TRIPPED), (X, HOT)]


def test_a_warning_is_no_fault() -> None:
    world = charging()
    world.fault(SHORT_C)
    world.answer_all()
    assert world.statuses()[-1] is C


def test_a_fault_that_the_transaction_does_not_outlive_leads_to_where_the_outlet_then_is() -> None:
    world = charging()
    world.fault(HOT)
    world.swipe()
    world.advance(2)
    world.fault()
    world.answer_all()
    assert world.statuses()[-2:] == [X, F]


def test_a_permission_without_cable_ends_after_the_connection_timeout() -> None:
    world = card(available())
    assert world.status() is P
    world.advance(59)
    assert world.status() is P
    world.advance(1)
    assert world.status() is A


def test_preparing_without_a_card_lasts() -> None:
    """Home systems read Finishing as "unplug first", so a cable without a card stays Preparing."""
    world = preparing()
    world.advance(600)
    assert world.status() is P


def test_unavailable_begins_when_the_transaction_is_over() -> None:
    world = charging()
    assert world.asks(ev.AvailabilityRequested("later", 1, False)) is Verdict.SCHEDULED
    assert world.status() is C
    ends(world)
    assert world.status() is U


def test_a_status_shorter_than_the_minimum_is_not_told() -> None:
    world = charging().set("MinimumStatusDuration", 10)
    for _ in range(3):
        world.stops_drawing()
        world.advance(2)
        world.wants()
        world.advance(2)
    world.answer_all()
    assert world.statuses()[-1] is C
    assert SEV not in world.statuses()
    world.stops_drawing()
    world.advance(9)
    world.answer_all()
    assert SEV not in world.statuses()
    world.advance(1)
    world.answer_all()
    assert world.statuses()[-1] is SEV


def test_after_a_gap_only_the_present_is_told_and_only_if_it_is_new() -> None:
    world = charging()
    before = len(world.reports(StatusChanged))
    world.disconnect()
    world.stops_drawing()
    world.wants()
    world.connect()
    world.answer_all()
    assert len(world.reports(StatusChanged)) == before
    world.disconnect()
    ends(world)
    world.unplug()
    world.connect()
    world.answer_all()
    assert world.statuses()[-2:] == [C, A]
    assert len(world.reports(StatusChanged)) == before + 1


def test_a_status_that_was_on_its_way_when_the_link_broke_is_told_again() -> None:
    world = preparing()
    assert isinstance(world.open.report if world.open else None, StatusChanged)
    world.disconnect()
    world.connect()
    world.answer_all()
    assert world.statuses()[-1] is P


def test_the_stamp_is_that_of_the_event_not_of_the_sending() -> None:
    world = available()
    world.plug_in()
    at_ms = world.mono_ms
    world.unplug()
    world.advance(5)
    world.answer_all()
    assert [report.at.mono_ms for report in world.reports(StatusChanged)][-2:] == [at_ms, at_ms]


# --- while hal is silent ---------------------------------------------------------------------------------------


def test_hal_silent_is_a_fault_of_station_and_outlets_and_ends_where_it_began() -> None:
    world = charging()
    world.advance(5)
    world.hal_down()
    world.answer_all()
    assert world.statuses()[-1] is X
    assert world.statuses(0)[-1] is X
    assert world.last(StatusChanged).fault is not None
    world.advance(3)
    world.hal_up()
    world.answer_all()
    assert world.statuses()[-2:] == [X, C]
    assert world.statuses(0)[-2:] == [X, A]


def test_what_hal_said_before_it_fell_silent_is_not_believed() -> None:
    """The car stopped asking while hal was away; nobody says so when hal is back."""
    world = charging()
    world.hal_down()
    world.answer_all()
    world.bays[1].facts = Facts(plugged=True, locked=True)
    world.hal_up()
    world.advance(6)
    world.answer_all()
    assert world.statuses()[-1] is SEV


def test_nothing_is_told_of_an_outlet_before_hal_has_told_all() -> None:
    """The board comes late, when we are already accepted, with a car plugged in."""
    world = World()
    world.connect()
    world.advance(6)
    world.answer_all()
    assert world.statuses(0) == [X]
    world.bays[1].facts = Facts(plugged=True, locked=False)
    world.hal_up()
    world.answer_all()
    assert world.statuses()[-1] is P
    assert A not in world.statuses()[1:]


def test_an_outlet_whose_hal_lives_but_board_has_a_new_fault_says_so() -> None:
    world = World()
    world.bays[1].facts = Facts(faults=(HOT,), locked=False)
    world.online()
    assert world.statuses() == [X]
    assert isinstance(world.last(StatusChanged).fault, FaultNote)
