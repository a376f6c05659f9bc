"""The whole control over the simulated plant: what closes, what opens, how fast, and what is told of it."""

from __future__ import annotations

import dataclasses
import gc
import threading

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hal.boards import assemble
from hal.contract import Cp, Lease, Limits, MeterReading, Outlet
from hal.faults import Name
from hal.iec61851 import Rules, duty_permille
from hal.sim.car import Manner
from hal.system import Notifier
from hal.tick import PUBLISH_MS, TickThread
from tests.hal.box import START_MS, Box, Memory, sim_board

# --- closing and opening ---------------------------------------------------------------------------------------


def test_a_charge_from_plug_to_unplug() -> None:
    box = Box()
    assert box.outlet().reason == "PILOT_A"
    box.say("plug-in --cable 20")
    assert box.run(3_000).reason == "NO_LEASE"
    box.allow(16_000)
    box.until(closed=True)
    outlet = box.outlet()
    assert (outlet.cp, outlet.offered_ma, outlet.cable_ma, outlet.locked) == (Cp.C, 16_000, 20_000, True)
    box.say("car stop")
    box.until(closed=False)
    assert box.outlet().reason == "PILOT_B"
    box.allow(0, closes=False, holds_cable=False)
    assert box.run(2_000).locked is False
    box.say("unplug")
    assert box.run(100).cp is Cp.A and box.outlet().closings == 1


@pytest.mark.parametrize("ma", [6_000, 16_000, 32_000, 51_000])
def test_the_tick_that_sees_b_opens(ma: int) -> None:
    """The plateau rises with the first pulse after the edge, so each edge is answered within two ticks."""
    box = Box(sim_board(max_ma=63_000, socket=False), Limits(max_ma=63_000))
    box.charge(ma)
    box.run(11_000)
    for edge in range(40):
        box.plant.bays[1].car.move_s2(closed=False, after_us=edge * 251)
        box.tick_once()
        box.tick_once()
        assert not box.tick.loaded, f"{ma} mA, edge {edge * 251} µs after a tick"
        box.plant.bays[1].car.move_s2(closed=True)
        box.run(11_000)
        assert box.tick.loaded


def test_pulses_of_200_ms_are_reported_and_never_close() -> None:
    box = Box()
    box.plant.bays[1].car.behave(Manner.TOGGLES)
    box.say("plug-in")
    box.allow(16_000)
    outlet = box.run(60_000)
    assert outlet.closings == 0 and outlet.short_c >= 20


def test_c_closes_after_half_a_second_and_not_before() -> None:
    box = Box(sim_board(socket=False))
    box.plant.bays[1].car.behave(Manner.STUCK_S2)
    box.say("plug-in")
    box.allow(16_000)
    box.run(2_000)
    box.plant.bays[1].car.behave(Manner.STUCK_S2, on=False)
    while box.outlet().cp is not Cp.C:
        box.tick_once()
    seen_ms = box.now_ms
    while not box.tick.loaded:
        box.tick_once()
    assert box.now_ms - seen_ms == 500


def test_ten_seconds_lie_between_two_closings() -> None:
    box = Box()
    box.charge()
    closed_ms = box.now_ms
    box.plant.bays[1].car.move_s2(closed=False)
    box.until(closed=False)
    box.plant.bays[1].car.move_s2(closed=True)
    assert box.run(1_000).reason == "RELAY_REST"
    box.until(closed=True, within_ms=12_000)
    assert box.now_ms - closed_ms >= 10_000


def test_a_car_that_lets_go_in_time_is_opened_without_load() -> None:
    box = Box()
    box.charge()
    box.allow(0, closes=False)
    taken_ms = box.until(closed=False)
    assert 1_000 <= taken_ms <= 3_000


def test_a_car_that_never_lets_go_is_opened_after_6_s_and_not_before() -> None:
    box = Box()
    box.plant.bays[1].car.behave(Manner.NEVER_STOPS)
    box.charge()
    box.run(2_000)
    box.allow(0, closes=False)
    assert 6_000 <= box.until(closed=False) <= 6_100
    assert box.outlet().cp is Cp.C


def test_an_offer_that_comes_back_in_time_keeps_it_closed() -> None:
    box = Box()
    box.plant.bays[1].car.behave(Manner.NEVER_STOPS)
    box.charge()
    box.run(2_000)
    box.allow(0, closes=False)
    box.run(4_000)
    box.allow(16_000)
    outlet = box.run(10_000)
    assert outlet.closed and outlet.closings == 1 and outlet.pwm


