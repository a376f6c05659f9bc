"""The only place of evsed that asks what time it is.

Durations come from CLOCK_MONOTONIC, which no one can set. Wall time is told only when it can be trusted; a Pi has no
clock of its own that runs without power, so after a boot the system's date may be any.

Rule: while the kernel says that it is synchronised (NTP), the system's time holds. Else it is what the last teacher
said, carried on with the monotonic clock: NTP earlier in this boot, or the central system (`adopt`); NTP beats the
central system while both are there. What a life of evsed before this one was taught in the same boot is told by the
journal (`recall`). Else, only for a box without a central system (`trust_system`), the system's date, if it is
plausible. Else there is none (None), and records are dated once time arrives.
No source is believed before `EARLIEST_MS` or after `LATEST_MS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from evsed.core.records import BootClock
from evsed.core.words import Now

EARLIEST_MS = 1_767_225_600_000  # 2026-01-01, before this was built
LATEST_MS = 4_102_444_800_000  # 2100-01-01
ASK_KERNEL_MS = 5_000
KEEP_MS = 2_000
"""Central systems tell whole seconds, some time ago: less is no news, and stamps must not jump back for it."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD_FLAG = Path("/run/systemd/timesync/synchronized")
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


@dataclass(frozen=True, slots=True)
class Sources:
    """Where times come from: the boot's id, both clocks in ms, and whether the kernel says it is synchronised."""

    boot: Callable[[], str]
    mono_ms: Callable[[], int]
    wall_ms: Callable[[], int]
    synchronised: Callable[[], bool]


def _boot() -> str:
    return BOOT_ID.read_text().strip()


def _mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _synchronised() -> bool:
    """Whether NTP has set the clock: timesyncd's own word, else the kernel's, which a sandbox may keep from us."""
    if TIMESYNCD_FLAG.exists():
        return True
    import ctypes  # costs 2 MiB, and is not needed where timesyncd runs

    timex = ctypes.create_string_buffer(1_024)  # struct timex of zeros asks and sets nothing; the largest has 208 bytes
    return ctypes.CDLL(None).adjtimex(timex) not in (-1, TIME_ERROR)


SYSTEM = Sources(_boot, _mono_ms, _wall_ms, _synchronised)


class SystemClock:
    """What time it is. See the rule above."""

    def __init__(self, trust_system: bool = False, sources: Sources = SYSTEM) -> None:
        self._sources = sources
        self._trust_system = trust_system
        self._boot = sources.boot()
        self._learned_ms: int | None = None  # wall minus monotonic time
        self._ntp = False
        self._ask_at_ms = sources.mono_ms()

    def mono_ms(self) -> int:
        """Monotonic time in ms."""
        return self._sources.mono_ms()

    def now(self) -> Now:
        """This moment."""
        mono_ms = self._sources.mono_ms()
        if mono_ms >= self._ask_at_ms:
            self._ask_at_ms = mono_ms + ASK_KERNEL_MS
            self._ntp = self._sources.synchronised() and _plausible(self._sources.wall_ms())
        system_ms = self._sources.wall_ms()
        if self._ntp:
            self._learned_ms = system_ms - mono_ms
        if self._learned_ms is not None:
            return Now(self._boot, mono_ms, mono_ms + self._learned_ms)
        trusted = self._trust_system and _plausible(system_ms)
        return Now(self._boot, mono_ms, system_ms if trusted else None)

    def recall(self, clocks: Iterable[BootClock]) -> None:
        """The clock of this boot among those that the journal kept goes on; a system's date that holds needs none."""
        for clock in clocks:
            if clock.boot == self._boot and not self._trust_system:
                self.adopt(self.mono_ms() + clock.offset_ms + clock.set_ms)

    def adopt(self, wall_ms: int) -> bool:
        """The central system says it is `wall_ms` now; whether that was news and is believed."""
        now = self.now()
        if self._ntp or not _plausible(wall_ms):
            return False
        if self._learned_ms is not None and now.wall_ms is not None and abs(wall_ms - now.wall_ms) < KEEP_MS:
            return False
        self._learned_ms = wall_ms - now.mono_ms
        return True


def _plausible(wall_ms: int) -> bool:
    return EARLIEST_MS <= wall_ms < LATEST_MS
