"""Charging profiles in the whole wallbox: the ways in which people's central systems limit, and what a box goes through
while it is limited. The composite schedule is held against what the pilot then really offers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.core.overview import Surroundings, overview
from evsed.core.status import HalStatus, LinkStatus
from evsed.core.why import why
from tests.scenarios.conftest import Make, judge
from tests.scenarios.test_cert_control import read
from tests.scenarios.test_cert_smart_charging import ask, clears, composite, date, profile, sets
from tests.world.wallbox import TAG, Wallbox

FOLLOWS_S = 6
"""Changes of the duty are 5 s apart at least; a pause is seen by the car within 3 s."""


@pytest.fixture
def charging(make: Make) -> Wallbox:
    """A connected wallbox with a car that draws all that it is offered."""
    world = make()
    world.advance(5)
    world.charge(10)
    return world


def offered(world: Wallbox, evse: int = 1) -> float:
    """Amperes on the pilot."""
    return world.outlet(evse).offered_ma / 1_000


def told_offered(world: Wallbox) -> float:
    """Amperes as the newest meter values tell them."""
    ask(world, "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    values = world.csms.last("MeterValues").meterValue[0]["sampledValue"]
    return float(next(value["value"] for value in values if value["measurand"] == "Current.Offered"))


def why_so(world: Wallbox) -> str:
    """The sentence that `evsectl status` gives."""
    assert world.evsed is not None
    around = Surroundings("CP1", "0", HalStatus(up=True), LinkStatus(), None)
    status = overview(world.evsed.station, around, world.evsed.now())
    return why(status.outlets[0], status)


# --- evcc ----------------------------------------------------------------------------------------------------


def evcc_limits(world: Wallbox, amps: float, kind: str = "Absolute") -> None:
    """It takes the station's own numbers for its profile, begins it a minute ago, and reads back what holds."""
    keys = read(world)
    one: dict[str, Any] = {
        "chargingProfileId": int(keys["MaxChargingProfilesInstalled"][0]),
        "stackLevel": int(keys["ChargeProfileMaxStackLevel"][0]),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": kind,
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amps}]},
    }
    if kind == "Absolute":
        one["chargingSchedule"]["startSchedule"] = date(world, -60)
    assert sets(world, one) == "Accepted"
    assert composite(world, 60) == [(0, amps)]


def test_evcc_finds_what_it_needs_to_limit_by_amperes(charging: Wallbox) -> None:
    keys = read(charging)
    assert keys["ChargingScheduleAllowedChargingRateUnit"][0] in ("Current", "Current,Power")
    assert "SmartCharging" in keys["SupportedFeatureProfiles"][0].split(",")
    assert keys["ConnectorSwitch3to1PhaseSupported"] == ("false", True)
    charging.finish()


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
def test_evcc_limits_pauses_and_goes_on(charging: Wallbox, kind: str) -> None:
    for amps in (10, 6, 0, 16):
        evcc_limits(charging, amps, kind)
        charging.advance(FOLLOWS_S + 10)
        assert (offered(charging), told_offered(charging)) == (amps, amps)
        assert charging.statuses()[-1] == ("Charging" if amps else "SuspendedEVSE")
    assert len(charging.csms.charges) == 1
    assert charging.csms.charges[1].stop is None
    assert all(m.errorCode == "NoError" for m in charging.csms.all("StatusNotification"))
    charging.finish()


def test_evcc_keeps_a_car_waiting_before_it_charges(make: Make) -> None:
    """With 0 A a transaction begins and nothing flows; nor is it ended for it."""
    world = make()
    world.advance(5)
    evcc_limits(world, 0)
    world.plug_in()
    world.swipe()
    world.advance(300)
    assert world.statuses()[-1] == "SuspendedEVSE"
    assert not world.bay().contactor.main
    register = world.register()
    evcc_limits(world, 8)
    world.until(lambda: world.statuses()[-1] == "Charging")
    world.advance(60)
    assert offered(world) == 8
    assert world.register() > register
    world.finish()
    assert len(world.csms.charges) == 1


