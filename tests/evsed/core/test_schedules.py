from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.core.profile_book import Capacity, ProfileBook
from evsed.core.profiles import DAY_MS, CompositePeriod, InstalledProfile, Kind, Purpose, RateUnit, Recurrency
from evsed.core.schedules import LOOK_AHEAD_MS, MOST_STEPS, Allowance, Claim, Scene, composite, limits_at
from tests.evsed.core.profile_kit import (
    DAY_S,
    HOUR_S,
    NOON,
    WEEK_S,
    edges,
    installed,
    prevails,
    stacks,
    station_maximum,
)

LOCAL_MA = 32_000
HOUR_MS = HOUR_S * 1_000
W = RateUnit.WATTS
ROOMY = Capacity(level=99, installed=1_000, periods=1_000)


def book(profiles: Iterable[InstalledProfile]) -> ProfileBook:
    filled = ProfileBook((), ROOMY)
    for one in profiles:
        filled.put(one, None)
    return filled


def scene(
    *profiles: InstalledProfile,
    began_ms: int | None = NOON,
    local_ma: int = LOCAL_MA,
    dated: bool = True,
    used: int = 1,
    wired: int = 3,
) -> Scene:
    """One outlet with a transaction, and these profiles installed."""
    filled = book(profiles)
    claim = Claim(1, filled.of_outlet(1, "tx"), began_ms, local_ma, used, wired)
    return Scene((claim,), filled.of_station(), dated)


def ma(*profiles: InstalledProfile, after_s: float = 0, began_ms: int | None = NOON, dated: bool = True) -> int | None:
    """What is allowed so long after noon."""
    limits, _ = limits_at(scene(*profiles, began_ms=began_ms, dated=dated), NOON + round(after_s * 1_000))
    return limits[1].ma


def held_until(*profiles: InstalledProfile, after_s: float = 0) -> float | None:
    """When that changes, in seconds after noon."""
    _, until_ms = limits_at(scene(*profiles), NOON + round(after_s * 1_000))
    return None if until_ms is None else (until_ms - NOON) / 1_000


def table(*profiles: InstalledProfile, seconds: int = 400, unit: RateUnit = RateUnit.AMPS) -> list[tuple[int, float]]:
    """The composite schedule from noon on, in whole units."""
    told = composite(scene(*profiles), 1, NOON, seconds, unit, 100)
    assert told.duration_s == seconds
    return [(period.start_s, period.limit / 1_000) for period in told.periods]


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
    assert [(period.start_s, period.phases) for period in told.periods] == [(0, 1), (60, 3), (120, None)]


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


# --- when no time is known -----------------------------------------------------------------------------------


def test_without_a_date_a_dated_profile_holds_with_its_lowest_limit() -> None:
    steps = installed((0, 16), (60, 10), (120, 13))
    assert ma(steps, dated=False) == 10_000
    assert ma(installed((0, 16), (60, 10), (90, 0), duration_s=70), dated=False) == 10_000  # 0 A is never run


def test_without_a_date_what_lies_below_a_profile_that_may_not_be_in_force_counts_too() -> None:
    later = installed((0, 16), id=2, level=1, start_ms=NOON + 60_000)
    assert ma(later, installed((0, 10)), dated=False) == 10_000
    assert ma(later, dated=False) == 16_000


def test_without_a_date_a_profile_that_has_begun_and_never_ends_is_in_force() -> None:
    """As evcc sets them: one period, begun a minute ago."""
    now = installed((0, 16), id=2, level=1, start_ms=NOON - 60_000)
    assert ma(now, installed((0, 10)), dated=False) == 16_000
    assert ma(installed((0, 0), level=1, start_ms=NOON - 60_000), dated=False) == 0


def test_without_a_date_a_relative_profile_is_judged_if_the_charge_began_on_this_clock() -> None:
    steps = installed((0, 16), (60, 10), kind=Kind.RELATIVE)
    assert ma(steps, dated=False, began_ms=NOON - 59_000) == 16_000
    assert ma(steps, dated=False, began_ms=None) == 10_000


def test_without_a_date_the_composite_has_none() -> None:
    told = composite(scene(installed((0, 16), (60, 10)), dated=False), 1, NOON, 100, RateUnit.AMPS, 9)
    assert told.start_ms is None
    assert told.periods == (CompositePeriod(0, 10_000),)


# --- any stack -----------------------------------------------------------------------------------------------

SHORT = settings(max_examples=60, deadline=None)
SECONDS = st.integers(-2 * DAY_S, 9 * DAY_S)
BEGAN = st.sampled_from([NOON - DAY_MS, NOON - 1_000, NOON])


def kept(profiles: list[InstalledProfile]) -> list[InstalledProfile]:
    """Those that are left when all are set one after the other."""
    filled: list[InstalledProfile] = []
    for one in profiles:
        place = (one.evse, one.profile.purpose, one.profile.level)
        filled = [old for old in filled if (old.evse, old.profile.purpose, old.profile.level) != place]
        filled.append(one)
    return filled


