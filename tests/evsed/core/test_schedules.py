"""What charging profiles together allow, and until when: one profile, stacks and purposes, the composite schedule."""

from __future__ import annotations

import pytest

from evsed.core.profiles import DAY_MS, CompositePeriod, InstalledProfile, Kind, Purpose, RateUnit, Recurrency
from evsed.core.schedules import MOST_STEPS, Allowance, Claim, Scene, composite, limits_at
from tests.evsed.core.profile_kit import (
    DAY_S,
    HOUR_S,
    NOON,
    WEEK_S,
    installed,
)
from tests.evsed.core.schedule_kit import HOUR_MS, LOCAL_MA, W, book, held_until, ma, scene, table

# --- one profile ---------------------------------------------------------------------------------------------


def test_without_a_profile_nothing_limits() -> None:
    assert limits_at(scene(), NOON) == ({1: Allowance(None)}, None)


def test_a_period_lasts_until_the_next_and_the_last_one_for_ever() -> None:
    steps = installed((0, 16), (60, 10), (120, 8))
    assert [ma(steps, after_s=s) for s in (0, 59.999, 60, 119.999)] == [16_000, 16_000, 10_000, 10_000]
    assert [ma(steps, after_s=s) for s in (120, 1e9)] == [8_000, 8_000]
    assert [held_until(steps, after_s=s) for s in (0, 60, 120)] == [60, 120, None]


def test_before_its_start_and_after_its_duration_a_profile_says_nothing() -> None:
    hour = installed((0, 10), duration_s=HOUR_S)
    assert [ma(hour, after_s=s) for s in (-0.001, 0, HOUR_S - 0.001, HOUR_S)] == [None, 10_000, 10_000, None]
    assert [held_until(hour, after_s=s) for s in (-5, 0, HOUR_S)] == [0, HOUR_S, None]


def test_periods_past_the_duration_are_not_run() -> None:
    late = installed((0, 10), (HOUR_S, 6), duration_s=HOUR_S)  # §5.16.4
    assert ma(late, after_s=HOUR_S) is None


def test_it_is_valid_from_one_moment_until_just_before_the_other() -> None:
    term = installed((0, 10), valid_from_ms=NOON + 5_000, valid_to_ms=NOON + 9_000)
    assert [ma(term, after_s=s) for s in (4.999, 5, 8.999, 9)] == [None, 10_000, 10_000, None]
    assert [held_until(term, after_s=s) for s in (0, 5, 9)] == [5, 9, None]


def test_a_relative_profile_counts_from_the_start_of_the_charge() -> None:
    steps = installed((0, 16), (60, 10), kind=Kind.RELATIVE)
    assert ma(steps, began_ms=NOON - 59_000) == 16_000
    assert ma(steps, began_ms=NOON - 60_000) == 10_000


def test_an_absolute_profile_without_a_start_counts_from_the_start_of_the_charge() -> None:
    assert ma(installed((0, 16), (60, 10), start_ms=None), began_ms=NOON - 60_000) == 10_000  # §7.13


def test_a_relative_maximum_of_the_station_counts_from_its_setting() -> None:
    maximum = installed((0, 16), (60, 10), evse=0, purpose=Purpose.STATION_MAX, kind=Kind.RELATIVE)
    assert [ma(maximum, after_s=s, began_ms=NOON - DAY_MS) for s in (59, 60)] == [16_000, 10_000]


@pytest.mark.parametrize(("recurrency", "every_s"), [(Recurrency.DAILY, DAY_S), (Recurrency.WEEKLY, WEEK_S)])
def test_a_recurring_profile_begins_anew(recurrency: Recurrency, every_s: int) -> None:
    """Errata 3.79: at the same time as in startSchedule, whatever the calendar says."""
    night = installed((0, 16), (8 * HOUR_S, 6), kind=Kind.RECURRING, recurrency=recurrency, start_ms=NOON + HOUR_MS)
    first = HOUR_S
    for start in (first, first + every_s, first + 100 * every_s):
        assert ma(night, after_s=start) == 16_000
        assert ma(night, after_s=start + 8 * HOUR_S) == 6_000
    assert ma(night, after_s=first + every_s - 0.001) == 6_000
    assert ma(night, after_s=0) is None  # not before its start


