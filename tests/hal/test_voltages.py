"""How low, how high, for how long, on which phases, and when it is over."""

from __future__ import annotations

import pytest

from hal.contract import Voltage
from hal.faults import FaultBook, Name
from hal.voltages import ALL, Voltages

GOOD = (230_000, 230_000, 230_000)
RULES = Voltage(min_v=180, max_v=260, trip_s=4, back_min_v=205, back_max_v=250, back_s=30)


class Supply:
    """Readings of a meter, each second, before an open contactor."""

    def __init__(self, *first: int, contactor_open: bool = True) -> None:
        self.book = FaultBook((), 0)
        self.voltages = Voltages(RULES, self.book)
        self.at_ms = 0
        self.read(*(first or GOOD), contactor_open=contactor_open)

    def read(self, *mv: int, after_ms: int = 1_000, contactor_open: bool = True, chosen: int = ALL) -> None:
        self.at_ms += after_ms
        self.voltages.judge(mv, contactor_open, self.at_ms, self.at_ms + 20, chosen)

    def lasts(self, ms: int, *mv: int) -> list[str]:
        """So for a while; the faults that are there then."""
        self.read(*mv)
        self.read(*mv, after_ms=ms)
        return [fault.name for fault in self.book.faults]


def with_phase(phase: int, mv: int) -> tuple[int, ...]:
    return (*GOOD[:phase], mv, *GOOD[phase + 1 :])


@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize(
    ("mv", "fault"),
    [
        (49_999, "PHASE_LOST"),
        (50_000, "UNDER_VOLTAGE"),
        (179_999, "UNDER_VOLTAGE"),
        (180_000, None),
        (260_000, None),
        (260_001, "OVER_VOLTAGE"),
    ],
)
def test_each_phase_has_its_edges(phase: int, mv: int, fault: str | None) -> None:
    assert Supply().lasts(3_999, *with_phase(phase, mv)) == []
    assert Supply().lasts(4_000, *with_phase(phase, mv)) == ([fault] if fault else [])


def test_no_phase_at_all_is_lost_mains() -> None:
    assert Supply().lasts(4_000, 0, 0, 0) == ["MAINS_LOST"]
    assert Supply(230_000).lasts(4_000, 0) == ["MAINS_LOST"]


def test_two_faults_of_a_supply_are_both_told() -> None:
    assert set(Supply().lasts(4_000, 0, 300_000, 100_000)) == {"PHASE_LOST", "OVER_VOLTAGE", "UNDER_VOLTAGE"}


@pytest.mark.parametrize("mv", [0, 60_000, 99_999])
def test_a_phase_that_was_never_live_is_not_missed(mv: int) -> None:
    assert Supply(230_000, mv, 0).lasts(9_000, 230_000, mv, 0) == []


def test_a_weak_phase_is_expected_from_a_hundred_volts_on() -> None:
    assert Supply(230_000, 100_000).lasts(4_000, 230_000, 100_000) == ["UNDER_VOLTAGE"]


def test_a_meter_behind_the_contactor_is_no_broken_supply() -> None:
    supply = Supply(0, 0, 0)
    supply.read(*GOOD, contactor_open=False)
    assert supply.lasts(9_000, 0, 0, 0) == []


def test_too_high_is_too_high_on_a_phase_that_nobody_expects() -> None:
    assert Supply(230_000, 0).lasts(4_000, 230_000, 261_000) == ["OVER_VOLTAGE"]


@pytest.mark.parametrize(("low_mv", "high_mv", "back"), [(205_000, 250_000, True), (204_999, 250_000, False)])
def test_it_is_over_after_all_phases_were_good_for_the_time(low_mv: int, high_mv: int, back: bool) -> None:
    supply = Supply()
    supply.lasts(4_000, *with_phase(1, 150_000))
    assert supply.lasts(29_999, low_mv, 230_000, high_mv) == ["UNDER_VOLTAGE"]
    supply.read(low_mv, 230_000, high_mv, after_ms=1)
    assert supply.book.holds(Name.UNDER_VOLTAGE) is not back


