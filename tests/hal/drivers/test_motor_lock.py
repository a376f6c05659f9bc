"""The bolt's motor: bounded pulses, retries, a turn-round, a driver that fails."""

from __future__ import annotations

import threading

import pytest

from hal.drivers import motor_lock
from hal.drivers.motor_lock import MOST_MOVES, MOVES_WINDOW_MS, PAUSE_MS, ROUNDS, TRIES, Drive, MotorLock, after
from hal.drivers.protocols import PartFailed
from tests.hal.drivers.line_worlds import BoltRig, Clock


class Wires:
    """Lines by name; one that is `broken` can't be driven low."""

    def __init__(self) -> None:
        self.levels: dict[str, bool] = {}
        self.broken: set[str] = set()

    def pull(self, name: str, high: bool) -> None:
        self.levels[name] = high

    def high(self, name: str) -> bool:
        return self.levels.get(name, False)

    def out(self, name: str) -> Wire:
        return Wire(self, name)


class Wire:
    def __init__(self, wires: Wires, name: str) -> None:
        self._wires, self._name = wires, name

    def set(self, active: bool) -> None:
        if not active and self._name in self._wires.broken:
            raise PartFailed(f"{self._name} is stuck")
        self._wires.pull(self._name, active)

    def close(self) -> None:
        self.set(False)


@pytest.fixture
def wires() -> Wires:
    return Wires()


@pytest.fixture
def rig(wires: Wires) -> BoltRig:
    clock = Clock()
    rig = BoltRig(clock, wires, "lock", "unlock", "bolt")
    drive = Drive(wires.out("lock"), wires.out("unlock"), 600, clock.later)
    rig.part = MotorLock(drive, lambda: not wires.high("bolt"), 600, clock.now_ms)
    return rig


def test_a_pulse_ends_though_the_tick_does_not_go_on(rig: BoltRig, wires: Wires) -> None:
    rig.part.order(True)
    for _ in range(61):
        rig.clock.tick()
    assert not wires.high("lock") and not wires.high("unlock")


def test_equal_orders_cost_nothing(rig: BoltRig) -> None:
    for _ in range(5):
        rig.part.order(True)
        rig.run(1_000)
    assert rig.driven_ms <= 600


def test_a_turn_round_in_the_middle_stops_first_and_ends_by_itself(rig: BoltRig, wires: Wires) -> None:
    rig.part.order(True)
    rig.run(150)
    rig.part.order(False)
    assert wires.high("unlock") and not wires.high("lock")
    rig.run(2_000)
    assert rig.travel_ms == 0 and not wires.high("unlock")


def test_a_jammed_bolt_is_tried_again_a_few_times_and_no_more(rig: BoltRig) -> None:
    rig.jam(True)
    rig.part.order(True)
    rig.run(10_000)
    assert rig.pulses == TRIES and rig.driven_ms <= TRIES * 600
    rig.run(15_000)
    assert rig.pulses == 2 * TRIES
    rig.run(600_000)
    assert rig.pulses == TRIES * ROUNDS and rig.driven_ms <= TRIES * ROUNDS * 600


def test_a_bolt_that_comes_free_in_the_pause_is_moved_after_it(rig: BoltRig) -> None:
    rig.jam(True)
    rig.part.order(True)
    rig.run(5_000)
    rig.jam(False)
    rig.run(PAUSE_MS)
    assert rig.part.locked() is True and rig.pulses == TRIES + 1


def test_a_bolt_that_comes_free_is_locked_by_a_later_try(rig: BoltRig) -> None:
    rig.jam(True)
    rig.part.order(True)
    rig.run(700)
    rig.jam(False)
    rig.run(1_000)
    assert rig.part.locked() is True


def test_a_bolt_that_slips_back_is_told_and_driven_no_more(rig: BoltRig) -> None:
    rig.part.order(True)
    rig.run(1_000)
    rig.jam(True)
    rig.travel_ms = 0
    rig.run(100)
    assert rig.part.locked() is False
    rig.run(5_000)
    assert rig.pulses == 1


def test_the_motor_rests_after_many_moves(rig: BoltRig) -> None:
    began_ms = rig.clock.ms
    for move in range(MOST_MOVES):
        rig.part.order(move % 2 == 0)
        rig.run(1_000)
    with pytest.raises(PartFailed, match="10 moves in a minute"):
        rig.part.order(True)
    rig.run(MOVES_WINDOW_MS - (rig.clock.ms - began_ms))
    rig.part.order(True)
    rig.run(1_000)
    assert rig.part.locked() is True


@pytest.mark.parametrize("locked", [False, True])
def test_a_bolt_is_found_where_its_feedback_says_at_the_first_look(rig: BoltRig, locked: bool) -> None:
    rig.contact("bolt", locked)
    assert rig.part.locked() is locked


def test_a_feedback_that_bounces_is_waited_for(rig: BoltRig, wires: Wires) -> None:
    rig.contact("bolt", False)
    assert rig.part.locked() is False
    for _ in range(20):
        for made in (True, True, True, True, False):  # 40 ms is not long enough
            rig.clock.tick()
            rig.contact("bolt", made)
            assert rig.part.locked() is False


def test_a_pulse_that_cannot_be_ended_is_told_and_tried_again(rig: BoltRig, wires: Wires) -> None:
    rig.part.order(True)
    wires.broken.add("lock")
    for _ in range(61):
        rig.clock.tick()
    for _ in range(2):
        with pytest.raises(PartFailed, match="lock is stuck"):
            rig.part.locked()
    wires.broken.clear()
    rig.part.locked()
    assert not wires.high("lock")


def test_the_end_of_an_older_pulse_does_not_end_the_newer_one(wires: Wires) -> None:
    ends: list[motor_lock.Callable[[], None]] = []

    def later(_: int, then: motor_lock.Callable[[], None]) -> motor_lock.Callable[[], None]:
        ends.append(then)
        return lambda: None  # it was already on its way

    drive = Drive(wires.out("lock"), wires.out("unlock"), 600, later)
    drive.pulse(True)
    drive.pulse(False)
    ends[0]()
    assert wires.high("unlock")
    ends[1]()
    assert not wires.high("unlock")


def test_the_real_timer_calls_back_unless_it_is_told_not_to() -> None:
    called, other = threading.Event(), threading.Event()
    after(50, other.set)()
    after(1, called.set)
    assert called.wait(10)
    assert not other.is_set()