def test_between_two_recurrences_there_is_a_gap() -> None:
    """Errata 3.43."""
    morning = installed((0, 6), duration_s=HOUR_S, kind=Kind.RECURRING, recurrency=Recurrency.DAILY)
    lower = installed((0, 13), id=2, level=0)
    higher = installed((0, 6), id=1, level=1, duration_s=HOUR_S, kind=Kind.RECURRING, recurrency=Recurrency.DAILY)
    assert [ma(morning, after_s=s) for s in (0, HOUR_S, DAY_S)] == [6_000, None, 6_000]
    assert [ma(higher, lower, after_s=s) for s in (0, HOUR_S, DAY_S)] == [6_000, 13_000, 6_000]
    assert [held_until(higher, lower, after_s=s) for s in (0, HOUR_S)] == [HOUR_S, DAY_S]


def test_what_is_longer_than_the_recurrence_is_not_run() -> None:
    """Errata 3.44."""
    long = installed(
        (0, 16), (DAY_S, 6), duration_s=2 * DAY_S, kind=Kind.RECURRING, recurrency=Recurrency.DAILY, level=1
    )
    assert [ma(long, after_s=s) for s in (0, DAY_S - 1, DAY_S, 3 * DAY_S)] == [16_000] * 4


def test_the_example_of_the_specification() -> None:
    """§3.13.7: at most 6 kW between 8 and 20 o'clock."""
    midnight = NOON - 12 * HOUR_MS
    day = installed(
        (0, 11_000, 3),
        (8 * HOUR_S, 6_000, 3),
        (20 * HOUR_S, 11_000, 3),
        unit=W,
        kind=Kind.RECURRING,
        recurrency=Recurrency.DAILY,
        start_ms=midnight - 365 * DAY_MS,
        duration_s=DAY_S,
    )
    told = table(day, seconds=DAY_S, unit=W)
    assert told == [(0, 6_000), (8 * HOUR_S, 11_000), (20 * HOUR_S, 6_000)]


# --- stacks and purposes -------------------------------------------------------------------------------------


def test_the_highest_level_that_says_something_prevails() -> None:
    stack = [
        installed((0, 10), id=1, level=0),
        installed((0, 20), id=2, level=1, duration_s=60),
        installed((0, 6), id=3, level=2, start_ms=NOON + 30_000, duration_s=10),
    ]
    assert table(*stack, seconds=100) == [(0, 20), (30, 6), (40, 20), (60, 10)]


def test_a_high_level_without_a_duration_never_gives_way() -> None:
    """Errata 3.7."""
    assert table(installed((0, 10), level=0), installed((0, 20), id=2, level=1), seconds=DAY_S) == [(0, 20)]


def test_a_replacement_that_is_valid_later_leaves_the_default_until_then() -> None:
    """§3.13.2."""
    before, after = installed((0, 10)), installed((0, 6), id=2, valid_from_ms=NOON + 60_000)
    assert table(before, after, seconds=100) == [(0, LOCAL_MA / 1_000), (60, 6)]


def test_a_transactions_own_profile_overrules_the_default_one_even_upwards() -> None:
    default = installed((0, 6), level=9)
    own = installed((0, 16), id=2, purpose=Purpose.TX, tx="tx", level=0)
    assert ma(default, own) == 16_000


def test_the_default_of_one_outlet_stands_in_for_that_of_all_there_only() -> None:
    filled = book([installed((0, 6), evse=0, level=3), installed((0, 16), evse=1, id=2, level=3)])
    claims = tuple(Claim(evse, filled.of_outlet(evse, None), NOON, LOCAL_MA) for evse in (1, 2))
    limits, _ = limits_at(Scene(claims), NOON)
    assert {evse: allowed.ma for evse, allowed in limits.items()} == {1: 16_000, 2: 6_000}


def test_the_maximum_of_the_station_bounds_every_purpose() -> None:
    maximum = installed((0, 10), evse=0, purpose=Purpose.STATION_MAX)
    assert ma(maximum, installed((0, 16), id=2)) == 10_000
    assert ma(maximum, installed((0, 8), id=2)) == 8_000
    assert ma(maximum) == 10_000


