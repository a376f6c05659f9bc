"""What is a fault of an outlet over the simulated plant, how soon, and how it ends."""

from __future__ import annotations

import dataclasses

import pytest

from hal.boards import assemble
from hal.contract import Cp
from hal.faults import Name
from hal.sim.car import Manner
from tests.hal.box import Box, Memory, sim_board


def test_a_weld_is_latched_remembered_and_survives_the_process() -> None:
    box = Box()
    box.charge()
    box.say("fault contactor-welded")
    box.say("car stop")
    box.run(2_000)
    assert box.faults() == ["WELDED"]
    fault = box.outlet().faults[0]
    assert fault.latched and fault.opens and fault.code16 == "PowerSwitchFailure"
    box.say("clear contactor-welded")
    box.tick.acknowledge(1)
    box.run(2_000)
    assert box.faults() == ["WELDED"] and box.memory.kept == {1: (Name.WELDED,)}
    again = Box(memory=box.memory)
    again.say("plug-in")
    again.allow(16_000)
    assert again.run(10_000).reason == "FAULT"


def test_a_contactor_that_does_not_close_is_latched_until_unplugged() -> None:
    box = Box()
    box.say("fault contactor-dead")
    box.say("plug-in")
    box.allow(16_000)
    box.run(5_000)
    assert box.faults() == ["FAIL_TO_CLOSE"] and not box.tick.loaded
    box.say("clear contactor-dead")
    box.tick.acknowledge(1)
    box.run(5_000)
    assert box.faults() == ["FAIL_TO_CLOSE"]
    box.say("unplug --force")
    box.run(1_000)
    assert box.faults() == []


def test_residual_current_opens_at_once_and_waits_for_a_person() -> None:
    box = Box()
    box.charge()
    box.plant.bays[1].residual.trip()
    box.tick_once()
    assert not box.tick.loaded and box.faults() == ["RESIDUAL_CURRENT"]
    box.tick.acknowledge(1)
    box.run(2_000)
    assert box.faults() == ["RESIDUAL_CURRENT"]  # it is still there
    box.plant.bays[1].residual.trip(on=False)
    box.run(2_000)
    assert box.faults() == ["RESIDUAL_CURRENT"] and box.memory.kept == {1: (Name.RESIDUAL_CURRENT,)}
    box.tick.acknowledge(1)
    box.run(2_000)
    assert box.faults() == [] and box.memory.kept == {1: ()}


def test_a_missing_diode_never_closes_and_lasts_until_unplugged() -> None:
    box = Box()
    box.plant.bays[1].car.behave(Manner.NO_DIODE)
    box.say("plug-in")
    box.allow(16_000)
    outlet = box.run(5_000)
    assert box.faults() == ["DIODE_MISSING"] and outlet.closings == 0 and not outlet.pwm
    box.plant.bays[1].car.behave(Manner.NO_DIODE, on=False)
    box.run(60_000)
    assert box.faults() == ["DIODE_MISSING"]
    box.say("unplug --force")
    box.run(1_000)
    assert box.faults() == []


def test_a_diode_that_shorts_in_mid_charge_opens_at_once() -> None:
    box = Box()
    box.charge()
    box.plant.bays[1].car.behave(Manner.NO_DIODE)
    box.run(20)
    assert not box.tick.loaded and box.faults() == ["DIODE_MISSING"]


def test_a_pilot_short_opens_drives_f_once_and_ends_by_itself() -> None:
    box = Box()
    box.charge()
    box.say("fault cp-short")
    box.run(20)
    assert not box.tick.loaded and box.faults() == ["CP_SHORT"]
    pulses = sum(before.outlets[0].cp is not Cp.F is after.outlets[0].cp for before, after in pairs(box))
    box.run(20_000)
    assert pulses <= 1 and box.faults() == ["CP_SHORT"]
    box.say("clear cp-short")
    box.run(29_000)
    assert box.faults() == ["CP_SHORT"]
    box.until(closed=True)
    assert box.faults() == []


def pairs(box: Box) -> list[tuple[object, object]]:
    return list(zip(box.snapshots, box.snapshots[1:], strict=False))


