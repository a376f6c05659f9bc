"""The choice of phases, one step at a time: what each scene and deadline changes, and what it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from hal import phases
from hal.iec61851 import FAR_MS
from hal.phases import BETWEEN_MS, MOST_MOVES, MOVE_MS, OPEN_MS, WAIT_MS, Move, PhaseState, Scene, step

FIGURES = {"OPEN_MS": 100, "MOVE_MS": 1_000, "WAIT_MS": 60_000, "BETWEEN_MS": 600_000, "MOST_MOVES": 10}
NOW = 1_000_000
IDLE = Scene(wanted=None, three=True, live=False, plugged=True)
ONE = IDLE._replace(wanted=False)
THREE = IDLE._replace(wanted=True)
STEADY = PhaseState(three=True, move_ms=NOW - 3)
STOPPING = STEADY._replace(move=Move.STOPPING, live_ms=NOW - 10)
RESTING = STEADY._replace(move=Move.RESTING, move_ms=NOW - OPEN_MS, live_ms=NOW - 7, moves=3)
MOVING = STEADY._replace(three=False, move=Move.MOVING, moved_ms=NOW - 50, moves=4, wrong_ms=NOW - 50)
WAITING = STEADY._replace(move=Move.WAITING, move_ms=NOW - OPEN_MS, moves=1, moved_ms=NOW - 200)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure(name: str) -> None:
    assert getattr(phases, name) == FIGURES[name]


def test_it_begins_steady_and_knows_of_nothing() -> None:
    assert tuple(PhaseState(three=False)) == (False, Move.STEADY, 0, None, None, 0, None, FAR_MS)


def changed(before: PhaseState, after: PhaseState) -> dict[str, Any]:
    """The fields that differ, but for the next deadline."""
    return {
        name: value
        for name, value in after._asdict().items()
        if name != "due_ms" and (value != getattr(before, name) or type(value) is not type(getattr(before, name)))
    }


@pytest.mark.parametrize(
    ("s", "scene", "differs"),
    [
        (STEADY, IDLE, {}),
        (STEADY, THREE, {}),
        (STEADY, ONE, {"move": Move.RESTING, "move_ms": NOW}),
        (STEADY, ONE._replace(live=True), {"move": Move.STOPPING, "move_ms": NOW, "live_ms": NOW}),
        (STEADY, IDLE._replace(live=True), {"live_ms": NOW}),
        (STEADY._replace(moved_ms=NOW - BETWEEN_MS + 1, moves=1), ONE, {}),
        (STEADY._replace(moved_ms=NOW - BETWEEN_MS, moves=1), ONE, {"move": Move.RESTING, "move_ms": NOW}),
        (STEADY._replace(moved_ms=0, moves=MOST_MOVES - 1), ONE, {"move": Move.RESTING, "move_ms": NOW}),
        (STEADY._replace(moved_ms=0, moves=MOST_MOVES), ONE, {}),
        (STEADY._replace(moved_ms=5, moves=4), IDLE._replace(plugged=False), {"moved_ms": None, "moves": 0}),
        (STEADY, IDLE._replace(three=False), {"wrong_ms": NOW}),
        (STEADY._replace(wrong_ms=7), IDLE._replace(three=False), {}),
        (STEADY._replace(wrong_ms=7), IDLE, {"wrong_ms": None}),
        (STOPPING, ONE._replace(live=True), {"live_ms": NOW}),
        (STOPPING, ONE, {"move": Move.RESTING, "move_ms": NOW}),
        (STOPPING, IDLE, {"move": Move.STEADY, "move_ms": NOW}),
        (STOPPING, THREE._replace(live=True), {"move": Move.STEADY, "move_ms": NOW, "live_ms": NOW}),
        (RESTING, ONE._replace(live=True), {"move_ms": NOW, "live_ms": NOW}),
        (RESTING._replace(move_ms=NOW - OPEN_MS + 1), ONE, {}),
        (
            RESTING,
            ONE,
            {
                "three": False,
                "moves": 4,
                "moved_ms": NOW,
                "wrong_ms": NOW,
                "move": Move.MOVING,
                "move_ms": NOW,
            },
        ),
        (MOVING, ONE, {}),
        (MOVING, ONE._replace(three=False), {"wrong_ms": None, "move": Move.WAITING, "move_ms": NOW}),
        (WAITING, ONE, {"move": Move.STEADY, "move_ms": NOW}),
        (WAITING._replace(move_ms=NOW - OPEN_MS + 1), ONE, {}),
        (WAITING._replace(live_ms=NOW - WAIT_MS), ONE, {"move": Move.STEADY, "move_ms": NOW}),
        (WAITING._replace(live_ms=NOW - WAIT_MS + 1), ONE, {}),
        (WAITING._replace(live_ms=NOW - WAIT_MS, move_ms=NOW - OPEN_MS + 1), ONE, {}),
        (
            WAITING._replace(move_ms=NOW),
            ONE._replace(plugged=False),
            {"move": Move.STEADY, "moved_ms": None, "moves": 0},
        ),
    ],
)
def test_one_step_changes_this_and_nothing_else(s: PhaseState, scene: Scene, differs: dict[str, Any]) -> None:
    assert changed(s, step(s, scene, NOW)) == differs


@pytest.mark.parametrize(
    ("s", "scene", "due_ms"),
    [
        (STEADY, IDLE, FAR_MS),
        (STEADY, THREE, FAR_MS),
        (STEADY._replace(moved_ms=NOW - 5, moves=1), IDLE, FAR_MS),
        (STEADY._replace(moved_ms=NOW - 5, moves=1), THREE, FAR_MS),
        (STEADY._replace(moved_ms=NOW - 5, moves=1), ONE, NOW - 5 + BETWEEN_MS),
        (STEADY._replace(moved_ms=NOW - 5, moves=MOST_MOVES), ONE, FAR_MS),
        (STEADY, IDLE._replace(three=False), NOW + MOVE_MS),
        (STEADY._replace(moved_ms=NOW - 5, moves=1), ONE._replace(three=False), NOW + MOVE_MS),
        (STEADY._replace(wrong_ms=NOW - MOVE_MS + 1), IDLE._replace(three=False), NOW + 1),
        (STEADY._replace(wrong_ms=NOW - MOVE_MS), IDLE._replace(three=False), FAR_MS),
        (STEADY, ONE, NOW + OPEN_MS),
        (STOPPING._replace(move_ms=NOW), ONE._replace(live=True), FAR_MS),
        (RESTING._replace(move_ms=NOW - OPEN_MS + 1), ONE, NOW + 1),
        (RESTING, ONE, NOW + MOVE_MS),
        (MOVING, ONE, NOW - 50 + MOVE_MS),
        (MOVING._replace(live_ms=NOW - 60), ONE._replace(three=False), NOW - 60 + WAIT_MS),
        (MOVING, ONE._replace(three=False), NOW + OPEN_MS),
        (WAITING._replace(move_ms=NOW, live_ms=NOW - WAIT_MS), ONE, NOW + OPEN_MS),
    ],
)
def test_when_it_matters_next(s: PhaseState, scene: Scene, due_ms: int) -> None:
    assert step(s, scene, NOW).due_ms == due_ms


def test_what_must_not_be_offered_and_when_the_contactor_must_be_open() -> None:
    told = {move: (STEADY._replace(move=move).stops, STEADY._replace(move=move).bars) for move in Move}
    assert told == {
        Move.STEADY: (False, False),
        Move.STOPPING: (True, False),
        Move.RESTING: (True, True),
        Move.MOVING: (True, True),
        Move.WAITING: (True, True),
    }


@pytest.mark.parametrize(("age_ms", "broken"), [(MOVE_MS - 1, False), (MOVE_MS, True)])
def test_a_feedback_that_contradicts_for_so_long_is_a_fault(age_ms: int, broken: bool) -> None:
    assert STEADY._replace(wrong_ms=NOW - age_ms).broken(NOW) is broken
    assert STEADY.broken(NOW) is False
