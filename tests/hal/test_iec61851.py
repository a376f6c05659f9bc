"""The pilot alone: bands, duty cycles, sequences. A line of ideal volts stands in for the wire."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.contract import Cp
from hal.iec61851 import (
    FAR_MS,
    NO_DIODE,
    OUT_OF_BAND,
    PLAIN,
    PROVEN,
    UNKNOWN,
    X1,
    F,
    Level,
    Phase,
    PilotState,
    Rules,
    Trouble,
    Wish,
    cable_ma,
    classify,
    duty_permille,
    ev_reads,
    look,
    offered_ma,
    steady_band,
    step,
)

STEP_MV = 2
USUAL = Rules()
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


def by_table(mv: int, was: Cp) -> Cp | None:
    return next((row[was] for low, high, row in TABLE if low <= mv < high), None)


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


@pytest.mark.parametrize("cp", [Cp.B, Cp.C, Cp.D])
def test_a_mirrored_low_plateau_is_a_missing_diode(cp: Cp) -> None:
    high = VOLTS[cp]
    assert classify(high, -12.0, True, PLAIN[cp]) == PROVEN[cp]
    assert classify(high, -high, True, PLAIN[cp]) == NO_DIODE[cp]
    assert classify(high, -high, False, PLAIN[cp]) == PLAIN[cp]  # x1 cannot tell


def test_an_open_line_mirrors_too_and_lacks_no_diode() -> None:
    assert classify(12.0, -12.0, True, PLAIN[Cp.A]).trouble is None


def test_a_short_behind_the_diode_is_e_though_the_low_plateau_is_right() -> None:
    assert classify(0.7, -12.0, True, PLAIN[Cp.C]).cp is Cp.E


def test_a_short_of_both_plateaus_is_e() -> None:
    assert classify(0.9, -0.9, True, PLAIN[Cp.C]).cp is Cp.E


def test_the_low_plateau_has_its_hysteresis() -> None:
    for mv in range(-11_010, -10_989, STEP_MV):
        fresh = classify(6.0, mv / 1000, True, PLAIN[Cp.C])
        assert fresh == (PROVEN[Cp.C] if mv <= -11_000 else OUT_OF_BAND[Cp.C])
        assert classify(6.0, mv / 1000, True, PROVEN[Cp.C]) == PROVEN[Cp.C]
    for mv in range(-10_010, -9_989, STEP_MV):
        assert (classify(6.0, mv / 1000, True, PROVEN[Cp.C]) == PROVEN[Cp.C]) == (mv <= -10_000)


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
        *[(850, 51_000), (860, 55_000), (960, 80_000), (965, 80_000), (970, 80_000), (971, 0), (1000, 0)],
    ],
)
def test_what_a_car_reads(permille: float, ma: int) -> None:
    assert ev_reads(permille) == ma


def test_x1_and_f_offer_nothing() -> None:
    assert offered_ma(X1) == offered_ma(F) == 0


@pytest.mark.parametrize(
    ("ohms", "ma"),
    [
        *[(None, None), (0.0, 0), (59.9, 0), (60, 63_000), (100, 63_000), (140, 63_000), (141, 32_000)],
        *[(164, 32_000), (220, 32_000), (308, 32_000), (309, 20_000), (680, 20_000), (936, 20_000), (937, 13_000)],
        *[(1_500, 13_000), (2_460, 13_000), (4_500, 13_000), (4_501, 0), (math.inf, 0), (math.nan, 0)],
    ],
)
def test_what_a_cable_carries(ohms: float | None, ma: int | None) -> None:
    assert cable_ma(ohms) == ma


# --- sequences -------------------------------------------------------------------------------------------------


class Line:
    """A wire without faults, and a car that is what the test says; one sample each 10 ms."""

    def __init__(self, rules: Rules = USUAL) -> None:
        self.rules, self.now_ms = rules, 0
        self.s = PilotState()
        self.cp = Cp.A
        self.wish = Wish(0, False)
        self.diode = True
        self.run(100)

    def volts(self) -> tuple[float, float]:
        high = VOLTS[self.cp]
        if self.s.permille == F:
            return (-12.0, -12.0)
        if not self.s.pwm:
            return high, high
        return high, -12.0 if self.diode or self.cp is Cp.A else -high

    def tick(self) -> None:
        self.now_ms += 10
        level = look(self.s, *self.volts(), self.now_ms)
        self.s = step(self.s, level, self.wish, self.now_ms, self.rules)

    def run(self, ms: int, cp: Cp | None = None, ma: int | None = None, fault: bool | None = None) -> PilotState:
        self.cp = cp or self.cp
        self.wish = Wish(self.wish.ma if ma is None else ma, self.wish.fault if fault is None else fault)
        for _ in range(ms // 10):
            self.tick()
        return self.s


def plugged(rules: Rules = USUAL) -> Line:
    """A line with a car in B."""
    line = Line(rules)
    line.run(100, Cp.B)
    return line


def test_pwm_comes_with_car_and_wish_and_goes_with_either() -> None:
    line = Line()
    assert not line.run(10, ma=16_000).pwm
    assert line.run(10, Cp.B).permille == pytest.approx(266.667, abs=0.001)
    assert not line.run(10, ma=0).pwm
    assert line.run(10, ma=6_000).pwm
    assert line.run(10, Cp.A).permille == X1


@pytest.mark.parametrize("second_ma", [6_000, 32_000])
def test_the_duty_changes_at_most_every_5_s_downwards_too(second_ma: int) -> None:
    line = plugged()
    first = line.run(10, Cp.C, 16_000).permille
    assert line.run(4_990, ma=second_ma).permille == first
    assert line.run(10).permille == duty_permille(second_ma)


def test_x1_waits_for_no_spacing() -> None:
    line = plugged()
    line.run(10, Cp.C, 16_000)
    assert line.run(10, ma=0).permille == X1


def test_the_last_of_several_wishes_counts_when_the_spacing_is_over() -> None:
    line = plugged()
    line.run(10, Cp.C, 16_000)
    line.run(1_000, ma=32_000)
    assert line.run(4_000, ma=8_000).permille == duty_permille(8_000)


def test_the_diode_is_proven_by_pwm_and_forgotten_at_a_d_e_f() -> None:
    for lost in (Cp.A, Cp.D, Cp.E):
        line = plugged()
        line.run(500, Cp.C)
        assert not line.s.diode_seen
        assert line.run(30, ma=16_000).diode_seen
        assert not line.run(10, lost).diode_seen
    line = plugged()
    assert line.run(50, Cp.C, 16_000).diode_seen
    assert not line.run(100, fault=True).diode_seen  # our own F


def test_an_allowed_d_keeps_what_c_has_proven() -> None:
    line = plugged(Rules(allow_d=True))
    before = line.run(600, Cp.C, 16_000)
    after = line.run(100, Cp.D)
    assert after.diode_seen and after.c_ms == before.c_ms


def test_a_missing_diode_is_named_as_soon_as_pwm_runs() -> None:
    line = plugged()
    line.diode = False
    line.run(100, Cp.B)
    assert line.s.level.trouble is None
    line.run(30, ma=16_000)
    assert line.s.level.trouble is Trouble.DIODE or not line.s.pwm


@pytest.mark.parametrize(("ms", "counted"), [(50, 0), (90, 0), (100, 1), (200, 1), (400, 1), (490, 1), (500, 0)])
def test_short_c_is_counted_between_bounce_and_wish(ms: int, counted: int) -> None:
    line = plugged()
    line.run(1_000, Cp.B, 16_000)
    line.run(ms, Cp.C)
    assert line.run(50, Cp.B).short_c == counted


def test_c_that_ends_by_unplugging_is_no_signal() -> None:
    line = plugged()
    line.run(200, Cp.C)
    assert line.run(50, Cp.A).short_c == 0


def test_a_car_in_c_is_asked_to_stop_and_the_time_is_kept_until_it_does() -> None:
    line = plugged()
    line.run(1_000, Cp.C, 16_000)
    asked_ms = line.run(10, ma=0).stop_ms
    assert asked_ms == line.now_ms
    assert line.run(3_000).stop_ms == asked_ms
    assert line.run(10, Cp.B).stop_ms is None


def test_an_offer_while_the_car_stays_in_c_ends_the_asking() -> None:
    line = plugged()
    line.run(1_000, Cp.C, 16_000)
    line.run(2_000, ma=0)
    resumed = line.run(30, ma=16_000)
    assert resumed.pwm and resumed.stop_ms is None and resumed.diode_seen


def test_after_a_fault_f_lasts_300_ms_and_x1_follows() -> None:
    line = plugged()
    line.run(1_000, Cp.C, 16_000)
    assert line.run(10, fault=True).permille == F
    assert line.run(290).permille == F
    assert line.run(10).permille == X1
    assert line.run(5_000).permille == X1
    assert line.run(10, fault=False).pwm


def test_a_fault_without_a_car_does_not_drive_f() -> None:
    assert Line().run(10, fault=True).permille == X1


def test_a_second_fault_drives_f_anew() -> None:
    line = plugged()
    line.run(1_000, Cp.C, 16_000)
    line.run(1_000, fault=True)
    line.run(100, fault=False)
    assert line.run(10, fault=True).permille == F


def test_a_sleeping_car_is_woken_once_until_it_is_unplugged() -> None:
    line = plugged(Rules(wake_up=True))
    line.run(10, Cp.B, 16_000)
    assert line.run(29_990).pwm
    assert line.run(10).permille == F
    assert line.run(3_990).permille == F
    assert line.run(10).permille == X1
    assert line.run(740).permille == X1
    assert line.run(10).pwm
    assert line.run(60_000).pwm and line.s.wake_ups == 1
    line.run(10, Cp.A)
    assert line.run(30_100, Cp.B).wake_ups == 2


def test_a_car_that_sleeps_without_an_offer_is_not_woken() -> None:
    line = plugged(Rules(wake_up=True))
    assert line.run(60_000, Cp.B).wake_ups == 0


def test_waking_is_off_unless_the_board_wants_it() -> None:
    line = plugged()
    assert line.run(60_000, Cp.B, 16_000).wake_ups == 0


def test_a_car_without_s2_gets_10_a() -> None:
    line = Line()
    assert offered_ma(line.run(100, Cp.C, 16_000).permille) == 10_000
    line.run(6_000, Cp.B)  # it has an S2 after all
    assert offered_ma(line.run(6_000, Cp.C).permille) == 16_000


def test_a_car_found_in_c_at_the_start_is_not_taken_for_simplified() -> None:
    line = Line()
    line.s = PilotState()
    assert offered_ma(line.run(100, Cp.C, 16_000).permille) == 16_000


def test_a_line_that_does_not_follow_its_drive_is_named() -> None:
    s = Line().run(100, Cp.B)
    assert look(s, -12.0, -12.0, FAR_MS).trouble is Trouble.DRIVER  # F, and nobody asked for it
    assert look(s, 9.0, -12.0, FAR_MS).trouble is Trouble.DRIVER  # PWM instead of x1
    dark = s._replace(permille=F, phase=Phase.FAULT_F)
    assert look(dark, 9.0, 9.0, FAR_MS).trouble is Trouble.DRIVER  # no F though it is driven
    assert look(dark, 0.1, 0.1, FAR_MS) == PLAIN[Cp.F]  # a short pulls F to E: no driver's fault
    assert look(dark, -8.8, -8.8, FAR_MS) == PLAIN[Cp.F]  # no diode: known already, or not to be known here
    lit = Line().run(100, Cp.B, 16_000)
    assert look(lit, 9.0, 9.0, FAR_MS).trouble is Trouble.BAND  # constant instead of PWM


def test_the_sample_that_spans_a_change_of_drive_proves_nothing() -> None:
    line = Line()
    line.run(100, Cp.B)
    line.run(10, ma=16_000)
    assert look(line.s, 9.0, 9.0, line.now_ms + 10) == PLAIN[Cp.B]
    assert look(line.s, 9.0, 9.0, line.now_ms + 20).trouble is Trouble.BAND


# --- deadlines -------------------------------------------------------------------------------------------------

SCRIPT = st.lists(
    st.tuples(st.sampled_from(list(Cp)[:5]), st.sampled_from([0, 6_000, 16_000]), st.booleans(), st.integers(1, 4_000)),
    min_size=1,
    max_size=8,
)


@given(SCRIPT, st.booleans(), st.booleans())
def test_leaving_out_ticks_before_the_deadline_changes_nothing(
    script: list[tuple[Cp, int, bool, int]], allow_d: bool, wake_up: bool
) -> None:
    dense, sparse = Line(Rules(allow_d, wake_up)), Line(Rules(allow_d, wake_up))
    for cp, ma, fault, ticks in script:
        end_ms = dense.now_ms + 10 * ticks
        dense.run(10 * ticks, cp, ma, fault)
        sparse.cp, sparse.wish = cp, Wish(ma, fault)
        while sparse.now_ms < end_ms:
            sparse.tick()
            due_ms = -(-min(sparse.s.due_ms, end_ms) // 10) * 10
            calm = look(sparse.s, *sparse.volts(), sparse.now_ms + 10) == sparse.s.level
            if calm and due_ms > sparse.now_ms + 10:
                sparse.now_ms = due_ms - 10
        assert sparse.s._replace(due_ms=0) == dense.s._replace(due_ms=0)


@given(SCRIPT, st.floats(-14, 14), st.floats(-14, 14))
def test_inside_the_steady_band_a_sample_changes_nothing(
    script: list[tuple[Cp, int, bool, int]], high: float, low: float
) -> None:
    line = Line(Rules(allow_d=True))
    for cp, ma, fault, ticks in script:
        line.run(10 * min(ticks, 50), cp, ma, fault)
    band = steady_band(line.s, line.now_ms)
    if band.high_from < high < band.high_to and band.low_from < low < band.low_to:
        assert look(line.s, high, low, line.now_ms) is line.s.level


@pytest.mark.parametrize("cp", [Cp.A, Cp.B, Cp.C])
@pytest.mark.parametrize("ma", [0, 16_000])
def test_the_quiet_states_have_a_band_around_their_volts(cp: Cp, ma: int) -> None:
    line = Line()
    line.run(1_000, cp, ma)
    band, (high, low) = steady_band(line.s, line.now_ms), line.volts()
    assert band.high_from < high - 0.5 < high + 0.5 < band.high_to
    assert band.low_from < low - 0.5 < low + 0.5 < band.low_to
