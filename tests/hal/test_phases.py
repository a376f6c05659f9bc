"""From three phases to one and back: the order, the waits, the bounds, and what a relay that does not follow means."""

from __future__ import annotations

import pytest

from hal.contract import Cp, Lease, Limits, MeterReading
from hal.drivers.protocols import PartFailed
from hal.phases import BETWEEN_MS, MOST_MOVES, WAIT_MS, Move, PhaseState, Scene, step
from hal.sim.power import SimContactor
from tests.hal.box import Box

SWITCHING = Limits(max_ma=32_000, switch_phases=True)


class Switched(Box):
    """A box whose leases name a number of phases."""

    def __init__(self, limits: Limits = SWITCHING, metered: tuple[int, ...] = ()) -> None:
        self.wanted: int | None = None
        self._metered, self._listen_ms = metered, 0
        super().__init__(limits=limits, metered=metered)

    def feel(self) -> None:
        """The bus asks the meter each second."""
        super().feel()
        if self._metered and self.now_ms >= self._listen_ms:
            self._listen_ms = self.now_ms + 1_000
            flow = self.plant.bays[1].flow()
            self.mailbox.put_meter(1, MeterReading(self.now_ms, 1_000, 0, flow.current_ma, flow.voltage_mv))

    def renew(self) -> None:
        self._leases = {evse: self.asked(lease) for evse, lease in self._leases.items()}
        super().renew()

    def asked(self, lease: Lease) -> Lease:
        return Lease(lease.evse, lease.max_ma, lease.closes, lease.holds_cable, 0, self.wanted)  # type: ignore[arg-type]

    def ask(self, phases: int | None) -> None:
        self.wanted = phases
        self._renew_ms = self.now_ms

    @property
    def sparks(self) -> int:
        return self.plant.bays[1].phases.sparks


def charging() -> Switched:
    box = Switched()
    box.charge(16_000)
    box.run(2_000)
    return box


def test_a_charge_goes_to_one_phase_and_back_in_the_right_order() -> None:
    box = charging()
    assert box.outlet().phases == 3 and sum(ma > 0 for ma in box.plant.bays[1].flow().current_ma) == 3
    box.ask(1)
    box.run(50)
    assert not box.outlet().pwm and box.outlet().closed  # x1 first, the car lets go
    box.until(closed=False)
    opened_ms = box.now_ms
    assert box.outlet().phases == 3
    box.run(250)
    assert (box.outlet().phases, box.outlet().reason, box.outlet().pwm) == (1, "PHASES_MOVE", False)
    box.until(closed=True, within_ms=70_000)
    assert box.now_ms - opened_ms >= WAIT_MS and box.sparks == 0
    box.run(2_000)
    assert sum(ma > 0 for ma in box.plant.bays[1].flow().current_ma) == 1
    box.ask(3)
    box.run(BETWEEN_MS - 70_000)
    assert box.outlet().phases == 1 and box.outlet().closed  # not so soon
    box.run(20_000)
    assert box.outlet().phases == 3 and box.sparks == 0


def test_a_car_that_never_lets_go_is_opened_by_the_6_s_rule_first() -> None:
    box = charging()
    box.say("car manners never-stops on")
    box.ask(1)
    box.run(5_900)
    assert box.outlet().closed and box.outlet().phases == 3
    box.until(closed=False)
    box.run(300)
    assert box.outlet().phases == 1 and box.sparks == 0


def test_before_a_charge_nothing_needs_to_wait() -> None:
    box = Switched()
    box.ask(1)
    box.say("plug-in")
    box.allow(16_000)
    assert box.until(closed=True) < 3_000 and box.outlet().phases == 1


@pytest.mark.parametrize("limits", [Limits(), Limits(switch_phases=False)])
def test_nothing_is_switched_unless_the_installer_wants_it(limits: Limits) -> None:
    box = Switched(limits)
    box.ask(1)
    box.charge(16_000)
    outlet = box.run(10_000)
    assert outlet.closed and outlet.phases is None and box.plant.bays[1].phases.closed


def test_a_lease_that_names_none_leaves_it_as_it_is() -> None:
    box = charging()
    box.ask(1)
    box.until(closed=False)
    box.until(closed=True, within_ms=70_000)
    box.ask(None)
    box.run(10_000)
    box.silence()
    box.run(10_000)
    assert box.outlet().phases == 1


def test_a_wish_that_is_taken_back_in_time_moves_nothing() -> None:
    box = charging()
    box.say("car manners never-stops on")
    box.ask(1)
    box.run(2_000)
    box.ask(3)
    outlet = box.run(2_000)
    assert outlet.closed and outlet.pwm and outlet.phases == 3


def test_behind_a_weld_nothing_moves_and_neither_once_its_feedback_says_open_again() -> None:
    box = charging()
    box.say("fault contactor-welded")
    box.ask(1)
    box.run(20_000)
    assert "WELDED" in box.faults() and box.outlet().closed and box.plant.bays[1].phases.closed
    box.say("clear contactor-welded")
    box.run(120_000)
    assert "WELDED" in box.faults() and not box.outlet().closed
    assert box.plant.bays[1].phases.closed and box.sparks == 0


