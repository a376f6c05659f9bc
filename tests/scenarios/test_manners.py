"""What the two central systems that people run at home do and expect: evcc, and the OCPP integration of Home Assistant.

Their habits are facts gathered from their code and their users; the numbers here are theirs.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_control import read, trigger, write
from tests.world.csms import ENERGY, Message, wall_ms
from tests.world.wallbox import TAG, Wallbox

# What Home Assistant asks for at once; a station that has not all of them must refuse the list as a whole.
ALL_22 = (
    "Current.Export,Current.Import,Current.Offered,Energy.Active.Export.Register,Energy.Active.Import.Register,"
    "Energy.Reactive.Export.Register,Energy.Reactive.Import.Register,Energy.Active.Export.Interval,"
    "Energy.Active.Import.Interval,Energy.Reactive.Export.Interval,Energy.Reactive.Import.Interval,Frequency,"
    "Power.Active.Export,Power.Active.Import,Power.Factor,Power.Offered,Power.Reactive.Export,Power.Reactive.Import,"
    "RPM,SoC,Temperature,Voltage"
)
EVCC_WANTS = ("Power.Active.Import", ENERGY, "Current.Import", "Voltage", "Current.Offered", "Power.Offered", "SoC")


def values(message: Message, measurand: str) -> list[dict[str, Any]]:
    return [value for value in message.meterValue[0]["sampledValue"] if value["measurand"] == measurand]


def test_evcc_connects(make: Make) -> None:
    """Boot when asked, put into operation, all keys, the measurands one by one, intervals, a first value."""
    world = make()
    world.csms.interval_s = 60
    world.advance(5)
    world.drop_line()
    world.until(lambda: world.evsed is not None and world.evsed.connected)
    assert trigger(world, "BootNotification") in ("Accepted", "Rejected")
    asked = world.csms.call("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
    world.advance(1)
    assert asked.status == "Accepted"
    profiles = read(world)["SupportedFeatureProfiles"][0].split(",")
    assert {"Core", "RemoteTrigger"} <= set(profiles)
    good = [name for name in EVCC_WANTS if write(world, "MeterValuesSampledData", name) == "Accepted"]
    assert good == list(EVCC_WANTS[:-1])
    assert write(world, "MeterValuesSampledData", ",".join(good)) == "Accepted"
    assert write(world, "MeterValueSampleInterval", "10") == "Accepted"
    assert write(world, "WebSocketPingInterval", "30") == "Accepted"
    assert world.pings[-1] == 30
    assert trigger(world, "MeterValues", 1) == "Accepted"
    assert {value["measurand"] for value in world.csms.last("MeterValues").meterValue[0]["sampledValue"]} == set(good)
    world.charge(45)
    stamps = [wall_ms(m.meterValue[0]["timestamp"]) for m in world.csms.charges[1].samples]
    assert [later - stamps[0] for later in stamps] == [0, 10_000, 20_000, 30_000]  # without a reboot
    world.finish()


def test_evcc_gets_a_boot_when_it_asks_after_its_own_restart(make: Make) -> None:
    """Evcc, restarted, waits 5 s for a boot that does not come after a mere reconnect, and asks for it."""
    world = make()
    world.advance(5)
    world.drop_line()
    world.advance(10)
    assert len(world.csms.all("BootNotification")) == 1
    assert trigger(world, "BootNotification") == "Accepted"
    assert len(world.csms.all("BootNotification")) == 2


def test_home_assistant_connects(box: Wallbox) -> None:
    """Three keys, 22 measurands at once, read back, intervals, operation, one status."""
    before = read(box, "MeterValuesSampledData")
    assert set(read(box, "SupportedFeatureProfiles", "NumberOfConnectors", "HeartbeatInterval")) == {
        "SupportedFeatureProfiles",
        "NumberOfConnectors",
        "HeartbeatInterval",
    }
    assert write(box, "MeterValuesSampledData", ALL_22) == "Rejected"
    assert read(box, "MeterValuesSampledData") == before
    assert write(box, "MeterValuesSampledData", before["MeterValuesSampledData"][0]) == "Accepted"
    assert write(box, "MeterValueSampleInterval", "60") == "Accepted"
    assert write(box, "ClockAlignedDataInterval", "900") == "Accepted"
    asked = box.csms.call("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
    assert trigger(box, "StatusNotification", 1) == "Accepted"
    assert asked.status == "Accepted"
    assert box.csms.last("StatusNotification").connectorId == 1
    assert len(box.csms.all("BootNotification")) == 1  # each one more would be told as a reboot


def test_an_unknown_station_waits_pending_for_a_minute(make: Make) -> None:
    world = make()
    world.csms.boot_status, world.csms.interval_s = "Pending", 60
    world.advance(70)
    assert world.actions() == ["BootNotification"] * 2
    world.csms.boot_status = "Accepted"
    world.advance(60)
    assert world.statuses() == ["Available"]


def test_the_power_at_idle_is_told_by_trigger(box: Wallbox) -> None:
    for _ in range(5):
        assert trigger(box, "MeterValues", 1) == "Accepted"
        message = box.csms.last("MeterValues")
        assert {value["value"] for value in values(message, "Power.Active.Import")} == {"0"}
        assert values(message, ENERGY)[0]["value"] == str(box.register())
        assert abs(message.at_ms - wall_ms(message.meterValue[0]["timestamp"])) < 2_000
        assert "transactionId" not in message.payload


def test_each_sample_of_a_session_bears_its_transaction(make: Make) -> None:
    keys = {"SampledDataCtrlr.TxUpdatedInterval": "10", "AlignedDataCtrlr.Interval": "15"}
    world = make(presets=keys)
    world.advance(5)
    world.plug_in()
    world.swipe()
    begin = len(world.csms.received)
    for _ in range(6):
        world.advance(7)
        assert trigger(world, "MeterValues", 1) == "Accepted"
    told = [m for m in world.csms.received[begin:] if m.action == "MeterValues"]
    assert len(told) >= 12
    assert {m.payload.get("transactionId") for m in told} == {1}
    charging = [m for m in told if values(m, "Power.Active.Import")[0]["value"] != "0"]
    assert len(charging) >= 10
    world.finish()


@pytest.mark.parametrize("at_idle", [True, False])
def test_offered_current_and_power_are_true(box: Wallbox, at_idle: bool) -> None:
    if not at_idle:
        box.charge(10)
    trigger(box, "MeterValues", 1)
    message = box.csms.last("MeterValues")
    amps = float(values(message, "Current.Offered")[0]["value"])
    watts = int(values(message, "Power.Offered")[0]["value"])
    assert amps == (0 if at_idle else 16)
    assert abs(watts - amps * 3 * 230) < 200
    if not at_idle:
        box.finish()


def test_a_remote_start_works_from_finishing_without_replugging(box: Wallbox) -> None:
    """Home Assistant's switch: off and on again."""
    box.charge(20)
    for number in (1, 2, 3):
        stop = box.csms.call("RemoteStopTransaction", {"transactionId": number})
        box.until(lambda: box.statuses()[-1] == "Finishing")
        start = box.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": "HomeAssistant123"})
        box.until(lambda: box.statuses()[-1] == "Charging")
        assert (stop.status, start.status) == ("Accepted", "Accepted")
        box.advance(10)
    assert [charge.start.idTag for charge in box.csms.charges.values()] == [TAG] + ["HomeAssistant123"] * 3
    stops = [charge.stop.meterStop for charge in box.csms.charges.values() if charge.stop is not None]
    assert stops == [charge.start.meterStart for charge in list(box.csms.charges.values())[1:]]
    box.finish(tag="HomeAssistant123")


