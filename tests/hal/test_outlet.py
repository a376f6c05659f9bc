"""The whole control of one outlet over the simulated plant: what closes, what opens, and how fast."""

from __future__ import annotations

import msgspec
import pytest

from hal.boards import BoardFile
from hal.contract import Cp, Lease, Limits, Outlet
from hal.drivers.protocols import PartFailed
from hal.sim.car import Manner
from tests.hal.box import Box, sim_board

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


# --- the grace is for what surely charges ----------------------------------------------------------------------


def slow_feedback() -> BoardFile:
    """A board whose contactor may contradict its order for a second."""
    file = sim_board()
    return msgspec.structs.replace(file, timing=msgspec.structs.replace(file.timing, feedback_ms=1_000))


def test_a_contact_that_says_closed_without_an_order_has_no_grace() -> None:
    box = Box(slow_feedback())
    box.say("car stop")
    box.say("plug-in")
    box.allow(16_000)
    box.tick_once()
    box.silence()
    assert box.run(2_800).pwm
    box.say("fault aux-closed")
    outlet = box.run(300)
    assert outlet.closed and not outlet.pwm and outlet.faults == ()


def test_an_order_that_the_contact_does_not_follow_has_no_grace() -> None:
    box = Box(slow_feedback())
    box.say("fault contactor-dead")
    box.say("car stop")
    box.say("plug-in")
    box.allow(16_000)
    box.run(1_000)
    box.say("car resume")
    while not box.tick.loaded:
        box.tick_once()
    box.tick.grant(Lease(1, 16_000, True, True, box.now_ms + 500), box.now_ms)
    box.silence()
    assert box.run(490).pwm and not box.outlet().closed
    assert not box.run(100).pwm and box.faults() == []


def test_a_drive_that_failed_half_way_is_put_on_the_line_again() -> None:
    box = Box(sim_board(socket=False))
    box.say("plug-in")
    box.run(2_000)
    pilot = box.plant.bays[1].pilot
    offer = pilot.offer

    def halves(permille: float) -> None:
        offer(permille)
        raise PartFailed("pilot: written, and not confirmed")

    pilot.offer = halves  # type: ignore[method-assign]
    box.say("input emergency-stop on")
    box.run(100)
    assert box.outlet().cp is Cp.F
    box.run(400)
    pilot.offer = offer  # type: ignore[method-assign]
    box.say("input emergency-stop off")
    box.tick.acknowledge(1)
    assert (box.run(40_000).cp, box.faults()) == (Cp.B, [])


def test_the_pilot_is_told_only_what_is_new(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "hal.outlet")
    box = Box()
    box.charge()
    box.run(5_000)
    assert sum("pilot PWM" in record.getMessage() for record in caplog.records) == 1