# --- interruptions ---------------------------------------------------------------------------------------------


def stall(box: Box, ms: int) -> Outlet:
    """The process stands still; then one tick."""
    box.now_ms += ms - 10
    box.tick_once()
    return box.outlet()


@pytest.mark.parametrize("ms", [500, 700, 2_000])
def test_a_stall_that_the_gate_may_not_have_outlived_is_an_opening(ms: int) -> None:
    box = Box()
    box.charge()
    box.run(20_000)
    outlet = stall(box, ms)
    assert (outlet.reason, outlet.interruptions) == ("LATE_BEAT", 1)
    assert not box.tick.loaded and not box.plant.bays[1].gate.alive
    assert box.run(400).reason == "C_UNCONFIRMED"
    assert box.run(1_000).reason == "RELAY_REST"
    assert 8_500 <= box.until(closed=True, within_ms=9_500) <= 8_700
    assert box.outlet().closings == 2 and box.faults() == []


def test_a_stall_that_the_gate_outlives_is_none() -> None:
    box = Box()
    box.charge()
    outlet = stall(box, 490)
    assert outlet.closed and outlet.interruptions == 0 and box.run(1_000).closings == 1


def test_the_gate_of_the_board_counts() -> None:
    board = sim_board()
    box = Box(msgspec.structs.replace(board, timing=msgspec.structs.replace(board.timing, gate_ms=200)))
    box.charge()
    assert stall(box, 190).closed
    assert stall(box, 200).reason == "LATE_BEAT"
    box.until(closed=False)
    box.until(closed=True, within_ms=11_000)
    box.plant.advance(box.now_ms + 250)
    assert not box.plant.bays[1].contactor.main  # the simulated gate has the same time


def test_a_stall_while_nothing_is_closed_is_no_interruption() -> None:
    box = Box()
    box.say("plug-in")
    box.run(1_000)
    assert stall(box, 5_000).interruptions == 0


def test_a_late_beat_is_named_though_a_fault_came_in_the_stall() -> None:
    box = Box()
    box.charge()
    box.plant.bays[1].residual.trip()
    assert stall(box, 700).reason == "LATE_BEAT"
    assert box.run(10).reason == "FAULT"


def dip(box: Box, ms: int) -> None:
    """The supply of the coil is away for a while."""
    box.say("fault coil-unfed")
    box.run(ms)
    box.say("clear coil-unfed")


@pytest.mark.parametrize("ms", [50, 100, 300])
def test_a_contactor_that_fell_open_does_not_come_back_by_itself(ms: int) -> None:
    box = Box()
    box.charge()
    box.run(20_000)
    dip(box, ms)
    outlet = box.run(1_000)
    assert not outlet.closed and (outlet.reason, outlet.interruptions) == ("RELAY_REST", 1)
    assert "FELL_OPEN" in {snapshot.outlets[0].reason for snapshot in box.snapshots}
    box.until(closed=True, within_ms=10_000)
    assert box.outlet().closings == 2 and box.faults() == []


def test_a_contactor_that_falls_again_and_again_is_a_fault_until_unplugged() -> None:
    box = Box()
    box.charge()
    for fall in range(1, 4):
        box.until(closed=True, within_ms=11_000)
        assert box.faults() == []
        dip(box, 100)
        assert box.run(10).interruptions == fall
    box.run(20_000)
    assert box.faults() == ["FAIL_TO_CLOSE"] and box.outlet().closings == 3
    box.say("unplug --force")
    box.run(1_100)
    assert box.faults() == []
    box.charge()


# --- the lease -------------------------------------------------------------------------------------------------


def test_a_lease_is_shortened_to_three_seconds() -> None:
    box = Box(limits=Limits(fallback_ma=0))
    box.charge()
    box.silence()
    box.tick.grant(Lease(1, 16_000, True, True, box.now_ms + 3_600_000), box.now_ms)
    assert box.run(2_900).pwm
    assert not box.run(200).pwm


def test_without_evsed_a_charge_falls_back_then_ends() -> None:
    box = Box(limits=Limits(fallback_ma=8_000, grace_s=30))
    box.charge(16_000)
    box.run(6_000)
    box.silence()
    assert box.run(9_000).offered_ma == 8_000
    assert box.run(20_000).closed
    assert box.run(8_000).reason == "LEASE_OVER"
    assert not box.outlet().closed


