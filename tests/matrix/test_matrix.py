"""The matrix is whole, finds what is broken, and a sample of it in which each fault and each moment occurs is green."""

from __future__ import annotations

import os

import pytest

from evsed import clock
from evsed.core import rivals
from evsed.core.charging import Charging
from evsed.core.outbox import Outbox
from evsed.ocpp import backoff
from hal import heat, outlet
from hal.guard import Reason, View, reason_to_open
from hal.heat import Heat
from tests.matrix.__main__ import Outcome, Red, main, table, told, walk
from tests.matrix.cell import lived
from tests.matrix.moments import MOMENTS
from tests.matrix.table import FAULTS, NOT_HERE, Place, places, variants

SILENT = "silent for longer than allowed"
HOUR_AHEAD = "NTP 1 h ahead, under a schedule"
LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
SAMPLE = [Place(fault, (fault * 2 + shift) % len(MOMENTS)) for fault in range(1, len(FAULTS) + 1) for shift in (0, 7)]


def test_the_matrix_is_whole() -> None:
    assert len(FAULTS) == 28 and len(MOMENTS) == 15 and len(places()) == 420
    for place in places():
        assert bool(list(variants(place))) is (place not in NOT_HERE)
    assert set(NOT_HERE) <= set(places())


def test_the_sample_has_each_fault_and_each_moment() -> None:
    assert {place.fault for place in SAMPLE} == set(range(1, 29))
    assert {place.moment for place in SAMPLE} == set(range(15))


@pytest.mark.parametrize("place", places() if LONG else SAMPLE, ids=str)
def test_a_cell(place: Place) -> None:
    """Of a cell of the sample one variant, which differs from row to row."""
    if LONG:
        assert walk(place).red == []
        return
    tried = list(variants(place))
    if tried:
        name, fault = tried[(place.fault + place.moment) % len(tried)]
        assert lived(MOMENTS[place.moment][1], fault)[0] == [], name


def test_a_guard_that_looks_away_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(view: View) -> Reason | None:
        return None if view.ordered and view.closed else reason_to_open(view)

    monkeypatch.setattr(outlet, "reason_to_open", blind)
    assert "I1" in {v.invariant for v in lived(MOMENTS[5][1], FAULTS[12][1]["cp-short"])[0]}


def test_a_queue_that_forgets_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    put = Outbox.put
    monkeypatch.setattr(
        Outbox, "put", lambda self, report, *a, **k: "Ended" in type(report).__name__ or put(self, report, *a, **k)
    )
    assert {v.invariant for v in lived(MOMENTS[5][1], FAULTS[1][1]["evsed"])[0]} & {"I6", "I7", "I15"}


MUTANTS: dict[str, tuple[object, str, object, int, int, str, str]] = {
    "a wait without a bound": (backoff, "LONGEST_S", 600.0, 8, 5, "gone for long", "it dials again after"),
    "an even pace": (backoff, "LONGEST_S", 2.0, 12, 5, "at once, whenever we are there", "it does not wait longer"),
    "a rival of whom nothing is said": (rivals, "MANY", 99, 12, 5, "at once, whenever we are there", "nothing is said"),
    "heat that dims nothing": (Heat, "limit_ma", lambda *_: None, 15, 5, "ever warmer", "16000 mA offered at 66 °C"),
    "heat that opens at once": (heat, "_left", lambda steps, mc, _: 4 * (mc < 65_000), 15, 5, "66 °C", "open at 66 °C"),
    "a silence without an end": (Charging, "_end_unmetered", lambda *_: None, 16, 5, SILENT, "its meter fell silent"),
    "a clock that is never asked again": (clock, "ASK_KERNEL_MS", 10**9, 7, 5, HOUR_AHEAD, "the schedule says 7000"),
}


@pytest.mark.parametrize("words", MUTANTS)
def test_each_judge_of_a_row_finds_what_it_is_there_for(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, other, row, moment, variant, told = MUTANTS[words]
    monkeypatch.setattr(owner, name, other)
    found = lived(MOMENTS[moment][1], FAULTS[row - 1][1][variant])[0]
    assert any(told in violation.text for violation in found), found


def test_the_last_line_counts_cells_that_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fault", "12", "--moment", "1", "--jobs", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "cells 1 of 420"
    assert any(line.startswith(" 12 another one under our name") and line.split()[-1] == "3" for line in said)


def test_a_red_cell_is_told_and_not_counted() -> None:
    red = Outcome(Place(2, 5), 3, [Red("evsed", [], ["the last line"])])
    assert red.word == "2!" and not red.passed
    assert list(told(red)) == ["\n2 × m5  each process killed: evsed, at the moment: charging", "    the last line"]
    assert list(table([red]))[-1] == "cells 0 of 420"


def test_a_cell_of_which_nothing_was_tried_is_not_counted() -> None:
    assert not Outcome(Place(1, 1), 0, []).passed