def two_charge(*profiles: InstalledProfile, local_ma: int = LOCAL_MA, at_ms: int = NOON) -> dict[int, int | None]:
    """What two outlets are allowed; the first one was first."""
    filled = book(profiles)
    claims = tuple(Claim(evse, filled.of_outlet(evse, "tx"), NOON, local_ma) for evse in (1, 2))
    limits, _ = limits_at(Scene(claims, filled.of_station()), at_ms)
    return {evse: allowed.ma for evse, allowed in limits.items()}


def maximum(*periods: tuple[int, float] | tuple[int, float, int], unit: RateUnit = RateUnit.AMPS) -> InstalledProfile:
    return installed(*periods, evse=0, id=99, purpose=Purpose.STATION_MAX, unit=unit)


def test_the_maximum_of_the_station_is_for_the_sum_of_its_outlets() -> None:
    assert two_charge(maximum((0, 32))) == {1: 16_000, 2: 16_000}
    assert two_charge(maximum((0, 32)), installed((0, 10), evse=2)) == {1: 22_000, 2: 10_000}
    assert two_charge(maximum((0, 11))) == {1: 11_000, 2: 0}
    assert two_charge(maximum((0, 5))) == {1: 5_000, 2: 5_000}  # which is nothing for both
    assert two_charge(maximum((0, 13_800, 3), unit=W)) == {1: 10_000, 2: 10_000}


@pytest.mark.parametrize("cars", [(3, 1), (1, 3), (3, 1, 1)])
def test_cars_of_fewer_phases_take_no_more_amperes_of_the_maximum_than_it_has(cars: tuple[int, ...]) -> None:
    filled = book([maximum((0, 1_380, 1), unit=W)])  # 6 A of one phase, 2 A of three
    claims = tuple(
        Claim(evse, filled.of_outlet(evse, "tx"), NOON, LOCAL_MA, phases_used=used) for evse, used in enumerate(cars, 1)
    )
    all_of_it = Scene(claims, filled.of_station())
    limits, _ = limits_at(all_of_it, NOON)
    assert {allowed.ma for allowed in limits.values()} == {2_000}  # which is nothing for all
    told = [composite(all_of_it, evse, NOON, 10, RateUnit.AMPS, 5).periods[0].limit for evse in (1, 2)]
    assert told == [0, 0]


def test_where_all_fit_under_the_maximum_it_is_not_divided() -> None:
    assert two_charge(maximum((0, 80))) == {1: 80_000, 2: 80_000}
    assert two_charge(maximum((0, 32)), local_ma=16_000) == {1: 32_000, 2: 32_000}


def test_an_outlet_that_can_charge_nothing_takes_nothing_from_the_others() -> None:
    assert two_charge(maximum((0, 20)), installed((0, 0), evse=1)) == {1: 0, 2: 20_000}


def test_the_least_rate_of_a_car_guides_the_sharing_and_is_no_limit() -> None:
    """§3.13.4, minChargingRate."""
    assert two_charge(maximum((0, 16)), installed((0, 16), evse=1, least=10)) == {1: 10_000, 2: 6_000}
    assert ma(installed((0, 8), least=10)) == 8_000


def test_watts_become_amperes_by_the_nominal_voltage_and_the_phases_that_were_said() -> None:
    """Errata 3.69; three phases unless another number is given."""
    assert ma(installed((0, 11_040), unit=W)) == 16_000
    assert ma(installed((0, 11_040, 3), unit=W)) == 16_000
    assert ma(installed((0, 3_680, 1), unit=W)) == 16_000
    assert ma(installed((0, 11_000), unit=W)) == 15_942  # never more than was allowed


def test_a_limit_for_more_phases_than_there_are_is_not_recalculated() -> None:
    """Errata 3.34."""
    single = scene(installed((0, 11_040, 3), unit=W), wired=1)
    assert limits_at(single, NOON)[0][1] == Allowance(16_000, 3)
    assert composite(single, 1, NOON, 60, W, 9).periods == (CompositePeriod(0, 3_680_000, 3),)
    assert composite(scene(installed((0, 16, 3)), wired=1), 1, NOON, 60, W, 9).periods[0].limit == 3_680_000


