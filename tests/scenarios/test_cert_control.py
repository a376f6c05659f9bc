"""Reset, unlock, configuration, meter values, triggers and vendor messages as the OCPP 1.6 certification walks through
them. Each test bears the id of the case it mirrors.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.scenarios.conftest import Make
from tests.world.csms import ENERGY, Message, wall_ms
from tests.world.wallbox import Wallbox

FIXED = 'name = "fixed"\nkind = "sim"\n[[outlet]]\nevse = 1\nmax_ma = 32000\nsocket = false\n'
REQUIRED = {  # OCPP 1.6 §9.1, those that a station of the Core profile must have: whether they are read-only
    "AuthorizeRemoteTxRequests": None,
    "ClockAlignedDataInterval": False,
    "ConnectionTimeOut": False,
    "ConnectorPhaseRotation": False,
    "GetConfigurationMaxKeys": True,
    "HeartbeatInterval": False,
    "LocalAuthorizeOffline": False,
    "LocalPreAuthorize": False,
    "MeterValuesAlignedData": False,
    "MeterValuesSampledData": False,
    "MeterValueSampleInterval": False,
    "NumberOfConnectors": True,
    "ResetRetries": False,
    "StopTransactionOnEVSideDisconnect": None,
    "StopTransactionOnInvalidId": False,
    "StopTxnAlignedData": False,
    "StopTxnSampledData": False,
    "SupportedFeatureProfiles": True,
    "TransactionMessageAttempts": False,
    "TransactionMessageRetryInterval": False,
    "UnlockConnectorOnEVSideDisconnect": None,
}


@pytest.fixture
def fixed(make: Make, tmp_path: Path) -> Wallbox:
    """A box whose cable is fixed."""
    board = tmp_path / "fixed.toml"
    board.write_text(FIXED)
    world = make(board=str(board))
    world.advance(5)
    return world


def change_availability(world: Wallbox, connector: int, kind: str) -> str:
    asked = world.csms.call("ChangeAvailability", {"connectorId": connector, "type": kind})
    world.advance(1)
    return str(asked.status)


def since(world: Wallbox, begin: int) -> list[tuple[int, str]]:
    """Connector and status of each StatusNotification from that message on."""
    told = world.csms.received[begin:]
    return [(m.connectorId, m.status) for m in told if m.action == "StatusNotification"]


def reset(world: Wallbox, kind: str) -> int:
    """Ask for it and wait until the station has booted again; returns how many messages came before the boot."""
    asked = world.csms.call("Reset", {"type": kind})
    boots = len(world.csms.all("BootNotification"))
    world.until(lambda: len(world.csms.all("BootNotification")) > boots)
    world.advance(5)
    assert asked.status == "Accepted"
    return world.csms.received.index(world.csms.last("BootNotification"))


@pytest.mark.parametrize("kind", [pytest.param("Hard", id="TC_013_CS"), pytest.param("Soft", id="TC_014_CS")])
def test_reset_without_transaction(box: Wallbox, kind: str) -> None:
    assert change_availability(box, 1, "Inoperative") == "Accepted"
    assert box.statuses()[-1] == "Unavailable"
    boot = reset(box, kind)
    assert since(box, boot) == [(0, "Available"), (1, "Unavailable")]
    assert change_availability(box, 1, "Operative") == "Accepted"
    assert box.statuses()[-1] == "Available"


@pytest.mark.parametrize("kind", [pytest.param("Hard", id="TC_015_CS"), pytest.param("Soft", id="TC_016_CS")])
def test_reset_with_transaction(box: Wallbox, kind: str) -> None:
    box.charge(30)
    boot = reset(box, kind)
    stop = box.csms.charges[1].stop
    assert stop is not None
    assert stop.reason == f"{kind}Reset"
    if kind == "Soft":  # terminated normally before the reset
        assert box.csms.received.index(stop) < boot
    # The car is still there; whether that is Finishing or Preparing after a boot is the station's choice.
    assert since(box, boot)[0] == (0, "Available")
    assert dict(since(box, boot))[1] in ("Finishing", "Preparing")
    assert stop.meterStop == box.register()
    box.advance(30)
    assert not box.outlet().closed
    assert len(box.csms.charges) == 1


def unlock(world: Wallbox, connector: int = 1, within: float = 30) -> str:
    asked = world.csms.call("UnlockConnector", {"connectorId": connector})
    world.until(lambda: asked.answer is not None or asked.error is not None, within=within)
    return str(asked.status)


def test_tc_017_1_unlock_without_a_session(box: Wallbox) -> None:
    assert unlock(box) == "Unlocked"
    box.plug_in()
    assert unlock(box) == "Unlocked"
    assert not box.held()


def test_tc_017_2_unlock_of_a_fixed_cable(fixed: Wallbox) -> None:
    assert unlock(fixed) == "NotSupported"


def test_tc_018_1_unlock_with_a_session(box: Wallbox) -> None:
    box.charge(20)
    assert unlock(box) == "Unlocked"
    stop = box.csms.last("StopTransaction")
    assert stop.reason == "UnlockCommand"
    assert box.statuses()[-1] == "Finishing"
    box.until(lambda: not box.held(), within=1)
    box.unplug()
    assert box.statuses()[-1] == "Available"


def test_tc_018_2_unlock_of_a_fixed_cable_leaves_its_session_alone(fixed: Wallbox) -> None:
    fixed.charge(20)
    assert unlock(fixed) == "NotSupported"
    fixed.advance(5)
    assert fixed.outlet().closed
    fixed.swipe()
    fixed.advance(5)


def test_tc_030_unlock_fails(box: Wallbox) -> None:
    box.charge(20)
    box.fault("lock-stuck")
    assert unlock(box) == "UnlockFailed"
    assert box.csms.last("StopTransaction").reason == "UnlockCommand"
    box.clear("lock-stuck")
    box.advance(2)
    assert unlock(box) == "Unlocked"


def test_tc_031_unlock_of_an_unknown_connector(box: Wallbox) -> None:
    assert unlock(box, connector=2) == "NotSupported"


def read(world: Wallbox, *keys: str) -> dict[str, tuple[str, bool]]:
    asked = world.csms.call("GetConfiguration", {"key": list(keys)} if keys else {})
    world.advance(1)
    assert asked.answer is not None
    assert asked.answer.get("unknownKey", []) == []
    return {entry["key"]: (entry["value"], entry["readonly"]) for entry in asked.answer["configurationKey"]}


def write(world: Wallbox, key: str, value: str) -> str:
    asked = world.csms.call("ChangeConfiguration", {"key": key, "value": value})
    world.advance(1)
    return str(asked.status)


def test_tc_019_retrieve_configuration(box: Wallbox) -> None:
    profiles, _ = read(box, "SupportedFeatureProfiles")["SupportedFeatureProfiles"]
    assert "Core" in profiles.split(",")
    every = read(box)
    for key, readonly in REQUIRED.items():
        assert key in every
        assert readonly is None or every[key][1] is readonly, key
    asked = box.csms.call("GetConfiguration", {"key": ["MeterValueSampleInterval", "NoSuchKey"]})
    box.advance(1)
    assert asked.answer is not None
    assert asked.answer["unknownKey"] == ["NoSuchKey"]


def test_tc_021_change_configuration(box: Wallbox) -> None:
    assert write(box, "MeterValueSampleInterval", "17") == "Accepted"
    assert read(box, "MeterValueSampleInterval") == {"MeterValueSampleInterval": ("17", False)}
    box.power_cut()
    box.advance(5)
    assert read(box, "MeterValueSampleInterval") == {"MeterValueSampleInterval": ("17", False)}


def test_tc_040_1_unknown_key(box: Wallbox) -> None:
    assert write(box, "Testing", "true") == "NotSupported"


def test_tc_040_2_invalid_value(box: Wallbox) -> None:
    assert write(box, "MeterValueSampleInterval", "-1") == "Rejected"
    assert read(box, "MeterValueSampleInterval")["MeterValueSampleInterval"][0] == "60"


def trigger(world: Wallbox, what: str, connector: int | None = None) -> str:
    payload = {"requestedMessage": what} | ({} if connector is None else {"connectorId": connector})
    asked = world.csms.call("TriggerMessage", payload)
    world.advance(1)
    return str(asked.status)


def test_tc_054_trigger_message(box: Wallbox) -> None:
    begin = len(box.csms.received)
    assert trigger(box, "MeterValues", 1) == "Accepted"
    assert trigger(box, "Heartbeat") == "Accepted"
    assert trigger(box, "StatusNotification", 1) == "Accepted"
    assert trigger(box, "DiagnosticsStatusNotification") == "Accepted"
    assert trigger(box, "FirmwareStatusNotification") == "Accepted"
    assert trigger(box, "BootNotification") == "Rejected"  # errata 3.35: it was accepted on this connection
    values, _, status, *idle = box.csms.received[begin:]
    assert [m.action for m in box.csms.received[begin:]] == [
        *("MeterValues", "Heartbeat", "StatusNotification"),
        *("DiagnosticsStatusNotification", "FirmwareStatusNotification"),
    ]
    assert [message.status for message in idle] == ["Idle", "Idle"]
    assert status.status == "Available"
    sampled = values.meterValue[0]["sampledValue"]
    assert {value["context"] for value in sampled} == {"Trigger"}
    assert next(value["value"] for value in sampled if value["measurand"] == ENERGY) == str(box.register())


def test_tc_055_trigger_message_rejected(box: Wallbox) -> None:
    begin = len(box.csms.received)
    assert trigger(box, "MeterValues", 2) == "Rejected"
    assert trigger(box, "StatusNotification", 2) == "Rejected"
    assert len(box.csms.received) == begin


def test_tc_062_data_transfer_of_an_unknown_vendor(box: Wallbox) -> None:
    asked = box.csms.call("DataTransfer", {"vendorId": "org.nobody", "messageId": "x", "data": "y"})
    box.advance(1)
    assert asked.answer == {"status": "UnknownVendorId"}


def stamps(messages: list[Message]) -> list[int]:
    return [wall_ms(m.meterValue[0]["timestamp"]) for m in messages]


def test_tc_070_sampled_meter_values(make: Make) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedInterval": "20", "AlignedDataCtrlr.Interval": "0"})
    world.advance(5)
    world.charge(65)
    samples = world.csms.charges[1].samples
    assert stamps(samples) == [wall_ms(world.csms.charges[1].start.timestamp) + 20_000 * n for n in (1, 2, 3)]
    wanted = set(read(world, "MeterValuesSampledData")["MeterValuesSampledData"][0].split(","))
    for sample in samples:
        values = sample.meterValue[0]["sampledValue"]
        assert {value["measurand"] for value in values} == wanted
        assert {value.get("context", "Sample.Periodic") for value in values} == {"Sample.Periodic"}
        phases = [value["phase"] for value in values if value["measurand"] == "Voltage"]
        assert phases == ["L1-N", "L2-N", "L3-N"]  # all phases that are measured (OCPP 1.6 §3.16.3)
    world.finish()


def test_tc_071_clock_aligned_meter_values(make: Make) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedInterval": "0", "AlignedDataCtrlr.Interval": "20"})
    world.advance(5)
    world.charge(65)
    samples = world.csms.charges[1].samples
    assert len(samples) >= 3
    assert all(stamp % 20_000 < 100 for stamp in stamps(samples))
    assert all(later - earlier == 20_000 for earlier, later in pairwise(stamps(samples)))
    values = [value for sample in samples for value in sample.meterValue[0]["sampledValue"]]
    assert {value["context"] for value in values} == {"Sample.Clock"}
    world.finish()
    outside = len(world.csms.all("MeterValues"))
    world.advance(41)
    assert ["transactionId" in m.payload for m in world.csms.all("MeterValues")[outside:]] == [False, False]


def test_a_stop_carries_begin_end_and_what_was_sampled(make: Make) -> None:
    world = make(
        presets={"SampledDataCtrlr.TxEndedMeasurands": ENERGY, "SampledDataCtrlr.TxUpdatedInterval": "20"},
    )
    world.advance(5)
    world.charge(45)
    world.finish()
    data = world.csms.last("StopTransaction").transactionData
    contexts = [sample["sampledValue"][0].get("context", "Sample.Periodic") for sample in data]
    assert contexts == ["Transaction.Begin", "Sample.Periodic", "Sample.Periodic", "Transaction.End"]
    energies = [int(sample["sampledValue"][0]["value"]) for sample in data]
    charge = world.csms.charges[1]
    assert (energies[0], energies[-1]) == (charge.start.meterStart, world.csms.last("StopTransaction").meterStop)
