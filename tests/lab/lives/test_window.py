"""The lines that are told end where it went wrong."""

from __future__ import annotations

from tests.lab.lives.invariants import Violation
from tests.lab.lives.window import window

LINES = [f"{second:10.3f} it goes on" for second in range(100)]


def test_the_lines_before_the_first_violation_are_told() -> None:
    found = [Violation("I6", "in the end"), Violation("I7", "at 50.000 s: b"), Violation("I1", "at 20.500 s: a")]
    assert window(LINES, found, 3) == LINES[19:22]


def test_without_a_time_the_last_lines_are_told() -> None:
    assert window(LINES, [Violation("I6", "in the end")], 2) == LINES[-2:]
    assert window([], [Violation("I6", "at 1.000 s: x")], 2) == []


def test_without_a_time_the_lines_about_the_last_act_are_told_before_the_last_ones() -> None:
    found = [Violation("I6", "in the end")]
    assert window(LINES, found, 2, 40.0) == [*LINES[49:51], "…", *LINES[-2:]]
    assert window(LINES, found, 2, 95.0) == LINES[-4:]
    assert window(LINES[:1], found, 2, 0.0) == LINES[:1]