def test_the_fallback_never_raises() -> None:
    box = Box(limits=Limits(fallback_ma=16_000))
    box.charge(8_000)
    box.run(6_000)
    box.silence()
    assert box.run(20_000).offered_ma == 8_000


def test_no_charge_begins_in_the_grace() -> None:
    box = Box()
    box.charge()
    box.silence()
    box.run(5_000)
    box.plant.bays[1].car.move_s2(closed=False)
    box.until(closed=False)
    box.plant.bays[1].car.move_s2(closed=True)
    assert box.run(20_000).closings == 1


def test_a_grace_of_zero_stops_at_once() -> None:
    box = Box(limits=Limits(grace_s=0))
    box.charge()
    box.silence()
    box.run(3_100)
    assert not box.outlet().pwm


def test_evsed_that_is_back_in_the_grace_goes_on() -> None:
    box = Box()
    box.charge()
    box.silence()
    box.run(20_000)
    box.allow(16_000)
    outlet = box.run(10_000)
    assert outlet.closed and outlet.offered_ma == 16_000 and outlet.closings == 1


@pytest.mark.parametrize(
    ("lease", "installer", "board", "cable", "offered"),
    [
        (16_000, 32_000, 32_000, 32, 16_000),
        (32_000, 10_000, 32_000, 32, 10_000),
        (32_000, 32_000, 20_000, 32, 20_000),
        (32_000, 32_000, 32_000, 13, 13_000),
        (32_000, 32_000, 32_000, 20, 20_000),
        (5_999, 32_000, 32_000, 32, 0),
    ],
)
def test_the_least_limit_is_offered(lease: int, installer: int, board: int, cable: int, offered: int) -> None:
    box = Box(sim_board(max_ma=board), Limits(max_ma=installer))
    box.say(f"plug-in --cable {cable}")
    box.allow(lease)
    assert box.run(3_000).offered_ma == offered


def test_retired_gives_no_permission_any_more() -> None:
    box = Box()
    box.charge()
    box.tick.retire()
    box.until(closed=False)
    assert box.run(5_000).reason == "NO_LEASE" and not box.tick.loaded


def test_an_unknown_outlet_is_refused() -> None:
    box = Box()
    assert not box.tick.grant(Lease(2, 16_000, True, True, box.now_ms), box.now_ms)
    assert not box.tick.acknowledge(2)
    answers: list[tuple[bool, str]] = []
    box.tick.order(2, ("unplug",), lambda ok, text: answers.append((ok, text)))
    assert answers == [(False, "board sim has no outlet 2")]


# --- the lock --------------------------------------------------------------------------------------------------


def test_it_closes_only_when_the_bolt_is_confirmed() -> None:
    box = Box()
    lock = box.plant.bays[1].lock
    assert lock is not None
    lock.jam()
    box.say("plug-in")
    box.allow(16_000)
    outlet = box.run(3_000)
    assert outlet.reason == "LOCK_NOT_CONFIRMED" and outlet.closings == 0
    box.run(3_000)
    assert box.faults() == ["LOCK_FAILED"]
    lock.jam(False)
    box.run(1_000)
    assert box.faults() == []


def test_a_held_cable_is_locked_though_nothing_is_offered() -> None:
    box = Box()
    box.say("plug-in")
    assert box.run(5_000).locked is False
    box.allow(0, closes=False, holds_cable=True)
    assert box.run(2_000).locked is True


def test_a_lost_lease_keeps_the_bolt_and_a_new_one_may_free_it() -> None:
    box = Box(limits=Limits(grace_s=0))
    box.charge()
    box.silence()
    box.until(closed=False)
    assert box.run(60_000).locked is True
    box.allow(0, closes=False, holds_cable=False)
    assert box.run(2_000).locked is False


def test_at_a_the_bolt_is_free_without_anybody() -> None:
    box = Box()
    box.charge()
    box.silence()
    box.say("unplug --force")
    assert box.run(3_000).locked is False


def test_the_bolt_is_not_moved_under_load() -> None:
    box = Box()
    box.plant.bays[1].car.behave(Manner.NEVER_STOPS)
    box.charge()
    box.run(2_000)
    box.allow(0, closes=False, holds_cable=False)
    assert box.run(5_000).locked is True
    assert box.run(3_000).locked is False


