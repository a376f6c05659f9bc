"""The peak detectors of the simulated front-end: when an edge of the car becomes visible."""

from __future__ import annotations

from random import Random

import pytest

from hal.drivers.protocols import PartFailed
from hal.sim.agenda import Agenda
from hal.sim.circuit import Load
from hal.sim.pilot import PilotFault, SimPilot

B, C = Load(2_740.0), Load(882.0)
DUTIES = [50.0, 100.0, 266.7, 533.3, 850.0]


class Wire:
    """A pilot with a clock of microseconds; `heard` is what arrives at the car."""

    def __init__(self, seed: int = 0) -> None:
        self.agenda = Agenda()
        self.heard: list[float] = []
        self.pilot = SimPilot(self.agenda, Random(seed), self.heard.append)

    def at(self, us: int) -> Wire:
        self.agenda.run(us)
        return self

    def letter(self) -> str:
        high, _, _ = self.pilot.volts()
        return "A" if high > 10 else "B" if high > 7.5 else "C" if high > 4.5 else "?"


@pytest.mark.parametrize("permille", DUTIES)
@pytest.mark.parametrize("after_us", [10, 1_003, 4_999, 8_500])
def test_a_lower_level_shows_only_after_a_whole_window(permille: float, after_us: int) -> None:
    wire = Wire()
    wire.pilot.offer(permille)
    wire.pilot.carry(B)
    wire.at(10_000).letter()
    wire.at(20_000).letter()
    wire.at(20_000 + after_us).pilot.carry(C)
    first = wire.at(30_000).letter()
    if after_us >= 1_000:  # then a pulse of B lies in the window, and the detector still holds it
        assert first == "B"
    assert wire.at(40_000).letter() == "C"


@pytest.mark.parametrize("permille", DUTIES)
def test_a_higher_level_shows_with_its_first_pulse(permille: float) -> None:
    wire = Wire()
    wire.pilot.offer(permille)
    wire.pilot.carry(C)
    wire.at(10_000).letter()
    wire.at(20_000).letter()
    wire.at(28_990).pilot.carry(B)  # one whole period is left in the window
    assert wire.at(30_000).letter() == "B"


def test_whether_the_last_instant_of_a_window_counts_is_a_matter_of_phase() -> None:
    seen = set()
    for seed in range(40):
        wire = Wire(seed)
        wire.pilot.offer(100.0)
        wire.pilot.carry(C)
        wire.at(10_000).letter()
        wire.at(20_000).letter()
        wire.at(29_500).pilot.carry(B)
        seen.add(wire.at(30_000).letter())
        assert wire.at(40_000).letter() == "B"
    assert seen == {"B", "C"}


def test_a_pulse_of_c_between_two_reads_is_not_seen_while_a_window_of_it_is() -> None:
    wire = Wire()
    wire.pilot.offer(100.0)
    wire.pilot.carry(B)
    wire.at(10_000).letter()
    wire.at(12_000).pilot.carry(C)
    wire.at(18_000).pilot.carry(B)
    assert wire.at(20_000).letter() == "B"
    wire.at(21_000).pilot.carry(C)
    assert wire.at(30_000).letter() == "B"
    assert wire.at(40_000).letter() == "C"


def test_x1_and_f_give_one_level_twice() -> None:
    wire = Wire()
    for permille, volts in ((1_000.0, 12.0), (0.0, -12.0)):
        wire.pilot.offer(permille)
        wire.at(wire.agenda.now_us + 10_000).pilot.volts()
        high, low, _ = wire.at(wire.agenda.now_us + 10_000).pilot.volts()
        assert high == pytest.approx(volts, abs=0.3)
        assert low == pytest.approx(volts, abs=0.3)


def test_two_reads_at_one_moment_agree_but_for_noise() -> None:
    wire = Wire().at(10_000)
    wire.pilot.offer(100.0)
    first = wire.at(20_000).pilot.volts()[:2]
    assert wire.pilot.volts()[:2] == pytest.approx(first, abs=0.2)


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    def trace(seed: int) -> list[tuple[float, float]]:
        wire = Wire(seed)
        return [wire.at(10_000 * n).pilot.volts()[:2] for n in range(1, 300)]

    assert trace(3) == trace(3)
    assert trace(3) != trace(4)
    assert all(high == pytest.approx(12.0, abs=0.3) for high, _ in trace(3))


def faulty(fault: PilotFault, load: Load = C) -> Wire:
    wire = Wire()
    wire.pilot.offer(266.7)
    wire.pilot.carry(load)
    wire.at(10_000).pilot.volts()
    wire.at(20_000).pilot.fault(fault, on=True)
    wire.at(30_000).pilot.volts()
    return wire.at(40_000)


def test_cp_short_is_near_zero_on_both_sides_and_the_car_hears_nothing() -> None:
    wire = faulty(PilotFault.CP_SHORT)
    assert wire.pilot.volts()[:2] == pytest.approx((0.0, 0.0), abs=1.0)
    assert wire.heard[-1] == 0.0
    wire.pilot.fault(PilotFault.CP_SHORT, on=False)
    assert wire.heard[-1] == 266.7


def test_a_lost_earth_looks_as_if_no_car_were_there() -> None:
    wire = faulty(PilotFault.PE_LOST)
    assert wire.pilot.volts()[:2] == pytest.approx((12.0, -12.0), abs=0.3)
    assert wire.heard[-1] == 0.0


def test_without_minus_12_volts_the_low_side_is_zero() -> None:
    assert faulty(PilotFault.NO_MINUS).pilot.volts()[1] == pytest.approx(0.0, abs=0.2)


def test_a_stuck_generator_gives_plus_12_volts_whatever_is_offered() -> None:
    wire = faulty(PilotFault.STUCK)
    assert wire.pilot.volts()[:2] == pytest.approx((6.0, 6.0), abs=0.3)
    assert wire.heard[-1] == 1_000.0


def test_noise_can_be_so_loud_that_it_matters() -> None:
    wire = faulty(PilotFault.NOISY)
    highs = [wire.at(50_000 + 10_000 * n).pilot.volts()[0] for n in range(200)]
    assert 0.3 < max(abs(high - 6.0) for high in highs) < 0.8


def test_a_stuck_adc_repeats_its_last_sample() -> None:
    wire = faulty(PilotFault.ADC_STUCK)
    seen = wire.pilot.volts()
    wire.pilot.carry(Load())
    assert wire.at(80_000).pilot.volts() == seen  # its count too
    wire.pilot.fault(PilotFault.ADC_STUCK, on=False)
    wire.at(90_000).pilot.volts()
    assert wire.at(100_000).letter() == "A"


def test_each_read_of_a_live_adc_counts_and_one_that_repeats_itself_counts_too() -> None:
    wire = Wire()
    first = wire.at(10_000).pilot.volts()
    second = wire.at(20_000).pilot.volts()
    assert second[2] == first[2] + 1
    wire.pilot.fault(PilotFault.ADC_REPEATS, on=True)
    wire.pilot.carry(C)
    assert wire.at(90_000).pilot.volts() == (*second[:2], second[2] + 1)


def test_a_missing_adc_fails() -> None:
    with pytest.raises(PartFailed, match="ADC"):
        faulty(PilotFault.ADC_GONE).pilot.volts()


def test_edges_that_nobody_reads_do_not_fill_the_memory() -> None:
    wire = Wire()
    wire.pilot.offer(100.0)
    for n in range(1, 1_000):
        wire.at(n * 1_000).pilot.carry(C if n % 2 else B)
    assert len(wire.pilot._past) <= 64
    assert wire.letter() == "B"
