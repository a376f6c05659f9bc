"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evsed.core.figures import amps, day, duration, kilowatt_hours, kilowatts, time_of_day


@pytest.mark.parametrize(("ma", "shown"), [(0, "0.0 A"), (5_999, "5.9 A"), (16_000, "16.0 A"), (80_000, "80.0 A")])
def test_currents_are_never_rounded_up(ma: int, shown: str) -> None:
    assert amps(ma) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (90_061, "1 d 1 h"), (-1, "0 s")],
)
def test_durations_have_two_units_at_most(seconds: int, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(("wall_ms", "shown"), [(0, "00:00 UTC"), (1_798_761_599_999, "23:59 UTC")])
def test_a_moment(wall_ms: int, shown: str) -> None:
    assert time_of_day(wall_ms) == shown


def test_each_day_of_a_century_is_called_as_the_calendar_does() -> None:
    first = datetime(2000, 1, 1, tzinfo=UTC)
    for days in range(36_525):
        at = first + timedelta(days=days)
        assert day(int(at.timestamp()) * 1_000 + 86_399_999) == at.strftime("%Y-%m-%d")


@pytest.mark.parametrize(("w", "shown"), [(0, "0.00 kW"), (9, "0.00 kW"), (10_989, "10.98 kW"), (3_050, "3.05 kW")])
def test_powers(w: int, shown: str) -> None:
    assert kilowatts(w) == shown


@pytest.mark.parametrize(("wh", "shown"), [(0, "0.000 kWh"), (7, "0.007 kWh"), (10_003_214, "10003.214 kWh")])
def test_energies(wh: int, shown: str) -> None:
    assert kilowatt_hours(wh) == shown
