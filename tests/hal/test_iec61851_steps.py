"""The pilot's line, one step at a time: what each sample, wish and deadline changes, and what it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from hal.contract import Cp
from hal.iec61851 import (
    DUTY_SPACING_MS,
    FAR_MS,
    FAULT_F_MS,
    NO_DIODE,
    NOWHERE,
    OUT_OF_BAND,
    PLAIN,
    PROVEN,
    SETTLE_MS,
    STOP_WAIT_MS,
    WAKE_AFTER_MS,
    WAKE_F_MS,
    WAKE_X1_MS,
    X1,
    F,
    Level,
    Phase,
    PilotState,
    Rules,
    Wish,
    doubted,
    duty_permille,
    steady_band,
    step,
)

NOW = 100_000
USUAL = Rules()
OFFER = Wish(16_000, False)
NOTHING = Wish(0, False)
FAULT = Wish(16_000, True)
DUTY = duty_permille(16_000)
B1 = PilotState(level=PLAIN[Cp.B], level_ms=50_000, drive_ms=40_000, duty_ms=30_000, wish=NOTHING)
B2 = B1._replace(level=PROVEN[Cp.B], permille=DUTY, pwm=True, diode_seen=True, wish=OFFER)
C2 = B2._replace(level=PROVEN[Cp.C], c_ms=60_000)
C1 = C2._replace(level=PLAIN[Cp.C], permille=X1, pwm=False, stop_ms=70_000, wish=NOTHING)
A1 = PilotState(level=PLAIN[Cp.A], level_ms=50_000, drive_ms=40_000)
D = Rules(allow_d=True)
WAKES = Rules(wake_up=True)


def after(s: PilotState, level: Level, wish: Wish | None = None, rules: Rules = USUAL, now: int = NOW) -> PilotState:
    return step(s, level, s.wish if wish is None else wish, now, rules)


def changed(before: PilotState, now: PilotState) -> dict[str, Any]:
    """The fields that differ, but for the next deadline."""
    return {
        name: value
        for name, value in now._asdict().items()
        if value != getattr(before, name) and name not in ("due_ms", "level")
    }


@pytest.mark.parametrize(
    ("s", "level", "wish", "rules", "differs"),
    [
        (B1, PLAIN[Cp.B], NOTHING, USUAL, {}),
        (
            B1,
            PLAIN[Cp.B],
            OFFER,
            USUAL,
            {"permille": DUTY, "pwm": True, "drive_ms": NOW, "duty_ms": NOW, "wish": OFFER},
        ),
        (B1, PLAIN[Cp.B], NOTHING, D, {}),
        (B1, PLAIN[Cp.C], NOTHING, USUAL, {"level_ms": NOW, "c_ms": NOW}),
        (B2, PROVEN[Cp.C], OFFER, USUAL, {"level_ms": NOW, "c_ms": NOW}),
        (B2, PLAIN[Cp.B], OFFER, USUAL, {}),
        (C2, PROVEN[Cp.C], OFFER, USUAL, {}),
        (C2, PROVEN[Cp.B], OFFER, USUAL, {"level_ms": NOW, "c_ms": None}),
        (C2, PROVEN[Cp.D], OFFER, D, {"level_ms": NOW}),
        (
            C2,
            PROVEN[Cp.D],
            OFFER,
            USUAL,
            {"level_ms": NOW, "c_ms": None, "diode_seen": False},
        ),
        (
            C2,
            OUT_OF_BAND[Cp.C],
            OFFER,
            USUAL,
            {"c_ms": None, "diode_seen": False, "permille": X1, "pwm": False, "drive_ms": NOW, "stop_ms": NOW},
        ),
        (
            C2,
            NO_DIODE[Cp.C],
            OFFER,
            USUAL,
            {"c_ms": None, "diode_seen": False, "permille": X1, "pwm": False, "drive_ms": NOW, "stop_ms": NOW},
        ),
        (
            B2,
            NO_DIODE[Cp.B],
            OFFER,
            USUAL,
            {"diode_seen": False, "permille": X1, "pwm": False, "drive_ms": NOW},
        ),
        (
            C2,
            PLAIN[Cp.A],
            OFFER,
            USUAL,
            {"level_ms": NOW, "c_ms": None, "diode_seen": False, "permille": X1, "pwm": False, "drive_ms": NOW},
        ),
        (
            C2,
            PROVEN[Cp.C],
            NOTHING,
            USUAL,
            {"permille": X1, "pwm": False, "drive_ms": NOW, "stop_ms": NOW, "wish": NOTHING},
        ),
        (
            B2,
            PROVEN[Cp.B],
            NOTHING,
            USUAL,
            {"permille": X1, "pwm": False, "drive_ms": NOW, "wish": NOTHING},
        ),
        (C1, PLAIN[Cp.C], NOTHING, USUAL, {}),
        (C1, PLAIN[Cp.D], NOTHING, D, {"level_ms": NOW}),
        (C1, PLAIN[Cp.B], NOTHING, USUAL, {"level_ms": NOW, "c_ms": None, "stop_ms": None}),
        (
            C1,
            PLAIN[Cp.C],
            OFFER,
            USUAL,
            {"permille": DUTY, "pwm": True, "drive_ms": NOW, "duty_ms": NOW, "stop_ms": None, "wish": OFFER},
        ),
        (
            C2,
            PROVEN[Cp.C],
            Wish(8_000, False),
            USUAL,
            {"permille": 8_000 / 60, "duty_ms": NOW, "wish": Wish(8_000, False)},
        ),
        (A1, PLAIN[Cp.C], NOTHING, USUAL, {"level_ms": NOW, "c_ms": NOW, "simplified": True}),
        (A1, PLAIN[Cp.B], NOTHING, USUAL, {"level_ms": NOW}),
        (A1, PLAIN[Cp.A], FAULT, USUAL, {"wish": FAULT}),
        (C1._replace(simplified=True, woken=True), PLAIN[Cp.C], NOTHING, USUAL, {}),
        (C1._replace(simplified=True), PLAIN[Cp.D], NOTHING, D, {"level_ms": NOW}),
        (B1._replace(simplified=True), PLAIN[Cp.A], NOTHING, USUAL, {"level_ms": NOW, "simplified": False}),
        (
            C1._replace(simplified=True, woken=True),
            PLAIN[Cp.B],
            NOTHING,
            USUAL,
            {"level_ms": NOW, "c_ms": None, "stop_ms": None, "simplified": False},
        ),
        (B1._replace(woken=True), PLAIN[Cp.A], NOTHING, USUAL, {"level_ms": NOW, "woken": False}),
        (
            B1,
            PLAIN[Cp.B],
            FAULT,
            USUAL,
            {"permille": F, "drive_ms": NOW, "phase": Phase.FAULT_F, "phase_end_ms": NOW + FAULT_F_MS, "wish": FAULT},
        ),
        (
            B1._replace(permille=F, phase=Phase.FAULT_F, phase_end_ms=NOW + 1, wish=FAULT),
            PLAIN[Cp.F],
            FAULT,
            USUAL,
            {"level_ms": NOW},
        ),
        (
            B1._replace(permille=F, phase=Phase.FAULT_F, phase_end_ms=NOW, wish=FAULT),
            PLAIN[Cp.F],
            FAULT,
            USUAL,
            {"level_ms": NOW, "permille": X1, "drive_ms": NOW, "phase": Phase.STEADY},
        ),
        (
            B1._replace(permille=F, phase=Phase.WAKE_F, phase_end_ms=NOW, wish=OFFER),
            PLAIN[Cp.F],
            OFFER,
            USUAL,
            {
                "level_ms": NOW,
                "permille": X1,
                "drive_ms": NOW,
                "phase": Phase.WAKE_X1,
                "phase_end_ms": NOW + WAKE_X1_MS,
            },
        ),
    ],
)
def test_one_step_changes_this_and_nothing_else(
    s: PilotState, level: Level, wish: Wish, rules: Rules, differs: dict[str, Any]
) -> None:
    now = after(s, level, wish, rules)
    assert changed(s, now) == differs
    assert now.level is level


@pytest.mark.parametrize(("pulse_ms", "counted"), [(99, 0), (100, 1), (499, 1), (500, 0)])
def test_a_short_c_is_counted_by_its_length(pulse_ms: int, counted: int) -> None:
    s = C1._replace(c_ms=NOW - pulse_ms, short_c=7)
    assert after(s, PLAIN[Cp.B]).short_c == 7 + counted
    assert after(s, PLAIN[Cp.A]).short_c == after(s, PLAIN[Cp.C]).short_c == 7


@pytest.mark.parametrize("late_ms", [-1, 0, 1])
@pytest.mark.parametrize("since", ["level_ms", "drive_ms"])
def test_a_car_is_woken_to_the_millisecond(since: str, late_ms: int) -> None:
    slept = B2._replace(**{since: NOW - WAKE_AFTER_MS - late_ms, "wake_ups": 3})
    other = "drive_ms" if since == "level_ms" else "level_ms"
    slept = slept._replace(**{other: getattr(slept, since) - 5_000})
    now = after(slept, PROVEN[Cp.B], rules=WAKES)
    woken = (Phase.WAKE_F, NOW + WAKE_F_MS, True, 4, F)
    assert (now.phase, now.phase_end_ms, now.woken, now.wake_ups, now.permille) == (
        woken if late_ms >= 0 else (Phase.STEADY, 0, False, 3, DUTY)
    )
    assert late_ms >= 0 or now.due_ms == NOW - late_ms


@pytest.mark.parametrize(
    ("s", "rules"),
    [
        *[(B2, Rules()), (B2._replace(woken=True), WAKES), (B1, WAKES), (C2, WAKES)],
        (B1._replace(diode_seen=True), WAKES),  # of an offer that was taken back
    ],
)
def test_who_is_not_woken(s: PilotState, rules: Rules) -> None:
    assert after(s, s.level, rules=rules).phase is Phase.STEADY


@pytest.mark.parametrize(("age_ms", "moves"), [(DUTY_SPACING_MS - 1, False), (DUTY_SPACING_MS, True)])
def test_the_duty_waits_for_its_spacing_and_x1_does_not(age_ms: int, moves: bool) -> None:
    s = C2._replace(duty_ms=NOW - age_ms)
    now = after(s, PROVEN[Cp.C], Wish(32_000, False))
    assert (now.permille, now.duty_ms) == ((32_000 / 60, NOW) if moves else (DUTY, s.duty_ms))
    assert after(s, PROVEN[Cp.C], NOTHING).permille == X1
    assert after(C1._replace(duty_ms=NOW - age_ms), PLAIN[Cp.C], OFFER).permille == DUTY


@pytest.mark.parametrize(("ma", "offered"), [(9_000, 150.0), (10_000, 10_000 / 60), (10_001, 10_000 / 60)])
def test_a_car_without_s2_is_offered_10_a_at_most(ma: int, offered: float) -> None:
    assert after(C1._replace(simplified=True), PLAIN[Cp.C], Wish(ma, False)).permille == offered


@pytest.mark.parametrize("level", [PLAIN[Cp.A], PLAIN[Cp.E], PLAIN[Cp.F], OUT_OF_BAND[Cp.B], NO_DIODE[Cp.C]])
def test_nobody_who_is_not_soundly_plugged_in_is_offered_anything(level: Level) -> None:
    assert after(B1, level, OFFER).permille == X1


@pytest.mark.parametrize("cp", [Cp.B, Cp.C, Cp.D])
def test_who_is_plugged_in_is_offered_what_is_wished(cp: Cp) -> None:
    assert after(B1._replace(level=PLAIN[cp]), PLAIN[cp], OFFER).permille == DUTY
    assert after(B1._replace(level=PLAIN[cp], wish=FAULT), PLAIN[cp], FAULT).permille == X1


@pytest.mark.parametrize(
    ("s", "rules", "now", "due_ms"),
    [
        (B1, USUAL, 40_000 + SETTLE_MS - 1, 40_000 + SETTLE_MS),
        (B1, USUAL, 40_000 + SETTLE_MS, FAR_MS),
        (B1._replace(duty_ms=NOW - 1, diode_seen=True), USUAL, NOW, FAR_MS),  # without PWM no duty waits
        (B2, USUAL, 30_000 + DUTY_SPACING_MS - 1, 30_000 + DUTY_SPACING_MS),
        (C2._replace(duty_ms=0, c_ms=NOW - 499), USUAL, NOW, NOW + 1),
        (C2._replace(duty_ms=0, c_ms=NOW - 500), USUAL, NOW, FAR_MS),
        (C1._replace(stop_ms=NOW - STOP_WAIT_MS + 1), USUAL, NOW, NOW + 1),
        (C1._replace(stop_ms=NOW - STOP_WAIT_MS), USUAL, NOW, FAR_MS),
        (B2._replace(drive_ms=0), WAKES, 70_000, 50_000 + WAKE_AFTER_MS),
        (B2._replace(drive_ms=60_000), WAKES, 70_000, 60_000 + WAKE_AFTER_MS),
        (B2._replace(drive_ms=0), USUAL, 70_000, FAR_MS),
    ],
)
def test_when_it_matters_next(s: PilotState, rules: Rules, now: int, due_ms: int) -> None:
    assert after(s, s.level, rules=rules, now=now).due_ms == due_ms


def test_the_end_of_a_sequence_is_a_deadline_and_a_steady_line_has_none() -> None:
    now = after(B1, PLAIN[Cp.B], FAULT, now=NOW)
    assert now.due_ms == NOW + SETTLE_MS
    assert after(now, PLAIN[Cp.F], FAULT, now=NOW + SETTLE_MS).due_ms == NOW + FAULT_F_MS
    over = after(now, PLAIN[Cp.F], FAULT, now=NOW + FAULT_F_MS)
    assert (over.phase, over.phase_end_ms) == (Phase.STEADY, NOW + FAULT_F_MS)


def test_what_changes_nothing_gives_the_very_same_state() -> None:
    s = after(B1, PLAIN[Cp.B], OFFER)
    assert step(s, PLAIN[Cp.B], OFFER, s.due_ms - 1, USUAL) is s
    assert step(s, PLAIN[Cp.B], OFFER, s.due_ms, USUAL) is not s
    assert step(s, PLAIN[Cp.B], NOTHING, s.due_ms - 1, USUAL) is not s


def test_a_second_fault_drives_f_anew_and_a_lasting_one_does_not() -> None:
    assert after(B1._replace(wish=FAULT), PLAIN[Cp.B], FAULT).phase is Phase.STEADY
    running = B1._replace(permille=F, phase=Phase.WAKE_F, phase_end_ms=NOW + 2_000)
    assert after(running, PLAIN[Cp.F], FAULT).phase is Phase.FAULT_F


def test_a_doubted_line_has_seen_nothing_of_the_car_and_is_looked_at_at_once() -> None:
    s = after(C2, PROVEN[Cp.C])
    assert doubted(s) == s._replace(c_ms=None, diode_seen=False, due_ms=0)
    assert s.c_ms is not None and s.diode_seen and s.due_ms > 0


def test_a_line_whose_drive_has_just_changed_is_never_quiet() -> None:
    assert steady_band(B1, B1.drive_ms + SETTLE_MS - 1) is NOWHERE
    assert steady_band(B1, B1.drive_ms + SETTLE_MS) is not NOWHERE
