"""The lifetime register of an outlet's meter as this station tells it: it never falls, and no Wh of it is lost.

Rules this file upholds:
- A register below what was known before is not believed, whichever process or boot knew it: evse-hal remembers only
  its own life. It is believed again by itself once it is back.
- A meter may forget what it had not yet written when its power went. So little is not doubted: the last known value is
  told until the meter has caught up.
- Only a person's word makes a lower register the base of all that follows. A counter that has rolled over looks like a
  replaced meter, and is treated like one.
- What a meter says first of all is believed, 0 too: a new one has counted nothing.
- Each Wh by which it rises belongs to the transaction that is open then, or is unassigned: what has flowed unseen
  behind a silent meter is told to nobody as theirs, and to the people at the box as what it is (I6).
"""

from __future__ import annotations

from msgspec.structs import replace

from evsed.core.events import MeterRead
from evsed.core.records import MeterMark, Transaction
from evsed.core.turn import Turn
from evsed.core.words import FaultNote, MeterReading

LITTLE_WH = 100
"""The least step of the coarsest registers (0.1 kWh), which may be lost with the power."""
WORTH_NOTING_WH = 10
FELL = "REGISTER_FELL"


class Register:
    """The register of one outlet. `wh` is the highest that was believed; None = nothing is known of it."""

    def __init__(self, evse: int, kept: MeterMark | None, adopted: Transaction | None) -> None:
        self._evse = evse
        self._kept = kept
        self.wh = kept.wh if kept is not None else None
        if adopted is not None:
            self.wh = max(self.wh or 0, adopted.last_wh)
        self.unassigned_wh = self._noted_wh = kept.unassigned_wh if kept is not None else 0
        self.fell_to_wh: int | None = None

    def judge(self, event: MeterRead, turn: Turn, *, assigned: bool) -> MeterRead:
        """The reading with the register that may be told, None if it can't be believed. `assigned` = a transaction is
        open, so that what flowed is its.
        """
        told_wh = self._believed(event.reading, turn, assigned)
        return replace(event, reading=replace(event.reading, energy_wh=told_wh))

    def accept(self, turn: Turn) -> bool:
        """A person says that the meter was replaced: what it shows is the new base. False = it did not fall."""
        if self.fell_to_wh is None:
            return False
        turn.log(f"! outlet {self._evse} a person says that the meter was replaced: {self.wh} → {self.fell_to_wh} Wh")
        self.wh, self.fell_to_wh = self.fell_to_wh, None
        self.keep(turn, urgent=True)
        return True

    def settled(self) -> None:
        """A transaction ended, and its record says what was unassigned before it."""
        self.unassigned_wh = self._noted_wh = 0

    def keep(self, turn: Turn, *, urgent: bool = False) -> None:
        """Let the disk know what is told from now on; mostly with something else that is written anyway."""
        if self.wh is None:
            return
        mark = MeterMark(self._evse, self.wh, self.unassigned_wh)
        if mark != self._kept:
            self._kept = mark
            turn.put(mark, urgent=urgent)

    @property
    def warning(self) -> FaultNote | None:
        """For people and central systems, while it is not believed."""
        if self.fell_to_wh is None:
            return None
        text = f"the register fell from {self.wh} to {self.fell_to_wh} Wh"
        return FaultNote(FELL, False, False, "PowerMeterFailure", text)

    def _believed(self, reading: MeterReading, turn: Turn, assigned: bool) -> int | None:
        now_wh, known_wh = reading.energy_wh, self.wh
        if now_wh is None or known_wh is None:
            self.wh = now_wh
            return now_wh
        if now_wh < known_wh - LITTLE_WH:
            if self.fell_to_wh is None:
                turn.log(f"! outlet {self._evse} the register fell from {known_wh} to {now_wh} Wh: it is not believed")
            self.fell_to_wh = now_wh
            return None
        if self.fell_to_wh is not None:
            self.fell_to_wh = None
            turn.log(f"= outlet {self._evse} the register is believed again: {now_wh} Wh")
        self.wh = max(known_wh, now_wh)
        if not assigned:
            self._unassigned(self.wh - known_wh, turn)
        return self.wh

    def _unassigned(self, rise_wh: int, turn: Turn) -> None:
        self.unassigned_wh += rise_wh
        if self.unassigned_wh - self._noted_wh >= WORTH_NOTING_WH:
            self._noted_wh = self.unassigned_wh
            turn.log(f"! outlet {self._evse} {self.unassigned_wh} Wh were counted since the last transaction")
            self.keep(turn)
