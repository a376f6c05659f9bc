"""Every change of status of OCPP 1.6 §4.9 that a station of the Core profile with a socket can come to, seen at the
central system. The letter is the row, the digit the column of that table.

Not here, and why: A3 to A5 and H3 to H5 lead through Preparing here, C1 through Finishing or SuspendedEV; B6's time-out
is an option that this station does not have; A7, G and I7 are reservations (test_cert_reservation.py).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_control import FIXED, change_availability, reset
from tests.world.wallbox import Wallbox

REFUSED = {"TxCtrlr.StopTxOnInvalidId": "false"}
GOES_ON = {"TxCtrlr.StopTxOnEVSideDisconnect": "false"}
Story = Callable[[Wallbox], object]


def available(world: Wallbox) -> None:
    world.advance(1)


def preparing(world: Wallbox) -> None:
    world.plug_in()


def charging(world: Wallbox) -> None:
    world.charge(10)
    world.until(lambda: world.statuses()[-1] == "Charging")


def suspended_ev(world: Wallbox) -> None:
    charging(world)
    world.order("car", "stop")
    world.until(lambda: world.statuses()[-1] == "SuspendedEV")


def suspended_evse(world: Wallbox) -> None:
    """The card is refused after the charge began, and only its energy ends."""
    world.csms.holds("StartTransaction")
    world.csms.answers_next("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Blocked"}})
    world.charge(5)
    world.csms.releases("StartTransaction")
    world.until(lambda: world.statuses()[-1] == "SuspendedEVSE")


def suspended_ev_before_the_start_is_judged(world: Wallbox) -> None:
    world.csms.holds("StartTransaction")
    world.csms.answers_next("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Blocked"}})
    world.charge(5)
    world.order("car", "stop")
    world.advance(5)


def judge_the_start(world: Wallbox) -> None:
    world.csms.releases("StartTransaction")


def finishing(world: Wallbox) -> None:
    charging(world)
    world.swipe()
    world.until(lambda: world.statuses()[-1] == "Finishing")


def unavailable(world: Wallbox) -> None:
    assert change_availability(world, 1, "Inoperative") == "Accepted"


def scheduled(world: Wallbox) -> None:
    assert change_availability(world, 1, "Inoperative") == "Scheduled"


def operative(world: Wallbox) -> None:
    assert change_availability(world, 1, "Operative") == "Accepted"


def fault(world: Wallbox) -> None:
    world.fault("adc-gone")


def swipe(world: Wallbox) -> None:
    world.swipe()


def unplug(world: Wallbox) -> None:
    world.until(lambda: not world.held())
    world.unplug()


def car(mode: str) -> Story:
    def do(world: Wallbox) -> None:
        world.order("car", mode)

    return do


def preparing_with_a_refused_start(world: Wallbox) -> None:
    world.order("car", "stop")
    world.csms.answers_next("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Blocked"}})
    world.plug_in()
    world.swipe()


def sleepy(world: Wallbox) -> None:
    world.order("car", "stop")
    world.plug_in()
    world.swipe()


def cut(world: Wallbox) -> None:
    world.power_cut(5)


def cut_and_full(world: Wallbox) -> None:
    world.power_cut(5, meanwhile=lambda: world.order("car", "stop"))


def remote_stop(world: Wallbox) -> None:
    world.csms.call("RemoteStopTransaction", {"transactionId": 1})


def leave(world: Wallbox) -> None:
    world.order("unplug", "--at-car")


def nothing(world: Wallbox) -> None:
    pass


def both(first: Story, then: Story) -> Story:
    def do(world: Wallbox) -> None:
        first(world)
        then(world)

    return do


ROWS: dict[str, tuple[str, str, Story, Story]] = {
    "A2 plug": ("Available", "Preparing", available, preparing),
    "A2 card": ("Available", "Preparing", available, swipe),
    "A8": ("Available", "Unavailable", available, unavailable),
    "A9": ("Available", "Faulted", available, fault),
    "B1 time-out": ("Preparing", "Available", swipe, nothing),
    "B1 unplugged": ("Preparing", "Available", preparing, unplug),
    "B3": ("Preparing", "Charging", preparing, swipe),
    "B4": ("Preparing", "SuspendedEV", available, sleepy),
    "B5": ("Preparing", "SuspendedEVSE", available, preparing_with_a_refused_start),
    "B6 stopped": ("Preparing", "Finishing", both(sleepy, available), swipe),
    "B9": ("Preparing", "Faulted", preparing, fault),
    "C4": ("Charging", "SuspendedEV", charging, car("stop")),
    "C4 left": ("Charging", "SuspendedEV", charging, leave),
    "C5": ("Charging", "SuspendedEVSE", available, suspended_evse),
    "C6": ("Charging", "Finishing", charging, swipe),
    "C6 remote": ("Charging", "Finishing", charging, remote_stop),
    "C8": ("Charging", "Unavailable", both(charging, scheduled), swipe),
    "C9": ("Charging", "Faulted", charging, fault),
    "D3": ("SuspendedEV", "Charging", suspended_ev, car("resume")),
    "D5": ("SuspendedEV", "SuspendedEVSE", suspended_ev_before_the_start_is_judged, judge_the_start),
    "D6": ("SuspendedEV", "Finishing", suspended_ev, swipe),
    "D8": ("SuspendedEV", "Unavailable", both(suspended_ev, scheduled), swipe),
    "D9": ("SuspendedEV", "Faulted", suspended_ev, fault),
    "E3": ("SuspendedEVSE", "Charging", charging, cut),
    "E4": ("SuspendedEVSE", "SuspendedEV", charging, cut_and_full),
    "E6": ("SuspendedEVSE", "Finishing", suspended_evse, swipe),
    "E8": ("SuspendedEVSE", "Unavailable", both(suspended_evse, scheduled), swipe),
    "E9": ("SuspendedEVSE", "Faulted", suspended_evse, fault),
    "F1": ("Finishing", "Available", finishing, unplug),
    "F2 card": ("Finishing", "Preparing", finishing, swipe),
    "F8": ("Finishing", "Unavailable", finishing, unavailable),
    "F9": ("Finishing", "Faulted", finishing, fault),
    "H1": ("Unavailable", "Available", unavailable, operative),
    "H2": ("Unavailable", "Preparing", both(preparing, unavailable), operative),
    "H9": ("Unavailable", "Faulted", unavailable, fault),
}
BEFORE_A_FAULT: dict[str, tuple[str, Story]] = {
    "I1": ("Available", available),
    "I2": ("Preparing", preparing),
    "I3": ("Charging", charging),
    "I4": ("SuspendedEV", suspended_ev),
    "I5": ("SuspendedEVSE", suspended_evse),
    "I6": ("Finishing", finishing),
    "I8": ("Unavailable", unavailable),
}


def seen(world: Wallbox, before: str, after: str) -> bool:
    return (before, after) in pairwise(world.statuses())


@pytest.mark.parametrize("row", ROWS)
def test_row(make: Make, row: str) -> None:
    before, after, prepare, change = ROWS[row]
    left = GOES_ON if change is leave else {}
    world = make(presets={**REFUSED, **left, "TxCtrlr.EVConnectionTimeOut": "20"})
    world.advance(2)
    prepare(world)
    change(world)
    world.until(lambda: seen(world, before, after), within=40)
    told = world.csms.last("StatusNotification")
    assert (told.errorCode == "NoError") is (told.status != "Faulted")


@pytest.mark.parametrize("broken", ["pilot", "hal"])
@pytest.mark.parametrize("row", BEFORE_A_FAULT)
def test_a_fault_that_is_over_leads_back(make: Make, row: str, broken: str) -> None:
    before, prepare = BEFORE_A_FAULT[row]
    world = make(presets=REFUSED)
    world.advance(2)
    prepare(world)
    world.fault("adc-gone") if broken == "pilot" else world.kill_hal(restart_s=10)
    world.until(lambda: world.statuses()[-1] == "Faulted", within=10)
    assert world.csms.last("StatusNotification").errorCode == "InternalError"
    world.advance(5)
    if broken == "pilot":
        world.clear("adc-gone")
    world.until(lambda: world.statuses()[-1] == before, within=60)
    assert world.statuses()[-2:] == ["Faulted", before]  # at once, by no other status
    assert world.csms.last("StatusNotification").errorCode == "NoError"
    world.advance(60)
    assert world.statuses()[-1] == before


@pytest.mark.parametrize(("before", "prepare"), [("SuspendedEV", charging), ("SuspendedEVSE", suspended_evse)])
def test_d1_e1_a_fixed_cable_needs_nobody_after_the_car_has_left(
    make: Make, tmp_path: Path, before: str, prepare: Story
) -> None:
    board = tmp_path / "fixed.toml"
    board.write_text(FIXED)
    world = make(board=str(board), presets=GOES_ON | REFUSED)
    world.advance(2)
    prepare(world)
    leave(world)
    world.advance(5)
    remote_stop(world)
    world.until(lambda: seen(world, before, "Available"))


def test_both_suspended_is_suspended_evse(make: Make) -> None:
    world = make(presets=REFUSED)
    world.advance(2)
    suspended_evse(world)
    world.order("car", "stop")
    world.advance(30)
    assert world.statuses()[-1] == "SuspendedEVSE"  # OCPP 1.6 §4.9


def test_offline_only_the_present_status_is_told(box: Wallbox) -> None:
    box.lose_line()
    begin = len(box.csms.received)
    box.plug_in()
    box.unplug()
    box.plug_in()
    box.reconnect()
    box.advance(5)
    told = [m.status for m in box.csms.received[begin:] if m.action == "StatusNotification" and m.connectorId == 1]
    assert told == ["Preparing"]


def test_short_statuses_are_left_out(make: Make) -> None:
    world = make(presets={"OCPPCommCtrlr.MinimumStatusDuration": "5"})
    world.csms.judges_statuses = False
    world.advance(10)
    world.plug_in()
    world.advance(2)
    world.unplug()
    world.advance(10)
    world.plug_in()
    world.advance(10)
    assert world.statuses() == ["Available", "Preparing"]


def test_the_status_of_the_station_is_its_own(make: Make) -> None:
    world = make(evses=2)
    world.advance(2)
    assert change_availability(world, 2, "Inoperative") == "Accepted"
    world.charge(5)
    assert change_availability(world, 0, "Inoperative") == "Scheduled"
    station = [m.status for m in world.csms.all("StatusNotification") if m.connectorId == 0]
    assert station == ["Available", "Unavailable"]
    assert world.statuses(1)[-1] == "Charging"
    assert change_availability(world, 0, "Operative") == "Accepted"
    assert world.statuses(2)[-1] == "Available"
    world.finish()
    assert reset(world, "Soft")
