"""Levels of the pilot against the table of IEC 61851-1 Annex A, and what peak detectors find in a stretch."""

from __future__ import annotations

import pytest

from hal.sim.circuit import Load, Source, Stretch, level, parallel, peaks

NOMINAL = Source(plus_v=12.0, minus_v=-12.0, ohms=1_000.0)


@pytest.mark.parametrize(
    ("ohms", "low", "high"),
    [
        (None, 11.0, 13.0),
        # B must still be understood with R2 of 1870, 2740 and 4610 Ω.
        (1_870.0, 8.0, 10.0),
        (2_740.0, 8.36, 9.56),
        (4_610.0, 8.0, 10.0),
        # C with R3 of 909, 1300 and 1723 Ω beside R2.
        (parallel(2_740.0, 909.0), 5.0, 7.0),
        (parallel(2_740.0, 1_300.0), 5.48, 6.49),
        (parallel(2_740.0, 1_723.0), 5.0, 7.0),
        # D, with ventilation.
        (parallel(2_740.0, 270.0), 2.62, 3.25),
    ],
)
def test_the_level_of_each_state_lies_in_its_band(ohms: float | None, low: float, high: float) -> None:
    assert low <= level(12.0, NOMINAL, Load(ohms)) <= high
    assert level(-12.0, NOMINAL, Load(ohms)) == -12.0


@pytest.mark.parametrize("source_ohms", [970.0, 1_030.0])
@pytest.mark.parametrize("source_v", [11.4, 12.6])
def test_generators_at_the_edge_of_their_tolerance_keep_the_nominal_states(source_v: float, source_ohms: float) -> None:
    source = NOMINAL._replace(plus_v=source_v, ohms=source_ohms)
    assert 8.0 <= level(source_v, source, Load(2_740.0)) <= 10.0
    assert 5.0 <= level(source_v, source, Load(882.0)) <= 7.0


def test_without_a_diode_both_halves_are_alike() -> None:
    plus, minus = (level(v, NOMINAL, Load(2_740.0, diode=False)) for v in (12.0, -12.0))
    assert plus == -minus
    assert 8.0 < plus < 10.0


def test_a_short_behind_the_diode_leaves_the_low_half() -> None:
    assert level(12.0, NOMINAL, Load(1.0)) == pytest.approx(0.7, abs=0.1)
    assert level(-12.0, NOMINAL, Load(1.0)) == -12.0


def test_a_short_on_the_wire_takes_both_halves() -> None:
    shorted = NOMINAL._replace(short_ohms=80.0)
    assert -1.0 < level(12.0, shorted, Load(882.0)) < 1.0
    assert -1.0 < level(-12.0, shorted, Load(882.0)) < 1.0


def stretch(permille: float, since: int = 0, until: int = 10_000, tau_us: float = 3.1) -> Stretch:
    return Stretch(since, until, permille, plus=9.0, minus=-12.0, tau_us=tau_us)


def test_constant_levels_are_one_level() -> None:
    assert peaks(stretch(1_000), phase_us=0) == (9.0, 9.0)
    assert peaks(stretch(0), phase_us=0) == (-12.0, -12.0)


def test_a_five_percent_pulse_settles_on_a_legal_cable_but_not_on_a_far_longer_one() -> None:
    # 50 µs; IEC 61851-1 allows 3.1 nF.
    assert peaks(stretch(50), 0)[0] == pytest.approx(9.0, abs=0.01)
    high, low = peaks(stretch(50, tau_us=30.0), 0)
    assert high is not None
    assert high < 6.0
    assert low == pytest.approx(-12.0, abs=0.01)


@pytest.mark.parametrize(
    ("since", "until", "high", "low"),
    [
        (0, 100, True, False),  # inside the pulse of 0..200
        (200, 1_000, False, True),  # exactly the pause
        (150, 250, True, True),
        (900, 1_010, True, True),
        (300, 900, False, True),
    ],
)
def test_only_pulses_inside_the_stretch_count(since: int, until: int, high: bool, low: bool) -> None:
    found = peaks(stretch(200, since, until), phase_us=0)
    assert (found[0] is not None, found[1] is not None) == (high, low)
