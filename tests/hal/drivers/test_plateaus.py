"""From samples to plateaus, without any bus."""

from __future__ import annotations

import pytest

from hal.drivers.plateaus import ENOUGH, SHARE_BURSTS, Plateaus, outermost, sight

EDGE = [-8.0, -3.0, 1.0]


def test_the_outermost_level_needs_samples_that_agree() -> None:
    assert outermost([9.0] * ENOUGH) == 9.0
    assert outermost([9.0] * (ENOUGH - 1)) is None
    assert outermost([3.0, 5.0, 7.0, 8.6, 8.8, 9.0, 9.1]) == pytest.approx(8.875)
    assert outermost([]) is None


def test_an_edge_is_not_a_plateau_though_samples_of_it_agree() -> None:
    assert outermost([3.0] * ENOUGH + [9.0, 9.1]) is None


def test_one_disturbance_in_many_is_left_out() -> None:
    assert outermost([9.0] * 40 + [14.0]) == 9.0
    assert outermost([9.0] * 40 + [14.0, 15.0]) is None


def test_two_plateaus_part_in_the_middle_and_a_short_has_one_level() -> None:
    seen = sight([9.0] * 20 + EDGE + [-12.0] * 60)
    assert (seen.high, seen.low, seen.highs, seen.two) == (9.0, -12.0, 21, True)
    short = sight([0.9] * 20 + [-0.9] * 60)
    assert not short.two and (short.high, short.low) == (pytest.approx(0.9), pytest.approx(-0.9))


def told(plateaus: Plateaus, highs: int, lows: int, high: float = 9.0) -> tuple[float, float] | None:
    return plateaus.take([high] * highs + [-12.0] * lows)


def test_a_thin_cluster_waits_for_the_next_burst() -> None:
    plateaus = Plateaus()
    plateaus.expect(50.0)
    assert told(plateaus, ENOUGH - 2, 100) is None
    assert told(plateaus, 2, 100) == (9.0, -12.0)


def test_the_high_plateau_never_stands_on_old_samples() -> None:
    plateaus = Plateaus()
    plateaus.expect(50.0)
    assert told(plateaus, ENOUGH, 100) == (9.0, -12.0)
    assert told(plateaus, 0, 100) == (9.0, -12.0)  # of the burst before
    assert told(plateaus, 0, 100) is None
    assert told(plateaus, 1, 100, high=6.0) is None


def test_the_low_plateau_may_be_a_little_older() -> None:
    plateaus = Plateaus()
    plateaus.expect(960.0)
    assert told(plateaus, 100, ENOUGH) == (9.0, -12.0)
    assert [told(plateaus, 100, 0) for _ in range(3)] == [(9.0, -12.0)] * 3
    assert told(plateaus, 100, 0) is None


def test_a_missing_plateau_is_believed_once_it_should_have_been_met_often() -> None:
    plateaus = Plateaus()
    plateaus.expect(266.0)
    assert told(plateaus, 0, 70) is None
    assert told(plateaus, 0, 100) == (-12.0, -12.0)
    plateaus.expect(266.0)
    assert told(plateaus, 100, 0) == (9.0, 9.0)


def test_at_a_constant_drive_one_level_is_whole_and_two_are_told() -> None:
    plateaus = Plateaus()
    assert told(plateaus, 50, 0) == (9.0, 9.0)
    assert told(plateaus, 50, 1) == (9.0, 9.0)
    assert told(plateaus, 50, 20) == (9.0, -12.0)  # the PWM runs on


def test_a_change_of_the_drive_forgets_all() -> None:
    plateaus = Plateaus()
    plateaus.expect(50.0)
    assert told(plateaus, ENOUGH, 100) == (9.0, -12.0)
    plateaus.expect(100.0)
    assert told(plateaus, 0, 100) is None


@pytest.mark.parametrize(("highs", "follows"), [(23, False), (25, True), (30, True), (35, True), (37, False)])
def test_the_share_of_highs_must_be_the_drive_s(highs: int, follows: bool) -> None:
    plateaus = Plateaus()
    plateaus.expect(150.0)
    for _ in range(SHARE_BURSTS - 1):
        told(plateaus, highs, 200 - highs)
        assert plateaus.follows  # too early to tell
    told(plateaus, highs, 200 - highs)
    assert plateaus.follows is follows
