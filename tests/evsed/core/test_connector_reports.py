"""How statuses are reported: what is told, when, and what is left out (OCPP 1.6 §4.9)."""

from __future__ import annotations

import pytest

from evsed.core import events as ev
from evsed.core.reports import StatusChanged
from evsed.core.words import FaultNote, Status, Verdict
from tests.evsed.core.box_world import World
from tests.evsed.core.plant import HOT, SHORT_C, TRIPPED, WARM, Facts
from tests.evsed.core.stories import (
    available,
    card,
    charging,
    ends,
    finishing,
    preparing,
    refused,
)

A, P, C = Status.AVAILABLE, Status.PREPARING, Status.CHARGING
SEV, SEVSE, F = Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.FINISHING
U, X = Status.UNAVAILABLE, Status.FAULTED


# --- what is reported --------------------------------------------------------------------------------------------


def test_a_whole_session_as_the_central_system_sees_it() -> None:
    world = finishing()
    world.unplug()
    world.answer_all()
    assert world.statuses() == [A, P, C, F, A]
    assert {report.info for report in world.reports(StatusChanged)} == {""}


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


@pytest.mark.parametrize("unlocks", [True, False])
def test_finishing_lasts_as_long_as_the_bolt_holds_the_cable(unlocks: bool) -> None:
    """OCPP 1.6 §4.9 and §7.7, after the car left a transaction that ends with that, with either choice of
    UnlockConnectorOnEVSideDisconnect.
    """
    world = charging().set("UnlockConnectorOnEVSideDisconnect", unlocks)
    world.bays[1].lock_sticks = True
    world.unplug()
    world.advance(10)
    world.answer_all()
    assert world.statuses()[-2:] == [C, F]
    world.bays[1].lock_sticks = False
    world.advance(1)
    world.answer_all()
    assert world.statuses()[-1] is (A if unlocks else F)
    assert world.bays[1].facts.locked is not unlocks


def test_a_cable_that_waits_for_its_owner_is_finishing_until_it_is_gone() -> None:
    world = charging().set("UnlockConnectorOnEVSideDisconnect", False)
    world.unplug()
    world.advance(60)
    assert world.status() is F
    assert world.bays[1].facts.locked
    world.swipe()
    world.answer_all()
    assert world.statuses()[-2:] == [F, A]


def test_a_cable_that_is_free_keeps_nobody_away() -> None:
    """Many leave theirs in the socket for ever."""
    world = charging()
    world.bays[1].cable_stays = True
    world.unplug()
    world.advance(3)
    assert world.bays[1].facts.cable_ma is not None
    assert world.status() is A


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


def newest(world: World, count: int) -> list[tuple[Status, str | None]]:
    world.answer_all()
    return [(r.status, r.fault and r.fault.name) for r in world.reports(StatusChanged)][-count:]


def test_a_warning_is_told_as_it_rises_and_the_status_alone_as_it_ends() -> None:
    world = charging()
    world.fault(SHORT_C)
    assert newest(world, 2) == [(C, None), (C, "SHORT_C")]
    world.fault()
    assert newest(world, 2) == [(C, "SHORT_C"), (C, None)]


def test_what_is_told_while_a_warning_lasts_does_not_bear_it() -> None:
    world = charging()
    world.fault(SHORT_C)
    world.stops_drawing()
    assert newest(world, 2) == [(C, "SHORT_C"), (SEV, None)]
    world.fault(SHORT_C, HOT)
    world.fault(SHORT_C)
    assert newest(world, 2) == [(X, "HOT"), (SEV, None)]


def test_a_second_warning_is_told_too_and_the_end_of_either() -> None:
    world = charging()
    world.fault(SHORT_C)
    world.fault(SHORT_C, WARM)
    world.fault(WARM)
    assert newest(world, 3) == [(C, "SHORT_C"), (C, "WARM"), (C, None)]


def test_a_warning_of_before_the_connection_is_told_after_the_status() -> None:
    world = charging()
    world.disconnect()
    world.fault(SHORT_C)
    world.connect()
    assert newest(world, 1) == [(C, "SHORT_C")]
    world.power_cut()
    world.hal_up()
    world.fault(SHORT_C)
    world.connect()
    told = newest(world, 99)
    assert [fault for _, fault in told if fault] == ["SHORT_C"]
    assert told[0][1] is None


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


@pytest.mark.parametrize(("code", "again"), [(None, True), ("InternalError", False)])
def test_a_status_without_an_answer_is_told_again_over_the_next_line(code: str | None, again: bool) -> None:
    """The line was dead already, only nobody knew; a refusal, though, is an answer."""
    world = preparing()
    world.fail(code)
    before = len(world.statuses())
    world.disconnect()
    world.connect()
    world.answer_all()
    assert len(world.statuses()) == before + again
    world.disconnect()
    world.connect()
    world.answer_all()
    assert len(world.statuses()) == before + again


def test_the_stamp_is_that_of_the_event_not_of_the_sending() -> None:
    world = available()
    world.plug_in()
    at_ms = world.mono_ms
    world.unplug()
    world.advance(5)
    world.answer_all()
    assert [report.at.mono_ms for report in world.reports(StatusChanged)][-2:] == [at_ms, at_ms]


# --- while hal is silent -----------------------------------------------------------------------------------------


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