def test_a_refused_d_opens_and_never_closes() -> None:
    box = Box()
    box.plant.bays[1].car.behave(Manner.VENTILATED)
    box.say("plug-in")
    box.allow(16_000)
    outlet = box.run(60_000)
    assert outlet.closings == 0 and box.faults() == ["D_REFUSED"]


def test_an_allowed_d_charges() -> None:
    box = Box(sim_board(allow_d=True))
    box.plant.bays[1].car.behave(Manner.VENTILATED)
    box.charge()
    assert box.outlet().cp is Cp.D and box.run(5_000).closed


@pytest.mark.parametrize(
    ("breaks", "fault"),
    [("pilot-stuck", "PILOT_FAULT"), ("pilot-no-minus", "PILOT_FAULT"), ("adc-gone", "PILOT_DRIVER")],
)
def test_a_broken_pilot_opens_within_two_ticks(breaks: str, fault: str) -> None:
    box = Box()
    box.charge()
    box.say(f"fault {breaks}")
    box.run(20)
    assert not box.tick.loaded and box.faults()[0] == fault


def test_a_pilot_that_is_not_measured_opens_then_is_a_fault_and_heals() -> None:
    box = Box(sim_board(socket=False))
    box.charge()
    box.run(20_000)
    box.say("fault adc-stuck")  # the tick of this order already finds an old sample
    box.say("unplug")
    assert box.run(10).closed
    outlet = box.run(20)
    assert outlet.reason == "STALE_SAMPLE" and not box.tick.loaded and outlet.interruptions == 1
    box.run(150)
    assert box.faults() == []
    box.run(10)
    assert box.faults() == ["PILOT_DRIVER"] and "not measured" in box.outlet().faults[0].text
    box.say("clear adc-stuck")
    outlet = box.run(1_000)
    assert outlet.cp is Cp.A and box.faults() == []


def test_old_samples_now_and_then_are_no_fault() -> None:
    box = Box(sim_board(socket=False))
    box.charge()
    for _ in range(200):
        box.say("fault adc-stuck")
        box.run(10)
        box.say("clear adc-stuck")
        box.run(50)
    outlet = box.outlet()
    assert outlet.closed and outlet.interruptions == 0 and box.faults() == []


def test_a_pilot_that_was_never_measured_is_a_fault() -> None:
    board = assemble(sim_board())
    board.order(1, ("fault", "adc-stuck"))
    box = Box(board)
    assert box.run(300).reason == "STALE_SAMPLE" and box.faults() == ["PILOT_DRIVER"]


@pytest.mark.parametrize(("offers", "fault"), [(True, "PILOT_DRIVER"), (False, "PILOT_FAULT")])
def test_a_driver_that_lies_is_found_when_the_line_goes_from_x1_to_pwm_or_back(offers: bool, fault: str) -> None:
    """It counts old samples as new; then only a change of our own drive can show that it does not look."""
    box = Box()
    box.say("plug-in")
    if offers:
        box.allow(16_000)
        box.until(closed=True)
    box.run(1_000)
    box.say("fault adc-repeats")
    box.allow(0 if offers else 16_000, closes=not offers)
    box.run(60)
    assert box.faults()[0] == fault and not box.tick.loaded


def test_a_lost_earth_looks_like_a_and_opens() -> None:
    box = Box()
    box.charge()
    box.say("fault pe-lost")
    box.run(20)
    assert not box.tick.loaded and box.outlet().cp is Cp.A


def test_a_noisy_pilot_keeps_charging() -> None:
    box = Box()
    box.charge()
    box.say("fault pilot-noisy")
    assert box.run(20_000).closed and box.outlet().closings == 1


@pytest.mark.parametrize("breaks", ["pp-broken", "pp-short"])
def test_a_broken_proximity_is_a_fault_and_a_glitch_of_it_is_none(breaks: str) -> None:
    box = Box()
    box.charge()
    box.say(f"fault {breaks}")
    box.run(250)
    assert box.faults() == [] and box.tick.loaded
    box.run(100)
    assert box.faults() == ["PROXIMITY_INVALID"] and not box.tick.loaded
    box.say(f"clear {breaks}")
    box.run(400)
    assert box.faults() == []