def test_a_welded_contactor_keeps_the_bolt() -> None:
    box = Box()
    box.charge()
    box.say("fault contactor-welded")
    box.allow(0, closes=False, holds_cable=False)
    assert box.run(30_000).locked is True


# --- faults ----------------------------------------------------------------------------------------------------


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


# --- snapshots and time ----------------------------------------------------------------------------------------


def test_a_snapshot_leaves_each_second_and_not_for_noise() -> None:
    box = Box()
    box.charge()
    box.run(2_000)
    box.snapshots.clear()
    box.run(10_000)
    assert len(box.snapshots) == 10_000 // PUBLISH_MS


def test_a_new_reading_and_a_card_leave_at_once() -> None:
    box = Box()
    box.run(500)
    seq = box.snapshots[-1].seq
    box.meter(0)
    box.tick_once()
    box.mailbox.put_tag(1, "04A2", box.now_ms)
    box.tick_once()
    last = box.snapshots[-1]
    assert last.seq == seq + 2 and last.started_ms == START_MS
    assert isinstance(last.outlets[0].meter, MeterReading)
    assert last.outlets[0].tag is not None and last.outlets[0].tag.tag == "04A2"


def test_two_outlets_do_not_know_each_other() -> None:
    box = Box(sim_board(2))
    box.charge(16_000, evse=1)
    box.charge(10_000, evse=2)
    box.run(1_000)
    assert [box.outlet(evse).offered_ma for evse in (1, 2)] == [16_000, 10_000]
    box.say("fault cp-short", evse=1)
    box.run(1_000)
    assert not box.outlet(1).closed and box.outlet(2).closed and box.faults(2) == []


ORDERS = st.sampled_from(
    [
        *["plug-in", "unplug --force", "car stop", "car resume", "allow 16000", "allow 6000", "allow 0", "silence"],
        *["fault cp-short", "clear cp-short", "fault pilot-stuck", "clear pilot-stuck", "fault pp-broken", "s2"],
        *["clear pp-broken", "fault contactor-dead", "clear contactor-dead", "meter 16000", "meter 40000"],
        *["clear-faults"],
    ]
)
STORY = st.lists(st.tuples(ORDERS, st.integers(1, 400)), min_size=1, max_size=8)


def tell(box: Box, order: str) -> None:
    """One line of a story; an order that makes no sense now is nothing."""
    word, _, value = order.partition(" ")
    if word == "allow":
        box.allow(int(value), closes=value != "0")
    elif word == "silence":
        box.silence()
    elif word == "meter":
        box.meter(int(value))
    elif word == "clear-faults":
        box.tick.acknowledge(1)
    elif word == "s2":
        box.plant.bays[1].car.move_s2(closed=False, after_us=3_333)
    else:
        box.tick.order(1, tuple(order.split()), lambda ok, text: None)


def changes(box: Box) -> list[tuple[int, Outlet]]:
    """When which picture of the outlet was first told."""
    told: list[tuple[int, Outlet]] = []
    for snapshot in box.snapshots:
        if not told or told[-1][1] != snapshot.outlets[0]:
            told.append((snapshot.at_ms, snapshot.outlets[0]))
    return told


@settings(max_examples=15, deadline=None)
@given(STORY, st.booleans())
def test_the_quiet_look_sees_no_less_than_the_full_thought(story: list[tuple[str, int]], d: bool) -> None:
    quick, full = (Box(sim_board(allow_d=d), Limits(grace_s=5), metered=[1]) for _ in range(2))
    for order, ticks in story:
        for box in (quick, full):
            tell(box, order)
        for _ in range(ticks):
            quick.tick_once()
            full.tick._all[0].due_ms = 0
            full.tick_once()
    assert changes(quick) == changes(full)


