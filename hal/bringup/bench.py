"""The parts of one outlet on the bench: driven one by one, in real time or in the time of the simulated plant.

Rules this file upholds:
- The contactor is closed by `closing` alone: there a heartbeat is given only while the pilot, measured anew within the
  age that the guard allows, shows that no car is there, no contact says that power must be off, and the
  residual-current device has not tripped. A step that comes later than the gate holds ends it.
- Whatever happens inside `closing`, the contactor is ordered open and the gate dropped at its end.
- A value is what was measured since it was asked for, never an older one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from hal.boards import Board, OutletBoard
from hal.contacts import Contacts, Means
from hal.contract import Cp
from hal.drivers.protocols import PartFailed
from hal.guard import SAMPLE_MAX_AGE_MS
from hal.iec61851 import PLAIN, X1, F, Level, classify, offered_ma

STEP_MS = 10
MUST_OPEN = frozenset({Means.EMERGENCY_STOP, Means.EARTH_LOST, Means.SWITCHED_OFF})
SETTLE_MS = 60
MEASURE_MS = 200


class Time(Protocol):
    """The clock of the bench."""

    def now_ms(self) -> int:
        """Monotonic."""

    def pass_ms(self, ms: int) -> None:
        """Let so much go by."""


class RealTime:
    """The machine's own."""

    def now_ms(self) -> int:
        """CLOCK_MONOTONIC."""
        return time.monotonic_ns() // 1_000_000

    def pass_ms(self, ms: int) -> None:
        """Sleep."""
        time.sleep(ms / 1_000)


class PlantTime:
    """The simulated plant's: as fast as the machine can."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._now_ms = 0

    def now_ms(self) -> int:
        """Since the start."""
        return self._now_ms

    def pass_ms(self, ms: int) -> None:
        """Let the plant go on."""
        self._now_ms += ms
        self._board.advance(self._now_ms)


class Volts(NamedTuple):
    """Both plateaus over a while, as their least and greatest, and how many new measurements there were."""

    high: float
    high_least: float
    low: float
    low_greatest: float
    fresh: int

    @property
    def spread(self) -> float:
        """How much the plateaus wandered."""
        return max(self.high - self.high_least, self.low_greatest - self.low)


class Bench:
    """One outlet."""

    def __init__(self, evse: int, outlet: OutletBoard, clock: Time) -> None:
        self.evse, self.outlet, self.parts, self.time = evse, outlet, outlet.parts, clock
        self._permille = X1
        self._level = PLAIN[Cp.A]
        self._count, self._fresh_ms = -1, clock.now_ms()
        self._beat_ms: int | None = None  # of the last beat in this closing

    # --- the pilot -----------------------------------------------------------------------------------------------

    def drive(self, permille: float) -> None:
        """Put a drive on the pilot and let it settle. Raises PartFailed."""
        self.parts.pilot.offer(permille)
        self._permille = permille
        self.time.pass_ms(SETTLE_MS)
        self.parts.pilot.volts()

    def volts(self, permille: float, ms: int = MEASURE_MS) -> Volts:
        """Drive the pilot and measure it for a while. Raises PartFailed."""
        self.drive(permille)
        highs, lows, counts = [], [], set()
        for _ in range(ms // STEP_MS):
            self.time.pass_ms(STEP_MS)
            high, low, count = self.parts.pilot.volts()
            highs.append(high)
            lows.append(low)
            counts.add(count)
        return Volts(max(highs), min(highs), min(lows), max(lows), len(counts))

    def letter(self, volts: Volts, was: Cp = Cp.B) -> Level:
        """What the tick would call it after `was`: a level between two bands stays what it was."""
        return classify(volts.high, volts.low, F < self._permille < X1, PLAIN[was])

    # --- the contactor -------------------------------------------------------------------------------------------

    @contextmanager
    def closing(self, permille: float) -> Iterator[None]:
        """Order the contactor closed for the time of the block; `wait` gives the beats. Raises PartFailed."""
        self.drive(permille)
        self._fresh_ms, self._beat_ms = self.time.now_ms(), None
        self.time.pass_ms(STEP_MS)
        try:
            self._look()
            self.parts.contactor.order(True)
            yield
        finally:
            self.open()

    def open(self) -> None:
        """Contactor and gate, whichever works. Raises PartFailed after both were tried."""
        try:
            self.parts.contactor.order(False)
        finally:
            self.parts.enable.drop()

    def wait(self, ms: int, closed: bool | None = None, beats: bool = False) -> int | None:
        """Let time pass, until the feedback says `closed`: how long that took, None = it never did.

        `beats` feeds the gate, see the rules above. Raises PartFailed.
        """
        for gone_ms in range(0, ms + 1, STEP_MS):
            if closed is not None and self.parts.contactor.closed() is closed:
                return gone_ms
            if beats:
                self._beat()
            self.time.pass_ms(STEP_MS)
        return None

    def _beat(self) -> None:
        """One heartbeat, if all is well. Raises PartFailed."""
        now_ms = self.time.now_ms()
        if self._beat_ms is not None and now_ms - self._beat_ms >= self.outlet.timing.gate_ms:
            raise PartFailed(f"this program stood still for {now_ms - self._beat_ms} ms")
        self._look()
        self.parts.enable.beat()
        self._beat_ms = now_ms

    def _look(self) -> None:
        """Whether power may be there now. Raises PartFailed."""
        high, low, count = self.parts.pilot.volts()
        now_ms = self.time.now_ms()
        if count != self._count:
            self._count, self._fresh_ms = count, now_ms
        elif now_ms - self._fresh_ms > SAMPLE_MAX_AGE_MS:
            raise PartFailed("the pilot is not measured anew: the contactor is tried only while it is")
        self._level = classify(high, low, offered_ma(self._permille) > 0, self._level)
        if self._level.cp is not Cp.A or self._level.trouble is not None:
            raise PartFailed("a car or a load is on the pilot: the contactor is tried only without one")
        said = Contacts(self.outlet.contacts).look()
        if said.broken or said.active & MUST_OPEN:
            raise PartFailed(said.broken or f"a contact says {', '.join(sorted(said.active & MUST_OPEN))}")
        residual = self.parts.residual
        if residual is not None and residual.tripped():
            raise PartFailed("the residual-current device has tripped")
