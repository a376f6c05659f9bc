"""The loop over all outlets: what is told and when, what it leaves out, and the thread that keeps its time."""

from __future__ import annotations

import gc
import threading

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hal.contract import Cp, Limits, MeterReading, Outlet
from hal.iec61851 import Rules, duty_permille
from hal.sim.pilot import SimPilot
from hal.system import Notifier
from hal.tick import PUBLISH_MS, Hung, TickThread
from tests.hal.box import START_MS, Box, sim_board

# --- snapshots and time ----------------------------------------------------------------------------------------


def test_a_snapshot_leaves_each_second_and_not_for_noise() -> None:
    box = Box()
    box.charge()
    box.run(2_000)
    box.snapshots.clear()
    box.run(10_000)
    assert len(box.snapshots) == 10_000 // PUBLISH_MS


def test_a_new_reading_and_a_card_leave_at_once() -> None:
    box = Box()
    box.run(500)
    seq = box.snapshots[-1].seq
    box.meter(0)
    box.tick_once()
    box.mailbox.put_tag(1, "04A2", box.now_ms)
    box.tick_once()
    last = box.snapshots[-1]
    assert last.seq == seq + 2 and last.started_ms == START_MS
    assert isinstance(last.outlets[0].meter, MeterReading)
    assert last.outlets[0].tag is not None and last.outlets[0].tag.tag == "04A2"


def test_two_outlets_do_not_know_each_other() -> None:
    box = Box(sim_board(2))
    box.charge(16_000, evse=1)
    box.charge(10_000, evse=2)
    box.run(1_000)
    assert [box.outlet(evse).offered_ma for evse in (1, 2)] == [16_000, 10_000]
    box.say("fault cp-short", evse=1)
    box.run(1_000)
    assert not box.outlet(1).closed and box.outlet(2).closed and box.faults(2) == []


ORDERS = st.sampled_from(
    [
        *["plug-in", "unplug --force", "car stop", "car resume", "allow 16000", "allow 6000", "allow 0", "silence"],
        *["fault cp-short", "clear cp-short", "fault pilot-stuck", "clear pilot-stuck", "fault pp-broken", "s2"],
        *["clear pp-broken", "fault contactor-dead", "clear contactor-dead", "meter 16000", "meter 40000"],
        *["clear-faults"],
    ]
)
STORY = st.lists(st.tuples(ORDERS, st.integers(1, 400)), min_size=1, max_size=8)


def tell(box: Box, order: str) -> None:
    """One line of a story; an order that makes no sense now is nothing."""
    word, _, value = order.partition(" ")
    if word == "allow":
        box.allow(int(value), closes=value != "0")
    elif word == "silence":
        box.silence()
    elif word == "meter":
        box.meter(int(value))
        box._renew_ms = box.now_ms  # what comes from outside is looked at in the next tick, also by a sparse clock
    elif word == "clear-faults":
        box.tick.acknowledge(1)
    elif word == "s2":
        box.plant.bays[1].car.move_s2(closed=False, after_us=3_333)
    else:
        box.tick.order(1, tuple(order.split()), lambda ok, text: None)


def changes(box: Box) -> list[tuple[int, Outlet]]:
    """When which picture of the outlet was first told."""
    told: list[tuple[int, Outlet]] = []
    for snapshot in box.snapshots:
        if not told or told[-1][1] != snapshot.outlets[0]:
            told.append((snapshot.at_ms, snapshot.outlets[0]))
    return told


@settings(max_examples=15)
@given(STORY, st.booleans())
def test_the_quiet_look_sees_no_less_than_the_full_thought(story: list[tuple[str, int]], d: bool) -> None:
    quick, full = (Box(sim_board(allow_d=d), Limits(grace_s=5), metered=[1]) for _ in range(2))
    for order, ticks in story:
        for box in (quick, full):
            tell(box, order)
        for _ in range(ticks):
            quick.tick_once()
            full.tick._all[0].due_ms = 0
            full.tick_once()
    assert changes(quick) == changes(full)


