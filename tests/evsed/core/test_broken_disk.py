"""A disk that takes nothing, at each commit of a session: nothing new begins, what runs goes on and ends, no cable is
freed before its stop is kept, and nothing is lost when it is mended (I5, I8).
"""

from __future__ import annotations

import pytest

from evsed.core import events as ev
from evsed.core.records import QueuedReport
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import Status
from tests.evsed.core.box_world import World
from tests.evsed.core.ledger import COMMITS, SAMPLES, check, session, settle
from tests.evsed.core.stories import charging


def plugged() -> World:
    world = World().online()
    world.plug_in()
    return world


def starting() -> World:
    """The start is on its way."""
    world = plugged()
    world.swipe()
    return world.until(TransactionStarted)


def charged() -> World:
    world = charging()
    world.advance(65)
    return world


@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_a_disk_that_breaks_at_every_commit_and_is_mended_later(commit: int) -> None:
    world = World(presets=SAMPLES)
    world.disk.break_at = commit
    session(world)
    started = [tx.id for tx in world.transactions()]
    world.swipe()
    world.plug_in()
    world.swipe()
    world.advance(70)
    world.answer_all()
    assert [tx.id for tx in world.transactions()] == started, "a session began without a journal"
    world.mends()
    check(world)
    assert not world.bays[1].facts.locked
    world.swipe()
    world.answer_all()
    world.wants()
    assert world.status() is Status.CHARGING, "after it is mended all is as before"
    world.advance(0.5)
    check(world)


@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_a_disk_that_hiccups_at_every_commit(commit: int) -> None:
    """It takes nothing for less than a second."""
    world = World(presets=SAMPLES)
    world.disk.break_at, world.disk.heals = commit, True
    session(world)
    world.mends()
    check(world)


@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_a_crash_while_the_disk_is_broken_loses_only_what_it_never_took(commit: int) -> None:
    world = World(presets=SAMPLES)
    world.disk.break_at = commit
    session(world)
    kept = world.disk.recovered()
    world.disk.broken, world.disk.break_at = False, None
    world.crash()
    world.advance(60)
    tx = world.tx()
    assert tx is None or tx.id in [known.id for known in kept.transactions]
    settle(world)
    assert all(tx.ended is not None for tx in world.transactions())


def test_a_running_charge_goes_on_and_ends_without_a_journal_and_its_cable_waits_for_it() -> None:
    world = charged()
    world.answer_all()
    world.breaks()
    world.advance(120)
    assert world.status() is Status.CHARGING
    world.swipe()
    world.advance(3)
    assert world.tx() is None
    assert world.bays[1].facts.locked
    assert world.transactions()[0].ended is None
    world.answer_all()
    assert world.reports(TransactionEnded) == []  # a cut would bring the charge back, and it would end twice
    world.mends()
    world.answer_all()
    assert isinstance(world.last(TransactionEnded), TransactionEnded)
    assert not world.bays[1].facts.locked
    check(world)


def test_a_start_that_is_not_kept_never_was() -> None:
    world = plugged()
    world.breaks()
    world.swipe()
    world.answer_all()
    world.wants()
    assert world.tx() is None
    assert not world.bays[1].facts.closed
    assert not world.bays[1].facts.locked
    assert world.reports(TransactionStarted) == []
    assert world.station.box.outbox.start_waits("anything") is False
    assert any("did not begin" in line for line in world.lines)
    world.mends()
    assert world.transactions() == []
    assert world.disk.of(QueuedReport) == ()


def test_a_start_that_is_tried_again_while_the_disk_is_broken_has_begun_before() -> None:
    world = starting()
    world.wants()
    world.breaks()
    world.fail("InternalError")
    world.advance(1)
    assert world.tx() is not None
    assert world.status() is Status.CHARGING


def test_two_outlets_of_which_one_cannot_begin() -> None:
    world = charging(World(2).online())
    world.plug_in(2)
    world.breaks()
    world.swipe(evse=2)
    world.answer_all()
    assert world.tx(2) is None
    assert world.status(1) is Status.CHARGING
    assert world.bays[1].facts.closed
    assert not world.bays[2].facts.locked


def test_the_trouble_is_told_and_forgotten() -> None:
    world = World().online()
    world.breaks()
    world.set("HeartbeatInterval", 99)
    assert world.station.store_trouble == "the disk is full"
    world.mends()
    assert world.station.store_trouble == ""


def test_a_reset_waits_for_the_disk_but_not_for_ever() -> None:
    world = charged()
    world.answer_all()
    world.breaks()
    world.asks(ev.ResetRequested("reset", ev.ResetKind.HARD))
    world.advance(10)
    assert world.restarts == []
    world.mends()
    assert len(world.restarts) == 1
    world = World().online()
    world.breaks()
    world.set("HeartbeatInterval", 99)
    world.asks(ev.ResetRequested("reset", ev.ResetKind.HARD))
    world.advance(40)
    assert len(world.restarts) == 1


def test_a_batch_that_can_t_be_written_sends_no_second_call_while_one_is_open() -> None:
    """Nothing was held back for what had only been gathered; the watch of this world judges each call."""
    world = starting()
    assert world.open is not None
    sent = world.open.item
    world.do(ev.StoreBroken((), "the disk is full"))
    world.advance(2)
    assert world.open is not None and world.open.item == sent
    world.mends()
    world.answer_all()
    assert len(world.reports(TransactionStarted)) == 1
