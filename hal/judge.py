"""From what is seen to faults: which causes are there now, for how long, and what that means.

Rules this file upholds:
- Watch the effect, not the order: a contactor or bolt that contradicts its order for too long is a fault.
- Under state F the car cannot be seen, so nothing about its pilot is taken back there.
- Whoever is silent for too long is broken; a reading's own date counts, not its arrival.
"""

from __future__ import annotations

from collections.abc import Mapping

from hal.boards import OutletBoard
from hal.contacts import Means, Said
from hal.contract import PLUGGED, Cp, Retry, Voltage
from hal.faults import PILOT_FAULTS, FaultBook, Name, pilot_fault
from hal.heat import Heat, Warmth
from hal.iec61851 import Level
from hal.lasting import Lasting
from hal.metered import Metered
from hal.retries import Retries
from hal.senses import Inputs

BAD_PLUG_MS = 300
FELL_MS = 20  # contacts bounce
MOST_FALLS = 3  # until the car is unplugged: mains that dip are no fault of the contactor
FAULT_OF = {
    Means.EMERGENCY_STOP: Name.EMERGENCY_STOP,
    Means.EARTH_LOST: Name.EARTH_LOST,
    Means.ENCLOSURE_OPEN: Name.ENCLOSURE_OPEN,
    Means.LOCK_POWER_LOW: Name.LOCK_POWER_LOW,
    Means.MAINS_FAILING: Name.MAINS_FAILING,
}


def judge_contacts(book: FaultBook, said: Said, now_ms: int) -> None:
    """What the contacts of the board say."""
    for means, name in FAULT_OF.items():
        book.set(name, means in said.active, now_ms)
    book.set(Name.INPUT_FAILED, bool(said.broken), now_ms, said.broken)


def judge_warmth(book: FaultBook, heat: Heat, warmths: Mapping[int, Warmth], now_ms: int) -> None:
    """What the thermometers say, and those that say nothing."""
    heat.look(warmths, now_ms)
    hot, silent = heat.too_hot, heat.silent(now_ms)
    book.set(Name.OVER_TEMPERATURE, hot is not None, now_ms, hot or "")
    book.set(Name.THERMOMETER_SILENT, silent is not None, now_ms, silent or "")


