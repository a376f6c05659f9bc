"""Dates as central systems write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.ocpp.times import read_clock, read_date, write_date

NOON = 1_798_804_800_000  # 2027-01-01T12:00:00Z


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-01T12:00:00Z",
        "2027-01-01t12:00:00z",
        "2027-01-01 12:00:00Z",
        "2027-01-01T12:00:00",
        "2027-01-01T12:00",
        "2027-01-01T12:00:00.0Z",
        "2027-01-01T12:00:00.000000Z",
        "2027-01-01T12:00:00.000000000000+00:00",
        "2027-01-01T13:00:00+01:00",
        "2027-01-01T13:00:00+0100",
        "2027-01-01T13:00:00+01",
        "2027-01-01T06:30:00-05:30",
        "2027-01-02T02:00:00+14:00",
        " 2027-01-01T12:00:00Z ",
    ],
)
def test_one_moment_in_many_spellings(text: str) -> None:
    assert read_date(text) == NOON


def test_fractions_are_cut_to_milliseconds() -> None:
    assert read_date("2027-01-01T12:00:00.1Z") == NOON + 100
    assert read_date("2027-01-01T12:00:00,12Z") == NOON + 120
    assert read_date("2027-01-01T12:00:00.1239999Z") == NOON + 123


def test_a_leap_second_is_the_next_one() -> None:
    assert read_date("2016-12-31T23:59:60Z") == read_date("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "banana",
        "2027-01-01",
        "12:00:00Z",
        "2027-02-30T12:00:00Z",
        "2027-13-01T12:00:00Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01T12:60:00Z",
        "2027-01-01T12:00:61Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "-2027-01-01T00:00:00Z",
        "2027-01-01T12:00:00Europe/Berlin",
        "2027-01-01T12:00:00+25:00",
        "٢٠٢٧-01-01T12:00:00Z",
        "2027-01-01T12:00:00." + "1" * 1000 + "Z",
        "1798804800",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert read_date(text) is None


def test_far_years_are_dates_but_not_the_present() -> None:
    for text in ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert read_date(text) is not None
        assert read_clock(text) is None
    assert read_clock("2020-01-01T00:00:00Z") is not None
    assert read_clock("2099-12-31T23:59:59Z") is not None


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_what_is_written_is_read_back(moment: datetime) -> None:
    wall_ms = round((moment.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000 + 7
    text = write_date(wall_ms)
    assert text.endswith(".007Z") and read_date(text) == wall_ms
