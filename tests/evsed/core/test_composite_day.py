"""Whatever profiles are installed, the composite schedule is what is then offered, at each second of a day.

One outlet or two that charge, in any order, cars that draw on one, two or three phases; all purposes, levels and kinds,
daily and weekly, with validities, gaps and durations, in amperes and watts, for any number of phases or none.
EVSED_LONG_TESTS draws many more.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from evsed.core import events as ev
from evsed.core.profiles import Composite, InstallProfile, RateUnit
from evsed.core.schedules import ASSUMED_PHASES, NOMINAL_V
from evsed.core.words import Token, Verdict
from tests.evsed.core.box_world import World
from tests.evsed.core.profile_kit import DAY_S, edges, profiles, station_maximum
from tests.evsed.core.smart_charging_kit import composite, demanded

SOME = settings(
    max_examples=400 if os.environ.get("EVSED_LONG_TESTS") else 4,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink days takes longer than to read them
)
SETTLED_S = st.sampled_from([13, 61])  # by then it is known on how many phases a car draws


class Quiet(World):
    """A world in which nothing happens but deadlines: hours pass in no time."""

    def skip(self, seconds: int) -> list[tuple[int, dict[int, int]]]:
        """What is demanded at the outlets from each moment on, in ms from now."""
        began = self.ms
        demands = [(0, self._all())]
        while (at := self.station.next_deadline()) is not None and at + self.boot_ms < began + seconds * 1_000:
            self.ms = at + self.boot_ms
            self.do(ev.DeadlineReached())
            self.answer_all()
            demands.append((self.ms - began, self._all()))
        return demands

    def _all(self) -> dict[int, int]:
        return {evse: demanded(self, evse) for evse in self.bays}


def each_second(steps: Sequence[tuple[int, int]]) -> list[int]:
    """The value of each second of a day from (ms, value): what holds when the second begins."""
    values: list[int] = []
    ends = [-(-at // 1_000) for at, _ in steps[1:]] + [DAY_S]
    for (_, value), end in zip(steps, ends, strict=True):
        values += [value] * (end - len(values))
    return values


def planned(told: Composite) -> list[int]:
    """The limit of each second."""
    assert told.duration_s == DAY_S
    return each_second([(period.start_s * 1_000, period.limit) for period in told.periods])


def carried(told: Composite, draws_on: int) -> list[int]:
    """The mW that a mA is worth in each second: watts are divided among as many phases as were said, 3 where none were,
    but never among fewer than the car draws on (OCPP 1.6 §7.14, errata 3.34).
    """
    phases = [(one.start_s * 1_000, max(one.phases or ASSUMED_PHASES, draws_on)) for one in told.periods]
    return [NOMINAL_V * divisor for divisor in each_second(phases)]


NO_LIMIT = 10**12


def station_mw(world: Quiet, now_ms: int) -> list[int]:
    """The maximum of the station at each second of a day, where it is in watts."""
    there = world.station.box.profiles._all()
    moments = sorted({now_ms} | edges(there, now_ms, now_ms, now_ms + DAY_S * 1_000))
    found = [(at - now_ms, station_maximum(there, at)) for at in moments]
    watts = [(at, one[1] if one and one[0].profile.schedule.unit is RateUnit.WATTS else None) for at, one in found]
    return each_second([(at, NO_LIMIT if period is None else period.limit) for at, period in watts])


def test_a_second_is_what_holds_when_it_begins() -> None:
    values = each_second([(0, 1), (1_000, 2), (2_500, 3), (2_800, 4)])
    assert (values[:4], len(values)) == ([1, 2, 2, 4], DAY_S)


@SOME
@given(st.data(), st.sampled_from([(1,), (1, 2), (2, 1)]))
def test_the_composite_is_what_is_then_offered_for_a_whole_day(data: st.DataObject, order: tuple[int, ...]) -> None:
    world = Quiet(outlets=len(order), installer_ma=32_000)
    world.online().set("MeterValueSampleInterval", 0).set("ClockAlignedDataInterval", 0)
    for evse in order:
        world.bays[evse].draws_on = data.draw(st.integers(1, 3))
        world.charging(evse, Token(f"CARD{evse}"))
        world.advance(data.draw(SETTLED_S))
    now_ms = world.now().wall_ms
    assert now_ms is not None
    for id in range(data.draw(st.integers(1, 6))):
        one = data.draw(profiles(id, evses=(0, *data.draw(st.permutations(order))), base_ms=now_ms))
        assert world.asks(InstallProfile(world.ref(), one.evse, one.profile)) is Verdict.ACCEPTED
    world.answer_all()
    evses = (0, *order)
    amps = {evse: composite(world, evse, DAY_S) for evse in evses}
    watts = {evse: composite(world, evse, DAY_S, RateUnit.WATTS) for evse in evses}
    demands = world.skip(DAY_S)
    offered = {evse: each_second([(at, all_of[evse]) for at, all_of in demands]) for evse in order}
    for evse in order:
        assert planned(amps[evse]) == offered[evse]
        # A limit in watts is told as it was set, and offered without the part of a milliampere.
        each = carried(watts[evse], world.bays[evse].draws_on)
        parts = {
            (mw - ma * worth, worth) for mw, ma, worth in zip(planned(watts[evse]), offered[evse], each, strict=True)
        }
        assert all(0 <= part < worth for part, worth in parts)
    assert planned(amps[0]) == [sum(both) for both in zip(*offered.values(), strict=True)]
    most_mw = station_mw(world, now_ms)
    drawn = {evse: NOMINAL_V * world.bays[evse].draws_on for evse in order}
    flows = zip(*([ma * drawn[evse] for ma in offered[evse]] for evse in order), strict=True)
    told_mw = zip(*(planned(watts[evse]) for evse in evses), strict=True)
    for flowing, told, most in zip(flows, told_mw, most_mw, strict=True):
        assert max(sum(flowing), *told) <= most  # §7.13: the total that is allowed
