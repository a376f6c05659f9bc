"""Power failures, lost connections and faults as the OCPP 1.6 certification walks through them. Each test bears the
id of the case it mirrors; TC_032_1 is for stations with a supply of their own in a power cut, which this one has not.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.scenarios.conftest import Make
from tests.world.csms import wall_ms
from tests.world.wallbox import TAG, Wallbox

OTHER = "0B0B0B0B"


def told_after(world: Wallbox, message: str) -> dict[int, str]:
    """The first status of each connector after the last message of that kind."""
    begin = world.csms.received.index(world.csms.last(message))
    told = [m for m in world.csms.received[begin:] if m.action == "StatusNotification"]
    return {m.connectorId: m.status for m in reversed(told)}


def test_tc_032_2_power_failure_resumes_and_is_stopped_by_its_card(box: Wallbox) -> None:
    box.charge(60)
    box.power_cut(20)
    box.until(lambda: box.statuses()[-1] == "Charging")
    assert len(box.csms.all("BootNotification")) == 2
    assert told_after(box, "BootNotification")[0] == "Available"
    assert set(told_after(box, "BootNotification")) == {0, 1}
    box.swipe()
    box.advance(5)
    stop = box.csms.charges[1].stop
    assert stop is not None
    assert (stop.transactionId, stop.payload.get("reason", "Local")) == (1, "Local")
    assert stop.meterStop == box.register()
    assert box.statuses()[-1] == "Finishing"
    assert len(box.csms.charges) == 1


def test_tc_032_2_power_failure_ends_the_transaction(make: Make) -> None:
    world = make(presets={"TxCtrlr.ResumeAfterPowerLoss": "false"})
    world.advance(5)
    world.charge(60)
    world.power_cut(20)
    world.advance(10)
    stop = world.csms.charges[1].stop
    assert stop is not None
    assert (stop.reason, stop.meterStop) == ("PowerLoss", world.register())
    assert world.statuses()[-1] == "Finishing"
    assert not world.outlet().closed


def test_a_car_that_left_in_the_power_cut_ends_it_too(box: Wallbox) -> None:
    box.charge(60)
    box.power_cut(20, meanwhile=lambda: box.order("unplug", "--force"))
    box.advance(30)
    stop = box.csms.charges[1].stop
    assert stop is not None
    assert (stop.reason, stop.meterStop) == ("PowerLoss", box.register())
    assert box.statuses()[-1] == "Available"


def test_tc_034_power_failure_with_unavailable_status(box: Wallbox) -> None:
    asked = box.csms.call("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    box.advance(1)
    assert asked.status == "Accepted"
    assert {m.connectorId: m.status for m in box.csms.all("StatusNotification")} == {0: "Unavailable", 1: "Unavailable"}
    box.power_cut(5)
    box.advance(5)
    assert told_after(box, "BootNotification") == {0: "Unavailable", 1: "Unavailable"}


def test_tc_036_connection_loss_during_a_transaction(make: Make) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedInterval": "20"})
    world.advance(5)
    world.charge(25)
    world.lose_line()
    world.advance(90)
    world.reconnect()
    world.advance(30)
    samples = [wall_ms(m.meterValue[0]["timestamp"]) for m in world.csms.charges[1].samples]
    assert len(samples) >= 6
    assert all(later - earlier == 20_000 for earlier, later in pairwise(samples))  # none is missing, all in order
    assert len(world.csms.all("BootNotification")) == 1
    world.finish()


def cached(world: Wallbox) -> Wallbox:
    """The card is known from a charge that was online."""
    world.advance(5)
    world.charge(5)
    world.finish()
    return world


def test_tc_037_1_offline_start_valid(box: Wallbox) -> None:
    cached(box)
    box.lose_line()
    begin = len(box.csms.received)
    box.charge(40)
    assert len(box.csms.received) == begin
    offline_ms = box.csms._now_ms() - 30_000
    box.reconnect()
    box.advance(10)
    start = box.csms.charges[2].start
    assert start.idTag == TAG
    assert wall_ms(start.timestamp) < offline_ms
    assert told_after(box, "StatusNotification")[1] == "Charging"
    box.finish()


def offline_with_an_unknown_card(world: Wallbox) -> None:
    """It begins offline, and the central system refuses it afterwards."""
    world.csms.invalid_tags.add(OTHER)
    world.advance(5)
    world.lose_line()
    world.charge(40, tag=OTHER)
    world.reconnect()
    world.advance(20)
    assert world.csms.charges[1].start.idTag == OTHER


def test_tc_037_2_offline_start_that_is_refused_ends(make: Make) -> None:
    world = make(presets={"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"})
    offline_with_an_unknown_card(world)
    stop = world.csms.charges[1].stop
    assert stop is not None
    assert (stop.reason, stop.meterStop) == ("DeAuthorized", world.register())
    assert world.statuses()[-1] == "Finishing"
    assert world.held()  # OCPP 1.6 §4.8: the cable waits for its owner
    world.swipe(OTHER)
    world.until(lambda: not world.held())


def test_tc_037_3_offline_start_that_is_refused_only_pauses(make: Make) -> None:
    presets = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true", "TxCtrlr.StopTxOnInvalidId": "false"}
    world = make(presets=presets)
    offline_with_an_unknown_card(world)
    assert world.csms.charges[1].stop is None
    assert world.statuses()[-1] == "SuspendedEVSE"
    assert not world.bay().contactor.main
    world.finish(tag=OTHER)


def test_an_offline_start_that_is_refused_may_use_up_its_rest(make: Make) -> None:
    presets = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true", "TxCtrlr.MaxEnergyOnInvalidId": "300"}
    world = make(presets=presets)
    offline_with_an_unknown_card(world)
    refused_at = world.register()
    assert world.outlet().closed
    world.until(lambda: world.csms.charges[1].stop is not None, within=300)
    assert 300 - 100 <= world.register() - refused_at <= 300 + 50


@pytest.mark.parametrize("stops", [True, False])
def test_the_rest_of_a_refused_card_is_counted_over_a_power_cut(make: Make, stops: bool) -> None:
    """MaxEnergyOnInvalidId, whatever StopTransactionOnInvalidId says of what follows (OCPP 1.6 §9.1.14)."""
    world = make(presets={"TxCtrlr.MaxEnergyOnInvalidId": "300", "TxCtrlr.StopTxOnInvalidId": str(stops).lower()})
    world.advance(5)
    world.csms.answers_next("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Invalid"}})
    world.charge(30)
    assert world.outlet().closed, "there is a rest"
    world.power_cut(20)
    world.until(lambda: world.outlet().closed)
    world.until(lambda: not world.outlet().closed, within=300)
    assert 250 <= world.register() - 1_234_567 <= 350
    world.advance(30)
    stop = world.csms.charges[1].stop
    assert (stop is not None and stop.reason == "DeAuthorized") is stops
    assert world.statuses()[-1] == ("Finishing" if stops else "SuspendedEVSE")
    world.finish()


@pytest.mark.parametrize("leaves", [False, True])
def test_tc_038_offline_stop(box: Wallbox, leaves: bool) -> None:
    box.charge(30)
    box.lose_line()
    box.advance(30)
    box.swipe()
    box.advance(10)
    if leaves:
        box.unplug()
    box.advance(20)
    box.reconnect()
    box.advance(10)
    stop = box.csms.charges[1].stop
    assert stop is not None
    assert (stop.payload.get("reason", "Local"), stop.idTag, stop.meterStop) == ("Local", TAG, box.register())
    assert stop.at_ms - wall_ms(stop.timestamp) > 20_000
    assert box.statuses()[-1] == ("Available" if leaves else "Finishing")


def test_tc_039_offline_transaction(box: Wallbox) -> None:
    cached(box)
    box.lose_line()
    box.charge(70)
    box.finish()
    box.advance(60)
    box.reconnect()
    box.advance(10)
    charge = box.csms.charges[2]
    assert charge.stop is not None
    assert (charge.start.idTag, charge.stop.payload.get("reason", "Local")) == (TAG, "Local")
    assert [m.action for m in charge.samples] == ["MeterValues"]
    assert sum(each.energy_wh for each in box.csms.charges.values()) == box.register() - 1_234_567


def test_an_offline_card_that_nobody_knows_is_refused(box: Wallbox) -> None:
    box.lose_line()
    box.plug_in()
    box.swipe(OTHER)
    box.advance(30)
    assert not box.outlet().closed
    box.reconnect()
    box.advance(5)
    assert not box.csms.all("StartTransaction")


def test_tc_041_a_faulted_outlet_starts_nothing(box: Wallbox) -> None:
    box.fault("residual")
    box.until(lambda: box.statuses()[-1] == "Faulted")
    assert box.csms.last("StatusNotification").errorCode == "GroundFailure"
    box.plug_in()
    box.swipe()
    box.advance(60)
    assert not box.csms.all("StartTransaction")
    asked = box.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": TAG})
    box.advance(1)
    assert asked.status == "Rejected"
