"""Charging profiles in a station: obeyed at once and until they end, kept, and told as they will be offered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evsed.core import events as ev
from evsed.core.effects import Demand, Persist
from evsed.core.profiles import (
    DAY_MS,
    ClearProfiles,
    Composite,
    CompositeAsked,
    Criteria,
    InstalledProfile,
    InstallProfile,
    Kind,
    Profile,
    Purpose,
    RateUnit,
)
from evsed.core.reports import AuthorizationAsked, TransactionEnded
from evsed.core.words import Status, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, World
from tests.evsed.core.profile_kit import installed, profiles
from tests.evsed.core.stories import charging, ends

W = RateUnit.WATTS


def made(world: World, *periods: tuple[int, float] | tuple[int, float, int], **more: Any) -> Profile:
    """A profile that begins now, unless it is said otherwise."""
    start_ms = more.pop("start_ms", world.now().wall_ms)
    return installed(*periods, start_ms=start_ms, **more).profile


def sets(
    world: World,
    *periods: tuple[int, float] | tuple[int, float, int],
    evse: int = 1,
    tx: str | None = None,
    **more: Any,
) -> Any:
    """The central system sets a profile; the answer."""
    return world.asks(InstallProfile(world.ref(), evse, made(world, *periods, **more), tx))


def clears(world: World, **criteria: Any) -> Any:
    return world.asks(ClearProfiles(world.ref(), Criteria(**criteria)))


def composite(world: World, evse: int = 1, seconds: int = 300, unit: RateUnit = RateUnit.AMPS) -> Any:
    return world.asks(CompositeAsked(world.ref(), evse, seconds, unit))


def periods(answer: Any) -> list[tuple[int, float]]:
    assert isinstance(answer, Composite)
    return [(period.start_s, period.limit / 1_000) for period in answer.periods]


def demanded(world: World, evse: int = 1) -> int:
    """What hal is allowed to offer."""
    return world.demands[evse].max_ma


def kept(world: World) -> dict[str, InstalledProfile]:
    """The profiles on the disk, or on their way to it."""
    world.disk.flush()
    return {one.key: one for one in world.disk.of(InstalledProfile)}


# --- obeyed --------------------------------------------------------------------------------------------------


def test_a_lower_limit_holds_at_once() -> None:
    world = charging()
    assert sets(world, (0, 10)) is Verdict.ACCEPTED
    assert demanded(world) == 10_000
    assert (world.status(), world.bays[1].facts.offered_ma) == (Status.CHARGING, 10_000)


def test_down_comes_before_the_disk_and_up_after_it() -> None:
    world = charging()
    ref = world.ref()
    down = world.station.handle(ev.FromCentral(InstallProfile(ref, 1, made(world, (0, 10)))), world.now())
    assert [type(effect) for effect in down[:2]] == [Demand, Persist]
    up = world.station.handle(ev.FromCentral(ClearProfiles(ref, Criteria())), world.now())
    assert [type(effect) for effect in up[:2]] == [Persist, Demand]


@pytest.mark.parametrize("limit", [0, 5.9])
def test_what_no_car_can_take_pauses_and_never_ends(limit: float) -> None:
    world = charging()
    tx = world.tx()
    sets(world, (0, limit))
    world.answer_all()
    assert world.demands[1].closes is False
    assert world.status() is Status.SUSPENDED_EVSE
    world.advance(3_600)
    assert world.tx() is not None
    sets(world, (0, 6))
    world.advance(10)
    assert (demanded(world), world.status()) == (6_000, Status.CHARGING)
    assert tx is not None
    assert world.tx().id == tx.id  # type: ignore[union-attr]
    assert world.reports(TransactionEnded) == []


def test_no_charge_begins_above_its_profile() -> None:
    world = World().online()
    sets(world, (0, 8), evse=0)
    seen: list[Demand] = []
    perform = world._perform

    def noting(effects: list[Any]) -> None:
        seen.extend(effect for effect in effects if isinstance(effect, Demand))
        perform(effects)

    world._perform = noting  # type: ignore[method-assign]
    charging(world)
    assert {demand.max_ma for demand in seen} == {0, 8_000}


def test_it_changes_by_itself_at_the_moment_that_was_set() -> None:
    world = charging()
    sets(world, (0, 10), (90, 8), (120, 16))
    began = world.ms
    for at_s, amps in ((89.9, 10), (90, 8), (119.9, 8), (120, 16)):
        world.advance((began - world.ms) / 1_000 + at_s)
        assert demanded(world) == amps * 1_000


def test_a_newer_default_holds_for_a_running_charge_and_its_removal_too() -> None:
    """Errata 3.8."""
    world = charging()
    sets(world, (0, 10), id=1)
    sets(world, (0, 7), id=2)
    assert demanded(world) == 7_000
    assert clears(world, id=2) is Verdict.ACCEPTED
    assert demanded(world) == 16_000


def test_offline_everything_holds_on() -> None:
    """§3.13.6."""
    world = charging()
    sets(world, (0, 10), (600, 7), purpose=Purpose.TX)
    world.disconnect()
    world.advance(601)
    assert demanded(world) == 7_000


def test_a_transactions_profile_goes_with_it() -> None:
    world = charging()
    sets(world, (0, 6), id=1, purpose=Purpose.TX)
    sets(world, (0, 12), id=2)
    assert demanded(world) == 6_000
    assert set(kept(world)) == {"1:1", "1:2"}
    ends(world)
    assert set(kept(world)) == {"1:2"}
    world.unplug()
    world.answer_all()
    charging(world)
    assert demanded(world) == 12_000


def test_the_owner_of_the_limit_is_told() -> None:
    world = charging()
    sets(world, (0, 10))
    assert world.station.outlets[1].limits.least() == (10_000, "csms")
    sets(world, (0, 0))
    ends(world)
    assert world.station.outlets[1].limits.least() == (16_000, "installer")


def test_the_log_tells_when_profiles_allow_something_else() -> None:
    world = charging()
    before = len(world.lines)
    sets(world, (0, 10), (60, 8), duration_s=120)
    world.advance(121)
    said = [line for line in world.lines[before:] if "profiles allow" in line]
    assert said == [f"= outlet 1 profiles allow {what}" for what in ("10.0 A", "8.0 A", "anything")]


# --- refused -------------------------------------------------------------------------------------------------


def test_a_transactions_profile_needs_a_transaction() -> None:
    world = World().online()
    assert sets(world, (0, 10), purpose=Purpose.TX) is Verdict.REJECTED
    world = charging(world)
    assert sets(world, (0, 10), purpose=Purpose.TX, tx="another") is Verdict.REJECTED
    tx = world.tx()
    assert tx is not None
    assert sets(world, (0, 10), purpose=Purpose.TX, tx=tx.id) is Verdict.ACCEPTED
    assert kept(world)["1:1"].tx == tx.id


def test_a_transaction_that_is_about_to_end_takes_none() -> None:
    world = charging()
    world.bays[1].contactor_sticks = True
    world.swipe()
    assert sets(world, (0, 10), purpose=Purpose.TX) is Verdict.REJECTED


def test_an_outlet_that_there_is_not_is_named_as_such() -> None:
    world = World()
    world.connect()
    world.advance(6)
    world.answer_all()
    assert sets(world, (0, 10), evse=2) is Verdict.REJECTED  # who knows, before the board has told
    world.hal_up()
    for evse in (2, -1):
        assert sets(world, (0, 10), evse=evse) is Verdict.NO_SUCH_OUTLET
    assert kept(world) == {}


def test_a_flawed_profile_is_refused_with_the_reason_in_the_log() -> None:
    world = charging()
    assert sets(world, (1, 10), id=7) is Verdict.REJECTED
    assert world.lines[-1] == "! profile 7 for outlet 1 is refused: its first period does not start at 0"
    assert (demanded(world), kept(world)) == (16_000, {})


def test_to_clear_what_is_not_there_is_unknown() -> None:
    world = charging()
    assert clears(world) is Verdict.UNKNOWN
    sets(world, (0, 10), id=1)
    assert clears(world, id=2) is Verdict.UNKNOWN
    assert clears(world, id=1, evse=9) is Verdict.ACCEPTED  # errata 3.26: beside an id nothing else counts
    assert kept(world) == {}


# --- kept (errata 3.37) --------------------------------------------------------------------------------------


def test_profiles_outlast_a_crash_and_a_power_cut() -> None:
    world = charging()
    sets(world, (0, 8), id=1, purpose=Purpose.TX)
    sets(world, (0, 9), id=2, evse=0, purpose=Purpose.STATION_MAX)
    world.crash()
    world.advance(1)
    assert demanded(world) == 8_000
    world.power_cut()
    world.online()
    world.wants()
    world.advance(15)
    assert (demanded(world), world.status()) == (8_000, Status.CHARGING)
    clears(world, purpose=Purpose.TX)
    assert demanded(world) == 9_000


def test_until_the_time_is_known_the_lowest_limit_holds() -> None:
    world = charging()
    sets(world, (0, 8), (60, 16), (86_400, 7))
    world.advance(61)
    assert demanded(world) == 16_000
    world.power_cut()
    world.hal_up()
    world.wants()
    world.advance(15)
    assert demanded(world) == 7_000
    assert composite(world) is None  # a request over a line that is not there
    world.online()
    world.advance(1)
    assert demanded(world) == 16_000


def test_a_relative_profile_goes_on_over_a_restart_and_a_cut() -> None:
    world = charging()
    sets(world, (0, 8), (600, 12), kind=Kind.RELATIVE)
    world.advance(300)
    world.crash()
    assert demanded(world) == 8_000
    world.power_cut(off_s=250)
    world.online()
    world.advance(60)
    assert demanded(world) == 12_000


def test_a_step_of_the_wall_clock_moves_no_relative_profile() -> None:
    """I10."""
    world = charging()
    sets(world, (0, 8), (600, 12), kind=Kind.RELATIVE)
    assert world.wall_offset is not None
    world.wall_offset += DAY_MS
    world.advance(500)
    assert demanded(world) == 8_000
    world.advance(101)
    assert demanded(world) == 12_000


def test_a_step_of_the_wall_clock_moves_a_dated_profile() -> None:
    world = charging()
    sets(world, (0, 8), (3_600, 12))
    assert world.wall_offset is not None
    world.wall_offset += 3_600_000
    world.advance(1)
    assert demanded(world) == 12_000


def test_what_replaces_its_like_without_lowering_waits_for_the_next_batch() -> None:
    world = charging()
    sets(world, (0, 8))
    before = world.disk.commits
    for amps in (9, 9, 12, 16):
        sets(world, (0, amps))
    assert world.disk.commits == before
    sets(world, (0, 15))
    assert world.disk.commits == before + 1  # it lowers
    sets(world, (0, 15), id=2, level=1)
    assert world.disk.commits == before + 2  # it is new
    clears(world, id=2)
    assert world.disk.commits == before + 3


def test_a_transaction_that_never_became_durable_leaves_no_profile() -> None:
    world = World().online()
    world.plug_in()
    start = ev.StartRequested(world.ref(), 1, TAG, made(world, (0, 8), purpose=Purpose.TX))
    world.breaks()
    world.asks(start)
    assert world.tx() is None
    world.mends()
    assert kept(world) == {}
    assert world.station.box.profiles.of_outlet(1, None) == ()


# --- a remote start brings its own (§5.16.2) -----------------------------------------------------------------


def remote_start(world: World, *periods: tuple[int, float], evse: int | None = 1, **more: Any) -> Any:
    profile = made(world, *periods, purpose=Purpose.TX, **more)
    return world.asks(ev.StartRequested(world.ref(), evse, TAG, profile))


@pytest.mark.parametrize("plugged", [True, False])
@pytest.mark.parametrize("asks_first", [True, False])
def test_a_remote_start_brings_its_profile(plugged: bool, asks_first: bool) -> None:
    world = World().online().set("AuthorizeRemoteTxRequests", asks_first)
    sets(world, (0, 14), id=9, level=5)
    if plugged:
        world.plug_in()
    assert remote_start(world, (0, 8), (60, 10), kind=Kind.RELATIVE) is Verdict.ACCEPTED
    world.answer_all()
    assert kept(world).keys() == ({"1:9", "1:1"} if plugged else {"1:9"})
    world.advance(10)
    world.plug_in()
    world.wants()
    world.answer_all()
    tx = world.tx()
    assert tx is not None
    assert kept(world)["1:1"].tx == tx.id
    assert demanded(world) == 8_000
    world.advance(61)
    assert demanded(world) == 10_000
    # Errata 3.42: a later one of the same level takes its place.
    assert sets(world, (0, 7), id=2, purpose=Purpose.TX, tx=tx.id) is Verdict.ACCEPTED
    assert kept(world).keys() == {"1:9", "1:2"}


def test_a_remote_start_that_nobody_follows_leaves_no_profile() -> None:
    world = World().online().set("ConnectionTimeOut", 20)
    remote_start(world, (0, 8))
    world.advance(21)
    world.answer_all()
    assert kept(world) == {}
    charging(world)
    assert demanded(world) == 16_000


def test_a_refused_remote_start_leaves_no_profile() -> None:
    world = World().online().set("AuthorizeRemoteTxRequests", True)
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(TokenStatus.BLOCKED)
    remote_start(world, (0, 8))
    world.answer_all()
    assert kept(world) == {}
    assert world.tx() is None


def test_a_remote_start_whose_question_gets_no_answer_is_decided_with_its_profile() -> None:
    world = World(local=(TAG.value,)).online().set("AuthorizeRemoteTxRequests", True)
    world.plug_in()
    remote_start(world, (0, 8))
    world.fail()
    world.answer_all()
    assert demanded(world) == 8_000


def test_a_remote_start_with_a_flawed_profile_is_rejected() -> None:
    world = World().online()
    world.plug_in()
    assert remote_start(world, (5, 8), id=3) is Verdict.REJECTED
    assert "profile 3 for a remote start at outlet 1 is refused" in world.lines[-1]
    assert world.tx() is None


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
    assert shares(world) == (0, 0)  # 4 A are left, which is nothing
    world.bays[1].car_draws = False
    world.advance(2)
    assert shares(world) == (0, 10_000)
    world.bays[1].contactor_sticks = False
    world.advance(2)
    assert shares(world) == (0, 16_000)


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


# --- any stack, a whole day ----------------------------------------------------------------------------------


class Quiet(World):
    """A world in which nothing happens but deadlines: hours pass in no time."""

    def skip(self, seconds: int) -> list[tuple[int, int]]:
        """Every demand that comes by itself, with its moment in ms from now."""
        began, demands = self.ms, [(0, demanded(self))]
        while (
            deadline := self.station.next_deadline()
        ) is not None and deadline + self.boot_ms < began + seconds * 1_000:
            self.ms = deadline + self.boot_ms
            self.do(ev.DeadlineReached())
            self.answer_all()
            demands.append((self.ms - began, demanded(self)))
        return demands


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_composite_is_what_is_then_offered_for_a_whole_day(data: st.DataObject) -> None:
    world = Quiet(installer_ma=32_000)
    charging(world.online())
    world.set("MeterValueSampleInterval", 0).set("ClockAlignedDataInterval", 0)
    now_ms = world.now().wall_ms
    assert now_ms is not None
    for id in range(data.draw(st.integers(1, 5))):
        one = data.draw(profiles(id, base_ms=now_ms))
        assert world.asks(InstallProfile(world.ref(), one.evse, one.profile)) is Verdict.ACCEPTED
    told = composite(world, seconds=86_400)
    assert told.duration_s == 86_400
    demands = world.skip(86_400)
    seconds = {at // 1_000 + step for at, _ in demands for step in (0, 1)}
    seconds |= {period.start_s + step for period in told.periods for step in (-1, 0)} | {0, 86_399}
    for second in sorted(s for s in seconds if 0 <= s < 86_400):
        planned = [period.limit for period in told.periods if period.start_s <= second][-1]
        offered = [ma for at, ma in demands if at <= second * 1_000][-1]
        assert planned == offered, f"at second {second}"
