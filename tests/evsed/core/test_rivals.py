"""What is said of connections that are lost soon after they were opened, again and again."""

from __future__ import annotations

from evsed.core.rivals import BRIEF_MS, Rivals
from evsed.core.turn import Turn
from evsed.core.words import Now


def lines(*lasted_ms: int) -> list[int]:
    """After which of these connections a line is said, counted from 1."""
    rivals, now_ms, said = Rivals(), 0, []
    for number, ms in enumerate(lasted_ms, start=1):
        rivals.linked(now_ms)
        now_ms += ms
        turn = Turn(Now("boot", now_ms, None))
        rivals.lost(turn)
        said += [number] if turn.effects() else []
        now_ms += 60_000
    return said


def test_a_row_of_brief_ones_is_said_ever_more_seldom() -> None:
    assert lines(*[700] * 33) == [4, 8, 16, 32]


def test_one_that_lasted_ends_the_row() -> None:
    assert lines(700, 700, 700, BRIEF_MS, 700, 700, 700, BRIEF_MS - 1) == [8]


def test_a_loss_without_a_connection_counts_for_nothing() -> None:
    rivals, turn = Rivals(), Turn(Now("boot", 0, None))
    for _ in range(9):
        rivals.lost(turn)
    assert not turn.effects()
