"""What breaks in the world around the software, idle and in mid-charge: how soon it is off, what is told, and whether
it comes back by itself. Times are those of the power contacts, from the moment in which the fault arose.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.contract import Limits
from tests.scenarios.conftest import Make
from tests.scenarios.test_smart_charging import read
from tests.world.wallbox import TAG, Wallbox

NORM_MS = 100  # IEC 61851-1 A.6 seq. 2.2 and 8
BUDGET_MS = 65  # ours: 50 ms until the coil is off, and the contacts' own 15 ms

# By fault: (errorCode, how long the power contacts may stay closed in ms, whether it is over when its cause is).
IN_MID_CHARGE: dict[str, tuple[str, int, bool]] = {
    "manner no-diode": ("OtherError", BUDGET_MS, False),  # EVCommunicationError may not go with Faulted (§4.9)
    "manner short": ("OtherError", BUDGET_MS, True),
    "cp-short": ("OtherError", BUDGET_MS, True),
    "pilot-stuck": ("OtherError", BUDGET_MS, True),
    "pilot-no-minus": ("OtherError", BUDGET_MS, True),
    "adc-gone": ("InternalError", BUDGET_MS, True),
    "adc-stuck": ("InternalError", BUDGET_MS, True),
    "residual": ("GroundFailure", 20, False),  # in hardware, without any software
    "pp-broken": ("OtherError", 400, True),
    "pp-short": ("OtherError", 400, True),
}
HARMLESS = ("pilot-noisy", "reader-gone", "meter-silent", "meter-nan", "meter-backwards")


def break_it(world: Wallbox, name: str, broken: bool = True) -> None:
    if name.startswith("manner"):
        world.order("car", "manners", name.split()[1], "on" if broken else "off")
    else:
        world.order("fault" if broken else "clear", name)


def ms_until_open(world: Wallbox, within_ms: int = 10_000) -> int:
    """To the millisecond."""
    began = world.ms
    while world.bay().contactor.main:
        assert world.ms < began + within_ms, "it stays closed"
        world.advance(0.001)
    return world.ms - began


@pytest.mark.parametrize("phase_ms", [0, 3, 7])
@pytest.mark.parametrize("name", IN_MID_CHARGE)
def test_in_mid_charge(make: Make, name: str, phase_ms: int) -> None:
    code, most_ms, heals = IN_MID_CHARGE[name]
    world = make(phase_ms=phase_ms)
    world.advance(5)
    world.charge(20)
    break_it(world, name)
    assert ms_until_open(world) <= most_ms
    world.advance(1)
    told = world.csms.last("StatusNotification")
    assert (told.status, told.errorCode) == ("Faulted", code)
    assert told.info
    world.advance(10)
    assert not world.bay().contactor.main
    break_it(world, name, broken=False)
    if heals:
        world.until(lambda: world.statuses()[-1] == "Charging", within=60)
        assert world.csms.last("StatusNotification").errorCode == "NoError"
        assert world.statuses()[-2:] == ["Faulted", "Charging"]
        world.finish()
        assert len(world.csms.charges) == 1
    else:
        world.advance(60)
        assert world.statuses()[-1] == "Faulted"
        assert not world.bay().contactor.main


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_no_reason_to_stop(box: Wallbox, name: str) -> None:
    box.charge(20)
    closings = box.outlet().closings
    break_it(box, name)
    box.advance(30)
    assert box.statuses()[-1] == "Charging"
    assert box.outlet().closings == closings
    break_it(box, name, broken=False)
    box.advance(5)
    box.finish()
    assert box.csms.charges[1].energy_wh == box.register() - 1_234_567


def test_a_card_reader_that_is_gone_is_told_and_charges_go_on(box: Wallbox) -> None:
    box.charge(20)
    box.fault("reader-gone")
    box.advance(1)
    told = box.csms.last("StatusNotification")
    assert (told.status, told.errorCode, told.vendorErrorCode) == ("Charging", "ReaderFailure", "READER_SILENT")
    assert told.info.startswith("the card reader does not answer")
    box.clear("reader-gone")
    box.until(lambda: box.csms.last("StatusNotification").errorCode == "NoError", within=40)
    box.finish()


@pytest.mark.parametrize(
    ("name", "code", "mrec", "ours"),
    [
        ("grid-high", "OverVoltage", "CX005", "OVER_VOLTAGE"),
        ("grid-low", "UnderVoltage", "CX006", "UNDER_VOLTAGE"),
        ("phase-lost", "UnderVoltage", "CX006", "PHASE_LOST"),
        ("grid-lost", "UnderVoltage", "CX015", "MAINS_LOST"),
    ],
)
def test_a_supply_that_is_out_of_order(box: Wallbox, name: str, code: str, mrec: str, ours: str) -> None:
    box.charge(20)
    box.fault(name)
    assert 3_000 <= ms_until_open(box) <= 5_100  # 3 s by readings, one each second
    box.advance(1)
    told = box.csms.last("StatusNotification")
    assert (told.status, told.errorCode, told.vendorErrorCode) == ("Faulted", code, mrec)
    assert told.info.startswith(f"{ours}: ")
    box.clear(name)
    mended = box.ms
    box.until(lambda: box.statuses()[-1] == "Charging", within=75)
    assert box.ms - mended >= 60_000
    assert box.csms.last("StatusNotification").errorCode == "NoError"
    box.finish()
    assert len(box.csms.charges) == 1


def test_a_dip_of_the_supply_is_no_reason_to_stop(box: Wallbox) -> None:
    box.charge(20)
    closings = box.outlet().closings
    box.fault("grid-low")
    box.advance(1.5)
    box.clear("grid-low")
    box.advance(10)
    assert box.outlet().closings == closings and box.statuses()[-1] == "Charging"


def test_a_meter_that_falls_silent_with_a_low_voltage_opens_nothing(box: Wallbox) -> None:
    box.charge(20)
    box.fault("grid-low")
    box.advance(1.5)
    box.fault("meter-silent")
    box.advance(60)
    assert box.bay().contactor.main and box.statuses()[-1] == "Charging"


@pytest.mark.parametrize("name", ["residual", "adc-gone", "aux-closed", "cp-short"])
def test_at_idle(box: Wallbox, name: str) -> None:
    break_it(box, name)
    box.until(lambda: box.statuses()[-1] == "Faulted", within=5)
    assert box.csms.last("StatusNotification").errorCode != "NoError"
    box.order("plug-in", "--cable", "20")
    box.swipe()
    box.advance(30)
    assert not box.csms.charges
    assert not box.bay().contactor.main


def test_a_fault_that_needs_a_person(box: Wallbox) -> None:
    box.charge(10)
    box.fault("residual")
    box.advance(10)
    box.clear("residual")
    box.advance(60)
    assert box.statuses()[-1] == "Faulted"
    box.power_cut()
    box.advance(20)
    assert box.statuses()[-1] == "Faulted"  # a power cut is no repair
    assert box.tick is not None
    assert box.tick.acknowledge(1)
    box.until(lambda: box.statuses()[-1] == "Charging", within=30)
    box.finish()
    assert len(box.csms.charges) == 1


def test_a_welded_contactor(box: Wallbox) -> None:
    """Latched for service, over a power cut too; the plug stays held while the contacts are closed."""
    box.charge(20)
    box.fault("contactor-welded")
    box.swipe()
    box.until(lambda: box.statuses()[-1] == "Faulted", within=30)
    assert box.csms.last("StatusNotification").errorCode == "PowerSwitchFailure"
    box.advance(30)
    assert box.csms.charges[1].stop is not None
    assert box.held()
    box.clear("contactor-welded")
    box.advance(5)
    box.power_cut()
    box.advance(10)
    assert box.statuses()[-1] == "Faulted"
    box.swipe()
    box.advance(30)
    assert not box.bay().contactor.main
    assert len(box.csms.charges) == 1


def test_a_contactor_that_does_not_close(box: Wallbox) -> None:
    box.fault("contactor-dead")
    box.plug_in()
    box.swipe()
    box.until(lambda: box.statuses()[-1] == "Faulted", within=10)
    assert box.csms.last("StatusNotification").errorCode == "PowerSwitchFailure"
    assert box.outlet().closings == 1  # not again and again
    box.clear("contactor-dead")
    box.advance(60)
    assert box.statuses()[-1] == "Faulted"
    box.order("unplug", "--force")
    box.advance(20)
    assert box.statuses()[-1] == "Available"
    assert box.csms.charges[1].energy_wh == 0
    box.charge(10)
    box.finish()


@pytest.mark.parametrize("seconds", [0.5, 0.7, 5])
def test_a_stalled_tick_in_mid_charge(box: Wallbox, seconds: float) -> None:
    """The gate opens in hardware; nothing closes when the tick is back, but after a rest and with a new C."""
    box.charge(30)
    box.stall_hal(seconds)
    assert (box.outlet().reason, box.outlet().interruptions) == ("LATE_BEAT", 1)
    box.until(lambda: not box.bay().contactor.main, within=0.015)
    back = box.ms
    box.until(lambda: box.bay().contactor.main, within=15)
    assert box.ms - back >= 9_900
    box.finish()
    assert len(box.csms.charges) == 1
    assert box.csms.charges[1].energy_wh == box.register() - 1_234_567


@pytest.mark.parametrize("offset_ms", [0, 4, 8])
@pytest.mark.parametrize("dip_ms", [40, 120, 400])
def test_a_coil_that_lost_its_supply_for_a_moment(make: Make, dip_ms: int, offset_ms: int) -> None:
    world = make(phase_ms=offset_ms)
    world.advance(5)
    world.charge(30)
    world.fault("coil-unfed")
    world.advance(dip_ms / 1_000)
    world.clear("coil-unfed")
    world.advance(9)
    assert not world.bay().contactor.main and world.outlet().interruptions == 1
    world.until(lambda: world.bay().contactor.main, within=2)
    world.advance(5)
    assert {m.errorCode for m in world.csms.all("StatusNotification")} == {"NoError"}
    world.finish()
    assert len(world.csms.charges) == 1


def test_a_feedback_that_broke_open_in_mid_charge(box: Wallbox) -> None:
    """It opens at once; that it is no dip is known when the next closing shows nothing."""
    box.charge(20)
    box.fault("aux-open")
    assert ms_until_open(box) <= BUDGET_MS
    box.until(lambda: box.statuses()[-1] == "Faulted", within=12)
    assert box.csms.last("StatusNotification").errorCode == "PowerSwitchFailure"
    box.clear("aux-open")
    box.advance(60)
    assert box.statuses()[-1] == "Faulted" and not box.bay().contactor.main


@pytest.mark.parametrize("phase_ms", [0, 3, 7])
def test_a_frozen_pilot_and_a_fixed_cable_that_nobody_holds(make: Make, tmp_path: Path, phase_ms: int) -> None:
    """The car is gone and the last sample says C for ever."""
    board = tmp_path / "fixed.toml"
    board.write_text('name = "f"\nkind = "sim"\n[[outlet]]\nevse = 1\nmax_ma = 32000\nsocket = false\n')
    world = make(board=str(board), phase_ms=phase_ms)
    world.advance(5)
    world.charge(20)
    world.fault("adc-stuck")
    world.order("unplug")
    assert ms_until_open(world) <= BUDGET_MS
    world.advance(60)
    assert world.statuses()[-1] == "Faulted" and not world.bay().contactor.main
    world.clear("adc-stuck")
    world.until(lambda: world.csms.charges[1].stop is not None)


# --- cars ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset_us", range(0, 10_000, 700))
@pytest.mark.parametrize("what", ["lets go", "unplugged"])
def test_a_car_that_lets_go_is_off_in_time(make: Make, what: str, offset_us: int) -> None:
    """C to B and C to A, at any moment between two ticks (IEC 61851-1 A.6 seq. 8 and 2.2)."""
    world = make()
    world.advance(2)
    world.charge(5)
    if what == "lets go":
        world.bay().car.move_s2(False, after_us=offset_us)
        world.touched()
        began = world.ms + offset_us / 1_000
    else:
        world.advance(offset_us / 1_000_000)
        world.order("unplug", "--force")
        began = world.ms
    ms_until_open(world)
    assert world.ms - began <= BUDGET_MS < NORM_MS


def test_b_c_b_toggles_are_seen_and_never_close(box: Wallbox) -> None:
    box.order("car", "stop")
    box.order("car", "manners", "toggles", "on")
    box.plug_in()
    box.swipe()
    box.advance(20)
    outlet = box.outlet()
    assert outlet.short_c >= 5  # IEC 61851-1 A.6 seq. 11
    assert outlet.closings == 0
    assert box.statuses()[-1] == "SuspendedEV"
    box.order("car", "manners", "toggles", "off")
    box.advance(2)
    box.finish()


def test_a_car_that_never_opens_s2_is_opened_under_load_after_6_s(box: Wallbox) -> None:
    box.order("car", "manners", "never-stops", "on")
    box.charge(20)
    box.order("swipe", TAG)
    box.until(lambda: not box.outlet().pwm, within=1)
    opened = ms_until_open(box)
    assert 6_000 <= opened <= 6_000 + NORM_MS  # IEC 61851-1 A.6 seq. 10.2
    box.advance(5)
    assert box.csms.charges[1].energy_wh == box.register() - 1_234_567


def test_a_car_that_draws_10_percent_too_much_is_let(box: Wallbox) -> None:
    box.order("car", "manners", "greedy", "on")
    box.charge(60)
    assert box.statuses()[-1] == "Charging"
    box.finish()


def test_the_central_system_can_ask_how_worn_the_contactor_is(box: Wallbox) -> None:
    box.charge(20)
    assert read(box)["ContactorClosings"] == ("1.1", True)
    box.finish()
    box.advance(20)
    box.charge(20)
    assert read(box)["ContactorClosings"] == ("1.2", True) and read(box)["ContactorHours"] == ("1.0", True)


def test_a_car_that_drew_too_much_once_goes_on_after_the_pause(box: Wallbox) -> None:
    box.charge(20)
    box.order("car", "manners", "overdraws", "on")
    box.until(lambda: not box.bay().contactor.main, within=10)
    box.order("car", "manners", "overdraws", "off")
    box.advance(290)
    assert not box.bay().contactor.main
    box.until(lambda: box.bay().contactor.main, within=20)
    box.until(lambda: box.statuses()[-1] == "Charging", within=10)
    box.finish()


def test_a_car_that_draws_30_percent_too_much_is_cut_off_until_it_is_unplugged(box: Wallbox) -> None:
    """The meter sees it for 7 s: a car has 5 s to follow the pilot."""
    box.charge(20)
    box.order("car", "manners", "overdraws", "on")
    began = box.ms
    box.until(lambda: not box.bay().contactor.main, within=10)
    assert 7_000 <= box.ms - began <= 9_000
    box.until(lambda: box.statuses()[-1] == "Faulted", within=1)
    assert box.csms.last("StatusNotification").errorCode == "OverCurrentFailure"
    assert [fault.name for fault in box.outlet().faults] == ["OVER_CURRENT"]
    box.order("car", "manners", "overdraws", "off")
    box.advance(60)
    assert box.statuses()[-1] == "Faulted" and not box.bay().contactor.main
    box.order("unplug", "--force")
    box.until(lambda: box.statuses()[-1] == "Available", within=10)
    assert box.csms.charges[1].energy_wh == box.register() - 1_234_567
    box.charge(10)
    box.finish()


def test_a_car_that_overdraws_a_lower_offer(make: Make) -> None:
    """What counts is what is offered, not what cable and fuse bear."""
    world = make(limits=Limits(max_ma=6_000))
    world.advance(5)
    world.order("car", "manners", "overdraws", "on")
    world.charge(20)
    assert world.statuses()[-1] == "Faulted"
    assert world.csms.last("StatusNotification").errorCode == "OverCurrentFailure"


def test_a_car_without_s2_charges_with_10_a(box: Wallbox) -> None:
    box.order("car", "manners", "simplified", "on")
    box.charge(20)
    assert box.outlet().offered_ma == 10_000  # IEC 61851-1 A.2.3
    box.order("unplug", "--force")
    assert ms_until_open(box) <= BUDGET_MS
    box.advance(5)
    assert box.csms.charges[1].stop is not None


def test_a_car_that_wants_ventilation_is_refused(box: Wallbox) -> None:
    box.order("car", "manners", "ventilated", "on")
    box.plug_in()
    box.swipe()
    box.until(lambda: box.statuses()[-1] == "Faulted", within=10)
    assert box.outlet().closings == 0
    box.order("unplug", "--force")
    box.advance(40)
    assert box.statuses()[-1] == "Available"


@pytest.mark.parametrize("wakes", [True, False])
def test_a_sleeping_car(make: Make, tmp_path: Path, wakes: bool) -> None:
    board = tmp_path / "waking.toml"
    switch = "true" if wakes else "false"
    board.write_text(
        f'name = "w"\nkind = "sim"\n[[outlet]]\nevse = 1\nmax_ma = 32000\nsocket = true\nwake_up = {switch}\n'
    )
    world = make(board=str(board))
    world.advance(5)
    world.order("car", "manners", "asleep", "on")
    world.plug_in()
    world.swipe()
    world.advance(120)
    assert world.outlet().wake_ups == wakes
    assert world.statuses()[-1] == ("Charging" if wakes else "SuspendedEV")
    assert "Available" not in world.statuses()[1:]
    world.finish()


def test_a_weld_behind_a_feedback_that_broke_open(box: Wallbox) -> None:
    """Two faults that hide each other; the meter finds them out, and a live plug is not given back."""
    box.order("car", "manners", "never-stops", "on")
    box.charge(20)
    box.fault("contactor-welded")
    box.fault("aux-open")
    box.until(lambda: box.statuses()[-1] == "Faulted", within=8)  # before it would be closed anew
    told = box.csms.last("StatusNotification")
    assert (told.errorCode, told.vendorErrorCode) == ("PowerSwitchFailure", "CX017")
    assert told.info.startswith("CURRENT_WHILE_OPEN: ")
    box.swipe()
    box.advance(60)
    assert box.csms.charges[1].stop is not None
    assert box.held()
    box.power_cut()
    box.advance(30)
    assert box.held() and box.statuses()[-1] == "Faulted"


@pytest.mark.parametrize("name", ["rcd-deaf", "rcd-slow", "rcd-stuck"])
def test_a_residual_current_device_that_fails_its_test_after_a_charge(box: Wallbox, name: str) -> None:
    box.advance(5)
    box.fault(name)
    box.charge(10)
    box.finish()
    box.until(lambda: box.statuses()[-1] == "Faulted", within=10)
    told = [(m.errorCode, m.vendorErrorCode) for m in box.csms.all("StatusNotification") if m.status == "Faulted"]
    assert told[0] == ("InternalError", "RESIDUAL_TEST_FAILED")
    box.plug_in()
    box.swipe()
    box.advance(20)
    assert not box.bay().contactor.main and len(box.csms.charges) == 1
