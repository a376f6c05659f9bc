"""What the meter says, against offer and contactor: how much, for how long, and what a silence undoes."""

from __future__ import annotations

import pytest

from hal.boards import Timing
from hal.contract import MeterReading, Voltage
from hal.faults import FaultBook, Name
from hal.metered import Metered
from hal.senses import Inputs

OFFER_MA = 16_000
NOTHING = Inputs(*(None for _ in Inputs._fields))  # type: ignore[arg-type]
SOUND = NOTHING._replace(closed=False, silence="")


class Eye:
    """A `Metered` on a clock that the test moves; `see` is one tick, with a new reading of three phases if given."""

    def __init__(self) -> None:
        self.book = FaultBook((), 0)
        self.metered = Metered(Timing(), Voltage(), self.book, 0)
        self._reading: MeterReading | None = None

    def see(
        self,
        now_ms: int,
        *ma: int,
        closed: bool = False,
        ordered: bool = False,
        at_ms: int | None = None,
        three: bool | None = None,
        offer_ma: int = OFFER_MA,
    ) -> None:
        if ma:
            self._reading = MeterReading(now_ms if at_ms is None else at_ms, 1_000, 0, ma)
        inputs = SOUND._replace(closed=closed, reading=self._reading, three=three)
        self.metered.judge(inputs, ordered, offer_ma, now_ms)

    def has(self, name: Name) -> bool:
        return self.book.holds(name)


@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize(("over_ma", "lasts_ms", "opens"), [(0, 9_000, False), (1, 6_999, False), (1, 7_000, True)])
def test_over_current_counts_on_each_phase_from_its_limit_on(
    phase: int, over_ma: int, lasts_ms: int, opens: bool
) -> None:
    eye = Eye()
    ma = [0, 0, 0]
    ma[phase] = 18_150 + over_ma  # (16 A + 0.5 A) · 1.1
    eye.see(1_000, *ma, closed=True, ordered=True)
    eye.see(1_000 + lasts_ms, *ma, closed=True, ordered=True)
    assert eye.has(Name.OVER_CURRENT) is opens


STEPS_MA = (32_000, 26_000, 20_000, 14_000, 8_000)


