"""Resets: soft, hard, twice, and with a box that does not come to rest (OCPP 1.6 §5.14, errata 3.36)."""

from __future__ import annotations

import pytest

from evsed.core import events as ev
from evsed.core.reports import TransactionEnded
from evsed.core.words import StopReason, Verdict
from tests.evsed.core.box_world import OTHER, World
from tests.evsed.core.stories import charging

ACCEPTED, REJECTED = Verdict.ACCEPTED, Verdict.REJECTED
SOFT, HARD = ev.ResetKind.SOFT, ev.ResetKind.HARD


@pytest.mark.parametrize(("kind", "reason"), [(SOFT, StopReason.SOFT_RESET), (HARD, StopReason.HARD_RESET)])
def test_reset_answers_ends_and_restarts(kind: ev.ResetKind, reason: StopReason) -> None:
    world = charging(World(2).online())
    assert world.asks(ev.ResetRequested("reset", kind)) is ACCEPTED
    assert not world.bays[1].facts.closed
    assert world.restarts == []
    world.advance(1)
    if kind is SOFT:
        assert world.restarts == []  # it waits until the stop has arrived
        world.answer_all()
        assert world.last(TransactionEnded).reason is reason
    assert [restart.kind for restart in world.restarts] == [kind]
    assert world.transactions()[0].reason is reason


def test_reset_without_a_charge_is_at_once() -> None:
    world = World().online()
    assert world.asks(ev.ResetRequested("reset", SOFT)) is ACCEPTED
    assert len(world.restarts) == 1


def test_a_soft_reset_offline_does_not_wait_for_an_answer() -> None:
    world = charging()
    world.disconnect()
    world.do(ev.ResetRequested("control-1", SOFT))
    world.advance(1)
    assert len(world.restarts) == 1
    world.crash()
    world.connect()
    world.answer_all()
    assert world.last(TransactionEnded).reason is StopReason.SOFT_RESET


@pytest.mark.parametrize("retries", [0, 2])
def test_a_central_system_that_does_not_answer_delays_a_soft_reset_so_long_and_no_longer(retries: int) -> None:
    world = charging(World().online().set("ResetRetries", retries))
    world.asks(ev.ResetRequested("reset", SOFT))
    world.advance(20 * (retries + 1) - 1)
    assert world.restarts == []
    world.advance(1)
    assert len(world.restarts) == 1


def test_a_second_reset_does_not_restart_twice() -> None:
    world = charging()
    world.asks(ev.ResetRequested("first", SOFT))
    assert world.asks(ev.ResetRequested("second", SOFT)) is ACCEPTED
    world.advance(2)
    world.answer_all()
    world.advance(60)
    assert len(world.restarts) == 1


def test_a_hard_reset_overtakes_a_soft_one() -> None:
    world = charging()
    world.asks(ev.ResetRequested("first", SOFT))
    world.asks(ev.ResetRequested("second", HARD))
    world.advance(2)
    assert [restart.kind for restart in world.restarts] == [HARD]


def test_a_soft_reset_does_not_weaken_a_hard_one() -> None:
    world = charging()
    world.asks(ev.ResetRequested("first", HARD))
    world.asks(ev.ResetRequested("second", SOFT))
    world.advance(2)
    assert [restart.kind for restart in world.restarts] == [HARD]


@pytest.mark.parametrize("kind", [SOFT, HARD])
def test_reset_with_a_contactor_that_does_not_open(kind: ev.ResetKind) -> None:
    world = charging()
    world.bays[1].contactor_sticks = True
    world.asks(ev.ResetRequested("reset", kind))
    world.advance(14)
    assert world.restarts == []
    world.advance(2)
    world.answer_all()
    assert len(world.restarts) == 1
    assert world.transactions()[0].ended is not None


def test_nothing_new_begins_during_a_reset() -> None:
    world = charging(World(2).online())
    world.plug_in(2)
    world.asks(ev.ResetRequested("reset", SOFT))
    world.swipe(OTHER, 2)
    world.answer_all()
    assert world.tx(2) is None


def test_what_was_queued_is_delivered_after_the_restart() -> None:
    world = charging()
    tx = world.tx()
    world.asks(ev.ResetRequested("reset", HARD))
    world.advance(1)
    world.power_cut()
    world.online()
    stop = world.last(TransactionEnded)
    assert tx is not None
    assert (stop.tx, stop.reason) == (tx.id, StopReason.HARD_RESET)
