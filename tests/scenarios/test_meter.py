"""A meter that is silent or lies, at idle and in mid-charge, alone and with restarts of evse-hal, evsed and the box.

The register that is told never falls (the fixture judges it), nothing is sold twice, and what no charge can be given
is told to the people at the box: together it is what the meter has counted (I6).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evsed.core.overview import Surroundings, overview
from evsed.core.status import HalStatus, LinkStatus, OutletStatus, StationStatus
from evsed.core.why import why
from hal.sim.meter import START_WH, WIRE_FAULTS, MeterFault
from tests.scenarios import day
from tests.scenarios.conftest import Make, judge
from tests.world.wallbox import RESTART_S, TAG, Wallbox

SAMPLES = {"SampledDataCtrlr.TxUpdatedInterval": "10"}
LIES = ("silent", "nan", "backwards", "zero", "scaled", "swapped", "negative", "stuck", "short", "damaged", "late")
FALLS = ("zero", "backwards")
WELL = StationStatus(identity="CP1", version="0", hal=HalStatus(up=True))


def keep_batch(world: Wallbox) -> None:
    """A minute goes by, as far as the journal is concerned: what was told is on the disk."""
    if world.evsed is not None:
        world.evsed.journal.flush()


def power_cut(world: Wallbox) -> None:
    keep_batch(world)
    world.power_cut(10)
    world.advance(15)


def kill_evsed(world: Wallbox) -> None:
    keep_batch(world)
    world.kill_evsed(restart_s=RESTART_S)
    world.advance(5)


def kill_hal(world: Wallbox) -> None:
    world.kill_hal(restart_s=RESTART_S)
    world.advance(15)


RESTARTS = {"hal": kill_hal, "power cut": power_cut, "evsed": kill_evsed}


def shown(world: Wallbox) -> OutletStatus:
    """What evsectl tells of the outlet."""
    assert world.evsed is not None
    around = Surroundings("CP1", "0", HalStatus(up=True), LinkStatus(), None)
    return overview(world.evsed.station, around, world.evsed.now()).outlets[0]


def unassigned_wh(world: Wallbox) -> int:
    """What was counted and belongs to no charge."""
    assert world.evsed is not None
    before = sum(tx.unassigned_wh for tx in world.evsed.journal.transactions(1_000))
    return before + world.evsed.station.outlets[1].register.unassigned_wh


def sold_wh(world: Wallbox) -> int:
    return sum(charge.energy_wh for charge in world.csms.charges.values())


# --- all that it measures ----------------------------------------------------------------------------------------


def test_power_is_told_as_a_whole_and_by_phase(box: Wallbox) -> None:
    """OCPP 1.6 §3.16.3: all phases of what is configured; L1 to L3, as Home Assistant sums them."""
    box.charge(70)
    values = box.csms.last("MeterValues").meterValue[0]["sampledValue"]
    powers = {v.get("phase"): int(v["value"]) for v in values if v["measurand"] == "Power.Active.Import"}
    assert list(powers) == [None, "L1", "L2", "L3"]
    assert abs(powers[None] - powers["L1"] - powers["L2"] - powers["L3"]) <= 2
    assert powers["L1"] > 2_000


# --- alone ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("seconds", [8, 90])
def test_a_meter_that_lies_for_a_while_is_not_believed(make: Make, lie: str, seconds: int) -> None:
    world = make(presets=SAMPLES)
    world.advance(5)
    world.charge(25)
    world.fault(f"meter-{lie}")
    world.advance(seconds)
    world.clear(f"meter-{lie}")
    world.advance(30)
    world.finish()
    assert world.csms.charges[1].energy_wh == world.register() - START_WH
    told = [(m.status, m.errorCode) for m in world.csms.all("StatusNotification") if m.errorCode != "NoError"]
    assert told == [("Charging", "PowerMeterFailure")] * (seconds > 60)
    day.rest(world)


@pytest.mark.parametrize("lie", ["silent", "backwards"])
def test_a_charge_ends_when_its_meter_is_silent_for_longer_than_allowed(make: Make, lie: str) -> None:
    world = make(presets=SAMPLES | {"TxCtrlr.MaxTimeWithoutMeter": "60"})
    world.advance(5)
    world.charge(25)
    world.fault(f"meter-{lie}")
    world.advance(50)
    world.clear(f"meter-{lie}")
    world.advance(50)
    assert world.bay().contactor.main  # it was heard in between
    known_wh = world.register()
    world.fault(f"meter-{lie}")
    world.advance(57)
    assert world.bay().contactor.main
    world.advance(45)
    stop = world.csms.charges[1].stop
    assert stop is not None and stop.reason == "Other" and known_wh - 4 <= stop.meterStop <= known_wh
    assert not world.bay().contactor.main
    world.clear(f"meter-{lie}")
    world.advance(30)
    world.unplug()
    day.rest(world)


@pytest.mark.parametrize("lie", ["silent", "backwards", "zero"])
def test_a_charge_that_ends_while_the_meter_lies(make: Make, lie: str) -> None:
    """The last believed value ends it; what was counted in the dark belongs to nobody, and is told as that."""
    world = make()
    world.advance(5)
    world.charge(25)
    world.fault(f"meter-{lie}")
    world.advance(20)
    world.finish()
    dark = world.register() - START_WH - sold_wh(world)
    assert dark > 10
    world.plug_in()
    world.swipe()
    world.advance(20)
    assert len(world.csms.charges) == 1  # without a register nothing begins
    world.clear(f"meter-{lie}")
    world.until(lambda: world.bay().contactor.main, within=90)
    assert any(f"{dark} Wh were counted since the last transaction" in line for line in world.lines)
    world.advance(10)
    world.finish()
    day.rest(world)
    assert unassigned_wh(world) == dark
    assert sold_wh(world) + dark == world.register() - START_WH


def test_no_meter_from_the_start(box: Wallbox) -> None:
    box.fault("meter-silent")
    box.power_cut()
    box.advance(20)
    box.plug_in()
    box.swipe()
    box.advance(30)
    assert not box.csms.charges
    box.clear("meter-silent")
    box.until(lambda: box.bay().contactor.main, within=60)
    box.finish()


@pytest.mark.parametrize("lie", ["silent", "zero"])
def test_a_silent_meter_is_a_warning_and_no_fault(make: Make, lie: str) -> None:
    world = make()
    world.advance(5)
    world.charge(20)
    world.fault(f"meter-{lie}")
    world.until(lambda: world.csms.last("StatusNotification").errorCode == "PowerMeterFailure", within=90)
    said = world.csms.last("StatusNotification")
    assert (said.status, said.vendorErrorCode) == ("Charging", "METER_SILENT")
    assert said.info.startswith("the energy meter gives no valid answer: ")
    world.clear(f"meter-{lie}")
    world.until(lambda: world.csms.last("StatusNotification").errorCode == "NoError", within=30)
    assert world.csms.last("StatusNotification").status == "Charging"
    assert "vendorErrorCode" not in world.csms.last("StatusNotification").payload
    world.finish()


def test_a_register_that_stands_still_under_load_says_why(make: Make) -> None:
    world = make()
    world.charge(20)
    lie(MeterFault.STUCK)(world)
    world.advance(60)
    (silent,) = shown(world).faults
    assert silent.name == "METER_SILENT"
    assert "the register stands still at 12" in silent.text
    assert "its energy is told once the meter answers" in why(shown(world), WELL)


# --- a register that fell, behind a restart ------------------------------------------------------------------


@pytest.mark.parametrize("lie", FALLS)
@pytest.mark.parametrize("restart", ["hal", "power cut"])
def test_at_idle(make: Make, restart: str, lie: str) -> None:
    """Evse-hal has forgotten what it said before; the box has not."""
    world = make()
    world.advance(5)
    day.charge(world, 30)
    world.fault(f"meter-{lie}")
    RESTARTS[restart](world)
    assert shown(world).fell is not None
    assert shown(world).energy_wh is None
    world.until(lambda: world.csms.last("StatusNotification").errorCode == "PowerMeterFailure", within=90)
    assert world.csms.last("StatusNotification").vendorErrorCode == "REGISTER_FELL"
    world.csms.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    world.plug_in()
    world.swipe()
    world.advance(30)
    assert len(world.csms.charges) == 1
    world.clear(f"meter-{lie}")
    kill_hal(world)  # its own memory has the lie now
    assert shown(world).fell is None
    world.until(lambda: world.bay().contactor.main)
    world.finish()
    day.rest(world)
    day.books(world, START_WH)


@pytest.mark.parametrize("lie", FALLS)
@pytest.mark.parametrize("restart", ["hal", "power cut"])
def test_in_mid_charge(make: Make, restart: str, lie: str) -> None:
    world = make(presets=SAMPLES)
    world.advance(5)
    world.charge(60)
    world.fault(f"meter-{lie}")
    RESTARTS[restart](world)
    world.until(lambda: world.bay().contactor.main, within=60)
    told = len(world.csms.registers())
    world.advance(30)
    assert len(world.csms.registers()) == told  # no sample bears a register
    assert world.csms.last("MeterValues").transactionId == 1
    world.finish()
    assert 0 < sold_wh(world) <= world.register() - START_WH
    world.clear(f"meter-{lie}")
    kill_hal(world)
    day.charge(world, 10)
    day.rest(world)
    assert sold_wh(world) + unassigned_wh(world) == world.register() - START_WH


# --- anything, in any order ----------------------------------------------------------------------------------


def begin(world: Wallbox) -> None:
    if not world.bay().car.plugged:
        world.plug_in()
    world.swipe()
    world.advance(10)


def end(world: Wallbox) -> None:
    world.swipe()
    world.advance(10)
    if world.bay().car.plugged:
        world.order("unplug", "--force")
        world.advance(5)


def lie(name: MeterFault) -> Callable[[Wallbox], None]:
    return lambda world: world.fault(f"meter-{name}")


def truth(world: Wallbox) -> None:
    for name in MeterFault:
        world.clear(f"meter-{name}")


STEPS: dict[str, Callable[[Wallbox], None]] = {
    "begin": begin,
    "end": end,
    "truth": truth,
    "20 s": lambda world: world.advance(20),
    "90 s": lambda world: world.advance(90),
    **RESTARTS,
    **{f"meter {name}": lie(name) for name in MeterFault if name not in WIRE_FAULTS or name is MeterFault.SILENT},
}


@settings(
    max_examples=400 if os.environ.get("EVSED_LONG_TESTS") else 15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=3, max_size=14))
def test_whatever_meter_and_restarts_do_the_books_are_right(disk: Path, steps: list[str]) -> None:
    world = Wallbox(disk / str(len(list(disk.iterdir()))), presets=SAMPLES, leaps=True)
    world.advance(5)
    begin(world)
    for step in steps:
        STEPS[step](world)
    truth(world)
    kill_hal(world)
    end(world)
    world.advance(60)
    if world.evsed is not None and world.evsed.station.outlets[1].charging.tx is not None:
        world.swipe(TAG)
    world.advance(60)
    day.rest(world)
    counted = world.register() - START_WH
    booked = sold_wh(world) + unassigned_wh(world)
    world.close()
    judge(world)
    assert booked == counted
    assert world.csms.unbooked == []


# --- the mains -----------------------------------------------------------------------------------------------


def test_mains_that_are_gone_in_mid_charge_are_told(box: Wallbox) -> None:
    box.charge(20)
    box.fault("phase-lost")
    box.advance(2)
    assert "the meter sees no voltage on L3" in why(shown(box), WELL)
    box.advance(3)
    assert why(shown(box), WELL).startswith("Fault PHASE_LOST: a phase of the supply is gone;")


def test_mains_that_are_gone_in_mid_charge_are_told_before_they_are_a_fault(box: Wallbox) -> None:
    box.charge(20)
    box.fault("grid-lost")
    box.advance(2)
    assert "no mains voltage" in why(shown(box), WELL)
