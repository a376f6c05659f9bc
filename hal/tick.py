"""The 10 ms loop over all outlets, and the thread that keeps it on time.

Rules this file upholds:
- A tick each 10 ms as soon as any plug is in or any contactor is closed. While all outlets stand at A and open there
  is nothing that a tick could open in time or too late: each fifth is enough, and costs a fifth.
- `Tick` knows no clock: it runs when it is told the time, and says when it must run next at the latest.
- A snapshot leaves when anything but time changed, and at least each second; the first one once all outlets are known.
- The thread keeps an absolute schedule, counts what it missed and feeds the watchdog itself, never from a side thread.
- An exception in the tick makes the board safe and ends the process, which is started again. So does a measurement
  that hangs in the kernel, once no contactor is ordered closed: nothing else gets over it.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from hal.boards import Board, OutletBoard
from hal.contract import Lease, Limits, Outlet, Retry, Snapshot, TickFigures, Voltage
from hal.iec61851 import FAR_MS
from hal.make_safe import make_safe
from hal.outlet import OutletLoop
from hal.senses import FaultMemory, Readings
from hal.system import Notifier, lock_memory, raise_priority
from hal.wear import Wear

if TYPE_CHECKING:
    from hal.external import ExternalLoop

log = logging.getLogger("hal.tick")

TICK_MS = 10
PUBLISH_MS = 1_000
WINDOW_MS = 30  # a detector has seen a change in full when it was read twice afterwards
REST_TICKS = 5
USUAL = Voltage()
RETRY = Retry()
_TICK_NS = TICK_MS * 1_000_000
_WATCHDOG_NS = 500_000_000


class Hung(Exception):
    """A measurement does not end; the text is one sentence."""


class Tick:
    """All outlets of a board, one tick at a time. `grant`, `acknowledge` and `order` may come from another thread."""

    def __init__(
        self,
        board: Board,
        limits: Limits,
        readings: Readings,
        publish: Callable[[Snapshot], None],
        memory: FaultMemory,
        now_ms: int,
        metered: Collection[int] = (),
        voltage: Voltage = USUAL,
        retry: Retry = RETRY,
        wear: Wear | None = None,
    ) -> None:
        lives = wear if wear is not None else Wear(board.outlets)
        self._board, self._publish = board, publish
        self._loops = {
            evse: _kind_of_loop(outlet)(
                evse, outlet, limits, voltage, retry, readings, memory, lives.of(evse), evse in metered, now_ms
            )
            for evse, outlet in board.outlets.items()
        }
        self._all = tuple(self._loops.values())
        self._hangs = [part.hangs for part in _measured_beside(board) if hasattr(part, "hangs")]
        self._orders: deque[Callable[[], None]] = deque(maxlen=64)
        self._started_ms = now_ms
        self._publish_due_ms = self._assert_due_ms = now_ms
        self._seq = 0
        self._changed_ms = self._change_ms = now_ms
        self._retired = False
        # A virtual clock may leave out ticks, but not the heartbeats of a closed contactor.
        self._beat_ms = min(outlet.timing.gate_ms for outlet in board.outlets.values()) * 4 // 5
        self.resting = False
        self.ticks = self.overruns = self.late_max_us = 0
        self.dropped_datagrams = 0

    def seen(self, evse: int) -> tuple[Outlet | None, Lease | None]:
        """What is so at an outlet, and its newest lease. Any thread may ask."""
        loop = self._loops[evse]
        return loop.outlet, loop.permit.lease

    def grant(self, lease: Lease, now_ms: int) -> bool:
        """Take the newest lease of an outlet; False = there is no such outlet."""
        loop = self._loops.get(lease.evse)
        if loop is None:
            return False
        loop.permit.grant(lease, now_ms)
        if self._retired:  # looked at last: a signal may have retired us in the middle of this
            loop.permit.lease = None
        return True

    def retire(self) -> None:
        """Take all permissions back and give none any more; the 6 s rule goes on."""
        self._retired = True
        for loop in self._all:
            loop.permit.lease = None

    @property
    def pace_ms(self) -> int:
        """How soon the next tick is due. A plug that comes while all rest is known within 100 ms, by the second look:
        at the first the detectors still hold the level before it.
        """
        return REST_TICKS * TICK_MS if self.resting else TICK_MS

    @property
    def loaded(self) -> bool:
        """Whether any contactor is still ordered closed."""
        return any(loop.ordered for loop in self._all)

    def acknowledge(self, evse: int) -> bool:
        """A person clears latched faults; False = there is no such outlet."""
        loop = self._loops.get(evse)
        if loop is None:
            return False
        loop.acknowledge()
        return True

    def order(self, evse: int, words: tuple[str, ...], answer: Callable[[bool, str], None]) -> None:
        """Let the simulated plant obey in the next tick, and answer from there."""
        if evse not in self._loops:
            answer(False, f"board {self._board.name} has no outlet {evse}")
        else:
            self._orders.append(lambda: answer(*self._board.order(evse, words)))

    def run_once(self, now_ms: int) -> None:
        """One tick."""
        self._board.advance(now_ms)
        while self._orders:
            self._orders.popleft()()
            self._changed_ms = now_ms
        self.ticks += 1
        if now_ms >= self._assert_due_ms:
            self._assert_due_ms = now_ms + PUBLISH_MS
            for loop in self._all:
                loop.reassert()
            self._end_for_what_hangs()
        changed = False
        for loop in self._all:
            changed |= loop.run(now_ms)
        if (changed or now_ms >= self._publish_due_ms) and all(loop.outlet is not None for loop in self._all):
            self.resting = all(loop.resting for loop in self._all)
            self._publish_due_ms = now_ms + PUBLISH_MS
            self._publish(self.snapshot(now_ms))

    def _end_for_what_hangs(self) -> None:
        """Raises Hung; not while a car is charging, at another outlet then."""
        if not self.loaded:
            for hangs in self._hangs:
                if sentence := hangs():
                    raise Hung(sentence)

    def next_due_ms(self, now_ms: int, fed: bool = False) -> int:
        """When `run_once` must be called next though nothing comes from outside; always later than now.

        `fed`: the caller keeps open gates alive meanwhile, see `feed`.
        """
        if now_ms >= self._change_ms:
            self._changed_ms = now_ms
        self._change_ms = self._board.next_change_ms(now_ms) or FAR_MS
        if self._orders or now_ms < self._changed_ms + WINDOW_MS:
            return now_ms + TICK_MS
        due_ms = min(self._publish_due_ms, self._change_ms, *(loop.due_ms for loop in self._all))
        return max(min(due_ms, now_ms + self._beat_ms) if self.loaded and not fed else due_ms, now_ms + 1)

    def feed(self, now_ms: int) -> None:
        """For a virtual clock that leaves out quiet ticks: their beats count as given until now, see `Plant.skip`."""
        for loop in self._all:
            loop.fed(now_ms)

    def note_lateness(self, late_us: int) -> int:
        """Keep the figures of a tick that begins so late; returns how many ticks were missed over it."""
        self.late_max_us = max(self.late_max_us, late_us)
        missed = late_us // (TICK_MS * 1_000)
        self.overruns += missed
        return missed

    def snapshot(self, now_ms: int) -> Snapshot:
        """What is so, numbered."""
        self._seq += 1
        outlets = tuple(loop.outlet for loop in self._all if loop.outlet is not None)
        figures = TickFigures(self.ticks, self.overruns, self.late_max_us)
        return Snapshot(self._seq, now_ms, self._started_ms, self._board.name, outlets, figures, self.dropped_datagrams)


def _measured_beside(board: Board) -> Iterator[object]:
    """Parts that may have threads of their own."""
    for outlet in board.outlets.values():
        yield from (outlet.parts.pilot, outlet.parts.proximity)


def _kind_of_loop(outlet: OutletBoard) -> type[OutletLoop | ExternalLoop]:
    """What runs an outlet: ours, or the supervision of a controller."""
    if outlet.controller is None:
        return OutletLoop
    from hal.external import ExternalLoop

    return ExternalLoop


class TickThread:
    """Runs a `Tick` every 10 ms of the monotonic clock until `stop`."""

    def __init__(self, tick: Tick, board: Board, notifier: Notifier, ended: Callable[[], None]) -> None:
        self._tick, self._board, self._notifier, self._ended = tick, board, notifier, ended
        self._stopping = False
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Begin; returns after the first tick, or when it failed."""
        self._thread.start()
        self._first.wait()

    def stop(self) -> None:
        """End after the tick in hand and make the board safe."""
        self._stopping = True
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            log.info("= tick: %s; %s", raise_priority(), lock_memory())
            gc.collect()
            gc.freeze()  # what lives since the start is never walked again
            self._loop()
        except Hung as hung:
            self.failure = hung
            log.critical("! %s: evse-hal ends, to be started anew", hung)
        except BaseException as failure:  # whatever it was, the board must be safe before the process ends
            self.failure = failure
            log.critical("! the tick failed", exc_info=failure)
        finally:
            for part in make_safe(self._board):
                log.critical("! not made safe: %s", part)
            self._first.set()
            self._ended()

    def _loop(self) -> None:
        tick, run_once, clock_ns, sleep = self._tick, self._tick.run_once, time.monotonic_ns, time.sleep
        noteworthy_us = watchdog_ns = 0
        now_ns = due_ns = clock_ns()
        while not self._stopping:
            run_once(now_ns // 1_000_000)
            if now_ns >= watchdog_ns:
                watchdog_ns = now_ns + _WATCHDOG_NS
                self._notifier.tell("WATCHDOG=1")
                self._first.set()
            due_ns += tick.pace_ms * 1_000_000
            rest_ns = due_ns - clock_ns()
            if rest_ns > 0:
                sleep(rest_ns / 1e9)
            now_ns = clock_ns()
            if (late_us := (now_ns - due_ns) // 1_000) > noteworthy_us:
                due_ns += tick.note_lateness(late_us) * _TICK_NS
                noteworthy_us = min(tick.late_max_us, TICK_MS * 1_000 - 1)
