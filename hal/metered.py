"""From the meter's readings to faults: its silence, a car that takes too much, current through an open contactor.

Rules this file upholds:
- Only a new reading counts, at its own date. Over a silence of the meter nothing has lasted.
- A car has FOLLOW_MS to follow each offer. Where offers fall step by step it is held against the one that it must have
  followed by now: it may lag behind the newest one all the way down.
- What flows though coil and feedback say "open" is a fault of its own: then the feedback lies, and the plug stays held.
- The same holds for a phase that is not chosen: what flows there has come through a relay whose feedback lies.
"""

from __future__ import annotations

from collections import deque

from hal.boards import Timing
from hal.contract import Voltage
from hal.faults import FaultBook, Name, over_current_ma
from hal.lasting import Lasting
from hal.senses import Inputs
from hal.voltages import ALL, Voltages

OVER_CURRENT_MS = 7_000
FOLLOW_MS = 6_000  # 5 s for the car, and the meter's own delay
MOST_OFFERS = 4  # in that time: changes are 5 s apart
FLOWS_MA = 500  # less may be the meter's own noise
OPEN_CURRENT_MS = 5_000  # a meter's mean lags behind the contactor
BELIEVED_MS = 3_000  # how long a reading tells what flows


class Metered:
    """What one outlet's meter means for its fault book."""

    def __init__(self, timing: Timing, voltage: Voltage, book: FaultBook, now_ms: int) -> None:
        self._voltages = Voltages(voltage, book)
        self._book, self._silent_ms = book, timing.meter_silent_ms
        self._heard_ms = now_ms
        self._reading_ms: int | None = None
        self._current_ma = 0
        self._over_current = Lasting(OVER_CURRENT_MS)
        self._offer_ma = 0
        self._offers: deque[tuple[int, int]] = deque(maxlen=MOST_OFFERS)  # earlier ones, and until when they stood
        self._open_current = Lasting(OPEN_CURRENT_MS)
        self._wrong_phase = Lasting(OPEN_CURRENT_MS)
        self.astray = False  # current flows on a phase that is not chosen

    def judge(self, inputs: Inputs, ordered: bool, last_offer_ma: int, now_ms: int) -> None:
        """Look at the newest reading, if it is new, and at its age."""
        if last_offer_ma != self._offer_ma:
            self._offers.append((self._offer_ma, now_ms))
            self._offer_ma = last_offer_ma
        if ordered or inputs.closed:
            self._open_current.lasts(False, now_ms)
        reading = inputs.reading
        if reading is not None and reading.at_ms != self._reading_ms:
            if reading.at_ms - self._heard_ms >= self._silent_ms:
                self._over_current.lasts(False, now_ms)
                self._open_current.lasts(False, now_ms)
                self._wrong_phase.lasts(False, now_ms)
                self._voltages.forget()
            self._heard_ms = self._reading_ms = reading.at_ms
            self._current_ma = max(reading.current_ma, default=0)
            self._currents(inputs.closed, ordered, reading.at_ms, now_ms)
            contactor_open = not inputs.closed and not ordered
            chosen = 1 if inputs.three is False else ALL
            self._voltages.judge(reading.voltage_mv, contactor_open, reading.at_ms, now_ms, chosen)
            elsewhere_ma = max(reading.current_ma[chosen:], default=0)
            self.astray = self._wrong_phase.lasts(elsewhere_ma >= FLOWS_MA, reading.at_ms)
        self._book.set(Name.METER_SILENT, now_ms >= self._heard_ms + self._silent_ms, now_ms, inputs.silence)

    def flows(self, now_ms: int) -> bool:
        """Whether the car surely or probably has mains: the meter sees a current, or saw one where none may be."""
        seen = self._current_ma >= FLOWS_MA and now_ms - self._heard_ms <= BELIEVED_MS
        return seen or self._book.holds(Name.CURRENT_WHILE_OPEN)

    def deadlines(self) -> list[int]:
        """When the age of the last reading alone next changes something."""
        return [self._heard_ms + self._silent_ms, self._heard_ms + BELIEVED_MS + 1]

    def _currents(self, closed: bool, ordered: bool, at_ms: int, now_ms: int) -> None:
        too_much = closed and self._current_ma > over_current_ma(self._offer_ma)
        followed = self._current_ma <= over_current_ma(self._to_follow_ma(at_ms))
        over = self._over_current.lasts(too_much, at_ms) and not followed
        self._book.set(Name.OVER_CURRENT, over, now_ms)
        astray = not closed and not ordered and self._current_ma >= FLOWS_MA
        self._book.set(Name.CURRENT_WHILE_OPEN, self._open_current.lasts(astray, at_ms), now_ms)

    def _to_follow_ma(self, at_ms: int) -> int:
        """The most that was offered within FOLLOW_MS before."""
        earlier = (ma for ma, until_ms in self._offers if until_ms > at_ms - FOLLOW_MS)
        return max((self._offer_ma, *earlier))
