"""The waits between connection attempts."""

from __future__ import annotations

import pytest

from evsed.ocpp.backoff import FIRST_S, LASTED_MS, LONGEST_ASKED_S, LONGEST_S, SPREAD_S, Backoff


def test_the_first_retry_comes_within_seconds_then_they_double() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.wait_s() for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_chance_spreads_over_half_of_each_wait(chance: float) -> None:
    backoff = Backoff(lambda: chance)
    assert backoff.wait_s() == 2 * (0.5 + chance / 2)


def test_only_a_connection_that_lasted_starts_anew() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.wait_s(connected_ms=LASTED_MS - 1)
    assert backoff.wait_s() == LONGEST_S
    backoff.wait_s(connected_ms=LASTED_MS)
    assert backoff.wait_s() == 4  # the second failure in a row, not the seventh


@pytest.mark.parametrize(("chance", "wait_s"), [(0.0, FIRST_S / 2), (1.0, SPREAD_S)])
def test_after_a_connection_that_lasted_the_stations_spread(chance: float, wait_s: float) -> None:
    assert Backoff(lambda: chance).wait_s(connected_ms=LASTED_MS) == wait_s


def test_a_wait_that_is_asked_for_is_granted_within_bounds() -> None:
    assert Backoff(lambda: 1.0).wait_s(asked_s=30) == 30
    assert Backoff(lambda: 1.0).wait_s(asked_s=1) == 2
    assert Backoff(lambda: 1.0).wait_s(asked_s=10**9) == LONGEST_ASKED_S
    assert Backoff(lambda: 1.0).wait_s(asked_s=-5) == 2


def test_a_year_of_failures_is_no_overflow() -> None:
    backoff = Backoff(lambda: 0.5)
    assert all(backoff.wait_s() <= LONGEST_S for _ in range(1_000_000 // 60))
