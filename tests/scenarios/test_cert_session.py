"""Charging sessions as the OCPP 1.6 certification walks through them. Each test bears the id of the case it mirrors
(`TC_003_CS` is `test_tc_003_…`); where the order of two steps is free, the order is not judged.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.scenarios.conftest import Make
from tests.world.wallbox import TAG, Wallbox

OTHER = "0B0B0B0B"


def test_tc_001_cold_boot(make: Make) -> None:
    world = make(presets={"OCPPCommCtrlr.HeartbeatInterval": "30"})
    world.csms.boot_status, world.csms.interval_s = "Rejected", 20
    world.until(lambda: bool(world.csms.received))
    world.csms.boot_status = "Accepted"
    world.advance(19)
    assert world.actions() == ["BootNotification"]
    world.advance(3)
    assert world.actions() == ["BootNotification"] * 2 + ["StatusNotification"] * 2
    assert {m.connectorId: m.status for m in world.csms.all("StatusNotification")} == {0: "Available", 1: "Available"}
    world.advance(61)  # the interval of the accepted boot is the heartbeat's
    beats = [m.at_ms for m in world.csms.all("Heartbeat")]
    assert len(beats) == 3
    assert all(19_900 <= later - earlier <= 20_100 for earlier, later in pairwise(beats))


def test_tc_002_cold_boot_pending(make: Make) -> None:
    world = make()
    world.csms.boot_status, world.csms.interval_s = "Pending", 15
    world.until(lambda: bool(world.csms.received))
    read = world.csms.call("GetConfiguration", {"key": ["MeterValueSampleInterval"]})
    changed = world.csms.call("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "42"})
    world.advance(1)
    assert read.answer == {"configurationKey": [{"key": "MeterValueSampleInterval", "readonly": False, "value": "60"}]}
    assert changed.status == "Accepted"
    world.csms.boot_status = "Accepted"
    world.advance(12)
    assert world.actions() == ["BootNotification"]
    world.advance(3)
    assert world.actions() == ["BootNotification"] * 2 + ["StatusNotification"] * 2
    world.advance(16)
    assert world.actions()[-1] == "Heartbeat"


def test_tc_003_regular_start_plugin_first(box: Wallbox) -> None:
    box.plug_in()
    assert box.statuses() == ["Available", "Preparing"]
    box.swipe()
    box.until(lambda: box.statuses()[-1] == "Charging")
    assert box.actions()[-3:] == ["Authorize", "StartTransaction", "StatusNotification"]
    start = box.csms.last("StartTransaction")
    assert (start.connectorId, start.idTag, start.meterStart) == (1, TAG, 1_234_567)
    box.finish()


def test_tc_004_1_regular_start_identification_first(box: Wallbox) -> None:
    box.swipe()
    box.advance(1)
    assert box.statuses()[-1] == "Preparing"
    assert not box.csms.all("StartTransaction")
    box.plug_in()
    box.until(lambda: box.statuses()[-1] == "Charging")
    assert len(box.csms.all("StartTransaction")) == 1
    box.finish()


def test_tc_004_2_identification_first_connection_timeout(make: Make) -> None:
    world = make(presets={"TxCtrlr.EVConnectionTimeOut": "20"})
    world.advance(5)
    world.swipe()
    world.advance(18)
    assert world.statuses()[-1] == "Preparing"
    world.advance(3)
    assert world.statuses() == ["Available", "Preparing", "Available"]
    world.plug_in()
    world.advance(30)
    assert not world.csms.all("StartTransaction")


def test_tc_005_1_ev_side_disconnected_stops_and_unlocks(box: Wallbox) -> None:
    box.charge(20)
    box.order("unplug", "--at-car")
    box.advance(5)
    assert box.csms.charges[1].stop is not None
    assert box.csms.charges[1].stop.reason == "EVDisconnected"
    finishing, available = box.csms.all("StatusNotification")[-2:]
    assert (finishing.status, finishing.errorCode, finishing.info) == ("Finishing", "NoError", "EV side disconnected")
    # The cable alone, once it is free, keeps nobody away: many leave theirs in the socket for ever.
    assert available.status == "Available"
    assert not box.held()
    box.unplug()


def test_tc_005_2_ev_side_disconnected_stops_and_stays_locked(make: Make) -> None:
    world = make(presets={"OCPPCommCtrlr.UnlockOnEVSideDisconnect": "false"})
    world.advance(5)
    world.charge(20)
    world.order("unplug", "--at-car")
    world.advance(10)
    assert world.csms.last("StopTransaction").reason == "EVDisconnected"
    assert world.statuses()[-1] == "Finishing"
    assert world.outlet().locked is True
    unlock = world.csms.call("UnlockConnector", {"connectorId": 1})
    world.advance(3)
    assert unlock.status == "Unlocked"
    assert world.outlet().locked is False
    world.unplug()
    assert world.statuses()[-1] == "Available"


@pytest.mark.parametrize("unlock", ["true", "false"])
def test_tc_005_3_ev_side_disconnected_goes_on(make: Make, unlock: str) -> None:
    keys = {"TxCtrlr.StopTxOnEVSideDisconnect": "false", "OCPPCommCtrlr.UnlockOnEVSideDisconnect": unlock}
    world = make(presets=keys)
    world.advance(5)
    world.charge(20)
    world.order("unplug", "--at-car")
    world.advance(10)
    suspended = world.csms.last("StatusNotification")
    assert (suspended.status, suspended.errorCode, suspended.info) == ("SuspendedEV", "NoError", "EV side disconnected")
    assert world.outlet().locked is True  # OCPP 1.6 §4.10: whatever UnlockConnectorOnEVSideDisconnect says
    stop = world.csms.call("RemoteStopTransaction", {"transactionId": 1})
    world.advance(5)
    assert stop.status == "Accepted"
    assert world.csms.last("StopTransaction").reason == "Remote"
    assert world.statuses()[-3:] == ["SuspendedEV", "Finishing", "Available"]
    world.unplug()


def test_a_car_that_comes_back_to_its_cable_charges_on(make: Make) -> None:
    world = make(presets={"TxCtrlr.StopTxOnEVSideDisconnect": "false"})
    world.advance(5)
    world.charge(20)
    world.order("unplug", "--at-car")
    world.advance(30)
    world.order("plug-in")
    world.until(lambda: world.statuses()[-1] == "Charging", within=30)
    assert world.statuses()[-2:] == ["SuspendedEV", "Charging"]
    world.finish()
    assert len(world.csms.charges) == 1


@pytest.mark.parametrize("plugs_first", [pytest.param(False, id="TC_007_1_CS"), pytest.param(True, id="TC_007_2_CS")])
def test_start_with_cached_id(make: Make, plugs_first: bool) -> None:
    world = make(presets={"AuthCtrlr.LocalPreAuthorize": "true"})
    world.advance(5)
    world.charge(10)
    world.finish()
    world.advance(5)
    asked = len(world.csms.all("Authorize"))
    first, then = (world.plug_in, world.swipe) if plugs_first else (world.swipe, world.plug_in)
    first()
    assert world.statuses()[-1] == "Preparing"
    then()
    world.until(lambda: world.statuses()[-1] == "Charging")
    assert len(world.csms.all("Authorize")) == asked
    assert world.csms.charges[2].start.idTag == TAG
    world.finish()


def test_tc_061_1_clear_cache(make: Make) -> None:
    world = make(presets={"AuthCtrlr.LocalPreAuthorize": "true", "TxCtrlr.EVConnectionTimeOut": "10"})
    world.advance(5)
    world.swipe()
    world.advance(12)
    assert world.statuses() == ["Available", "Preparing", "Available"]
    world.swipe()
    world.advance(12)
    assert len(world.csms.all("Authorize")) == 1
    cleared = world.csms.call("ClearCache")
    world.advance(1)
    assert cleared.status == "Accepted"
    world.swipe()
    assert len(world.csms.all("Authorize")) == 2
    world.advance(12)


def test_tc_061_2_clear_cache_without_a_cache_is_rejected(make: Make) -> None:
    world = make(presets={"AuthCacheCtrlr.Enabled": "false"})
    world.advance(5)
    cleared = world.csms.call("ClearCache")
    world.advance(1)
    assert cleared.status == "Rejected"  # errata 3.23


def start_remotely(world: Wallbox, tag: str = TAG) -> str:
    asked = world.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": tag})
    world.advance(1)
    return str(asked.status)


@pytest.mark.parametrize("asks", [True, False])
def test_tc_010_remote_start_plugin_first(make: Make, asks: bool) -> None:
    world = make(presets={"AuthCtrlr.AuthorizeRemoteStart": "true" if asks else "false"})
    world.advance(5)
    world.plug_in()
    assert start_remotely(world) == "Accepted"
    world.until(lambda: world.statuses()[-1] == "Charging")
    assert len(world.csms.all("Authorize")) == asks
    assert world.csms.charges[1].start.idTag == TAG
    world.finish()


def test_tc_011_1_remote_start_first(box: Wallbox) -> None:
    assert start_remotely(box) == "Accepted"
    assert box.statuses()[-1] == "Preparing"
    box.advance(10)
    box.plug_in()
    box.until(lambda: box.statuses()[-1] == "Charging")
    assert [charge.start.idTag for charge in box.csms.charges.values()] == [TAG]
    box.finish()


def test_tc_011_2_remote_start_timeout(make: Make) -> None:
    world = make(presets={"TxCtrlr.EVConnectionTimeOut": "15"})
    world.advance(5)
    assert start_remotely(world) == "Accepted"
    world.advance(16)
    assert world.statuses() == ["Available", "Preparing", "Available"]


def test_tc_012_remote_stop(box: Wallbox) -> None:
    box.charge(20)
    asked = box.csms.call("RemoteStopTransaction", {"transactionId": 1})
    box.advance(5)
    assert asked.status == "Accepted"
    stop = box.csms.last("StopTransaction")
    assert (stop.reason, stop.transactionId) == ("Remote", 1)
    assert box.statuses()[-1] == "Finishing"
    box.unplug()
    assert box.statuses()[-1] == "Available"


@pytest.mark.parametrize("plugs_first", [pytest.param(False, id="TC_023_4_CS"), pytest.param(True, id="TC_023_5_CS")])
def test_invalid_tag_does_not_start(make: Make, plugs_first: bool) -> None:
    world = make(presets={"OCPPCommCtrlr.MinimumStatusDuration": "10", "AuthCtrlr.LocalPreAuthorize": "true"})
    world.csms.judges_statuses = False  # short ones are left out
    world.csms.invalid_tags.add(TAG)
    world.advance(15)
    first, then = (world.plug_in, world.swipe) if plugs_first else (world.swipe, world.plug_in)
    first()
    world.advance(12)
    then()
    assert world.csms.last("Authorize").idTag == TAG
    world.advance(60)
    assert world.statuses()[-1] == "Preparing"
    assert not world.csms.all("StartTransaction")


@pytest.mark.parametrize("status", ["Invalid", "Expired", "Blocked", "ConcurrentTx"])
def test_no_status_but_accepted_starts(box: Wallbox, status: str) -> None:
    box.csms.answers_next("Authorize", {"idTagInfo": {"status": status}})
    box.plug_in()
    box.swipe()
    box.advance(30)
    assert not box.csms.all("StartTransaction")
    assert not box.outlet().closed


def test_tc_024_lock_failure_does_not_start(box: Wallbox) -> None:
    assert start_remotely(box) == "Accepted"
    assert box.statuses()[-1] == "Preparing"
    box.fault("lock-stuck")
    box.plug_in()
    box.until(lambda: box.statuses()[-1] == "Faulted", within=30)
    assert box.csms.last("StatusNotification").errorCode == "ConnectorLockFailure"
    box.advance(60)
    assert not box.bay().contactor.main


def test_tc_026_remote_start_while_charging_is_rejected(box: Wallbox) -> None:
    box.charge(10)
    assert start_remotely(box, OTHER) == "Rejected"
    assert len(box.csms.charges) == 1
    box.finish()


def test_tc_027_remote_start_on_connector_0_is_rejected(box: Wallbox) -> None:
    asked = box.csms.call("RemoteStartTransaction", {"connectorId": 0, "idTag": TAG})
    box.advance(1)
    assert asked.status == "Rejected"


def test_tc_028_remote_stop_of_an_unknown_transaction_is_rejected(box: Wallbox) -> None:
    box.charge(10)
    asked = box.csms.call("RemoteStopTransaction", {"transactionId": 4_711})
    box.advance(5)
    assert asked.status == "Rejected"
    assert box.outlet().closed
    box.finish()


def test_tc_068_stop_by_the_same_card_only(box: Wallbox) -> None:
    box.charge(10)
    box.swipe(OTHER)
    box.advance(10)
    assert not box.csms.all("StopTransaction")
    asked = len(box.csms.all("Authorize"))
    box.swipe(TAG.lower())  # a card is the same whatever the case
    box.advance(5)
    assert box.csms.last("StopTransaction").idTag == TAG.lower()
    assert len(box.csms.all("Authorize")) == asked
    assert box.statuses()[-1] == "Finishing"


def test_tc_069_stop_by_a_card_of_the_same_group(box: Wallbox) -> None:
    box.csms.parents = {TAG: "FAMILY", OTHER: "FAMILY"}
    box.charge(10)
    box.swipe(OTHER)
    box.advance(5)
    assert box.csms.last("Authorize").idTag == OTHER
    stop = box.csms.last("StopTransaction")
    assert (stop.idTag, stop.payload.get("reason", "Local")) == (OTHER, "Local")
    assert box.statuses()[-1] == "Finishing"


def test_the_group_id_itself_is_no_card(box: Wallbox) -> None:
    box.csms.parents = {TAG: "FAMILY"}
    box.charge(10)
    box.swipe("FAMILY")
    box.advance(10)
    assert not box.csms.all("StopTransaction")
    box.finish()