def expected(profiles: list[InstalledProfile], at_ms: int, began_ms: int) -> int | None:
    """What the specification says of one outlet that charges alone."""
    found: list[int] = []
    for one in (prevails(profiles, 1, at_ms, began_ms), station_maximum(profiles, at_ms)):
        if one is not None:
            installed_one, period = one
            per_phase = 1 if installed_one.profile.schedule.unit is RateUnit.AMPS else 230 * (period.phases or 3)
            found.append(period.limit // per_phase)
    return min(found, default=None)


def offer(allowed_ma: int | None) -> int:
    """What is on the pilot then."""
    least = min(LOCAL_MA, LOCAL_MA if allowed_ma is None else allowed_ma)
    return least if least >= 6_000 else 0


@SHORT
@given(stacks(), SECONDS, BEGAN)
def test_any_stack_says_what_the_specification_says(
    profiles: list[InstalledProfile], second: int, began_ms: int
) -> None:
    at_ms = max(NOON + second * 1_000, began_ms)
    limits, _ = limits_at(scene(*profiles, began_ms=began_ms), at_ms)
    want = expected(kept(profiles), at_ms, began_ms)
    assert limits[1].ma == want


@SHORT
@given(stacks(), SECONDS, BEGAN)
def test_it_holds_exactly_until_it_changes(profiles: list[InstalledProfile], second: int, began_ms: int) -> None:
    at_ms = max(NOON + second * 1_000, began_ms)
    around = scene(*profiles, began_ms=began_ms)
    limits, until_ms = limits_at(around, at_ms)
    end_ms = at_ms + LOOK_AHEAD_MS if until_ms is None else until_ms
    assert at_ms < end_ms <= at_ms + LOOK_AHEAD_MS
    for edge in edges(profiles, began_ms, at_ms, end_ms):
        assert limits_at(around, edge)[0] == limits
    assert limits_at(around, end_ms - 1)[0] == limits
    if until_ms is not None and until_ms < at_ms + LOOK_AHEAD_MS:
        assert limits_at(around, until_ms)[0] != limits


@SHORT
@given(stacks(), st.integers(-DAY_S, 2 * DAY_S), BEGAN, st.sampled_from([0, 1, 999]))
def test_the_composite_is_what_is_offered_at_every_second_of_a_day(
    profiles: list[InstalledProfile], second: int, began_ms: int, odd_ms: int
) -> None:
    """Looked at where anything may change, and a second before and after."""
    start_ms = max(NOON + second * 1_000, began_ms) + odd_ms
    told = composite(scene(*profiles, began_ms=began_ms), 1, start_ms, DAY_S, RateUnit.AMPS, 10_000)
    assert told.duration_s == DAY_S
    changes = edges(profiles, began_ms, start_ms, start_ms + DAY_MS)
    seconds = {(at - start_ms) // 1_000 + step for at in changes for step in (-1, 0, 1)} | {0, DAY_S // 2, DAY_S - 1}
    for offset in sorted(s for s in seconds if 0 <= s < DAY_S):
        period = [period for period in told.periods if period.start_s <= offset][-1]
        want = expected(kept(profiles), start_ms + offset * 1_000, began_ms)
        assert period.limit == offer(want), f"at second {offset}"
    for one, other in zip(told.periods, told.periods[1:], strict=False):
        assert (one.limit, one.phases) != (other.limit, other.phases)


@SHORT
@given(stacks(), st.integers(0, 20 * DAY_S), BEGAN)
def test_without_a_date_never_more_is_allowed_than_at_any_date_since(
    profiles: list[InstalledProfile], second: int, began_ms: int
) -> None:
    blind, _ = limits_at(scene(*profiles, began_ms=None, dated=False), 5_000)
    known, _ = limits_at(scene(*profiles, began_ms=began_ms), NOON + second * 1_000)
    assert offer(blind[1].ma) <= offer(known[1].ma)


@SHORT
@given(stacks(evses=(0, 1, 2)), SECONDS)
def test_the_outlets_together_never_get_more_than_the_maximum(profiles: list[InstalledProfile], second: int) -> None:
    filled = book(profiles)
    claims = tuple(Claim(evse, filled.of_outlet(evse, "tx"), NOON, LOCAL_MA) for evse in (2, 1))
    at_ms = max(NOON + second * 1_000, NOON)
    limits, _ = limits_at(Scene(claims, filled.of_station()), at_ms)
    most = station_maximum(kept(profiles), at_ms)
    if most is not None:
        one, period = most
        most_ma = period.limit // (1 if one.profile.schedule.unit is RateUnit.AMPS else 230 * (period.phases or 3))
        assert sum(offer(allowed.ma) for allowed in limits.values()) <= most_ma
    for evse, allowed in limits.items():
        own = prevails(kept(profiles), evse, at_ms, NOON)
        if own is not None and own[0].profile.schedule.unit is RateUnit.AMPS:
            assert allowed.ma is not None
            assert allowed.ma <= own[1].limit