class Judge:
    """Keeps the fault book of one outlet, and what its cable carries."""

    def __init__(
        self, board: OutletBoard, voltage: Voltage, retry: Retry, book: FaultBook, metered: bool, now_ms: int
    ) -> None:
        self._board = board
        self._metered = Metered(board.timing, voltage, book, now_ms) if metered else None
        self._welded = Lasting(board.timing.feedback_ms)
        self._not_closing = Lasting(board.timing.feedback_ms)
        self._falling = Lasting(FELL_MS)
        self._held = False
        self._falls = 0
        self._bolt = Lasting(board.timing.lock_ms)
        self._bad_plug = Lasting(BAD_PLUG_MS)
        self._retries = Retries(retry, book)
        self.book = book
        self.heat = Heat(board.spots, now_ms)
        self.cable_ma: int | None = None
        self.fell = False  # the contactor was closed as ordered, and is not any more

    def pilot(self, level: Level, broken: str, now_ms: int) -> None:
        """What the pilot says of itself and of the car; `broken` is what its driver said."""
        if level.cp is Cp.A:
            self._falls = 0
        if level.cp is Cp.F and level.trouble is None:
            return
        meant = pilot_fault(level, self._board.allow_d)
        for name in PILOT_FAULTS:
            self.book.set(name, name is meant, now_ms, broken if name is Name.PILOT_DRIVER else "")

    def trial(self, failure: str, now_ms: int) -> None:
        """The test of the residual-current device has ended so; "" = not now, or well."""
        self.book.set(Name.RESIDUAL_TEST_FAILED, bool(failure), now_ms, failure)

    def parts(self, inputs: Inputs, ordered: bool, lock_ordered: bool | None, trying: bool, now_ms: int) -> None:
        """What the parts say against their orders; `trying` = the residual-current device is being tested."""
        book = self.book
        book.set(Name.RESIDUAL_CURRENT, inputs.tripped and not trying, now_ms)
        book.set(Name.PART_FAILED, bool(inputs.broken), now_ms, inputs.broken)
        book.set(Name.READER_SILENT, bool(inputs.mute), now_ms, inputs.mute)
        book.set(Name.MEMORY_FAILED, bool(inputs.memory_failed), now_ms, inputs.memory_failed)
        book.set(Name.WELDED, self._welded.lasts(inputs.closed and not ordered, now_ms), now_ms)
        not_closing = self._not_closing.lasts(ordered and not inputs.closed, now_ms)
        self._held = ordered and (self._held or inputs.closed)
        self.fell = self._falling.lasts(self._held and not inputs.closed, now_ms)
        self._falls += self.fell
        book.set(Name.FAIL_TO_CLOSE, not_closing or self._falls >= MOST_FALLS, now_ms)
        follows = inputs.locked is None or lock_ordered is None or inputs.locked == lock_ordered
        book.set(Name.LOCK_FAILED, self._bolt.lasts(not follows, now_ms), now_ms)

    def plug(self, level: Level, inputs: Inputs, now_ms: int) -> None:
        """What the plug's resistor says; a cable never gets better before A."""
        if level.cp is Cp.F:
            return
        if level.cp is Cp.A:
            self.cable_ma = inputs.cable_ma or None
        elif inputs.cable_ma:
            self.cable_ma = min(self.cable_ma or inputs.cable_ma, inputs.cable_ma)
        missing = inputs.cable_ma is None and level.cp in PLUGGED and self._board.parts.proximity is not None
        bad = self._bad_plug.lasts(missing or inputs.cable_ma == 0, now_ms)
        self.book.set(Name.PROXIMITY_INVALID, bad, now_ms)

    def meter(self, inputs: Inputs, ordered: bool, last_offer_ma: int, now_ms: int) -> None:
        """The meter's silence, and what it says of car and contactor."""
        if self._metered is not None:
            self._metered.judge(inputs, ordered, last_offer_ma, now_ms)

    def flows(self, now_ms: int) -> bool:
        """Whether the meter sees that the plug is live, whatever the contactor says."""
        return self._metered is not None and self._metered.flows(now_ms)

    def suspects(self, inputs: Inputs, now_ms: int) -> bool:
        """Whether power may come through a contactor that nobody ordered: what must not move under load waits."""
        unknown = inputs.closed or bool(inputs.broken)
        return unknown or self.book.holds(Name.WELDED) or self.flows(now_ms)

    def phases(self, broken: bool, now_ms: int) -> None:
        """What chooses the phases does not follow, by its feedback or by the meter."""
        astray = self._metered is not None and self._metered.astray
        detail = "current flows on a phase that is not chosen" if astray else ""
        self.book.set(Name.PHASES_FAILED, broken or astray, now_ms, detail)

    def contacts(self, inputs: Inputs, now_ms: int) -> None:
        """What the contacts of the board say."""
        judge_contacts(self.book, inputs.said, now_ms)

    def warmth(self, inputs: Inputs, now_ms: int) -> None:
        """What the thermometers say, and those that say nothing."""
        judge_warmth(self.book, self.heat, inputs.warmths, now_ms)

    def settle(self, level: Level, ordered: bool, now_ms: int) -> None:
        """After all causes are known: forget what is over."""
        if level.cp is Cp.A:
            self.book.unplugged(now_ms)
        self.book.passed(now_ms)
        self._retries.settle(level.cp is Cp.A, ordered, now_ms)

    def deadlines(self, now_ms: int) -> list[int]:
        """When time alone next makes or ends a fault; those that are past count no more."""
        timers = (self._welded, self._not_closing, self._falling, self._bolt, self._bad_plug)
        moments = [timer.due_ms(now_ms) for timer in timers]
        moments += [self._retries.due_ms(), self.book.due_ms, self.heat.due_ms(now_ms)]
        return [*moments, *(self._metered.deadlines() if self._metered is not None else ())]