def test_the_error_code_of_a_warning_does_not_stick(box: Wallbox) -> None:
    """Evcc takes any errorCode but NoError for a broken station, until the next report."""
    box.charge(20)
    box.fault("meter-silent")
    box.advance(40)
    box.order("car", "stop")
    box.advance(10)
    box.order("car", "resume")
    box.advance(10)
    told = [(m.status, m.errorCode) for m in box.csms.all("StatusNotification") if m.connectorId == 1][-4:]
    assert told == [
        ("Charging", "NoError"),
        ("Charging", "PowerMeterFailure"),
        ("SuspendedEV", "NoError"),
        ("Charging", "NoError"),
    ]
    box.clear("meter-silent")
    box.advance(10)
    assert box.csms.last("StatusNotification").errorCode == "NoError"
    box.finish()


def test_the_register_never_begins_anew(box: Wallbox) -> None:
    for _ in range(3):
        box.charge(30)
        box.finish()
    box.power_cut()
    box.advance(5)
    box.charge(30)
    box.finish()
    told = [wh for _, wh in box.csms.registers()]
    assert told[0] >= 1_234_567
    assert told == sorted(told)
    starts = [charge.start.meterStart for charge in box.csms.charges.values()]
    stops = [charge.stop.meterStop for charge in box.csms.charges.values() if charge.stop is not None]
    assert starts[1:] == stops[:-1]


def test_many_questions_at_once_are_all_answered(box: Wallbox) -> None:
    asked = [box.csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]}) for _ in range(10)]
    asked += [box.csms.call("TriggerMessage", {"requestedMessage": "MeterValues"}) for _ in range(5)]
    box.advance(2)
    assert all(question.answer for question in asked)
