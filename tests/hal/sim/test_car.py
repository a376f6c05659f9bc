"""The simulated car: its own reading of the duty cycle, its times, its bad manners."""

from __future__ import annotations

import pytest

from hal.sim.car import FOLLOW_MS, READY_MS, RELEASE_MS, START_MS, STOP_MS, TOGGLE_MS, WAKE_MS, Manner, allowed_ma
from tests.hal.sim.world import SIXTEEN_AMPERES, Hand


@pytest.mark.parametrize(
    ("permille", "ma"),
    [
        (0, 0),
        (50, 0),  # 5 %: digital communication, which this car has not
        (79.9, 0),
        (80, 6_000),
        (99.9, 6_000),
        (100, 6_000),
        (266.67, 16_000),
        (533.33, 32_000),
        (850, 51_000),
        (860, 55_000),
        (960, 80_000),
        (965, 80_000),
        (971, 0),
        (1_000, 0),
    ],
)
def test_a_duty_cycle_allows_what_the_norm_says(permille: float, ma: int) -> None:
    assert allowed_ma(permille) == pytest.approx(ma, abs=1)


def letter(volts: tuple[float, float]) -> str:
    high, low = volts
    if -1.5 < high < 1.5:
        return "E"
    letters = "A" if high > 10 else "B" if high > 7.5 else "C" if high > 4.5 else "D"
    return letters + ("1" if low > 0 else "2")


def test_the_course_of_a_charge() -> None:
    hand = Hand()
    assert letter(hand.wait(30)) == "A1"
    hand.say("plug-in")
    assert letter(hand.wait(30)) == "B1"
    hand.wait(10_000)
    assert letter(hand.seen) == "B1"  # no PWM, no wish
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    assert letter(hand.wait(READY_MS - 50)) == "B2"
    assert letter(hand.wait(100)) == "C2"
    hand.parts.contactor.order(True)
    hand.wait(START_MS)
    assert hand.drawn_ma == 0
    hand.wait(50)
    assert hand.drawn_ma == 16_000
    hand.say("car", "stop")
    hand.wait(10)
    assert hand.drawn_ma == 0  # before S2 opens
    assert letter(hand.seen) == "C2"
    assert letter(hand.wait(RELEASE_MS + 20)) == "B2"
    hand.say("car", "resume")
    assert letter(hand.wait(READY_MS + 20)) == "C2"
    hand.wait(START_MS + 20)
    assert hand.drawn_ma == 16_000
    hand.say("unplug", "--force")
    assert letter(hand.wait(20)) == "A2"
    assert hand.drawn_ma == 0


def test_it_follows_another_duty_within_five_seconds() -> None:
    assert FOLLOW_MS <= 5_000
    hand = Hand()
    hand.charge()
    hand.parts.pilot.offer(100.0)
    hand.wait(FOLLOW_MS - 20)
    assert hand.drawn_ma == 16_000
    hand.wait(40)
    assert hand.drawn_ma == 6_000


def test_it_lets_go_within_three_seconds_when_the_pwm_stops() -> None:
    assert STOP_MS + RELEASE_MS <= 3_000
    hand = Hand()
    hand.charge()
    hand.parts.pilot.offer(1_000.0)
    hand.wait(STOP_MS - 20)
    assert hand.drawn_ma == 16_000
    hand.wait(40)
    assert hand.drawn_ma == 0
    assert letter(hand.seen) == "C1"
    assert letter(hand.wait(RELEASE_MS + 20)) == "B1"