def test_a_car_on_more_phases_than_were_said_draws_no_more_watts() -> None:
    one_phase = installed((0, 7_360, 1), unit=W)
    assert limits_at(scene(one_phase), NOON)[0][1].ma == 32_000
    assert limits_at(scene(one_phase, used=3), NOON)[0][1].ma == 10_666


# --- the composite schedule ----------------------------------------------------------------------------------


def test_the_composite_is_in_the_unit_that_is_asked_for() -> None:
    steps = installed((0, 16), (60, 8.1))
    assert table(steps, seconds=100) == [(0, 16), (60, 8.1)]
    assert table(steps, seconds=100, unit=W) == [(0, 11_040), (60, 5_589)]


def test_watts_come_back_as_they_were_set() -> None:
    assert table(installed((0, 11_000), unit=W), unit=W) == [(0, 11_000)]
    assert table(maximum((0, 10_000, 3), unit=W), unit=W) == [(0, 10_000)]


def test_local_limits_count() -> None:
    """§5.7."""
    assert table(installed((0, 40), (60, 10))) == [(0, 32), (60, 10)]


def test_what_cannot_be_offered_is_told_as_nothing() -> None:
    assert table(installed((0, 5.9), (60, 6), (120, 0))) == [(0, 0), (60, 6), (120, 0)]


def test_equal_neighbours_are_one_period() -> None:
    assert table(installed((0, 10), (60, 10), (120, 6))) == [(0, 10), (120, 6)]


def test_the_phases_that_were_said_are_told() -> None:
    told = composite(scene(installed((0, 10, 1), (60, 10, 3), (120, 40, 3))), 1, NOON, 200, RateUnit.AMPS, 9)
    assert [(period.start_s, period.phases) for period in told.periods] == [(0, 1), (60, 3), (120, 3)]


def test_a_change_between_two_seconds_counts_from_the_next_one() -> None:
    late = installed((0, 10), (60, 6), start_ms=NOON + 400)
    assert table(late, seconds=100) == [(0, 32), (1, 10), (61, 6)]


def test_no_duration_tells_the_present() -> None:
    assert table(installed((0, 10), (1, 6)), seconds=0) == [(0, 10)]


def test_what_needs_more_periods_than_are_told_ends_earlier() -> None:
    steps = installed(*((second, 6 + second % 2) for second in range(10)))
    told = composite(scene(steps), 1, NOON, 60, RateUnit.AMPS, 4)
    assert (len(told.periods), told.duration_s) == (4, 4)


def test_a_composite_of_endless_edges_ends_earlier() -> None:
    above_all = [(second, 40 + second // 120 % 2) for second in range(0, DAY_S, 120)]
    endless = installed(*above_all, kind=Kind.RECURRING, recurrency=Recurrency.DAILY)
    told = composite(scene(endless), 1, NOON, 10 * 365 * DAY_S, RateUnit.AMPS, 9)
    assert (len(told.periods), told.duration_s) == (1, MOST_STEPS * 120)


def test_of_a_whole_station_the_sum_is_told() -> None:
    filled = book([installed((0, 10), evse=1), installed((0, 16), evse=2, id=2)])
    claims = tuple(Claim(evse, filled.of_outlet(evse, None), NOON, LOCAL_MA) for evse in (1, 2))
    assert composite(Scene(claims), 0, NOON, 60, RateUnit.AMPS, 9).periods == (CompositePeriod(0, 26_000),)
    assert composite(Scene(claims), 0, NOON, 60, W, 9).periods == (CompositePeriod(0, 26 * 690_000),)


def test_of_a_whole_station_its_maximum_is_told_as_it_was_set() -> None:
    filled = book([maximum((0, 11_000, 3), unit=W)])
    claims = tuple(Claim(evse, (), NOON, LOCAL_MA) for evse in (1, 2, 3))
    told = composite(Scene(claims, filled.of_station()), 0, NOON, 60, W, 9)
    assert told.periods == (CompositePeriod(0, 11_000_000, 3),)
