"""Wall time is told when it can be trusted, and only then; the monotonic clock is never touched by it."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import pytest

from evsed import clock
from evsed.clock import ASK_KERNEL_MS, EARLIEST_MS, KEEP_MS, LATEST_MS, Sources, SystemClock
from evsed.core.records import BootClock

TODAY = EARLIEST_MS + 200 * 86_400_000
HOUR = 3_600_000


@dataclass
class Box:
    """A Pi: one clock that runs since boot, one that says anything, and NTP or not."""

    mono: int = 60_000
    wall: int = 1_000  # 1970
    ntp: bool = False
    asked: int = 0

    def clock(self, trust_system: bool = False) -> SystemClock:
        return SystemClock(trust_system, Sources(lambda: "boot-1", lambda: self.mono, lambda: self.wall, self.synced))

    def synced(self) -> bool:
        self.asked += 1
        return self.ntp

    def passes(self, ms: int) -> None:
        self.mono += ms
        self.wall += ms


def test_after_boot_without_network_there_is_no_wall_time() -> None:
    box = Box()
    now = box.clock().now()
    assert (now.boot, now.mono_ms, now.wall_ms) == ("boot-1", 60_000, None)
    box.wall = TODAY  # a plausible date is no proof where a central system will tell
    assert box.clock().now().wall_ms is None


def test_the_central_systems_time_is_carried_on_by_the_monotonic_clock() -> None:
    box = Box()
    told = box.clock()
    assert told.adopt(TODAY)
    box.passes(HOUR)
    box.wall = 7  # someone sets the date
    assert told.now().wall_ms == TODAY + HOUR
    assert told.mono_ms() == 60_000 + HOUR


def test_ntp_beats_the_central_system_while_it_is_there_and_is_carried_on_after() -> None:
    box = Box()
    told = box.clock()
    told.adopt(TODAY + HOUR)
    box.ntp, box.wall = True, TODAY
    box.passes(ASK_KERNEL_MS)
    assert told.now().wall_ms == TODAY + ASK_KERNEL_MS
    assert not told.adopt(TODAY + HOUR)
    assert told.now().wall_ms == TODAY + ASK_KERNEL_MS
    box.ntp = False
    box.passes(ASK_KERNEL_MS)
    assert told.now().wall_ms == TODAY + 2 * ASK_KERNEL_MS
    box.wall = 7
    box.passes(HOUR)
    assert told.now().wall_ms == TODAY + 2 * ASK_KERNEL_MS + HOUR
    assert told.adopt(TODAY + 9 * HOUR)
    assert told.now().wall_ms == TODAY + 9 * HOUR


def test_the_kernel_is_asked_every_few_seconds_only() -> None:
    box = Box()
    told = box.clock()
    for _ in range(1000):
        told.now()
        box.passes(20)
    assert box.asked == 20_000 // ASK_KERNEL_MS


def test_a_box_on_its_own_believes_a_plausible_date() -> None:
    box = Box()
    alone = box.clock(trust_system=True)
    assert alone.now().wall_ms is None
    for wall, believed in (
        (EARLIEST_MS - 1, False),
        (EARLIEST_MS, True),
        (LATEST_MS - 1, True),
        (LATEST_MS, False),
    ):
        box.wall = wall
        assert (alone.now().wall_ms == wall) is believed
        assert (alone.now().wall_ms is None) is not believed


@pytest.mark.parametrize("wall", [0, -1, EARLIEST_MS - 1, LATEST_MS, 2**62])
def test_no_source_is_believed_outside_of_this_century(wall: int) -> None:
    box = Box(ntp=True, wall=wall)
    told = box.clock()
    assert not told.adopt(wall)
    assert told.now().wall_ms is None
    assert told.adopt(TODAY)  # an implausible NTP does not keep a plausible central system out
    assert told.now().wall_ms == TODAY


def test_small_differences_are_no_news_in_either_direction() -> None:
    box = Box()
    told = box.clock()
    told.adopt(TODAY)
    for difference, news in ((KEEP_MS - 1, False), (1 - KEEP_MS, False), (KEEP_MS, True), (-KEEP_MS, True)):
        before = told.now().wall_ms
        assert before is not None
        assert told.adopt(before + difference) is news
        assert told.now().wall_ms == before + (difference if news else 0)


def test_a_restart_within_the_boot_keeps_what_was_taught_and_another_boot_does_not() -> None:
    kept = [BootClock("boot-0", 5), BootClock("boot-1", TODAY, HOUR)]
    box = Box()
    told = box.clock()
    told.recall(kept[:1])
    assert told.now().wall_ms is None
    told.recall(kept)
    assert told.now().wall_ms == TODAY + HOUR + box.mono
    assert told.adopt(TODAY)
    assert told.now().wall_ms == TODAY


def test_the_date_of_a_box_on_its_own_is_that_of_its_system_also_after_a_restart() -> None:
    box = Box(wall=TODAY)
    alone = box.clock(trust_system=True)
    alone.recall([BootClock("boot-1", TODAY + HOUR)])
    assert alone.now().wall_ms == TODAY


def test_a_wrong_time_of_the_central_system_is_mended_by_its_next() -> None:
    box = Box()
    told = box.clock()
    told.adopt(TODAY + 10 * 365 * 24 * HOUR)
    assert told.adopt(TODAY)
    assert told.now().wall_ms == TODAY


def test_the_real_sources_work_here() -> None:
    first, second = SystemClock().now(), SystemClock(trust_system=True).now()
    assert len(first.boot) == 36
    assert first.boot == second.boot
    assert 0 < first.mono_ms <= second.mono_ms
    assert second.wall_ms is None or second.wall_ms >= EARLIEST_MS


@pytest.mark.parametrize(("answer", "synchronised"), [(0, True), (1, True), (4, True), (5, False), (-1, False)])
def test_the_kernels_answer(monkeypatch: pytest.MonkeyPatch, answer: int, synchronised: bool) -> None:
    class Libc:
        def adjtimex(self, timex: ctypes.Array[ctypes.c_char]) -> int:
            assert timex.raw == bytes(1_024)  # modes 0: asks only
            return answer

    monkeypatch.setattr(clock, "TIMESYNCD_FLAG", clock.BOOT_ID / "absent")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Libc())
    assert clock._synchronised() is synchronised
    monkeypatch.setattr(clock, "TIMESYNCD_FLAG", clock.BOOT_ID)
    assert clock._synchronised()