def test_it_goes_on_when_the_pwm_comes_back_in_time() -> None:
    hand = Hand()
    hand.charge()
    hand.parts.pilot.offer(1_000.0)
    hand.wait(STOP_MS // 2)
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    hand.wait(5_000)
    assert hand.drawn_ma == 16_000


def test_it_draws_nothing_without_mains_and_again_when_they_are_back() -> None:
    hand = Hand()
    hand.charge()
    hand.parts.contactor.order(False)
    hand.wait(30)
    assert hand.drawn_ma == 0
    assert letter(hand.seen) == "C2"
    hand.parts.contactor.order(True)
    hand.wait(START_MS)
    assert hand.drawn_ma == 0
    hand.wait(50)
    assert hand.drawn_ma == 16_000


def test_a_short_pilot_ends_the_charge() -> None:
    hand = Hand()
    hand.charge()
    hand.say("fault", "cp-short")
    assert letter(hand.wait(20)) == "E"
    hand.wait(STOP_MS + RELEASE_MS)
    assert hand.drawn_ma == 0
    assert not hand.bay.car.s2


def test_a_full_battery_ends_the_charge_and_driving_empties_it() -> None:
    hand = Hand()
    hand.charge()
    hand.say("car", "full")
    assert letter(hand.wait(RELEASE_MS + 20)) == "B2"
    assert hand.drawn_ma == 0
    hand.say("car", "resume")
    assert letter(hand.wait(READY_MS + 20)) == "B2"
    hand.say("car", "drive")
    assert letter(hand.wait(READY_MS + 20)) == "C2"


def test_never_stops() -> None:
    hand = Hand()
    hand.charge()
    hand.say("car", "manners", "never-stops", "on")
    hand.say("car", "stop")
    hand.parts.pilot.offer(1_000.0)
    assert letter(hand.wait(30_000)) == "C1"
    assert hand.drawn_ma == 16_000
    hand.say("car", "manners", "never-stops", "off")
    assert letter(hand.wait(STOP_MS + RELEASE_MS + 50)) == "B1"


def test_overdraws() -> None:
    hand = Hand()
    hand.say("car", "manners", "overdraws", "on")
    hand.charge()
    assert hand.drawn_ma == 16_000 * 130 // 100
    hand.say("car", "manners", "greedy", "on")
    assert hand.drawn_ma == 16_000 * 130 // 100


def test_greedy() -> None:
    hand = Hand()
    hand.charge()
    hand.say("car", "manners", "greedy", "on")
    assert hand.drawn_ma == 17_600


def test_toggles() -> None:
    hand = Hand()
    hand.say("car", "manners", "toggles", "on")
    hand.say("plug-in")
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    trace = "".join(letter(hand.wait(10))[0] for _ in range(1_000))
    pulses = [len(run) * 10 for run in trace.split("B") if run]
    assert len(pulses) >= 4
    assert all(TOGGLE_MS - 20 <= ms <= TOGGLE_MS + 10 for ms in pulses)


def test_simplified() -> None:
    hand = Hand()
    hand.say("car", "manners", "simplified", "on")
    hand.say("plug-in")
    assert letter(hand.wait(30)) == "C1"  # A→C, no B
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    hand.wait(30)
    hand.parts.contactor.order(True)
    hand.wait(START_MS + 100)
    assert hand.drawn_ma == 10_000
    hand.parts.pilot.offer(1_000.0)
    assert letter(hand.wait(STOP_MS + RELEASE_MS + 100)) == "C1"
    assert hand.drawn_ma == 0


def test_ventilated() -> None:
    hand = Hand()
    hand.say("car", "manners", "ventilated", "on")
    hand.charge()
    assert letter(hand.seen) == "D2"


def test_asleep() -> None:
    hand = Hand()
    hand.say("car", "manners", "asleep", "on")
    hand.say("plug-in")
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    assert letter(hand.wait(40_000)) == "B2"
    for f_ms, then in ((WAKE_MS - 500, "B2"), (WAKE_MS + 500, "C2")):
        hand.parts.pilot.offer(0.0)
        hand.wait(f_ms)
        hand.parts.pilot.offer(SIXTEEN_AMPERES)
        assert letter(hand.wait(2_000)) == then
    hand.say("unplug")
    hand.say("plug-in")
    assert letter(hand.wait(2_000)) == "B2"  # it fell asleep again


def test_stuck_s2() -> None:
    hand = Hand()
    hand.charge()
    hand.say("car", "manners", "stuck-s2", "on")
    hand.say("car", "stop")
    assert letter(hand.wait(5_000)) == "C2"
    assert hand.drawn_ma == 0
    hand.say("car", "manners", "stuck-s2", "off")
    assert letter(hand.wait(RELEASE_MS + 30)) == "B2"


def test_no_diode() -> None:
    hand = Hand()
    hand.say("car", "manners", "no-diode", "on")
    hand.say("plug-in")
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    high, low = hand.wait(30)
    assert abs(high + low) < 0.3
    assert 8 < high < 10
    hand.say("unplug")
    assert hand.wait(30)[1] < -11  # the box is well, it was the car


def test_short() -> None:
    hand = Hand()
    hand.charge()
    hand.say("car", "manners", "short", "on")
    high, low = hand.wait(20)
    assert 0 < high < 1
    assert low < -11  # behind the diode
    hand.say("unplug", "--force")
    assert letter(hand.wait(30)) == "A2"


def test_every_manner_has_a_test() -> None:
    assert {f"test_{manner.replace('-', '_')}" for manner in Manner} <= set(globals())


def test_s2_can_be_moved_at_a_chosen_microsecond() -> None:
    hand = Hand()
    hand.say("car", "stop")
    hand.say("plug-in")
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    hand.wait(30)
    hand.bay.car.move_s2(True, after_us=3_217)
    hand.bay.car.move_s2(False, after_us=103_217)
    assert letter(hand.wait(10)) == "B2"
    assert letter(hand.wait(10)) == "C2"
    assert letter(hand.wait(80)) == "C2"
    assert letter(hand.wait(10)) == "B2"


def test_one_phase() -> None:
    hand = Hand()
    hand.charge("--phases", "1")
    assert hand.bay.flow().current_ma == (16_000, 0, 0)
