"""The pilot alone: sequences and deadlines. A line of ideal volts stands in for the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.contract import Cp
from hal.iec61851 import (
    DISOBEYED,
    FAR_MS,
    NOWHERE,
    OUT_OF_BAND,
    PLAIN,
    PROVEN,
    UNKNOWN,
    X1,
    Band,
    F,
    Level,
    Phase,
    PilotState,
    Rules,
    Trouble,
    Wish,
    duty_permille,
    look,
    offered_ma,
    steady_band,
    step,
)
from tests.hal.test_iec61851 import VOLTS

USUAL = Rules()


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


def test_a_line_begins_unseen_with_x1_and_no_wish() -> None:
    begun = (UNKNOWN, 0, X1, False, 0, 0, None, False, None, Phase.STEADY, 0, False, False, 0, 0, Wish(0, False), 0)
    assert tuple(PilotState()) == begun


BEGUN = PilotState(level_ms=3, duty_ms=9, phase_end_ms=11, short_c=5, wake_ups=7)  # all of them unlike drive_ms
AT_X1 = BEGUN._replace(level=PLAIN[Cp.B])
AT_PWM = BEGUN._replace(level=PROVEN[Cp.B], permille=266.0, pwm=True)
AT_F = BEGUN._replace(level=PLAIN[Cp.F], permille=F)


@pytest.mark.parametrize(
    ("s", "high", "low", "now_ms", "seen"),
    [
        (AT_F, 2.0, 2.0, 15, PLAIN[Cp.F]),
        (AT_F, 1.995, 1.995, 15, PLAIN[Cp.F]),
        (AT_F, 2.005, 2.005, 15, DISOBEYED[Cp.E]),
        (AT_F, 9.0, 9.0, 14, PLAIN[Cp.F]),
        (AT_PWM, -12.0, -12.0, 15, DISOBEYED[Cp.F]),
        (AT_X1, -12.0, -12.0, 15, DISOBEYED[Cp.F]),
        (AT_X1, -12.0, -12.0, 14, PLAIN[Cp.F]),
        (AT_X1, 9.0, -12.0, 15, DISOBEYED[Cp.B]),
        (AT_X1, 9.0, -12.0, 14, PLAIN[Cp.B]),
        (AT_X1, 9.0, -3.0, 15, DISOBEYED[Cp.B]),
        (AT_X1, 9.0, -2.995, 15, PLAIN[Cp.B]),
        (AT_X1, 13.5, -12.0, 15, UNKNOWN),  # what is out of band says nothing about who drives
        (AT_PWM, 9.0, 9.0, 15, OUT_OF_BAND[Cp.B]),
        (AT_PWM, 9.0, 9.0, 14, PLAIN[Cp.B]),
    ],
)
def test_what_a_sample_means_under_a_drive(s: PilotState, high: float, low: float, now_ms: int, seen: Level) -> None:
    assert look(s, high, low, now_ms) == seen


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


@pytest.mark.parametrize(
    ("s", "band"),
    [
        (AT_X1._replace(level=PLAIN[Cp.A]), Band(10.0, 13.0, 10.0, 14.0)),
        (AT_X1, Band(7.0, 10.0, 7.0, 14.0)),
        (AT_X1._replace(level=PLAIN[Cp.C]), Band(4.0, 8.0, 5.0, 14.0)),
        (AT_X1._replace(level=PROVEN[Cp.B]), NOWHERE),
        (AT_PWM._replace(level=PROVEN[Cp.A]), Band(10.0, 13.0, -13.0, -10.0)),
        (AT_PWM, Band(7.0, 10.0, -13.0, -10.0)),
        (AT_PWM._replace(level=PROVEN[Cp.C]), Band(4.0, 8.0, -13.0, -10.0)),
        (AT_PWM._replace(level=PLAIN[Cp.B]), NOWHERE),
        (AT_PWM._replace(level=PROVEN[Cp.D]), NOWHERE),
        (AT_X1._replace(level=PLAIN[Cp.E]), NOWHERE),
        (AT_X1._replace(level=OUT_OF_BAND[Cp.B]), NOWHERE),
        (AT_F, Band(-14.0, 2.0, -14.0, 14.0)),
        (AT_F._replace(level=PLAIN[Cp.B]), NOWHERE),
        (AT_F._replace(level=DISOBEYED[Cp.E]), NOWHERE),
        (AT_X1._replace(level=PLAIN[Cp.F]), NOWHERE),
    ],
)
def test_the_band_of_each_state(s: PilotState, band: Band) -> None:
    assert steady_band(s, 15) == band
    assert steady_band(s, 14) == (band if s.permille == F else NOWHERE)
    assert NOWHERE == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("cp", [Cp.A, Cp.B, Cp.C])
@pytest.mark.parametrize("ma", [0, 16_000])
def test_the_quiet_states_have_a_band_around_their_volts(cp: Cp, ma: int) -> None:
    line = Line()
    line.run(1_000, cp, ma)
    band, (high, low) = steady_band(line.s, line.now_ms), line.volts()
    assert band.high_from < high - 0.5 < high + 0.5 < band.high_to
    assert band.low_from < low - 0.5 < low + 0.5 < band.low_to