def test_evcc_regulating_all_day_does_not_wear_the_card(charging: Wallbox) -> None:
    """A new limit each half minute: those that lower nothing wait for the batch of the minute."""
    committed = charging.moments.count("committed")
    for amps in (6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 16):
        evcc_limits(charging, amps)
        charging.advance(29.7)
    samples = 6
    assert charging.moments.count("committed") - committed <= 1 + 6 + samples
    charging.finish()


# --- Home Assistant ------------------------------------------------------------------------------------------


def test_home_assistant_sets_the_maximum_of_the_box(charging: Wallbox) -> None:
    """ "Maximum Current": a relative maximum of the station on connector 0, or an absolute one with an old start."""
    for one, amps in (
        (profile(charging, "ChargePointMaxProfile", [(0, 10)], id=1000, kind="Relative"), 10),
        (profile(charging, "ChargePointMaxProfile", [(0, 13)], id=1000), 13),
    ):
        assert sets(charging, one, connector=0) == "Accepted"
        charging.advance(FOLLOWS_S)
        assert offered(charging) == amps
    charging.finish()
    charging.charge(10)
    assert offered(charging) == 13
    assert clears(charging, connectorId=0, chargingProfilePurpose="ChargePointMaxProfile") == "Accepted"
    charging.advance(FOLLOWS_S)
    assert offered(charging) == 16
    charging.finish()


def test_home_assistant_limits_the_session(charging: Wallbox) -> None:
    level = int(read(charging)["ChargeProfileMaxStackLevel"][0])
    for amps in (9, 0, 12):
        one = profile(charging, "TxProfile", [(0, amps)], level=level, kind="Relative", transactionId=1)
        assert sets(charging, one) == "Accepted"
        charging.advance(FOLLOWS_S + 10)
        assert offered(charging) == amps
    assert sets(charging, profile(charging, "TxProfile", [(0, 6)], kind="Relative", transactionId=7)) == "Rejected"
    assert offered(charging) == 12
    charging.finish()
    charging.charge(10)
    assert offered(charging) == 16
    charging.finish()


# --- what a limited box goes through -------------------------------------------------------------------------


def test_a_limit_holds_through_a_lost_line_crashes_and_a_power_cut(charging: Wallbox) -> None:
    assert sets(charging, profile(charging, "TxDefaultProfile", [(0, 8), (600, 12)])) == "Accepted"
    charging.advance(FOLLOWS_S)
    charging.lose_line()
    charging.advance(30)
    assert offered(charging) == 8
    charging.kill_evsed(restart_s=1)
    charging.advance(5)
    assert offered(charging) == 8
    charging.kill_hal(restart_s=1)
    charging.advance(20)
    assert offered(charging) == 8
    charging.power_cut()
    charging.advance(20)
    assert offered(charging) == 8  # no time is known: the lowest
    charging.reconnect()
    charging.advance(600)
    assert offered(charging) == 12
    assert charging.statuses()[-1] == "Charging"
    charging.finish()
    assert len(charging.csms.charges) == 1


def test_a_transactions_profile_ends_with_it_even_in_a_power_cut(make: Make) -> None:
    world = make(presets={"TxCtrlr.ResumeAfterPowerLoss": "false"})
    world.advance(5)
    world.charge(10)
    assert sets(world, profile(world, "TxProfile", [(0, 7)])) == "Accepted"
    world.power_cut()
    world.until(lambda: world.csms.charges[1].stop is not None)
    assert world.evsed is not None
    assert world.evsed.journal.load().profiles == ()
    world.until(lambda: not world.held())
    world.unplug()
    world.charge(10)
    assert offered(world) == 16
    world.finish()