def test_a_weld_that_the_feedback_hides_is_told_by_the_meter_before_anything_moves() -> None:
    box = Switched(metered=(1,))
    box.run(2_000)
    box.charge(16_000)
    box.run(3_000)
    box.say("car manners never-stops on")
    box.say("fault contactor-welded")
    box.say("fault aux-open")
    box.ask(1)
    box.run(120_000)
    assert "CURRENT_WHILE_OPEN" in box.faults() and not box.outlet().closed
    assert box.plant.bays[1].phases.closed and box.sparks == 0


def test_while_a_part_does_not_answer_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []
    answer = SimContactor.closed

    def closed(part: SimContactor) -> bool:
        for wire in gone:
            raise PartFailed(f"{wire} is gone")
        return answer(part)

    monkeypatch.setattr(SimContactor, "closed", closed)
    box = Switched()
    box.say("plug-in")
    gone.append("its wire")
    box.ask(1)
    box.allow(0)
    box.run(5_000)
    assert box.plant.bays[1].phases.closed
    gone.clear()
    box.run(5_000)
    assert not box.plant.bays[1].phases.closed and box.sparks == 0


def test_a_relay_that_does_not_follow_is_a_fault_and_keeps_open() -> None:
    box = charging()
    box.say("fault phases-stuck")
    box.ask(1)
    box.until(closed=False)
    box.run(2_000)
    assert box.faults() == ["PHASES_FAILED"] and box.outlet().reason == "FAULT"
    box.say("clear phases-stuck")
    box.run(120_000)
    assert box.faults() == ["PHASES_FAILED"] and not box.outlet().closed
    box.say("unplug --force")
    box.run(1_000)
    assert box.faults() == [] and box.outlet().cp is Cp.A


def test_a_relay_that_moves_by_itself_is_a_fault() -> None:
    box = charging()
    box.plant.bays[1].phases.closed = False
    box.run(1_100)
    assert box.faults() == ["PHASES_FAILED"] and not box.tick.loaded


def test_one_car_is_switched_so_often_and_no_oftener() -> None:
    state, now_ms = PhaseState(three=True), 0
    for _ in range(MOST_MOVES + 5):
        wanted = not state.three
        now_ms += BETWEEN_MS
        for _ in range(1_000):
            now_ms += 100
            state = step(state, Scene(wanted, state.three, live=False, plugged=True), now_ms)
    assert state.moves == MOST_MOVES and state.move is Move.STEADY
    state = step(state, Scene(None, state.three, live=False, plugged=False), now_ms)
    assert state.moves == 0


def test_the_next_deadline_is_never_late() -> None:
    """A sequence that is stepped only when it asks for it goes the same way as one that is stepped each 10 ms."""
    often = seldom = PhaseState(three=True)
    told = True
    for now_ms in range(0, 80_000, 10):
        scene = Scene(wanted=now_ms < 5_000, three=often.three, live=now_ms < 9_000, plugged=True)
        often = step(often, scene, now_ms)
        changed = scene.wanted is not (now_ms - 10 < 5_000) or now_ms <= 9_000
        if changed or now_ms >= seldom.due_ms or seldom.three is not told:
            told = seldom.three
            seldom = step(seldom, scene._replace(three=told), now_ms)
        assert (often.move, often.three) == (seldom.move, seldom.three), now_ms
    assert often.move is Move.STEADY and often.three is False


@pytest.mark.parametrize("before_meter", [False, True])
def test_one_chosen_phase_is_no_broken_supply_wherever_the_meter_sits(before_meter: bool) -> None:
    box = Switched(metered=(1,))
    box.plant.bays[1].phases.before_meter = before_meter
    box.run(2_000)
    box.ask(1)
    box.run(2_000)
    box.charge(16_000)
    assert box.run(10_000).closed and box.outlet().phases == 1
    box.say("unplug --force")
    box.ask(3)
    box.run(10_000)
    assert box.outlet().phases == 3 and not any(snapshot.outlets[0].faults for snapshot in box.snapshots)
    box.charge(16_000)
    box.say("fault phase-lost")
    box.run(5_000)
    assert box.faults() == ["PHASE_LOST"] and not box.tick.loaded


def test_a_phase_that_is_lost_while_it_is_not_chosen_is_missed_once_it_is() -> None:
    box = Switched(metered=(1,))
    box.run(2_000)
    box.ask(1)
    box.run(2_000)
    box.charge(16_000)
    box.say("fault phase-lost")
    assert box.run(10_000).closed and box.faults() == []
    box.say("unplug --force")
    box.ask(3)
    box.run(10_000)
    assert box.faults() == ["PHASE_LOST"]


def test_a_relay_whose_feedback_lies_is_told_by_the_meter() -> None:
    box = Switched(metered=(1,))
    box.say("fault phases-welded")
    box.ask(1)
    box.run(2_000)
    box.charge(16_000)
    assert box.outlet().phases == 1
    box.run(10_000)
    assert box.faults() == ["PHASES_FAILED"] and not box.tick.loaded
    assert "not chosen" in box.outlet().faults[0].text
