"""The machine that both programs run on: its clocks, its disk, its network and its log. It knows neither of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evsed import farewell
from evsed.clock import Sources
from evsed.store.database import StoreFailed
from hal.boards import Board, OutletBoard
from tests.world.csms import NEW_YEAR_2027

BOOT_MS = 500  # a monotonic clock has gone so far when the daemons start


class Cut(BaseException):
    """Raised at a chosen moment in the middle of evsed's work; what it was about to do is not done."""


class BootedBoard:
    """A board as one boot sees it: `since_ms` is when its monotonic clock began."""

    def __init__(self, board: Board, since_ms: int) -> None:
        self._board, self._since_ms = board, since_ms
        self.name: str = board.name
        self.outlets: dict[int, OutletBoard] = board.outlets
        self.order = board.order

    def advance(self, now_ms: int) -> None:
        self._board.advance(now_ms + self._since_ms)

    def next_change_ms(self, now_ms: int) -> int | None:
        change_ms = self._board.next_change_ms(now_ms + self._since_ms)
        return None if change_ms is None else change_ms - self._since_ms


class Machine:
    """`ms` is the time of the world, counted on over power cuts; `mono_ms` is what programs see in this boot."""

    def __init__(self, folder: Path, *, network: bool, uptime_ms: int) -> None:
        self.folder, self.network = folder, network
        self.runtime = folder / "run"  # empty after a boot
        self.runtime.mkdir(parents=True, exist_ok=True)
        farewell.part(self.runtime)
        self.uptime_ms = uptime_ms  # how long the machine runs when the daemons start
        self.ms, self._since_ms, self.boot_nr = 1_000, 1_000 - BOOT_MS - uptime_ms, 1
        self.ntp_offset_ms: int | None = None  # what the machine's clock is beside the truth, once NTP has set it
        self.clock_set_ms = 0  # when that changed
        self.disk_full = self.disk_broken = False
        self.disk_ms = 0  # how long each commit takes
        self.sync_ms: Callable[[], int] = lambda: self.disk_ms  # how long the next one takes
        self.torn: float | None = None  # how much of the next write gets to the disk before the power goes
        self.lines: list[str] = []
        self.moments: list[str] = []
        self.strikes: Callable[[int], bool] = lambda moment: False

    @property
    def mono_ms(self) -> int:
        """CLOCK_MONOTONIC of this boot."""
        return self.ms - self._since_ms

    def boot(self) -> None:
        """A monotonic clock that began a moment ago, and no runtime folder."""
        self.boot_nr += 1
        farewell.part(self.runtime)
        self._since_ms = self.ms - BOOT_MS - self.uptime_ms

    def sources(self) -> Sources:
        """What the machine's clocks say; without NTP its wall clock is that of a board without a battery."""
        boot, since_ms = f"boot-{self.boot_nr}", self._since_ms
        return Sources(lambda: boot, lambda: self.ms - since_ms, self._wall_ms, lambda: self.ntp_offset_ms is not None)

    def _wall_ms(self) -> int:
        return self.mono_ms if self.ntp_offset_ms is None else NEW_YEAR_2027 + self.ms + self.ntp_offset_ms

    def refusal(self) -> StoreFailed | None:
        """What the disk says to a write now, if it takes none."""
        if self.disk_full:
            return StoreFailed("the disk is full", full=True)
        return StoreFailed("the disk reports an input/output error") if self.disk_broken else None

    def tear(self) -> float | None:
        """How much of a write is there when the power goes in the middle of it; None = it does not."""
        torn, self.torn = self.torn, None
        return torn

    def moment(self, what: str) -> None:
        """Something was done that cannot be undone; here `strikes` may end this life of evsed."""
        self.moments.append(what)
        if self.strikes(len(self.moments)):
            raise Cut

    def note(self, line: str) -> None:
        """One line of any log."""
        self.lines.append(f"{self.ms / 1_000:10.3f} {line}")
