"""The bolt of a socket: a small motor or a solenoid, driven in bounded pulses, with a feedback contact.

Rules this file upholds:
- A pulse ends by a timer of its own, whether or not the tick goes on.
- Both directions are never driven together, and a turn-round stops first.
- The feedback counts once it has stood still; on its way the bolt is not locked. Where it is found at first it stands.
- A bolt that did not arrive is driven again, `TRIES` times in a row, then after a pause, `ROUNDS` times in all; in a
  minute there are at most `MOST_MOVES` pulses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock, Timer

from hal.drivers.lines import Out
from hal.drivers.protocols import PartFailed
from hal.lasting import Lasting

LOCKED_MS, UNLOCKED_MS = 75, 50
SETTLE_MS = 150
TRIES, ROUNDS, PAUSE_MS = 3, 4, 20_000
MOST_MOVES, MOVES_WINDOW_MS = 10, 60_000

After = Callable[[int, Callable[[], None]], Callable[[], object]]
"""Calls back after so many ms unless what it returned is called before."""


def after(delay_ms: int, then: Callable[[], None]) -> Callable[[], object]:
    """`After` by a thread that lives as long as one pulse."""
    timer = Timer(delay_ms / 1_000, then)
    timer.daemon = True
    timer.start()
    return timer.cancel


class Drive:
    """The two lines of an H-bridge, or of two solenoids. `pulse` and its end may come from different threads."""

    def __init__(self, lock: Out, unlock: Out, pulse_ms: int, later: After) -> None:
        self._lines = {True: lock, False: unlock}
        self._pulse_ms, self._later = pulse_ms, later
        self._mutex = Lock()
        self._number = 0
        self._cancel: Callable[[], object] = lambda: None
        self._failed: PartFailed | None = None

    def pulse(self, locked: bool) -> None:
        """Drive that way for a while. Raises PartFailed."""
        with self._mutex:
            self._stop()
            number = self._number = self._number + 1
            self._cancel = self._later(self._pulse_ms, lambda: self._end(number))
            self._lines[locked].set(True)

    def rest(self) -> None:
        """Stop at once. Raises PartFailed."""
        with self._mutex:
            self._stop()

    def forget(self) -> None:
        """Leave the lines alone from now on: somebody else releases them."""
        with self._mutex:
            self._cancel()
            self._number += 1

    def check(self) -> None:
        """Raises PartFailed while a pulse could not be ended; it is tried again."""
        if self._failed is not None:
            self.rest()

    def _stop(self) -> None:
        self._cancel()
        self._number += 1
        self._failed = None
        for line in self._lines.values():
            try:
                line.set(False)
            except PartFailed as broken:
                self._failed = broken
        if self._failed is not None:
            raise self._failed

    def _end(self, number: int) -> None:
        with self._mutex:
            if number != self._number:
                return  # another pulse has begun meanwhile, which has its own end
            try:
                self._stop()
            except PartFailed:
                return  # `check` tells of it and tries again


class MotorLock:
    """A `Lock`. `seen` says whether the feedback contact means locked."""

    def __init__(self, drive: Drive, seen: Callable[[], bool], pulse_ms: int, now_ms: Callable[[], int]) -> None:
        self._drive, self._seen, self._pulse_ms, self._now_ms = drive, seen, pulse_ms, now_ms
        self._is = {True: Lasting(LOCKED_MS), False: Lasting(UNLOCKED_MS)}
        self._locked: bool | None = None  # nobody has looked yet
        self._ordered: bool | None = None
        self._tries = 0
        self._due_ms = 0
        self._moves: deque[int] = deque(maxlen=MOST_MOVES)

    def order(self, locked: bool) -> None:
        """Drive the bolt; repeated equal orders cost nothing."""
        if locked != self._ordered:
            if self._weary():
                raise PartFailed(f"lock: {MOST_MOVES} moves in a minute, its motor must rest")
            self._move(locked)
            self._ordered, self._tries = locked, TRIES * ROUNDS - 1

    def locked(self) -> bool:
        """What the bolt's feedback says, once it has stood still; drives again a bolt that did not arrive."""
        self._drive.check()
        now_ms, said = self._now_ms(), self._seen()
        self._is[not said].lasts(False, now_ms)
        if self._is[said].lasts(True, now_ms) or self._locked is None:
            self._locked = said
        if self._tries and now_ms >= self._due_ms:
            self._try_again()
        return self._locked

    def _try_again(self) -> None:
        if self._ordered is None or self._locked == self._ordered:
            self._tries = 0
        elif not self._weary():
            self._move(self._ordered)
            self._tries -= 1
            if self._tries % TRIES == 0:
                self._due_ms += PAUSE_MS

    def _weary(self) -> bool:
        return len(self._moves) == MOST_MOVES and self._now_ms() - self._moves[0] < MOVES_WINDOW_MS

    def _move(self, locked: bool) -> None:
        self._drive.pulse(locked)
        self._moves.append(self._now_ms())
        self._due_ms = self._moves[-1] + self._pulse_ms + SETTLE_MS
