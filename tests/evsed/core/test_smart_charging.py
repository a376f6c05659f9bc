"""Charging profiles in a station: obeyed at once and until they end, refused, kept, brought by a remote start."""

from __future__ import annotations

from typing import Any

import pytest

from evsed.core import events as ev
from evsed.core.effects import Demand, Persist
from evsed.core.profiles import (
    DAY_MS,
    ClearProfiles,
    Criteria,
    InstallProfile,
    Kind,
    Purpose,
    RateUnit,
)
from evsed.core.reports import AuthorizationAsked, TransactionEnded
from evsed.core.words import Status, TokenStatus, Verdict
from tests.evsed.core.box_world import TAG, World
from tests.evsed.core.smart_charging_kit import clears, composite, demanded, kept, made, sets
from tests.evsed.core.stories import charging, ends

W = RateUnit.WATTS


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