@pytest.mark.parametrize(("high_mv", "back"), [(250_000, True), (250_001, False)])
def test_nor_while_one_is_still_rather_high(high_mv: int, back: bool) -> None:
    supply = Supply()
    supply.lasts(4_000, *with_phase(1, 290_000))
    assert supply.lasts(30_000, *with_phase(2, high_mv)) == ([] if back else ["OVER_VOLTAGE"])


def test_a_relapse_begins_the_wait_anew_and_unplugging_does_not_end_it() -> None:
    supply = Supply()
    supply.lasts(4_000, 0, 0, 0)
    supply.lasts(20_000, *GOOD)
    supply.read(*with_phase(0, 190_000))
    assert supply.lasts(29_000, *GOOD) == ["MAINS_LOST"]
    supply.book.unplugged(supply.at_ms)
    assert supply.book.holds(Name.MAINS_LOST)


def test_a_silence_neither_makes_nor_ends_a_fault() -> None:
    supply = Supply()
    supply.read(0, 0, 0)
    supply.voltages.forget()
    supply.read(0, 0, 0, after_ms=9_000)
    assert not supply.book.faults
    supply.read(0, 0, 0, after_ms=4_000)
    supply.read(*GOOD)
    supply.voltages.forget()
    supply.read(*GOOD, after_ms=60_000)
    assert supply.book.holds(Name.MAINS_LOST)


def test_a_meter_without_voltages_says_nothing_of_them() -> None:
    supply = Supply()
    supply.voltages = Voltages(RULES, supply.book)
    for _ in range(100):
        supply.read()
    assert not supply.book.faults


@pytest.mark.parametrize(
    ("mv", "fault"), [((230_000, 0, 0), None), ((0, 0, 0), "MAINS_LOST"), ((90_000, 0, 0), "UNDER_VOLTAGE")]
)
def test_of_one_chosen_phase_only_that_one_is_expected(mv: tuple[int, ...], fault: str | None) -> None:
    supply = Supply()
    supply.read(*mv, chosen=1)
    supply.read(*mv, after_ms=4_000, chosen=1)
    assert [found.name for found in supply.book.faults] == ([fault] if fault else [])


def test_too_high_is_too_high_on_a_phase_that_is_not_chosen() -> None:
    supply = Supply()
    for after_ms in (1_000, 4_000):
        supply.read(230_000, 230_000, 261_000, after_ms=after_ms, chosen=1)
    assert supply.book.holds(Name.OVER_VOLTAGE)


def test_all_phases_are_three() -> None:
    assert ALL == 3


def test_three_phases_are_through_unless_one_is_chosen() -> None:
    supply = Supply()
    for at_ms in (2_000, 6_000):
        supply.voltages.judge(with_phase(2, 0), True, at_ms, at_ms)
    assert supply.book.holds(Name.PHASE_LOST)


def test_a_choice_in_the_middle_of_a_count_begins_it_anew() -> None:
    supply = Supply()
    supply.read(100_000, 100_000, 100_000)
    supply.read(100_000, 0, 0, after_ms=3_999, chosen=1)
    supply.read(100_000, 0, 0, after_ms=3_999, chosen=1)
    assert supply.book.faults == ()
    supply.read(100_000, 0, 0, after_ms=1, chosen=1)
    assert supply.book.holds(Name.UNDER_VOLTAGE)


def test_it_is_over_though_a_phase_that_nobody_expects_is_dark() -> None:
    supply = Supply(230_000, 0, 0)
    supply.lasts(4_000, 150_000, 0, 0)
    assert supply.lasts(30_000, 230_000, 0, 0) == []


def test_a_fault_has_the_date_of_its_end_by_the_clock_of_the_book() -> None:
    supply = Supply()
    supply.lasts(4_000, *with_phase(1, 150_000))
    begun = supply.book.faults[0]
    assert begun.since_ms == supply.at_ms + 20


def test_another_choice_begins_every_count_anew() -> None:
    supply = Supply()
    supply.read(230_000, 0, 0, chosen=1)
    supply.read(230_000, 0, 0, after_ms=9_000)  # three are chosen again, and this meter has not noticed yet
    supply.read(230_000, 0, 0, after_ms=3_999)
    assert supply.book.faults == ()
    supply.read(230_000, 0, 0, after_ms=1)
    assert supply.book.holds(Name.PHASE_LOST)
