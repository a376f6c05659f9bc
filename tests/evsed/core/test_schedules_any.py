"""What any stack of charging profiles allows, and what holds while no time is known."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.core.profiles import DAY_MS, CompositePeriod, InstalledProfile, Kind, RateUnit
from evsed.core.schedules import LOOK_AHEAD_MS, Claim, Scene, composite, limits_at
from tests.evsed.core.profile_kit import (
    DAY_S,
    NOON,
    edges,
    installed,
    prevails,
    stacks,
    station_maximum,
)
from tests.evsed.core.schedule_kit import LOCAL_MA, book, ma, scene

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

SHORT = settings(max_examples=60)
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
