"""What may be tried again by itself: how often, after what pause, and what never."""

from __future__ import annotations

import pytest

from hal.contract import Retry
from hal.faults import FaultBook, Name
from hal.retries import LETS_GO_MS, SETTLED_MS, Retries
from tests.hal.box import Box

BEGIN_MS = 5_000
PAUSE_MS = 900_000
ALLOWED = Retry(over_current=2, over_current_s=60, residual_current=2, residual_current_s=PAUSE_MS // 1_000)


class Charge:
    """One outlet's book in a charge that began at BEGIN_MS; `passes` looks at it after so long."""

    def __init__(self, retry: Retry = ALLOWED, restored: tuple[Name, ...] = ()) -> None:
        self.book = FaultBook(restored, 0)
        self.retries = Retries(retry, self.book)
        self.now_ms = BEGIN_MS
        self.ordered = True
        self.passes(0)

    def passes(self, ms: int, at_a: bool = False) -> list[str]:
        self.now_ms += ms
        self.retries.settle(at_a, self.ordered, self.now_ms)
        return [fault.name for fault in self.book.faults]

    def trips(self, after_ms: int, name: Name = Name.RESIDUAL_CURRENT) -> None:
        """The fault comes after so much charge, opens, and its cause is gone in the next tick."""
        self.passes(after_ms - 10)
        self.now_ms += 10
        self.book.set(name, True, self.now_ms)
        self.passes(0)
        self.ordered = False
        self.book.set(name, False, self.now_ms + 10)
        self.passes(10)


def test_the_figures() -> None:
    assert (SETTLED_MS, LETS_GO_MS) == (10_000, 1_000)


def test_a_car_that_draws_too_much_is_tried_after_its_pause_however_short_the_charge() -> None:
    charge = Charge()
    charge.ordered = False
    charge.passes(2_000)
    charge.ordered = True
    charge.book.set(Name.OVER_CURRENT, True, charge.now_ms + 10)
    charge.passes(10)  # in the very moment of closing
    charge.ordered = False
    charge.book.set(Name.OVER_CURRENT, False, charge.now_ms)
    assert charge.passes(59_999) == ["OVER_CURRENT"]
    assert charge.retries.due_ms() == charge.now_ms + 1
    assert charge.passes(1) == []


def test_too_much_current_without_a_charge_is_not_tried() -> None:
    charge = Charge()
    charge.ordered = False
    charge.passes(10)
    charge.trips(LETS_GO_MS + 1, Name.OVER_CURRENT)
    assert charge.passes(10 * PAUSE_MS) == ["OVER_CURRENT"]


@pytest.mark.parametrize(("charged_ms", "tried"), [(SETTLED_MS, True), (SETTLED_MS - 1, False)])
def test_residual_current_soon_after_closing_waits_for_a_person(charged_ms: int, tried: bool) -> None:
    charge = Charge()
    charge.trips(charged_ms)
    assert charge.passes(PAUSE_MS - 1) == ["RESIDUAL_CURRENT"]
    assert (charge.passes(1) == []) is tried
    assert (charge.passes(PAUSE_MS, at_a=True) == []) is tried


def test_residual_current_never_ends_by_itself_unless_the_installer_says_so() -> None:
    charge = Charge(Retry())
    charge.trips(60_000)
    assert charge.passes(10 * PAUSE_MS) == ["RESIDUAL_CURRENT"]
    assert charge.passes(PAUSE_MS, at_a=True) == ["RESIDUAL_CURRENT"]


def test_a_cause_that_stays_or_comes_back_begins_the_pause_anew() -> None:
    charge = Charge()
    charge.trips(60_000)
    charge.passes(PAUSE_MS - 1)
    charge.book.set(Name.RESIDUAL_CURRENT, True, charge.now_ms)
    assert charge.passes(PAUSE_MS) == ["RESIDUAL_CURRENT"]
    charge.book.set(Name.RESIDUAL_CURRENT, False, charge.now_ms)
    assert charge.passes(PAUSE_MS - 1) == ["RESIDUAL_CURRENT"]
    assert charge.retries.due_ms() == charge.now_ms + 1
    assert charge.passes(1) == []


def test_so_often_for_one_car_and_no_oftener() -> None:
    charge = Charge()
    for _ in range(2):
        charge.trips(60_000)
        assert charge.passes(PAUSE_MS) == []
        charge.ordered = True
        charge.passes(0)
    charge.trips(60_000)
    assert charge.passes(PAUSE_MS) == ["RESIDUAL_CURRENT"]
    assert charge.passes(PAUSE_MS, at_a=True) == ["RESIDUAL_CURRENT"]  # the next car gives it no new try
    charge.book.acknowledged(charge.now_ms)
    assert charge.passes(10, at_a=True) == []
    charge.ordered = True
    charge.passes(10)
    charge.trips(60_000)
    assert charge.passes(PAUSE_MS) == []


def test_a_fault_of_an_earlier_life_waits_for_its_person() -> None:
    charge = Charge(restored=(Name.RESIDUAL_CURRENT,))
    assert charge.passes(10 * PAUSE_MS) == ["RESIDUAL_CURRENT"]


@pytest.mark.parametrize(("late_ms", "tried"), [(LETS_GO_MS, True), (LETS_GO_MS + 1, False)])
def test_a_contactor_that_fell_just_before_the_device_said_why_was_charging(late_ms: int, tried: bool) -> None:
    charge = Charge()
    charge.passes(60_000)
    charge.ordered = False
    charge.passes(10)
    charge.trips(late_ms)
    assert (charge.passes(PAUSE_MS) == []) is tried


def test_without_a_charge_a_trip_waits_for_a_person() -> None:
    charge = Charge()
    charge.ordered = False
    charge.retries = Retries(ALLOWED, charge.book)
    charge.trips(60_000)
    assert charge.passes(PAUSE_MS) == ["RESIDUAL_CURRENT"]


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_car_that_draws_too_much_is_cut_off_so_often_and_then_for_good(times: int) -> None:
    box = Box(metered=[1], retry=Retry(over_current=times, over_current_s=60))
    box.charge()
    for tried in range(times + 1):
        cut_off(box)
        assert box.outlet().closings == tried + 1
        box.run(59_000)
        assert "OVER_CURRENT" in box.faults()
        if tried < times:
            box.until(closed=True)
            assert "OVER_CURRENT" not in box.faults()
    box.run(20_000)
    assert "OVER_CURRENT" in box.faults() and box.outlet().closings == times + 1
    box.say("unplug --force")
    box.run(1_000)
    assert "OVER_CURRENT" not in box.faults()


def cut_off(box: Box) -> None:
    """The car takes 30 A until the contactor opens."""
    for _ in range(9):
        box.meter(30_000)
        box.run(1_000)
        if not box.outlet().closed:
            box.meter(0)
            box.run(20)
            return
    raise AssertionError("nobody minds")


def test_a_device_that_lets_go_after_a_long_charge_is_tried_where_that_is_allowed() -> None:
    box = Box(retry=Retry(residual_current=1, residual_current_s=300))
    box.charge()
    box.run(11_000)
    box.say("fault residual")
    box.run(1_000)
    assert box.faults() == ["RESIDUAL_CURRENT"] and not box.tick.loaded
    box.say("clear residual")
    assert box.run(299_000).closings == 1
    box.until(closed=True)
    assert box.faults() == [] and box.memory.kept == {1: ()}
