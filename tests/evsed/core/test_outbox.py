"""What waits to be sent: order, overtaking, attempts, identity, thinning (OCPP 1.6 §3.7; I7, I9, I14)."""

from __future__ import annotations

from itertools import count

import pytest

from evsed.core import events as ev
from evsed.core import outbox as outbox_module
from evsed.core.effects import Drop, Persist
from evsed.core.events import Undelivered
from evsed.core.outbox import Outbox, Stage
from evsed.core.records import QueuedReport
from evsed.core.reports import (
    AuthorizationAsked,
    Booted,
    HeartbeatDue,
    MetersSampled,
    Report,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from evsed.core.turn import Turn
from evsed.core.words import Now, Stamp, Status, StopReason, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, World

AT = Stamp("boot", 1, 1)
TURN = Turn(Now("boot", 1, 1))


def start(tx: str) -> TransactionStarted:
    return TransactionStarted(tx, 1, TAG, AT, 0)


def sample(tx: str) -> TransactionUpdated:
    return TransactionUpdated(tx, 1, ())


def stop(tx: str) -> TransactionEnded:
    return TransactionEnded(tx, 1, TAG, AT, 0, StopReason.LOCAL)


def status() -> StatusChanged:
    return StatusChanged(1, Status.AVAILABLE, AT)


def box(*reports: Report) -> Outbox:
    ids = count(1)
    outbox = Outbox((), lambda: f"id{next(ids)}")
    for report in reports:
        outbox.put(report, TURN)
    return outbox


def leaves(outbox: Outbox, stage: Stage = Stage.ALL, now_ms: int = 1) -> list[Report]:
    """What leaves, one after the other, if each is answered."""
    sent = []
    while (row := outbox.next(stage, now_ms)) is not None:
        sent.append(row.report)
        outbox.answered(row.id, TURN)
    return sent


# --- order -----------------------------------------------------------------------------------------------------


def test_things_leave_in_the_order_in_which_they_happened() -> None:
    things: list[Report] = [status(), start("a"), status(), sample("a"), stop("a"), status(), start("b")]
    assert leaves(box(*things)) == things


def test_a_question_and_a_boot_go_first() -> None:
    ask = AuthorizationAsked(1, OTHER)
    assert leaves(box(status(), start("a"), ask)) == [ask, status(), start("a")]
    assert leaves(box(start("a"), Booted())) == [Booted(), start("a")]


def test_the_backlog_yields_to_all_that_is_of_the_present_but_keeps_its_own_order() -> None:
    outbox = box(start("a"), sample("a"))
    outbox.settle_backlog()
    outbox.put(stop("a"), TURN)
    outbox.put(status(), TURN)
    outbox.put(HeartbeatDue(), TURN)
    assert leaves(outbox) == [status(), HeartbeatDue(), start("a"), sample("a"), stop("a")]


def test_a_status_during_the_flush_of_a_long_backlog_leaves_at_once() -> None:
    outbox = box(start("a"), *[sample("a")] * 100)
    outbox.settle_backlog()
    for _ in range(3):
        row = outbox.next(Stage.ALL, 1)
        assert row is not None
        outbox.answered(row.id, TURN)
    outbox.put(status(), TURN)
    assert leaves(outbox)[0] == status()


def test_one_at_a_time() -> None:
    outbox = box(status(), start("a"))
    assert outbox.next(Stage.ALL, 1) is not None
    assert outbox.next(Stage.ALL, 1) is None


@pytest.mark.parametrize(
    ("stage", "left"),
    [
        (Stage.NOTHING, []),
        (Stage.BOOT, [Booted()]),
        (Stage.ASKED_FOR, [Booted(), HeartbeatDue()]),
        (Stage.PRESENT, [Booted(), status(), HeartbeatDue()]),
        (Stage.ALL, [Booted(), status(), start("a"), HeartbeatDue()]),
    ],
)
def test_the_stage_says_how_much_may_leave(stage: Stage, left: list[Report]) -> None:
    outbox = box(status(), start("a"), Booted())
    outbox.put(HeartbeatDue(), TURN, asked_for=True)
    assert leaves(outbox, stage) == left


# --- attempts --------------------------------------------------------------------------------------------------


def stuck() -> World:
    """A start on its way that the central system will not process: 3 attempts, 10 s."""
    world = World().online().set("ClockAlignedDataInterval", 0).set("MeterValueSampleInterval", 0)
    world.set("TransactionMessageAttempts", 3).set("TransactionMessageRetryInterval", 10)
    world.plug_in()
    world.swipe()
    world.until(TransactionStarted).wants()
    return world


def sends(world: World, kind: type) -> list[str]:
    return [send.item for send in world.sent if isinstance(send.report, kind)]


@pytest.mark.parametrize("code", [None, "InternalError"])
def test_the_wait_is_the_interval_times_the_sends(code: str | None) -> None:
    world = stuck()
    world.fail(code)
    world.answer_all()
    world.advance(9)
    assert len(sends(world, TransactionStarted)) == 1
    world.advance(1)
    assert len(sends(world, TransactionStarted)) == 2
    world.fail(code)
    world.advance(19)
    assert len(sends(world, TransactionStarted)) == 2
    world.advance(1)
    assert len(sends(world, TransactionStarted)) == 3


def test_after_the_last_attempt_it_is_given_up_and_the_next_goes() -> None:
    """What a transaction is called that was never numbered is the dialect's business (errata 3.18)."""
    world = stuck()
    world.advance(1)
    world.swipe()
    world.advance(2)
    for wait_s in (10, 20, 0):
        world.fail("InternalError")
        world.answer_all() if wait_s else None
        world.advance(wait_s)
    assert len(sends(world, TransactionStarted)) == 3
    world.answer_all()
    assert len(sends(world, TransactionEnded)) == 1
    assert len(world.station.box.outbox) == 0
    assert world.disk.of(QueuedReport) == ()


def test_meanwhile_others_pass() -> None:
    world = stuck()
    world.fail()
    world.answer_all()
    world.stops_drawing()
    world.answer_all()
    assert world.statuses()[-1] is Status.SUSPENDED_EV


def test_a_lost_connection_is_no_attempt_but_the_wait_goes_on() -> None:
    world = stuck()
    for _ in range(10):
        world.disconnect()
        world.connect()
        world.until(TransactionStarted)
    assert len(sends(world, TransactionStarted)) == 11
    assert len(set(sends(world, TransactionStarted))) == 1
    world.fail()
    world.answer_all()
    world.disconnect()
    world.advance(5)
    world.connect()
    world.answer_all()
    before = len(sends(world, TransactionStarted))
    world.advance(4)
    assert len(sends(world, TransactionStarted)) == before
    world.advance(1)
    assert len(sends(world, TransactionStarted)) == before + 1


def test_the_attempts_are_counted_over_a_crash() -> None:
    world = stuck()
    for wait_s in (10, 20):
        world.fail()
        world.answer_all()
        world.advance(wait_s)
    world.disk.flush()
    world.crash()
    world.connect()
    world.until(TransactionStarted).fail()
    world.answer_all()
    assert world.disk.of(QueuedReport) == ()


def test_a_question_or_a_status_is_tried_once() -> None:
    world = World().online()
    world.plug_in()
    world.fail("InternalError")
    assert world.open is None
    world.swipe()
    world.fail("InternalError")
    world.advance(60)
    assert len(sends(world, AuthorizationAsked)) == 1


# --- identity --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", ["crash", "power cut", "time-out", "reconnect"])
def test_a_message_keeps_its_identity(restart: str) -> None:
    world = stuck()
    item = sends(world, TransactionStarted)[0]
    if restart == "time-out":
        world.fail()
        world.answer_all()
        world.advance(10)
    elif restart == "reconnect":
        world.disconnect()
        world.connect()
    elif restart == "crash":
        world.crash()
        world.connect()
    else:
        world.power_cut()
        world.online()
    world.answer_all()
    assert {*sends(world, TransactionStarted)} == {item}
    assert len(set(world.arrived)) == len(world.arrived)


def test_two_things_never_share_an_identity() -> None:
    world = stuck()
    world.power_cut()
    world.online()
    world.swipe()
    world.advance(3)
    world.answer_all()
    assert len(world.arrived) == len(set(world.arrived))
    starts = [report for report in world.arrived.values() if isinstance(report, TransactionStarted)]
    assert len(starts) == 1


@pytest.mark.parametrize("item", ["id1", "nobody", ""])
def test_a_late_or_foreign_answer_is_ignored(item: str) -> None:
    world = stuck()
    assert world.open is not None
    waiting = world.open
    world.do(ev.Delivered(item, ev.TokenAnswer(TokenStatus.INVALID)))
    world.do(ev.Undelivered(item, "InternalError"))
    assert world.station.box.outbox.open is not None
    assert world.station.box.outbox.open.id == waiting.item
    world.answer_all()
    tx = world.tx()
    assert tx is not None
    assert tx.refused_wh is None


def test_the_same_answer_twice_counts_once() -> None:
    world = stuck()
    assert world.open is not None
    item = world.open.item
    world.answer(ev.TokenAnswer(TokenStatus.ACCEPTED))
    world.do(ev.Delivered(item, ev.TokenAnswer(TokenStatus.INVALID)))
    tx = world.tx()
    assert tx is not None
    assert tx.refused_wh is None


# --- bounds ----------------------------------------------------------------------------------------------------


def test_a_full_queue_drops_samples_and_never_starts_or_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_QUEUED", 20)
    outbox = box()
    turn = Turn(Now("boot", 1, 1))
    for tx in map(str, range(10)):
        reports: list[Report] = [start(tx), *[sample(tx)] * 5, stop(tx)]
        for report in reports:
            outbox.put(report, turn)
    assert len(outbox) == 20
    left = leaves(outbox)
    assert [r.tx for r in left if isinstance(r, TransactionStarted)] == [str(n) for n in range(10)]
    assert [r.tx for r in left if isinstance(r, TransactionEnded)] == [str(n) for n in range(10)]
    persist = turn.effects()[0]
    assert isinstance(persist, Persist)
    assert sum(isinstance(change, Drop) for change in persist.changes) == 50  # the disk forgets them too


def test_thinning_spares_the_one_that_is_being_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_QUEUED", 3)
    outbox = box(sample("a"))
    row = outbox.next(Stage.ALL, 1)
    assert row is not None
    for _ in range(5):
        outbox.put(sample("a"), TURN)
    assert outbox.failed(Undelivered(row.id, None), 5, 0, TURN) == (sample("a"), False)
    again = outbox.next(Stage.ALL, 1)
    assert again is not None
    assert (again.id, again.attempts) == (row.id, 1)


def test_a_queue_of_starts_and_stops_alone_may_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_QUEUED", 3)
    assert len(box(*[start(str(n)) for n in range(10)])) == 10


def test_the_present_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_PRESENT", 5)
    outbox = box(AuthorizationAsked(1, TAG), *[HeartbeatDue()] * 10, MetersSampled(1, ()))
    assert leaves(outbox) == [AuthorizationAsked(1, TAG), *[HeartbeatDue()] * 3, MetersSampled(1, ())]


def test_ten_thousand_rows_are_flushed_and_nothing_is_walked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row is compared a bounded number of times: counted, not timed."""
    looked_at = 0
    by_turn = Outbox._turn_of

    def counted(self: Outbox, row: QueuedReport) -> tuple[bool, bool, int]:
        nonlocal looked_at
        looked_at += 1
        return by_turn(self, row)

    monkeypatch.setattr(Outbox, "_turn_of", counted)
    outbox = box(start("a"), *[sample("a")] * 9_998, stop("a"))
    outbox.settle_backlog()
    assert len(leaves(outbox)) == 10_000
    assert looked_at == 10_000


# --- triggered meter values ------------------------------------------------------------------------------------


def test_what_is_asked_for_overtakes_the_backlog_with_the_number_of_its_transaction() -> None:
    world = World().online().charging()
    world.disconnect()
    world.advance(600)
    world.connect()
    assert world.asks(ev.Triggered("now", ev.TriggerKind.METER_VALUES, 1)) is Verdict.ACCEPTED
    world.answer_one()
    asked = world.sent[-1].report
    assert isinstance(asked, TransactionUpdated)
    assert asked.samples[0].at.mono_ms == world.mono_ms
    assert len(world.station.box.outbox) > 5


def test_before_the_start_has_arrived_they_stand_alone() -> None:
    world = stuck()
    world.fail()
    world.answer_all()
    assert world.asks(ev.Triggered("now", ev.TriggerKind.METER_VALUES, 1)) is Verdict.ACCEPTED
    assert isinstance(world.answer_one(), MetersSampled)