def test_a_cable_that_says_nothing_is_offered_nothing_not_even_before_it_is_a_fault() -> None:
    box = Box()
    box.say("fault pp-broken")
    box.allow(32_000)
    box.say("plug-in --cable 32")
    for _ in range(200):
        outlet = box.run(10)
        assert outlet.offered_ma == 0 and not box.tick.loaded
    assert box.faults() == ["PROXIMITY_INVALID"]


def test_a_silent_meter_is_a_warning_after_its_time() -> None:
    box = Box(metered=[1])
    box.charge()
    box.meter(16_000)
    box.run(9_000)
    box.mailbox.put_silence(1, "a wrong checksum")
    box.run(990)
    assert box.faults() == []
    outlet = box.run(10)
    assert box.faults() == ["METER_SILENT"] and outlet.closed and not outlet.faults[0].opens
    assert outlet.faults[0].text == "the energy meter gives no valid answer: a wrong checksum"
    box.meter(16_000)
    box.run(10)
    assert box.faults() == []


def test_a_meter_that_never_spoke_is_silent_and_none_at_all_is_not() -> None:
    box = Box(metered=[1])
    box.run(10_000)
    assert box.faults() == ["METER_SILENT"]
    box = Box()
    box.run(60_000)
    assert box.faults() == []


@pytest.mark.parametrize(("ma", "opens"), [(18_150, False), (18_151, True)])
def test_seven_seconds_above_the_offer_are_an_over_current(ma: int, opens: bool) -> None:
    box = Box(metered=[1])
    box.charge(16_000)
    for _ in range(7):
        box.meter(ma)
        box.run(1_000)
        assert box.faults() == []
    box.meter(ma)
    box.run(100)
    assert box.faults() == (["OVER_CURRENT"] if opens else []) and box.tick.loaded is not opens


def test_a_reduction_gives_the_car_its_time() -> None:
    box = Box(metered=[1])
    box.charge(16_000)
    box.run(5_000)
    box.allow(6_000)
    for second in range(20):
        box.meter(16_000 if second < 7 else 6_000)
        box.run(1_000)
    assert box.faults() == [] and box.outlet().closed


class Brittle:
    """A contactor whose order or feedback fails on request; otherwise it does what it is told."""

    def __init__(self) -> None:
        self.coil = False
        self.order_fails = self.feedback_fails = False

    def order(self, closed: bool) -> None:
        from hal.drivers.protocols import PartFailed

        if self.order_fails:
            raise PartFailed("contactor: no such line")
        self.coil = closed

    def closed(self) -> bool:
        from hal.drivers.protocols import PartFailed

        if self.feedback_fails:
            raise PartFailed("contactor: feedback is gone")
        return self.coil


def brittle_box() -> tuple[Box, Brittle]:
    """A box whose contactor is brittle."""
    board, contactor = assemble(sim_board(socket=False)), Brittle()
    outlet = board.outlets[1]
    parts = dataclasses.replace(outlet.parts, contactor=contactor)
    board.outlets[1] = dataclasses.replace(outlet, parts=parts)
    return Box(board), contactor


def test_a_contactor_whose_feedback_fails_is_opened() -> None:
    box, contactor = brittle_box()
    box.charge()
    contactor.feedback_fails = True
    box.tick_once()
    assert not contactor.coil and box.faults() == ["PART_FAILED"]
    assert "feedback is gone" in box.outlet().faults[0].text


def test_an_opening_that_fails_starves_the_enable_and_is_tried_again() -> None:
    box, contactor = brittle_box()
    box.charge()
    contactor.order_fails = True
    box.say("car stop")
    box.run(1_000)
    assert contactor.coil and not box.plant.bays[1].gate.alive
    contactor.order_fails = False
    box.tick_once()
    assert not contactor.coil


def test_a_memory_that_cannot_write_is_told() -> None:
    memory = Memory()
    memory.failed = "disk full"
    box = Box(memory=memory)
    assert box.faults() == ["MEMORY_FAILED"]
    memory.failed = ""
    box.run(100)
    assert box.faults() == []


def test_the_first_cause_stays_first() -> None:
    box = Box()
    box.charge()
    box.plant.bays[1].residual.trip()
    box.run(100)
    box.say("fault adc-gone")
    box.run(100)
    assert box.faults()[0] == "RESIDUAL_CURRENT" and len(box.faults()) == 2