def test_a_night_schedule_pauses_by_day_and_charges_by_night(charging: Wallbox) -> None:
    """Without any word from outside, at the moments that were set."""
    hour = 3_600
    one = profile(charging, "TxDefaultProfile", [(0, 16), (hour, 0), (3 * hour, 10)])
    one |= {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    assert sets(charging, one) == "Accepted"
    charging.lose_line()
    for seconds, amps in ((hour - 30, 16), (60, 0), (2 * hour - 60, 0), (60, 10)):
        charging.advance(seconds)
        assert offered(charging) == amps
    charging.reconnect()
    charging.advance(5)
    charging.finish()
    assert len(charging.csms.charges) == 1


def test_two_cars_never_draw_more_than_the_maximum_together(make: Make) -> None:
    world = make(evses=2)
    world.advance(5)
    assert sets(world, profile(world, "ChargePointMaxProfile", [(0, 20)]), connector=0) == "Accepted"
    world.charge(20, evse=1)
    assert (offered(world, 1), offered(world, 2)) == (16, 0)
    world.plug_in(2)
    world.swipe(TAG[:-1] + "4", 2)
    most = 0.0
    for _ in range(600):
        world.advance(0.1)
        most = max(most, sum(max(world.bay(evse).flow().current_ma) for evse in (1, 2)) / 1_000)
    assert most <= 20.1
    assert (offered(world, 1), offered(world, 2)) == (10, 10)
    assert composite(world, 60, connector=2) == [(0, 10)]
    assert composite(world, 60, connector=0) == [(0, 20)]
    world.finish(1)
    world.advance(FOLLOWS_S)
    assert offered(world, 2) == 16
    world.finish(2, TAG[:-1] + "4")


def test_people_at_the_box_learn_who_limits(charging: Wallbox) -> None:
    assert sets(charging, profile(charging, "TxDefaultProfile", [(0, 0)])) == "Accepted"
    charging.advance(20)
    assert why_so(charging) == "Paused by the central system: 0.0 A are allowed, and a car needs at least 6.0 A."
    assert clears(charging) == "Accepted"
    charging.advance(20)
    charging.finish()


# --- any profiles --------------------------------------------------------------------------------------------

LIMITS = st.sampled_from([0, 5.9, 6, 8.1, 10, 16, 32])
STARTS = st.lists(st.sampled_from([15, 30, 45, 60, 90, 120]), max_size=4, unique=True)
LEVELS = st.integers(0, 2)


@contextmanager
def wallbox() -> Iterator[Wallbox]:
    """One for each example."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        world = Wallbox(Path(folder) / "state")
        yield world
        world.close()
        judge(world)


@settings(max_examples=10)
@given(st.data())
def test_the_composite_is_what_the_pilot_then_offers(data: st.DataObject) -> None:
    """Through both processes: where the plan has held long enough to be followed, it is on the pilot."""
    with wallbox() as world:
        world.advance(5)
        world.charge(10)
        for id in range(data.draw(st.integers(1, 4))):
            purpose = data.draw(st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]))
            steps = [(start, data.draw(LIMITS)) for start in sorted({0, *data.draw(STARTS)})]
            kind = data.draw(st.sampled_from(["Absolute", "Relative"]))
            duration = data.draw(st.none() | st.sampled_from([20, 60, 100]))
            one = profile(world, purpose, steps, id=id, level=data.draw(LEVELS), kind=kind, duration=duration)
            assert sets(world, one, connector=0 if purpose == "ChargePointMaxProfile" else 1) == "Accepted"
        began = world.ms
        plan = composite(world, 150)
        for at in (*(at for at, _ in plan[1:]), 150):
            for before_s in (1.2, 1.05):  # what changes within a second is told from the next one on
                world.advance(at - before_s - (world.ms - began) / 1_000)
                due = [step for step in plan if step[0] < at][-1]
                if at - before_s - due[0] > 2 * FOLLOWS_S:
                    assert offered(world) == pytest.approx(due[1], abs=0.1), f"at {at - before_s} of {plan}"
        world.finish()