@settings(max_examples=15, deadline=None)
@given(STORY)
@example([("plug-in", 1), ("fault pilot-stuck", 1), ("allow 16000", 5)])
@example([("plug-in", 1), ("fault pp-broken", 1), ("fault pilot-stuck", 32)])
def test_a_clock_that_skips_to_the_next_deadline_misses_nothing(story: list[tuple[str, int]]) -> None:
    dense, sparse = (Box(limits=Limits(grace_s=5), metered=[1]) for _ in range(2))
    for order, ticks in story:
        for box in (dense, sparse):
            tell(box, order)
        dense.run(10 * ticks)
        while sparse.now_ms < dense.now_ms:
            due_ms = min(sparse.tick.next_due_ms(sparse.now_ms), sparse._renew_ms)
            grid_ms = -(-due_ms // 10) * 10
            sparse.now_ms = min(max(grid_ms, sparse.now_ms + 10), dense.now_ms) - 10
            sparse.tick_once()
    assert [picture for _, picture in changes(sparse)] == [picture for _, picture in changes(dense)]


@given(STORY)
@settings(max_examples=15, deadline=None)
def test_what_is_offered_is_never_above_the_least_limit_for_longer_than_the_spacing(
    story: list[tuple[str, int]],
) -> None:
    box = Box(sim_board(max_ma=20_000), Limits(max_ma=12_000, fallback_ma=8_000, grace_s=5))
    for order, ticks in story:
        tell(box, order)
        box.run(10 * ticks)
        assert box.outlet().offered_ma <= 12_000
        assert box.outlet().offered_ma in {0, 6_000, 8_000, 10_000, 12_000}


# --- the thread ------------------------------------------------------------------------------------------------


def thread_of(box: Box) -> tuple[TickThread, threading.Event]:
    ended = threading.Event()
    return TickThread(box.tick, box.board, Notifier(), ended.set), ended


def test_the_thread_ticks_until_it_is_stopped_and_leaves_the_board_safe() -> None:
    box = Box(sim_board(socket=False))
    thread, ended = thread_of(box)
    thread.start()
    thread.stop()
    assert thread.failure is None and ended.is_set() and box.tick.ticks > 0
    assert not box.plant.bays[1].gate.alive


def test_a_tick_that_fails_makes_the_board_safe_and_ends() -> None:
    box = Box(sim_board(socket=False))
    box.charge()
    box.board.advance = explode  # type: ignore[method-assign]
    thread, ended = thread_of(box)
    thread.start()
    assert ended.wait(5) and isinstance(thread.failure, ZeroDivisionError)
    assert not box.plant.bays[1].gate.alive
    thread.stop()


def explode(now_ms: int) -> None:
    raise ZeroDivisionError(now_ms)


def test_lateness_is_kept_and_missed_ticks_are_counted() -> None:
    tick = Box().tick
    assert tick.note_lateness(9_999) == 0 and tick.note_lateness(35_000) == 3
    assert (tick.overruns, tick.late_max_us) == (3, 35_000)


def test_nothing_plugged_in_is_no_reason_to_hurry_and_a_plug_is() -> None:
    box = Box()
    assert box.tick.resting
    box.say("plug-in")
    box.run(20)
    assert not box.tick.resting


@pytest.mark.parametrize("after_ms", range(0, 50, 7))
def test_a_plug_that_comes_at_rest_brings_the_full_pace_within_110_ms(after_ms: int) -> None:
    box = Box()
    box.run(1_000)
    assert box.tick.pace_ms == 50
    box.plant.advance(box.now_ms + after_ms)
    plugged_ms = box.now_ms + after_ms
    box.plant.order(1, ("plug-in",))
    while box.tick.pace_ms != 10:
        box.now_ms += box.tick.pace_ms
        box.tick.run_once(box.now_ms)
    assert box.now_ms + box.tick.pace_ms - plugged_ms <= 110
    assert box.outlet().cp is not Cp.A


def test_what_lives_at_the_start_is_never_walked_again() -> None:
    gc.unfreeze()
    thread, _ = thread_of(Box(sim_board(socket=False)))
    thread.start()
    frozen = gc.get_freeze_count()
    thread.stop()
    gc.unfreeze()
    assert frozen > 10_000


def test_overruns_are_told_with_the_next_snapshot() -> None:
    box = Box()
    box.tick.note_lateness(35_000)
    box.run(1_000)
    figures = box.snapshots[-1].tick
    assert (figures.overruns, figures.late_max_us) == (3, 35_000)


def test_the_duty_on_the_line_is_the_one_that_is_told() -> None:
    box = Box()
    box.charge(13_000)
    assert box.plant.bays[1].pilot._offered == duty_permille(13_000)
    assert Rules() == Rules(allow_d=False, wake_up=False)
    assert msgspec.structs.asdict(box.outlet())["offered_ma"] == 13_000
