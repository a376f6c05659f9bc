"""The matrix is whole, finds what is broken, and a sample of it in which each fault and each moment occurs is green."""

from __future__ import annotations

import os

import pytest

from evsed.core.outbox import Outbox
from hal import outlet
from hal.guard import Reason, View, reason_to_open
from tests.matrix.__main__ import Outcome, Red, main, table, told, walk
from tests.matrix.cell import lived
from tests.matrix.moments import MOMENTS
from tests.matrix.table import FAULTS, NOT_HERE, Place, places, variants

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
