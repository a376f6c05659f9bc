"""The disk takes nothing for a while: nothing new begins, what runs goes on, what ends is told once it is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenarios import day
from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_control import read
from tests.scenarios.test_cert_smart_charging import ask, clears, profile, sets
from tests.scenarios.test_kills import MOMENTS, begun, idle, plugged
from tests.world.wallbox import TAG, Wallbox

START_WH = 1_234_567
RETRY_S = 12  # the changes are tried again every 10 s


def test_nothing_begins_on_a_full_disk(box: Wallbox) -> None:
    box.disk_full = True
    box.plug_in()
    box.swipe()
    box.advance(30)
    assert not box.bay().contactor.main
    assert not box.csms.all("StartTransaction")
    box.disk_full = False
    box.advance(RETRY_S)
    if not box.bay().contactor.main:
        box.swipe()
    box.until(lambda: box.bay().contactor.main, within=30)
    box.finish()
    assert len(box.csms.charges) == 1


def test_a_remote_start_on_a_full_disk_closes_nothing(box: Wallbox) -> None:
    box.plug_in()
    box.disk_full = True
    box.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": TAG})
    box.advance(30)
    assert not box.bay().contactor.main
    assert not box.csms.all("StartTransaction")
    again = box.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": TAG})
    box.advance(1)
    assert again.status == "Rejected"
    box.disk_full = False
    box.advance(RETRY_S)
    assert not box.csms.charges
    box.unplug()


def test_a_charge_goes_on_and_all_its_samples_arrive(make: Make) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedInterval": "10"})
    world.advance(5)
    world.charge(15)
    closings = world.outlet().closings
    world.disk_full = True
    world.advance(120)
    assert world.bay().contactor.main
    world.disk_full = False
    world.advance(RETRY_S)
    world.finish()
    day.rest(world)
    assert world.outlet().closings == closings
    assert len(world.csms.charges[1].samples) >= 13
    day.books(world, START_WH)


def test_a_stop_opens_at_once_and_frees_the_cable_once_it_is_kept(box: Wallbox) -> None:
    box.charge(30)
    box.disk_full = True
    box.swipe()
    box.until(lambda: not box.bay().contactor.main, within=5)
    box.advance(60)
    assert box.held()
    assert not box.csms.all("StopTransaction")
    box.disk_full = False
    box.until(lambda: not box.held(), within=RETRY_S)
    box.advance(2)
    stop = box.csms.last("StopTransaction")
    assert (stop.meterStop, stop.payload.get("reason", "Local")) == (box.register(), "Local")
    box.unplug()
    day.books(box, START_WH)


def test_a_cable_that_is_torn_out_on_a_full_disk(box: Wallbox) -> None:
    box.charge(30)
    box.disk_full = True
    box.order("unplug", "--force")
    box.advance(30)
    assert not box.csms.all("StopTransaction")
    box.disk_full = False
    box.advance(RETRY_S)
    day.rest(box)
    assert box.csms.last("StopTransaction").reason == "EVDisconnected"
    day.books(box, START_WH)


def test_a_power_cut_on_a_full_disk_loses_no_energy(box: Wallbox) -> None:
    """The end that could not be written is written by the next boot, with the register's value."""
    box.charge(30)
    box.disk_full = True
    box.swipe()
    box.advance(20)
    box.power_cut()
    box.disk_full = False
    box.advance(5)
    day.conclude(box)
    day.books(box, START_WH)
    assert len(box.csms.charges) == 1


def test_a_boot_on_a_full_disk(box: Wallbox) -> None:
    box.charge(30)
    box.disk_full = True
    box.power_cut()
    box.advance(60)
    box.disk_full = False
    box.advance(RETRY_S)
    day.conclude(box)
    day.books(box, START_WH)
    assert len(box.csms.charges) == 1


def test_nothing_is_accepted_on_a_full_disk(box: Wallbox) -> None:
    """The request that finds it out hears an error, and may be kept once there is room; later ones change nothing."""
    box.disk_full = True
    first = box.csms.call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "123"})
    box.advance(1)
    assert first.error == "InternalError"
    asked = [
        box.csms.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"}),
        box.csms.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
        box.csms.call("ClearCache"),
    ]
    profiles = box.csms.call("ClearChargingProfile", {})  # its answer has no word for a refusal
    box.advance(5)
    assert [call.status for call in asked] == ["Rejected"] * 3
    assert profiles.error == "InternalError"
    box.disk_full = False
    box.advance(RETRY_S)
    again = box.csms.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    box.advance(1)
    assert again.status == "Accepted"
    box.power_cut()
    box.advance(5)
    assert read(box, "HeartbeatInterval")["HeartbeatInterval"][0] == "300"
    assert read(box, "MeterValueSampleInterval")["MeterValueSampleInterval"][0] == "123"
    assert box.statuses()[-1] == "Unavailable"


def test_a_limit_that_can_not_be_cleared_on_the_disk_holds(box: Wallbox) -> None:
    """An error is the only true answer: what is not kept would be back after a power cut."""
    assert box.evsed is not None
    box.charge(10)
    assert sets(box, profile(box, "TxDefaultProfile", [(0, 8)])) == "Accepted"
    box.advance(10)
    box.disk_full = True
    for _ in range(2):  # who finds out that the disk is full, and who asks when that is known
        asked = ask(box, "ClearChargingProfile", {})
        box.advance(30)
        assert (asked.answer, asked.error) == (None, "InternalError")
        assert box.outlet().offered_ma == 8_000
    box.disk_full = False
    box.advance(RETRY_S)
    assert box.outlet().offered_ma == 8_000
    assert box.evsed.exchange.counters["own violations"] == 0
    box.power_cut()
    box.until(lambda: box.outlet().offered_ma == 8_000)
    assert clears(box) == "Accepted"
    box.until(lambda: box.outlet().offered_ma == 16_000)


def test_an_outlet_that_could_begin_nothing_is_faulted_until_the_disk_is_mended(box: Wallbox) -> None:
    box.disk_full = True
    box.csms.call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "123"})
    box.advance(2)
    told = box.csms.last("StatusNotification")
    assert (told.status, told.errorCode) == ("Faulted", "InternalError")
    box.disk_full = False
    box.advance(RETRY_S)
    told = box.csms.last("StatusNotification")
    assert (told.status, told.errorCode) == ("Available", "NoError")


@pytest.mark.parametrize("also", ["", "power cut", "evsed", "hal"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_full_from_each_moment_on_and_mended(make: Make, moment: Callable[[Wallbox], None], also: str) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedInterval": "10"})
    world.advance(5)
    moment(world)
    world.disk_full = True
    world.advance(15)
    if also == "power cut":
        world.power_cut(5)
    elif also == "evsed":
        world.kill_evsed(restart_s=0.5)
    elif also == "hal":
        world.kill_hal(restart_s=0.5)
    world.advance(15)
    world.disk_full = False
    world.advance(RETRY_S)
    day.conclude(world)
    day.books(world, START_WH)
    if moment not in (idle, plugged, begun):
        assert len(world.csms.charges) <= 1
    day.charge(world, 10)
    day.rest(world)
    day.books(world, START_WH)
