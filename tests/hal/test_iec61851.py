"""The pilot alone: bands, duty cycles, cables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import iec61851
from hal.contract import Cp
from hal.iec61851 import (
    DISOBEYED,
    NO_DIODE,
    OUT_OF_BAND,
    PLAIN,
    PROVEN,
    UNKNOWN,
    X1,
    F,
    Level,
    Trouble,
    cable_ma,
    classify,
    duty_permille,
    ev_reads,
    offered_ma,
)

FIGURES = {  # of IEC 61851-1 and of ours, as they are written nowhere else
    "X1": 1000.0,
    "F": 0.0,
    "FAR_MS": 2**62,
    "MAX_MA": 80_000,
    "SIMPLIFIED_MA": 10_000,
    "CONFIRM_MS": 500,
    "SHORT_C_MS": 100,
    "DUTY_SPACING_MS": 5_000,
    "STOP_WAIT_MS": 6_000,
    "FAULT_F_MS": 300,
    "WAKE_AFTER_MS": 30_000,
    "WAKE_F_MS": 4_000,
    "WAKE_X1_MS": 750,
    "PWM_V": -3.0,
    "SETTLE_MS": 15,
}
STEP_MV = 2
EDGES_MV = (-13_000, -11_000, -10_000, -2_000, -1_000, 2_000, 4_000, 5_000, 7_000, 8_000, 10_000, 11_000, 13_000)
# IEC 61851-1 Table A.4 in mV: [from, to) → what it is, by what it was; None = out of band.
TABLE = (
    (11_000, 13_001, dict.fromkeys(Cp, Cp.A)),
    (10_000, 11_000, {**dict.fromkeys(Cp, Cp.B), Cp.A: Cp.A}),
    (8_000, 10_000, dict.fromkeys(Cp, Cp.B)),
    (7_000, 8_000, {**dict.fromkeys(Cp, Cp.C), Cp.A: Cp.B, Cp.B: Cp.B}),
    (5_000, 7_000, dict.fromkeys(Cp, Cp.C)),
    (4_000, 5_000, {**dict.fromkeys(Cp, Cp.D), Cp.A: Cp.C, Cp.B: Cp.C, Cp.C: Cp.C}),
    (2_000, 4_000, dict.fromkeys(Cp, Cp.D)),
    (-1_000, 2_000, dict.fromkeys(Cp, Cp.E)),
    (-2_000, -1_000, {**dict.fromkeys(Cp, None), Cp.E: Cp.E}),
    (-10_999, -10_000 + 1, {**dict.fromkeys(Cp, None), Cp.F: Cp.F}),
    (-13_000, -10_999, dict.fromkeys(Cp, Cp.F)),
)
VOLTS = {Cp.A: 12.0, Cp.B: 9.0, Cp.C: 6.0, Cp.D: 3.0, Cp.E: 0.0, Cp.F: -12.0}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure(name: str) -> None:
    assert getattr(iec61851, name) == FIGURES[name]


def by_table(mv: int, was: Cp) -> Cp | None:
    return next((row[was] for low, high, row in TABLE if low <= mv < high), None)


def test_what_is_wrong_with_the_line_has_a_level_for_each_letter() -> None:
    for cp in Cp:
        assert (PLAIN[cp], PROVEN[cp]) == (Level(cp, None, False), Level(cp, None, True))
        assert NO_DIODE[cp] == Level(cp, Trouble.DIODE, False)
        assert OUT_OF_BAND[cp] == Level(cp, Trouble.BAND, False)
        assert DISOBEYED[cp] == Level(cp, Trouble.DRIVER, False)


@pytest.mark.parametrize("was", list(Cp))
@pytest.mark.parametrize("edge_mv", EDGES_MV)
def test_each_threshold_is_where_the_table_says(edge_mv: int, was: Cp) -> None:
    for mv in range(edge_mv - 5 * STEP_MV, edge_mv + 5 * STEP_MV + 1, STEP_MV):
        expected = by_table(mv, was)
        level = classify(mv / 1000, 0.0, False, PLAIN[was])
        assert level == (UNKNOWN if expected is None else Level(expected)), f"{mv} mV from {was}"


@given(st.integers(-20_000, 20_000), st.sampled_from(list(Cp)))
def test_every_voltage_is_classified_as_the_table_says(mv: int, was: Cp) -> None:
    assert classify(mv / 1000, 0.0, False, PLAIN[was]).cp == (by_table(mv, was) or Cp.E)


@pytest.mark.parametrize(("ohms", "cp"), [(1_870, Cp.B), (2_740, Cp.B), (4_610, Cp.B)])
def test_b_is_seen_with_every_resistor_that_the_norm_tries(ohms: float, cp: Cp) -> None:
    high = 0.7 + 11.3 * ohms / (ohms + 1_000)
    assert classify(high, -12.0, True, PLAIN[Cp.B]).cp is cp
    assert classify(high, -12.0, True, PLAIN[Cp.C]).cp is cp


@pytest.mark.parametrize("r3", [909, 1_300, 1_723])
def test_c_is_seen_with_every_resistor_that_the_norm_tries(r3: float) -> None:
    ohms = 1 / (1 / 2_740 + 1 / r3)
    for was in (Cp.A, Cp.B, Cp.C, Cp.D):
        assert classify(0.7 + 11.3 * ohms / (ohms + 1_000), -12.0, True, PLAIN[was]).cp is Cp.C


@pytest.mark.parametrize("low", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_out_of_band(low: float) -> None:
    assert classify(low, -12.0, True, PLAIN[Cp.C]) == UNKNOWN
    assert classify(6.0, low, True, PLAIN[Cp.C]) == OUT_OF_BAND[Cp.C]


@pytest.mark.parametrize(("low", "mirrors"), [(-4.81, True), (-4.795, False), (-7.19, True), (-7.205, False)])
def test_the_plateaus_mirror_each_other_within_1200_mv(low: float, mirrors: bool) -> None:
    assert classify(6.0, low, True, PLAIN[Cp.C]) == (NO_DIODE if mirrors else OUT_OF_BAND)[Cp.C]


def test_1200_mv_are_still_a_mirror() -> None:
    assert 2.0 - 0.8 == 1.2  # the difference as a float has it
    assert classify(2.0, -0.8, True, PLAIN[Cp.D]) == NO_DIODE[Cp.D]


def test_what_cannot_be_told_from_a_mirror_at_a_is_out_of_band() -> None:
    assert classify(12.5, -13.1, True, PLAIN[Cp.A]) == OUT_OF_BAND[Cp.A]


def test_at_f_nobody_asks_for_a_diode() -> None:
    assert classify(-12.0, -12.0, True, PLAIN[Cp.F]) == PLAIN[Cp.F]


@pytest.mark.parametrize("cp", [Cp.B, Cp.C, Cp.D])
def test_a_mirrored_low_plateau_is_a_missing_diode(cp: Cp) -> None:
    high = VOLTS[cp]
    assert classify(high, -12.0, True, PLAIN[cp]) == PROVEN[cp]
    assert classify(high, -high, True, PLAIN[cp]) == NO_DIODE[cp]
    assert classify(high, -high, False, PLAIN[cp]) == PLAIN[cp]  # x1 cannot tell


def test_an_open_line_mirrors_too_and_lacks_no_diode() -> None:
    assert classify(12.0, -12.0, True, PLAIN[Cp.A]).trouble is None


def test_a_short_behind_the_diode_is_e_though_the_low_plateau_is_right() -> None:
    assert classify(0.7, -12.0, True, PLAIN[Cp.C]) == PLAIN[Cp.E]  # and proves no diode


def test_a_short_of_both_plateaus_is_e() -> None:
    assert classify(0.9, -0.9, True, PLAIN[Cp.C]) == PLAIN[Cp.E]


def test_the_low_plateau_has_its_hysteresis() -> None:
    for mv in range(-11_010, -10_989, STEP_MV):
        fresh = classify(6.0, mv / 1000, True, PLAIN[Cp.C])
        assert fresh == (PROVEN[Cp.C] if mv <= -11_000 else OUT_OF_BAND[Cp.C])
        assert classify(6.0, mv / 1000, True, PROVEN[Cp.C]) == PROVEN[Cp.C]
    for mv in range(-10_010, -9_989, STEP_MV):
        assert (classify(6.0, mv / 1000, True, PROVEN[Cp.C]) == PROVEN[Cp.C]) == (mv <= -10_000)


@pytest.mark.parametrize("was", [PLAIN[Cp.C], PROVEN[Cp.C]])
def test_the_low_plateau_is_not_below_minus_13_v(was: Level) -> None:
    for mv in range(-13_010, -12_989, STEP_MV):
        expected = PROVEN if mv >= -13_000 else OUT_OF_BAND
        assert classify(6.0, mv / 1000, True, was) == expected[Cp.C], f"{mv} mV"


# --- amperes and duty ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ma", "permille"),
    [
        *[(0, 1000), (5_999, 1000), (6_000, 100), (10_000, 166.667), (16_000, 266.667), (32_000, 533.333)],
        *[(51_000, 850), (51_001, 850), (52_499, 850), (52_500, 850), (52_501, 850.004), (63_000, 892)],
        *[(80_000, 960), (99_000, 960)],
    ],
)
def test_amperes_to_duty(ma: int, permille: float) -> None:
    assert duty_permille(ma) == pytest.approx(permille, abs=0.001)


@given(st.integers(6_000, 80_000))
def test_the_duty_means_the_same_current_to_us_and_to_the_car(ma: int) -> None:
    meant = 51_000 if 51_000 < ma <= 52_500 else ma
    assert offered_ma(duty_permille(ma)) == meant
    assert ev_reads(duty_permille(ma)) == meant


@given(st.integers(6_000, 80_000))
def test_a_duty_never_offers_more_than_was_allowed(ma: int) -> None:
    assert offered_ma(duty_permille(ma)) <= ma


@pytest.mark.parametrize(
    ("permille", "ma"),
    [
        *[(0, 0), (29, 0), (50, 0), (75, 0), (79.9, 0), (80, 6_000), (99, 6_000), (100, 6_000), (266.6667, 16_000)],
        *[
            (850, 51_000),
            (850.5, 52_625),
            (860, 55_000),
            (960, 80_000),
            (965, 80_000),
            (970, 80_000),
            (971, 0),
            (1000, 0),
        ],
    ],
)
def test_what_a_car_reads(permille: float, ma: int) -> None:
    assert ev_reads(permille) == ma


@pytest.mark.parametrize(("permille", "ma"), [(99.9, 0), (100, 6_000), (960, 80_000), (960.5, 0), (961, 0)])
def test_what_we_never_drive_is_no_offer_of_ours(permille: float, ma: int) -> None:
    assert offered_ma(permille) == ma


def test_x1_and_f_offer_nothing() -> None:
    assert offered_ma(X1) == offered_ma(F) == 0


@pytest.mark.parametrize(
    ("ohms", "ma"),
    [
        *[(None, None), (0.0, 0), (59.9, 0), (60, 63_000), (100, 63_000), (140, 63_000), (141, 32_000)],
        *[(164, 32_000), (220, 32_000), (308, 32_000), (309, 20_000), (680, 20_000), (936, 20_000), (937, 13_000)],
        *[(59.995, 0), (140.005, 32_000), (308.005, 20_000), (936.005, 13_000), (4_500.005, 0)],
        *[(1_500, 13_000), (2_460, 13_000), (4_500, 13_000), (4_501, 0), (math.inf, 0), (math.nan, 0)],
    ],
)
def test_what_a_cable_carries(ohms: float | None, ma: int | None) -> None:
    assert cable_ma(ohms) == ma
