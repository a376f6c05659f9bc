"""Charging profiles in a station with several outlets, and what is told of what will be offered."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evsed.core import events as ev
from evsed.core.profiles import Kind, Purpose, RateUnit
from evsed.core.words import Status, Token, Verdict
from tests.evsed.core.box_world import OTHER, TAG, World
from tests.evsed.core.smart_charging_kit import composite, demanded, periods, sets
from tests.evsed.core.stories import charging

W = RateUnit.WATTS


# --- several outlets -----------------------------------------------------------------------------------------


def shares(world: World) -> tuple[int, int]:
    return demanded(world, 1), demanded(world, 2)


def joins(world: World, evse: int) -> None:
    """Another car comes and asks."""
    world.plug_in(evse)
    world.swipe(OTHER, evse)
    world.answer_all()
    world.wants(evse)
    world.advance(2)
    world.answer_all()


def leaves(world: World, evse: int, token: Token = TAG) -> None:
    """A charge is ended by its card."""
    world.swipe(token, evse)
    world.advance(10)
    world.answer_all()


def two_outlets(amps: float) -> World:
    """A station with two outlets and one limit for both."""
    world = World(outlets=2).online()
    sets(world, (0, amps), id=99, evse=0, purpose=Purpose.STATION_MAX)
    return world


def test_two_charges_share_the_maximum_of_the_station() -> None:
    world = charging(two_outlets(20), 1)
    assert shares(world) == (16_000, 0)
    joins(world, 2)
    assert shares(world) == (10_000, 10_000)
    assert sets(world, (0, 7), evse=2) is Verdict.ACCEPTED
    world.advance(2)
    assert shares(world) == (13_000, 7_000)
    leaves(world, 1)
    assert shares(world) == (0, 7_000)


def test_a_newcomer_waits_until_the_others_have_come_down() -> None:
    world = charging(two_outlets(16), 1)
    world.bays[1].follow = lambda: None  # type: ignore[method-assign]  # hal spaces its changes
    world.plug_in(2)
    world.swipe(OTHER, 2)
    world.answer_all()
    assert shares(world) == (8_000, 0)
    assert world.demands[2].closes is False
    del world.bays[1].follow
    world.advance(2)
    assert shares(world) == (8_000, 8_000)


def test_what_one_leaves_the_others_have_when_its_contactor_is_open() -> None:
    world = charging(two_outlets(20), 1)
    joins(world, 2)
    world.bays[1].contactor_sticks = True
    world.swipe(TAG, 1)
    world.advance(2)
    assert shares(world) == (0, 10_000)  # not more, and not less either: a car has its seconds
    world.bays[1].car_draws = False
    world.advance(2)
    assert shares(world) == (0, 10_000)
    world.bays[1].contactor_sticks = False
    world.advance(2)
    assert shares(world) == (0, 16_000)


def test_a_maximum_that_falls_below_what_two_have_brings_both_down_and_pauses_none() -> None:
    world = World(outlets=2, installer_ma=32_000).online()
    charging(world, 1)
    joins(world, 2)
    assert shares(world) == (32_000, 32_000)
    seen: list[tuple[int, ...]] = []
    sets(world, (0, 16), evse=0, purpose=Purpose.STATION_MAX)
    for _ in range(30):
        seen.append(shares(world))
        world.advance(1)
    assert set(seen) == {(8_000, 8_000)}
    assert world.status(1) is Status.CHARGING and world.status(2) is Status.CHARGING


def test_who_does_not_come_down_in_time_costs_the_other_what_is_missing() -> None:
    world = charging(two_outlets(32), 1)
    joins(world, 2)
    assert shares(world) == (16_000, 16_000)
    world.bays[1].follow = lambda: None  # type: ignore[method-assign]
    sets(world, (0, 16), id=99, evse=0, purpose=Purpose.STATION_MAX)
    world.advance(11)
    assert shares(world) == (8_000, 8_000)
    world.advance(2)
    assert shares(world) == (8_000, 0)  # 16 A are taken


def test_while_there_is_not_enough_for_two_the_first_one_charges() -> None:
    world = charging(two_outlets(11), 1)
    joins(world, 2)
    assert shares(world) == (11_000, 0)
    assert world.status(2) is Status.SUSPENDED_EVSE
    leaves(world, 1)
    assert shares(world) == (0, 11_000)
    assert world.status(2) is Status.CHARGING


def test_who_was_first_is_remembered_over_a_power_cut() -> None:
    world = charging(two_outlets(11), 2)
    joins(world, 1)
    assert shares(world) == (0, 11_000)
    world.power_cut()
    world.online()
    world.advance(20)
    assert shares(world) == (0, 11_000)


def test_a_car_on_more_phases_than_were_said_is_held_to_the_watts() -> None:
    world = charging()
    sets(world, (0, 7_360, 1), unit=W)
    world.advance(2)
    assert demanded(world) == 10_666
    sets(world, (0, 3_680, 1), unit=W)
    world.advance(60)  # 5.3 A: it pauses, and does not try again and again
    assert world.demands[1].closes is False
    assert world.status() is Status.SUSPENDED_EVSE


def test_a_new_car_may_draw_on_all_phases_until_it_was_seen_to_do_with_fewer() -> None:
    """§7.13: watts are the total that is allowed, from the first second on."""
    world = World(installer_ma=32_000).online()
    sets(world, (0, 4_600, 1), evse=0, unit=W, purpose=Purpose.STATION_MAX)
    world.bays[1].draws_on = 1
    world.plug_in()
    world.swipe()
    world.wants()
    world.answer_all()
    world.advance(5)
    assert demanded(world) == 6_666
    world.advance(10)
    assert demanded(world) == 20_000  # one phase, as was said
    world.bays[1].draws_on = 3
    world.advance(2)
    assert demanded(world) == 6_666


@pytest.mark.parametrize("evse", [0, 1])
def test_watts_that_are_told_of_an_idle_outlet_are_within_its_limit(evse: int) -> None:
    world = World().online()
    sets(world, (0, 4_600, 1), evse=0, unit=W, purpose=Purpose.STATION_MAX)
    assert periods(composite(world, evse, unit=W)) == [(0, 4_600)]
    assert periods(composite(world, evse)) == [(0, 6.666)]


def test_the_station_and_its_outlets_are_told_alike_whatever_phases_each_car_takes() -> None:
    world = World(outlets=2, installer_ma=32_000).online()
    world.bays[1].draws_on = 1
    for evse in (1, 2):
        world.charging(evse, Token(f"CARD{evse}"))
    sets(world, (0, 9_200, 1), evse=0, unit=W, purpose=Purpose.STATION_MAX)
    sets(world, (0, 4_600), evse=1, unit=W)
    world.advance(15)
    each = [periods(composite(world, evse))[0][1] for evse in (1, 2)]
    assert periods(composite(world, 0))[0][1] == pytest.approx(sum(each)) == pytest.approx(9_200 / 690, abs=0.001)
    for evse in (0, 1, 2):
        assert periods(composite(world, evse, unit=W))[0][1] <= 9_200


def test_what_is_too_little_on_three_phases_is_promised_to_no_car_on_one() -> None:
    """1380 W said of one phase are 2 A on each phase for all while one of them draws on three: 6 A for nobody."""
    world = World(outlets=2, installer_ma=32_000).online()
    world.bays[1].draws_on = 1
    for evse in (2, 1):
        world.charging(evse, Token(f"CARD{evse}"))
    world.advance(15)
    sets(world, (0, 1_380, 1), evse=0, unit=W, purpose=Purpose.STATION_MAX)
    world.advance(15)
    offered = [world.demands[evse].max_ma if world.demands[evse].closes else 0 for evse in (1, 2)]
    assert offered == [0, 0]
    for unit in (RateUnit.AMPS, W):
        assert [periods(composite(world, evse, unit=unit))[0][1] for evse in (0, 1, 2)] == [0, 0, 0]


def test_nothing_is_left_for_one_whose_limit_is_too_little_to_be_offered() -> None:
    world = World(outlets=2, installer_ma=32_000).online()
    for evse in (1, 2):
        world.charging(evse, Token(f"CARD{evse}"))
    sets(world, (0, 32), evse=0, purpose=Purpose.STATION_MAX)
    sets(world, (0, 2), evse=2)
    world.advance(30)
    assert [demanded(world, evse) for evse in (1, 2)] == [32_000, 0]
    assert [periods(composite(world, evse))[0][1] for evse in (0, 1, 2)] == [32, 32, 0]


# --- told ----------------------------------------------------------------------------------------------------


def test_the_composite_of_a_charge_is_what_it_will_be_offered() -> None:
    world = charging()
    sets(world, (0, 40), (60, 10), (120, 5))
    answer = composite(world)
    assert answer.start_ms == world.now().wall_ms
    assert periods(answer) == [(0, 16), (60, 10), (120, 0)]
    assert (answer.evse, answer.duration_s, answer.unit) == (1, 300, RateUnit.AMPS)


def test_the_composite_of_an_idle_outlet_is_that_of_a_charge_that_begins_now() -> None:
    world = World().online()
    assert periods(composite(world)) == [(0, 16)]
    sets(world, (0, 10), (60, 8), kind=Kind.RELATIVE)
    world.advance(30)
    assert periods(composite(world)) == [(0, 10), (60, 8)]


def test_the_cable_counts_in_the_composite() -> None:
    world = World(installer_ma=32_000).online()
    world.change(1, plugged=True)
    assert periods(composite(world)) == [(0, 32)]
    world.bays[1].facts = replace(world.bays[1].facts, cable_ma=20_000)
    world.do(ev.CablePlugged(1, 20_000))
    assert periods(composite(world)) == [(0, 20)]


def test_the_composite_of_the_station_is_the_sum() -> None:
    world = charging(World(outlets=2).online(), 1)
    assert periods(composite(world, 0)) == [(0, 32)]
    sets(world, (0, 25), id=99, evse=0, purpose=Purpose.STATION_MAX)
    assert periods(composite(world, 0)) == [(0, 25)]
    assert periods(composite(world, 1)) == [(0, 16)]
    assert periods(composite(world, 2)) == [(0, 12.5)]


@pytest.mark.parametrize(("evse", "seconds"), [(2, 60), (-1, 60), (1, -1)])
def test_a_composite_that_cannot_be_told_is_rejected(evse: int, seconds: int) -> None:
    assert composite(World().online(), evse, seconds) is Verdict.REJECTED
