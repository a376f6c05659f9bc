"""How fast a central system is heard: a whole set-up at once, a flood at its pace, answers always."""

from __future__ import annotations

from evsed.core.reports import HeartbeatDue
from evsed.ocpp.pace import A_SECOND, AT_ONCE, LEAST, Pace
from tests.evsed.ocpp.world import Peers

HOUR_S = 3_600
SETS_UP = AT_ONCE // LEAST


def heard_within(seconds: int, size: int) -> int:
    """How many frames of that size one who never rests gets heard."""
    pace, now_ms, frames = Pace(), 5_000, 0
    while now_ms < 5_000 + seconds * 1_000:
        pace.heard(size, now_ms)
        frames += 1
        now_ms += pace.rest_ms(now_ms)
    return frames


def test_a_set_up_is_heard_without_a_pause() -> None:
    pace = Pace()
    for _ in range(SETS_UP - 1):
        pace.heard(10, 1_000)
        assert pace.rest_ms(1_000) == 0


def test_a_flood_is_heard_at_its_pace_however_its_frames_are_cut() -> None:
    for size in (1, LEAST, 65_536):
        cost = max(size, LEAST)
        assert heard_within(HOUR_S, size) <= (AT_ONCE + HOUR_S * A_SECOND) // cost + 2


def test_the_beginning_is_told_once_and_again_only_after_calm() -> None:
    pace = Pace()
    assert [pace.heard(AT_ONCE - 1, 0), pace.heard(1, 0), pace.heard(1, 500)] == [False, True, False]
    later_ms = 2 * AT_ONCE * 1_000 // A_SECOND
    assert pace.rest_ms(later_ms) == 0
    assert pace.heard(AT_ONCE, later_ms)


def test_questions_count_and_answers_do_not() -> None:
    peers, silent = Peers(), Peers()
    for number in range(SETS_UP):
        peers.hears(f'[2,"{number}","Nothing",{{}}]')
        silent.report(HeartbeatDue())
    assert silent.exchange.rest_ms(0) == 0
    assert peers.exchange.rest_ms(0) > 0
    assert sum("heard more slowly" in line for line in peers.lines) == 1


def test_a_new_connection_is_no_new_beginning() -> None:
    peers = Peers()
    peers.exchange.receive("x" * (AT_ONCE + 1), 0)
    peers.disconnect()
    peers.connect()
    assert peers.exchange.rest_ms(0) > 0