@settings(max_examples=15)
@given(STORY)
@example([("plug-in", 1), ("fault pilot-stuck", 1), ("allow 16000", 5)])
@example([("plug-in", 1), ("fault pp-broken", 1), ("fault pilot-stuck", 32)])
def test_a_clock_that_skips_to_the_next_deadline_misses_nothing(story: list[tuple[str, int]]) -> None:
    dense, sparse = (Box(limits=Limits(grace_s=5), metered=[1]) for _ in range(2))
    for order, ticks in story:
        for box in (dense, sparse):
            tell(box, order)
        dense.run(10 * ticks)
        while sparse.now_ms < dense.now_ms:
            due_ms = min(sparse.tick.next_due_ms(sparse.now_ms), sparse._renew_ms)
            grid_ms = -(-due_ms // 10) * 10
            sparse.now_ms = min(max(grid_ms, sparse.now_ms + 10), dense.now_ms) - 10
            sparse.tick_once()
    assert [picture for _, picture in changes(sparse)] == [picture for _, picture in changes(dense)]


@given(STORY)
@settings(max_examples=15)
def test_what_is_offered_is_never_above_the_least_limit_for_longer_than_the_spacing(
    story: list[tuple[str, int]],
) -> None:
    box = Box(sim_board(max_ma=20_000), Limits(max_ma=12_000, fallback_ma=8_000, grace_s=5))
    for order, ticks in story:
        tell(box, order)
        box.run(10 * ticks)
        assert box.outlet().offered_ma <= 12_000
        assert box.outlet().offered_ma in {0, 6_000, 8_000, 10_000, 12_000}


# --- the thread ------------------------------------------------------------------------------------------------


def thread_of(box: Box) -> tuple[TickThread, threading.Event]:
    ended = threading.Event()
    return TickThread(box.tick, box.board, Notifier(), ended.set), ended


def test_the_thread_ticks_until_it_is_stopped_and_leaves_the_board_safe() -> None:
    box = Box(sim_board(socket=False))
    thread, ended = thread_of(box)
    thread.start()
    thread.stop()
    assert thread.failure is None and ended.is_set() and box.tick.ticks > 0
    assert not box.plant.bays[1].gate.alive


def test_a_tick_that_fails_makes_the_board_safe_and_ends() -> None:
    box = Box(sim_board(socket=False))
    box.charge()
    box.board.advance = explode  # type: ignore[method-assign]
    thread, ended = thread_of(box)
    thread.start()
    assert ended.wait(5) and isinstance(thread.failure, ZeroDivisionError)
    assert not box.plant.bays[1].gate.alive
    thread.stop()


def explode(now_ms: int) -> None:
    raise ZeroDivisionError(now_ms)


def test_a_measurement_that_hangs_ends_the_process_once_no_car_is_charging(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = [""]
    monkeypatch.setattr(SimPilot, "hangs", lambda part: said[0], raising=False)
    box = Box(sim_board(2))
    box.charge(16_000, evse=2)
    said[0] = "pilot: mcp3208 on /dev/spidev0.0: a measurement does not end"
    box.run(5_000)
    assert box.outlet(2).closed
    box.say("unplug --force", evse=2)
    with pytest.raises(Hung, match="does not end"):
        box.run(PUBLISH_MS + 100)
    thread, ended = thread_of(box)
    thread.start()
    assert ended.wait(5) and isinstance(thread.failure, Hung)
    assert f"! {said[0]}: evse-hal ends, to be started anew" in caplog.text and "Traceback" not in caplog.text
    thread.stop()


def test_lateness_is_kept_and_missed_ticks_are_counted() -> None:
    tick = Box().tick
    assert tick.note_lateness(9_999) == 0 and tick.note_lateness(35_000) == 3
    assert (tick.overruns, tick.late_max_us) == (3, 35_000)


def test_nothing_plugged_in_is_no_reason_to_hurry_and_a_plug_is() -> None:
    box = Box()
    assert box.tick.resting
    box.say("plug-in")
    box.run(20)
    assert not box.tick.resting


@pytest.mark.parametrize("after_ms", range(0, 50, 7))
def test_a_plug_that_comes_at_rest_brings_the_full_pace_within_110_ms(after_ms: int) -> None:
    box = Box()
    box.run(1_000)
    assert box.tick.pace_ms == 50
    box.plant.advance(box.now_ms + after_ms)
    plugged_ms = box.now_ms + after_ms
    box.plant.order(1, ("plug-in",))
    while box.tick.pace_ms != 10:
        box.now_ms += box.tick.pace_ms
        box.tick.run_once(box.now_ms)
    assert box.now_ms + box.tick.pace_ms - plugged_ms <= 110
    assert box.outlet().cp is not Cp.A


def test_what_lives_at_the_start_is_never_walked_again() -> None:
    gc.unfreeze()
    thread, _ = thread_of(Box(sim_board(socket=False)))
    thread.start()
    frozen = gc.get_freeze_count()
    thread.stop()
    gc.unfreeze()
    assert frozen > 10_000


def test_overruns_are_told_with_the_next_snapshot() -> None:
    box = Box()
    box.tick.note_lateness(35_000)
    box.run(1_000)
    figures = box.snapshots[-1].tick
    assert (figures.overruns, figures.late_max_us) == (3, 35_000)


def test_the_duty_on_the_line_is_the_one_that_is_told() -> None:
    box = Box()
    box.charge(13_000)
    assert box.plant.bays[1].pilot._offered == duty_permille(13_000)
    assert Rules() == Rules(allow_d=False, wake_up=False)
    assert msgspec.structs.asdict(box.outlet())["offered_ma"] == 13_000
