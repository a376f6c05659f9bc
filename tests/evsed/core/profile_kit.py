"""Charging profiles for tests, as random as they can be and still be taken, and what the specification says of them:
written down once more, one moment at a time, so that the core's reckoning is not its own judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from evsed.core.profiles import (
    DAY_MS,
    InstalledProfile,
    Kind,
    Period,
    Profile,
    Purpose,
    RateUnit,
    Recurrency,
    Schedule,
)

NOON = 1_798_804_800_000  # 2027-01-01T12:00Z, a Friday
HOUR_S, DAY_S, WEEK_S = 3_600, 86_400, 7 * 86_400
EVERY_S = {Recurrency.DAILY: DAY_S, Recurrency.WEEKLY: WEEK_S}


def installed(
    *periods: tuple[int, float] | tuple[int, float, int],
    evse: int = 1,
    id: int = 1,
    level: int = 0,
    purpose: Purpose = Purpose.TX_DEFAULT,
    kind: Kind = Kind.ABSOLUTE,
    unit: RateUnit = RateUnit.AMPS,
    start_ms: int | None = NOON,
    duration_s: int | None = None,
    least: float | None = None,
    tx: str | None = None,
    since_ms: int | None = NOON,
    **more: Any,
) -> InstalledProfile:
    """A profile from (second, limit) or (second, limit, phases), limits in whole units."""
    told = tuple(Period(start, round(limit * 1_000), *phases) for start, limit, *phases in periods)
    start_ms = None if kind is Kind.RELATIVE else start_ms
    schedule = Schedule(unit, told, start_ms, duration_s, None if least is None else round(least * 1_000))
    return InstalledProfile(evse, Profile(id, level, purpose, kind, schedule, **more), tx, since_ms)


def spoken(one: InstalledProfile, at_ms: int, began_ms: int | None) -> Period | None:
    """The period of this profile that holds at a moment, in the words of OCPP 1.6 §7.8, §7.13, §7.14 and §5.16.4."""
    profile, schedule = one.profile, one.profile.schedule
    if profile.valid_from_ms is not None and at_ms < profile.valid_from_ms:
        return None
    if profile.valid_to_ms is not None and at_ms >= profile.valid_to_ms:
        return None
    relative = profile.kind is Kind.RELATIVE or schedule.start_ms is None
    start_ms = schedule.start_ms
    if relative:
        start_ms = one.since_ms if profile.purpose is Purpose.STATION_MAX else began_ms
    assert start_ms is not None
    if at_ms < start_ms:
        return None
    elapsed_ms = at_ms - start_ms
    if profile.kind is Kind.RECURRING and profile.recurrency is not None:
        while elapsed_ms >= EVERY_S[profile.recurrency] * 1_000:
            elapsed_ms -= EVERY_S[profile.recurrency] * 1_000
    if schedule.duration_s is not None and elapsed_ms >= schedule.duration_s * 1_000:
        return None
    return [period for period in schedule.periods if period.start_s * 1_000 <= elapsed_ms][-1]


def prevails(
    profiles: Iterable[InstalledProfile], evse: int, at_ms: int, began_ms: int | None
) -> tuple[InstalledProfile, Period] | None:
    """What governs an outlet of all that is installed (§3.13.1, §3.13.2), without the maximum of the station."""
    there = [one for one in profiles if one.evse in (0, evse) and one.profile.purpose is not Purpose.STATION_MAX]
    return _highest(there, at_ms, began_ms)


def station_maximum(profiles: Iterable[InstalledProfile], at_ms: int) -> tuple[InstalledProfile, Period] | None:
    """What governs all outlets together."""
    return _highest([one for one in profiles if one.profile.purpose is Purpose.STATION_MAX], at_ms, None)


def _highest(there: list[InstalledProfile], at_ms: int, began_ms: int | None) -> tuple[InstalledProfile, Period] | None:
    rank = {(one.profile.purpose, one.profile.level): one for one in sorted(there, key=lambda one: one.evse)}
    order = sorted(rank.values(), key=lambda one: (one.profile.purpose is Purpose.TX, one.profile.level))
    for one in reversed(order):
        period = spoken(one, at_ms, began_ms)
        if period is not None:
            return one, period
    return None


def edges(profiles: Iterable[InstalledProfile], began_ms: int, from_ms: int, to_ms: int) -> set[int]:
    """Every moment in between at which anything may change."""
    found: set[int] = set()
    for one in profiles:
        profile, schedule = one.profile, one.profile.schedule
        found |= {at for at in (profile.valid_from_ms, profile.valid_to_ms) if at is not None}
        starts = {began_ms, one.since_ms or NOON} if schedule.start_ms is None else {schedule.start_ms}
        every_ms = EVERY_S[profile.recurrency] * 1_000 if profile.recurrency else 7 * DAY_MS
        for start_ms in starts:
            first = max(0, (from_ms - start_ms) // every_ms)
            for turn in {0} | set(range(first, first + 1 + (to_ms - from_ms) // every_ms + 1)):
                begin_ms = start_ms + turn * every_ms
                found |= {begin_ms + period.start_s * 1_000 for period in schedule.periods}
                found.add(begin_ms + (schedule.duration_s or 0) * 1_000)
    return {at for at in found if from_ms <= at < to_ms}


# --- random ones ---------------------------------------------------------------------------------------------

# Few values, so that moments and limits of different profiles meet.
MOMENTS_S = st.sampled_from([0, 1, 60, 900, HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S - 1, DAY_S, DAY_S + 60])
OFFSETS_S = st.sampled_from([-8 * DAY_S, -DAY_S - 7, -DAY_S, -HOUR_S, -1, 0, 1, HOUR_S, 18 * HOUR_S])
AMPS = st.sampled_from([0, 5_900, 6_000, 8_100, 10_000, 16_000, 32_000])
WATTS = st.sampled_from([0, 1_380_000, 4_140_000, 6_900_000, 11_000_000, 22_000_000])


@st.composite
def schedules(draw: st.DrawFn, kind: Kind, base_ms: int) -> Schedule:
    unit = draw(st.sampled_from(RateUnit))
    limits = AMPS if unit is RateUnit.AMPS else WATTS
    starts = sorted({0} | set(draw(st.lists(MOMENTS_S, max_size=4))))
    phases = st.sampled_from([None, 1, 2, 3])
    periods = tuple(Period(start, draw(limits), draw(phases)) for start in starts)
    start_ms = None if kind is Kind.RELATIVE else base_ms + draw(OFFSETS_S) * 1_000
    duration_s = draw(st.none() | MOMENTS_S.filter(bool))
    return Schedule(unit, periods, start_ms, duration_s, draw(st.none() | limits))


@st.composite
def profiles(draw: st.DrawFn, id: int, evses: tuple[int, ...] = (0, 1), base_ms: int = NOON) -> InstalledProfile:
    purpose = draw(st.sampled_from(Purpose))
    kind = draw(st.sampled_from(Kind))
    evse = {Purpose.STATION_MAX: 0, Purpose.TX: evses[-1]}.get(purpose)
    validity = st.none() | OFFSETS_S.map(lambda s: base_ms + s * 1_000)
    from_ms, to_ms = draw(validity), draw(validity)
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        to_ms = None
    profile = Profile(
        id,
        draw(st.integers(0, 3)),
        purpose,
        kind,
        draw(schedules(kind, base_ms)),
        draw(st.sampled_from(Recurrency)) if kind is Kind.RECURRING else None,
        from_ms,
        to_ms,
    )
    tx = "tx" if purpose is Purpose.TX else None
    return InstalledProfile(draw(st.sampled_from(evses)) if evse is None else evse, profile, tx, base_ms)


@st.composite
def stacks(draw: st.DrawFn, most: int = 6, evses: tuple[int, ...] = (0, 1)) -> list[InstalledProfile]:
    """Profiles with ids of their own, in the order in which they are set."""
    return [draw(profiles(id, evses)) for id in range(draw(st.integers(0, most)))]
