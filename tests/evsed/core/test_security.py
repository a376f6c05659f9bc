"""Security events: each in the log, each told, the critical ones until they arrive, the provoked ones now and then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evsed.core import events as ev
from evsed.core import notices
from evsed.core.records import QueuedReport
from evsed.core.security import AGAIN_MS, PROVOKED, UNCHANGED_AGAIN_MS
from evsed.core.security_events import SecurityEntry, SecurityKind, SecurityNoted, SecurityNoticed
from tests.evsed.core.box_world import WALL0, World


def told(world: World) -> list[SecurityKind]:
    return [report.kind for report in world.reports(SecurityNoted)]


def logged(world: World) -> list[SecurityKind]:
    world.disk.flush()
    return [entry.kind for entry in world.disk.of(SecurityEntry)]


def quiet() -> World:
    """Online, and what the start brought is told."""
    world = World().online()
    world.advance(1)
    world.answer_all()
    return world


def test_a_start_is_an_event_and_that_the_time_becomes_known_is_none() -> None:
    world = quiet()
    assert told(world) == logged(world) == [SecurityKind.STARTED]
    assert world.disk.of(QueuedReport) == ()


@pytest.mark.parametrize(("step_ms", "news"), [(1_999, False), (2_000, True), (-2_000, True), (86_400_000, True)])
def test_a_clock_that_is_set_is_an_event(step_ms: int, news: bool) -> None:
    world = quiet()
    assert world.wall_offset is not None
    world.wall_offset += step_ms
    world.do(ev.DeadlineReached())
    assert (told(world)[1:] == [SecurityKind.TIME_SET]) is news


@pytest.mark.parametrize(("step_ms", "news"), [(1_999, False), (2_000, True), (-2_000, True)])
def test_a_clock_that_was_set_while_nobody_looked_is_an_event(step_ms: int, news: bool) -> None:
    world = quiet()
    assert world.wall_offset is not None
    world.wall_offset += step_ms
    for _ in range(2):
        world.crash()
        assert logged(world).count(SecurityKind.TIME_SET) == news


@pytest.mark.parametrize(("step_ms", "news"), [(-3_000, False), (-60_000, True), (86_400_000, False)])
def test_after_a_cut_only_a_time_before_that_of_the_boot_before_was_set(step_ms: int, news: bool) -> None:
    world = quiet()
    offset = world.wall_offset
    assert offset is not None
    world.power_cut(off_s=20)
    world.wall_offset = offset + step_ms
    world.do(ev.DeadlineReached())
    assert logged(world).count(SecurityKind.TIME_SET) == news
    world.power_cut()
    world.wall_offset = offset + step_ms
    world.do(ev.DeadlineReached())
    assert logged(world).count(SecurityKind.TIME_SET) == news


@pytest.mark.parametrize("kind", list(ev.ResetKind))
def test_a_reset_is_an_event_that_outlives_it(kind: ev.ResetKind) -> None:
    world = quiet()
    world.advance(1)
    world.do(ev.FromCentral(ev.ResetRequested("r", kind)))
    world.power_cut()
    world.online()
    assert told(world)[0] is SecurityKind.RESET
    assert SecurityKind.RESET in logged(world)


def test_a_full_disk_is_an_event_once_it_takes_something_again() -> None:
    world = quiet()
    world.disk.broken = True
    world.do(ev.StoreBroken((), "the disk is full", full=True))
    world.do(ev.StoreBroken((), "the disk is full", full=True))
    world.mends()
    world.answer_all()
    assert told(world)[1:] == [SecurityKind.MEMORY_EXHAUSTED]


def test_a_journal_that_was_begun_anew_has_lost_the_log() -> None:
    world = World()
    world.station._recovered = world.station._recovered.__class__(damaged=True)
    world.online()
    assert told(world)[:2] == [SecurityKind.LOG_CLEARED, SecurityKind.STARTED]


@pytest.mark.parametrize("kind", SecurityKind)
def test_the_log_says_it_in_words(kind: SecurityKind) -> None:
    world = quiet()
    note(world, kind)
    line = world.lines[-1]
    assert line.startswith("! security: ") and line.endswith(": test")
    assert kind not in line


# --- delivery ------------------------------------------------------------------------------------------------


def note(world: World, kind: SecurityKind = SecurityKind.MEMORY_EXHAUSTED) -> None:
    world.do(SecurityNoticed(kind, "test"))


def test_a_critical_one_is_tried_for_ever_and_ever_more_slowly() -> None:
    world = quiet()
    note(world)
    waits = []
    for _ in range(8):
        began = world.ms
        world.fail("InternalError")
        while world.open is None or not isinstance(world.open.report, SecurityNoted):
            world.answer_all()
            world.advance(30)
        waits.append((world.ms - began) // 60_000)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    world.answer_all()
    assert world.disk.of(QueuedReport) == ()


def test_a_plain_one_is_given_up_after_as_many_attempts_as_any_message() -> None:
    world = quiet().set("TransactionMessageAttempts", 2)
    note(world, SecurityKind.STATION_CERTIFICATE)
    world.fail("InternalError")
    world.advance(61)
    world.until(SecurityNoted).fail()
    world.advance(7_200)
    world.answer_all()
    assert told(world)[1:] == [SecurityKind.STATION_CERTIFICATE] * 2


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
def test_a_central_system_that_knows_no_such_message_has_answered(code: str) -> None:
    world = quiet()
    note(world)
    world.fail(code)
    assert world.disk.of(QueuedReport) == ()


@pytest.mark.parametrize("end", [World.power_cut, World.crash])
def test_it_outlives_a_cut_and_keeps_its_identity(end: Callable[[World], None]) -> None:
    world = quiet()
    note(world)
    (sent,) = [send for send in world.sent if send.report.__class__ is SecurityNoted][1:]
    end(world)
    world.online()
    assert world.sent[-1] is not sent
    assert sent in world.sent


def test_neither_transactions_nor_notices_wait_for_each_other() -> None:
    world = World().online()
    world.answer_all()
    world.set("TransactionMessageRetryInterval", 3_600)
    note(world)
    world.fail()
    world.charging()
    assert world.tx() is not None
    assert len(world.disk.of(QueuedReport)) == 1  # the event alone


def test_the_queue_is_bounded_and_plain_ones_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "MOST_PLAIN", 2)
    monkeypatch.setattr(notices, "MOST_NOTICES", 4)
    world = World().offline()
    for kind in [SecurityKind.RECONFIGURED] * 3 + [SecurityKind.MEMORY_EXHAUSTED] * 3:
        note(world, kind)
    world.disk.flush()
    kept = [row.report.kind for row in world.disk.of(QueuedReport)]
    assert kept == [SecurityKind.STARTED] + [SecurityKind.MEMORY_EXHAUSTED] * 3


def test_nothing_is_told_before_it_can_be_dated() -> None:
    world = World().offline()
    note(world)
    world.connect()
    world.answer_one()
    assert isinstance(world.reports(SecurityNoted), list)
    world.answer_all()
    dates = [world.station.date(report.at, world.now()) for report in world.reports(SecurityNoted)]
    assert all(date is not None and date >= WALL0 for date in dates)


# --- floods --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PROVOKED)
def test_what_a_stranger_provokes_is_noted_now_and_then(kind: SecurityKind) -> None:
    world = World().offline()
    for _ in range(600):
        note(world, kind)
        world.advance(1)
    assert logged(world).count(kind) == 1
    world.advance(UNCHANGED_AGAIN_MS / 1_000)
    note(world, kind)
    assert logged(world).count(kind) == 2


def test_what_was_left_out_is_counted_in_the_next_one() -> None:
    world = World().offline()
    for _ in range(4):
        note(world, SecurityKind.TLS_VERSION)
    world.advance(UNCHANGED_AGAIN_MS / 1_000)
    note(world, SecurityKind.TLS_VERSION)
    world.disk.flush()
    told = [entry.info for entry in world.disk.of(SecurityEntry) if entry.kind is SecurityKind.TLS_VERSION]
    assert [" more since" in info for info in told] == [False, True] and "(3 more since the last one)" in told[1]


def test_after_a_connection_it_is_news_again_but_not_within_a_minute() -> None:
    world = World().offline()
    note(world, SecurityKind.TLS_VERSION)
    world.connect()
    note(world, SecurityKind.TLS_VERSION)
    assert logged(world).count(SecurityKind.TLS_VERSION) == 1
    world.advance(AGAIN_MS / 1_000)
    note(world, SecurityKind.TLS_VERSION)
    assert logged(world).count(SecurityKind.TLS_VERSION) == 2


def test_what_a_peer_says_makes_no_second_line() -> None:
    world = quiet()
    world.do(SecurityNoticed(SecurityKind.INVALID_MESSAGES, "x\n= all is well"))
    assert all("\n" not in line for line in world.lines)
