"""Welded, or not closing: to the tick when a contact that contradicts its order becomes a fault, by `feedback_ms`.

An order is compared with its feedback from the tick after it on, so the fault comes `feedback_ms` and a tick after it.
"""

from __future__ import annotations

import msgspec
import pytest

from hal.boards import BoardFile, load
from hal.sim.power import CLOSE_MS, OPEN_MS
from hal.tick import TICK_MS
from tests.hal.box import Box

TIMES = [50, 60, 200, 250, 1_000]
AROUND = [-TICK_MS, 0, TICK_MS]


def board(feedback_ms: int) -> BoardFile:
    file = load("sim")
    return msgspec.structs.replace(file, timing=msgspec.structs.replace(file.timing, feedback_ms=feedback_ms))


def until_ordered(box: Box, closed: bool) -> None:
    """Run to the very tick that gives the order."""
    for _ in range(1_000):
        if box.tick.loaded is closed:
            return
        box.tick_once()
    raise AssertionError("it was never ordered")


@pytest.mark.parametrize("off_ms", AROUND)
@pytest.mark.parametrize("feedback_ms", TIMES)
def test_a_weld_is_one_after_the_time_of_the_board_and_no_tick_sooner(feedback_ms: int, off_ms: int) -> None:
    box = Box(board(feedback_ms))
    box.charge()
    box.run(1_000)
    box.say("fault contactor-welded")
    box.say("car stop")
    until_ordered(box, closed=False)
    box.run(TICK_MS + feedback_ms + off_ms)
    assert ("WELDED" in box.faults()) is (off_ms >= 0)


@pytest.mark.parametrize("off_ms", AROUND)
@pytest.mark.parametrize("feedback_ms", TIMES)
def test_fail_to_close_is_one_after_the_time_of_the_board_and_no_tick_sooner(feedback_ms: int, off_ms: int) -> None:
    box = Box(board(feedback_ms))
    box.say("fault contactor-dead")
    box.say("plug-in")
    box.allow(16_000)
    until_ordered(box, closed=True)
    box.run(TICK_MS + feedback_ms + off_ms)
    assert ("FAIL_TO_CLOSE" in box.faults()) is (off_ms >= 0)
    assert box.tick.loaded is (off_ms < 0)


@pytest.mark.parametrize("late_ms", AROUND)
@pytest.mark.parametrize("feedback_ms", TIMES)
def test_a_contact_that_follows_in_its_last_tick_is_no_fault(feedback_ms: int, late_ms: int) -> None:
    box = Box(board(feedback_ms))
    box.charge()
    box.run(1_000)
    box.say("fault aux-closed")
    box.say("car stop")
    until_ordered(box, closed=False)
    box.run(feedback_ms + late_ms)
    box.say("clear aux-closed")  # one more tick, and there it follows
    box.run(2_000)
    assert ("WELDED" in box.faults()) is (late_ms > 0)


def test_a_sound_contactor_is_well_within_the_shortest_time() -> None:
    assert max(CLOSE_MS, OPEN_MS) + TICK_MS < TIMES[0]
