"""What every `Pilot` must do, whatever it is made of: one suite over the simulated part, emulated buses and metal."""

from __future__ import annotations

from typing import Protocol

import pytest

from hal.contract import Cp
from hal.drivers.protocols import Pilot
from hal.iec61851 import X1, F, Level, classify
from hal.sim.circuit import Load

OHMS = {Cp.A: None, Cp.B: 2_740.0, Cp.C: 882.0, Cp.D: 246.0}
DUTIES = (50.0, 100.0, 266.66, 533.32, 850.0)


class Bench(Protocol):
    """Where a pilot hangs, and what a test can do there."""

    pilot: Pilot

    def hang(self, load: Load) -> None:
        """Put this at the far end of the wire; a bench with people skips what it cannot."""

    def pass_ms(self, ms: int) -> None:
        """Let time go on."""


def look(bench: Bench, ticks: int) -> tuple[float, float, int]:
    """As the tick does it."""
    seen = (0.0, 0.0, 0)
    for _ in range(ticks):
        bench.pass_ms(10)
        seen = bench.pilot.volts()
    return seen


class PilotContract:
    """Each subclass brings a fixture `bench`."""

    @pytest.mark.parametrize("cp", OHMS)
    def test_without_pwm_both_plateaus_are_the_car_s_level(self, bench: Bench, cp: Cp) -> None:
        bench.hang(Load(OHMS[cp]))
        bench.pilot.offer(X1)
        high, low, _ = look(bench, 4)
        assert classify(high, low, False, Level(Cp.E)) == Level(cp)
        assert abs(high - low) < 0.6

    @pytest.mark.parametrize("cp", OHMS)
    @pytest.mark.parametrize("permille", DUTIES)
    def test_with_pwm_the_car_and_its_diode_are_told(self, bench: Bench, cp: Cp, permille: float) -> None:
        bench.hang(Load(OHMS[cp]))
        bench.pilot.offer(permille)
        high, low, _ = look(bench, 6)
        assert classify(high, low, True, Level(Cp.E)) == Level(cp, diode=True)

    def test_state_f_is_one_negative_level(self, bench: Bench) -> None:
        bench.hang(Load(2_740.0))
        bench.pilot.offer(F)
        high, low, _ = look(bench, 4)
        assert -13 < low <= high < -11 or (high - low < 0.6 and high < -11)

    def test_a_missing_diode_mirrors_the_plateau(self, bench: Bench) -> None:
        bench.hang(Load(882.0, diode=False))
        bench.pilot.offer(266.66)
        high, low, _ = look(bench, 6)
        assert high > 4 and abs(high + low) < 1.2

    def test_a_short_to_earth_is_state_e(self, bench: Bench) -> None:
        bench.hang(Load(80.0, diode=False))
        bench.pilot.offer(266.66)
        high, _, _ = look(bench, 6)
        assert -1 <= high < 2

    def test_each_tick_brings_a_new_measurement(self, bench: Bench) -> None:
        bench.hang(Load(882.0))
        bench.pilot.offer(266.66)
        look(bench, 3)
        counts = [look(bench, 1)[2] for _ in range(8)]
        assert counts == sorted(set(counts))

    @pytest.mark.parametrize("after", [Cp.A, Cp.B])
    def test_a_level_that_rises_is_told_within_two_ticks(self, bench: Bench, after: Cp) -> None:
        bench.hang(Load(OHMS[Cp.C]))
        bench.pilot.offer(266.66)
        look(bench, 6)
        bench.hang(Load(OHMS[after]))
        high, low, _ = look(bench, 2)
        assert classify(high, low, True, Level(Cp.C, diode=True)).cp is after

    def test_a_level_that_falls_is_told_within_three_ticks(self, bench: Bench) -> None:
        bench.hang(Load(OHMS[Cp.B]))
        bench.pilot.offer(266.66)
        look(bench, 6)
        bench.hang(Load(OHMS[Cp.C]))
        high, low, _ = look(bench, 3)
        assert classify(high, low, True, Level(Cp.B, diode=True)).cp is Cp.C

    def test_after_a_change_of_the_drive_nothing_old_is_told(self, bench: Bench) -> None:
        bench.hang(Load(2_740.0))
        bench.pilot.offer(266.66)
        look(bench, 5)
        bench.pilot.offer(X1)
        high, low, _ = look(bench, 3)
        assert low > 8
        bench.pilot.offer(266.66)
        high, low, _ = look(bench, 3)
        assert 8 < high < 10 and low < -11