def falling(lag_ms: int) -> bool:
    """Whether a car that follows each step so late was too slow; an offer falls each 5 s."""
    eye, lasts_ms = Eye(), len(STEPS_MA) * 5_000
    for now_ms in range(0, lasts_ms, 500):
        drawn_ma = STEPS_MA[max(0, now_ms - lag_ms) // 5_000]
        eye.see(now_ms, drawn_ma, closed=True, ordered=True, offer_ma=STEPS_MA[now_ms // 5_000])
    return eye.has(Name.OVER_CURRENT)


def test_a_car_may_lag_behind_offers_that_fall_step_by_step() -> None:
    assert not falling(4_500) and not falling(5_500)
    assert falling(9_000)


@pytest.mark.parametrize(("steps", "opens"), [(13, False), (14, True)])
def test_a_car_that_ignores_an_offer_that_fell_has_seven_seconds(steps: int, opens: bool) -> None:
    eye = Eye()
    eye.see(0, 16_000, closed=True, ordered=True)
    for step in range(steps + 1):
        eye.see(1_000 + 500 * step, 16_000, closed=True, ordered=True, offer_ma=10_000)
    assert eye.has(Name.OVER_CURRENT) is opens


def test_offers_that_creep_down_hide_no_car_that_ignores_them() -> None:
    eye = Eye()
    for now_ms in range(0, 20_000, 500):
        eye.see(now_ms, 32_000, closed=True, ordered=True, offer_ma=16_000 - now_ms // 5_000 * 100)
    assert eye.has(Name.OVER_CURRENT)


def test_a_reading_that_is_looked_at_again_is_not_a_second_one() -> None:
    eye = Eye()
    eye.see(1_000, 32_000, closed=True, ordered=True)
    for now_ms in range(2_000, 10_000, 10):
        eye.see(now_ms, closed=True, ordered=True)
    assert not eye.book.faults


@pytest.mark.parametrize(("pause_ms", "opens"), [(9_999, True), (10_000, False)])
def test_over_a_silence_of_the_meter_nothing_has_lasted(pause_ms: int, opens: bool) -> None:
    eye = Eye()
    eye.see(1_000, 32_000, closed=True, ordered=True)
    eye.see(1_000 + pause_ms, 32_000, closed=True, ordered=True)
    assert eye.has(Name.OVER_CURRENT) is opens
    eye = Eye()
    eye.see(1_000, 500)
    eye.see(1_000 + pause_ms, 500)
    assert eye.has(Name.CURRENT_WHILE_OPEN) is opens


@pytest.mark.parametrize(("ma", "lasts_ms", "latches"), [(499, 9_000, False), (500, 4_999, False), (500, 5_000, True)])
def test_current_through_an_open_contactor_is_a_fault_of_its_own(ma: int, lasts_ms: int, latches: bool) -> None:
    eye = Eye()
    eye.see(1_000, 0, ma, 0)
    eye.see(1_000 + lasts_ms, 0, ma, 0)
    assert eye.has(Name.CURRENT_WHILE_OPEN) is latches
    eye.see(30_000, 0, 0, 0)
    eye.book.unplugged(40_000)
    eye.book.acknowledged(40_000)
    assert eye.has(Name.CURRENT_WHILE_OPEN) is latches
    assert eye.metered.flows(40_000) is latches


@pytest.mark.parametrize(("closed", "ordered"), [(True, False), (False, True), (True, True)])
def test_a_contactor_that_is_closed_or_about_to_be_may_carry_current(closed: bool, ordered: bool) -> None:
    eye = Eye()
    for now_ms in range(1_000, 9_000, 1_000):
        eye.see(now_ms, 16_000, closed=closed, ordered=ordered)
    assert not eye.has(Name.CURRENT_WHILE_OPEN)


def test_a_closing_between_two_readings_begins_the_count_anew() -> None:
    eye = Eye()
    eye.see(1_000, 16_000)
    eye.see(2_000, closed=True, ordered=True)
    eye.see(6_000, 16_000)
    assert not eye.has(Name.CURRENT_WHILE_OPEN)


def test_an_open_contactor_without_current_is_well() -> None:
    eye = Eye()
    for now_ms in range(1_000, 60_000, 1_000):
        eye.see(now_ms, 0, 0, 0)
    assert not eye.book.faults and not eye.metered.flows(59_000)


@pytest.mark.parametrize(("age_ms", "flows"), [(3_000, True), (3_001, False)])
def test_a_current_is_believed_for_three_seconds(age_ms: int, flows: bool) -> None:
    eye = Eye()
    eye.see(1_000, 16_000, closed=True, ordered=True)
    assert eye.metered.flows(1_000 + age_ms) is flows
    assert 4_001 in eye.metered.deadlines() and 11_000 in eye.metered.deadlines()


@pytest.mark.parametrize(
    ("three", "ma", "lasts_ms", "astray"),
    [
        (False, (6_000, 0, 500), 5_000, True),
        (False, (6_000, 500, 0), 4_999, False),
        (False, (6_000, 499, 499), 9_000, False),
        (True, (6_000, 6_000, 6_000), 9_000, False),
        (None, (6_000, 6_000, 6_000), 9_000, False),
        (False, (6_000,), 9_000, False),
    ],
)
def test_what_flows_on_a_phase_that_is_not_chosen_came_through_a_lying_relay(
    three: bool | None, ma: tuple[int, ...], lasts_ms: int, astray: bool
) -> None:
    eye = Eye()
    eye.see(1_000, *ma, closed=True, ordered=True, three=three)
    eye.see(1_000 + lasts_ms, *ma, closed=True, ordered=True, three=three)
    assert eye.metered.astray is astray


def test_over_a_silence_no_current_has_gone_astray() -> None:
    eye = Eye()
    eye.see(1_000, 6_000, 6_000, 0, closed=True, ordered=True, three=False)
    eye.see(11_000, 6_000, 6_000, 0, closed=True, ordered=True, three=False)
    assert not eye.metered.astray
