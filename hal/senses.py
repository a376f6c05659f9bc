"""What one outlet sees in one tick, with what a broken part leaves of it.

Rules this file upholds:
- The pilot is looked at in every tick; only a new measurement, told by its count, renews `sampled_ms`. It is dated by
  when it was begun, not by when it was told.
- A pilot that was not measured yet has no level: nothing is judged and nothing closes, for FROZEN_MS at most.
- A part that fails makes its value unsafe: the pilot is disobedient, the bolt is not locked, the fault has a name.
- A trip that is over when it is looked at again is told all the same, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from hal.boards import OutletBoard
from hal.contacts import Contacts, Said
from hal.contract import Cp, Lease, MeterReading, TagSeen
from hal.drivers.protocols import PartFailed
from hal.faults import Name
from hal.guard import SAMPLE_MAX_AGE_MS
from hal.heat import Warmth
from hal.iec61851 import DISOBEYED, NOWHERE, Level, PilotState, cable_ma, look
from hal.lease import Permit

FROZEN_MS = 200  # a pilot that is not measured for so long is a fault; the guard opens before


class Readings(Protocol):
    """What the slow devices last said."""

    def meter(self, evse: int) -> MeterReading | None:
        """The newest believed reading."""

    def silence(self, evse: int) -> str:
        """Why the meter gave no reading when it was asked last; "" if it gave one."""

    def tag(self, evse: int) -> TagSeen | None:
        """The newest card."""

    def mute(self, evse: int) -> str:
        """Why the card reader did not answer when it was asked last; "" if it did."""

    def warmths(self) -> Mapping[int, Warmth]:
        """The newest believed reading of each thermometer of the board; another mapping with each."""


class FaultMemory(Protocol):
    """Where latched faults outlive the process; never blocks. `failed` says why it cannot write, or nothing."""

    failed: str

    def recall(self, evse: int) -> tuple[Name, ...]:
        """What was kept."""

    def keep(self, evse: int, names: tuple[Name, ...]) -> None:
        """Keep these from now on."""


class Inputs(NamedTuple):
    """All that an outlet sees beside its pilot. `broken` names the part that did not answer."""

    closed: bool = False
    tripped: bool = False
    locked: bool | None = None
    cable_ma: int | None = None
    lease: Lease | None = None
    reading: MeterReading | None = None
    silence: str = ""
    tag: TagSeen | None = None
    mute: str = ""
    warmths: Mapping[int, Warmth] = {}
    said: Said = Said()
    three: bool | None = None
    acknowledged: bool = False
    memory_failed: str = ""
    broken: str = ""


class Senses:
    """The eyes of one outlet. A tick asks `quiet` first; only where that is not so it needs `level` and `inputs`."""

    def __init__(self, evse: int, board: OutletBoard, readings: Readings, memory: FaultMemory, now_ms: int) -> None:
        parts = board.parts
        self._evse, self._memory = evse, memory
        self._meter, self._silence, self._tag = readings.meter, readings.silence, readings.tag
        self._mute, self._warmths = readings.mute, readings.warmths
        self._said = Contacts(board.contacts).look
        self._volts, self._closed = parts.pilot.volts, parts.contactor.closed
        self._age_ms = getattr(parts.pilot, "age_ms", _zero)  # an ability: see protocols.Delayed
        self._trips = _Trips(parts.residual.tripped if parts.residual is not None else _no)
        self._tripped = self._trips.seen if parts.residual is not None else _no
        self._locked = parts.lock.locked if parts.lock is not None else _none
        self._ohms = parts.proximity.ohms if parts.proximity is not None else _none
        self._three = parts.phases.three if parts.phases is not None else _none
        self._sample = (0.0, 0.0, 0)
        self._new = False
        self._old_count, self._old_ms = -1, now_ms  # which sample was found again, and since when
        self._last = Inputs()
        self._last_ohms: float | None = None
        self.band = NOWHERE
        self.sampled_ms = now_ms
        self.pilot_broken = ""

    def quiet(self, permit: Permit, now_ms: int) -> bool:
        """Measure the pilot and look around: whether all is as `level` and `inputs` last told.

        One long expression, since most ticks end here: on a cold cache a further call costs as much as all of it.
        """
        try:
            before = self._sample
            self._sample = high, low, count = self._volts()
        except PartFailed as broken:
            self._new, self.pilot_broken = False, str(broken)
            return False
        self._new = count != before[2]
        if not self._new:
            return False
        self.sampled_ms = now_ms - self._age_ms()
        last, band = self._last, self.band
        try:
            return (
                band.high_from < high < band.high_to
                and band.low_from < low < band.low_to
                and self._closed() is last.closed
                and self._tripped() is last.tripped
                and self._locked() is last.locked
                and self._three() is last.three
                and ((ohms := self._ohms()) == self._last_ohms or cable_ma(ohms) == last.cable_ma)
                and permit.lease is last.lease
                and self._meter(self._evse) is last.reading
                and self._tag(self._evse) is last.tag
                and self._mute(self._evse) == last.mute
                and self._warmths() is last.warmths
                and self._said() is last.said
                and self._memory.failed == last.memory_failed
            )
        except PartFailed:
            return False

    def level(self, pilot: PilotState, now_ms: int) -> Level | None:
        """What `quiet` measured; a driver that failed or measures no more is a line that does not obey. None = it was
        not measured yet."""
        high, low, count = self._sample
        if not (self._new or self.pilot_broken):
            if self._old_count != count:
                self._old_count, self._old_ms = count, now_ms
            elif now_ms - self._old_ms >= FROZEN_MS:
                self.pilot_broken = "pilot: it is not measured any more" if count else "pilot: it is not measured"
        if not (count or self.pilot_broken):
            return None
        return DISOBEYED[Cp.E] if self.pilot_broken else look(pilot, high, low, now_ms)

    def deadlines(self) -> list[int]:
        """When the age of the last sample alone next changes something."""
        if self._old_count != self._sample[2]:
            return []
        return [self.sampled_ms + SAMPLE_MAX_AGE_MS + 1, self._old_ms + FROZEN_MS]

    def inputs(self, permit: Permit, acknowledged: bool, broken: str) -> Inputs:
        """Everything else; `broken` tells what could not be written."""
        last = self._last
        closed, tripped, locked, cable = last.closed, last.tripped, last.locked, last.cable_ma
        three = last.three
        try:
            closed = self._closed()
            tripped = self._trips.taken()
            locked = self._locked()
            three = self._three()
            self._last_ohms = self._ohms()
            cable = cable_ma(self._last_ohms)
        except PartFailed as failed:
            locked = None if locked is None else False
            broken = str(failed)
        evse = self._evse
        self._last = Inputs(
            closed,
            tripped,
            locked,
            cable,
            permit.lease,
            self._meter(evse),
            self._silence(evse),
            self._tag(evse),
            self._mute(evse),
            self._warmths(),
            self._said(),
            three,
            acknowledged,
            self._memory.failed,
            broken,
        )
        return self._last


class _Trips:
    """Trips of a device that tells a short one only once: `quiet` sees it, and `inputs` takes it."""

    def __init__(self, tripped: Callable[[], bool]) -> None:
        self._tripped = tripped
        self._was = self._taken = False

    def seen(self) -> bool:
        """Whether it is tripped, or a trip that was not taken yet is over already. Raises PartFailed."""
        now = self._tripped()
        self._was = self._was or (now and not self._taken)
        return now or self._was

    def taken(self) -> bool:
        """The same, and take it. Raises PartFailed."""
        self._taken, self._was = self.seen(), False
        return self._taken


def _no() -> bool:
    """A part that is not there never trips."""
    return False


def _zero() -> int:
    """A pilot that measures when it is asked."""
    return 0


def _none() -> None:
    """A part that is not there says nothing."""
