"""Dates of what happened before the time was known: order and durations hold, and a date once told stays (I10)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from evsed.core import dating
from evsed.core import events as ev
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import Registration
from tests.evsed.core.box_world import TAG, World


def undated_sessions(boots: int) -> World:
    """In each of these boots a charge of another length, and no clock in any."""
    world = World(local=(TAG.value,))
    for boot in range(boots):
        world.hal_up()
        world.advance(5)
        world.plug_in()
        world.swipe()
        world.wants()
        world.advance(30 + 10 * boot)
        world.swipe()
        world.advance(10)
        world.unplug()
        world.power_cut(off_s=1_000)
    return world


@pytest.mark.parametrize("boots", [1, 2, 3])
def test_undated_stamps_get_dates_that_keep_order_and_durations(boots: int) -> None:
    world = undated_sessions(boots).online()
    reports = [*world.reports(TransactionStarted), *world.reports(TransactionEnded)]
    reports.sort(key=lambda report: world.true_ms(report.at))
    dates = [world.station.date(report.at, world.now()) or 0 for report in reports]
    assert len(dates) == 2 * boots
    assert dates == sorted(set(dates))
    assert world.wall_offset is not None
    for report, date in zip(reports, dates, strict=True):
        assert date >= world.true_ms(report.at) + world.wall_offset  # the latest possible, never before it was
        assert date < world.boot_ms + world.wall_offset + 1
    for start, stop in pairwise(reports):
        if start.tx == stop.tx:
            lasted_ms = stop.at.mono_ms - start.at.mono_ms
            first, last = (dates[reports.index(report)] for report in (start, stop))
            assert last - first == lasted_ms


def test_a_date_once_told_stays() -> None:
    world = undated_sessions(2)
    world.hal_up()
    world.connect()
    world.until(TransactionStarted)
    first = world.open.report if world.open else None
    assert isinstance(first, TransactionStarted)
    told = world.station.date(first.at, world.now())
    world.advance(61)
    world.disk.flush()
    world.crash()
    assert world.wall_offset is not None
    world.wall_offset += 5_000
    world.advance(1)
    assert world.station.date(first.at, world.now()) == told


def test_a_message_that_cannot_be_dated_waits_and_is_not_tried_in_vain() -> None:
    """The central system accepts us with a clock that nobody believes."""
    world = World(local=(TAG.value,)).offline()
    world.plug_in()
    world.swipe()
    world.connect()
    world.answer(ev.BootAnswer(Registration.ACCEPTED, None, 300))
    while world.open is not None:
        world.answer(ev.Noted())
    world.advance(100)
    assert world.reports(TransactionStarted) == []
    assert world.statuses() != []
    world.wall_offset = 1_790_000_000_000
    world.advance(1)
    while world.open is not None and not isinstance(world.open.report, TransactionStarted):
        world.answer(ev.Noted())
    assert len(world.reports(TransactionStarted)) == 1


def test_old_clocks_are_dropped_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dating, "CLOCKS_KEPT", 3)
    world = World()
    for _ in range(10):
        world.online()
        world.advance(1)
        world.power_cut(off_s=1)
    world.online()
    assert [clock.boot for clock in world.disk.recovered().clocks] == ["boot8", "boot9", "boot10", "boot11"]
