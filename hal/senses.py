"""What one outlet sees in one tick, with what a broken part leaves of it.

Rules this file upholds:
- The pilot is measured in every tick; only a measurement that worked renews `sampled_ms`.
- A part that fails makes its value unsafe: the pilot is disobedient, the bolt is not locked, the fault has a name.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from hal.contract import Cp, Lease, MeterReading, TagSeen
from hal.drivers.protocols import PartFailed, Parts
from hal.faults import Name
from hal.iec61851 import DISOBEYED, Level, PilotState, cable_ma, look
from hal.lease import Permit


class Readings(Protocol):
    """What the slow devices last said."""

    def meter(self, evse: int) -> MeterReading | None:
        """The newest believed reading."""

    def tag(self, evse: int) -> TagSeen | None:
        """The newest card."""


class FaultMemory(Protocol):
    """Where latched faults outlive the process; never blocks. `failed` says why it cannot write, or nothing."""

    failed: str

    def recall(self, evse: int) -> tuple[Name, ...]:
        """What was kept."""

    def keep(self, evse: int, names: tuple[Name, ...]) -> None:
        """Keep these from now on."""


class Inputs(NamedTuple):
    """All that an outlet sees beside its pilot. `broken` names the part that did not answer."""

    closed: bool
    tripped: bool
    locked: bool | None
    cable_ma: int | None
    lease: Lease | None
    reading: MeterReading | None
    tag: TagSeen | None
    acknowledged: bool
    memory_failed: str
    broken: str


class Senses:
    """The eyes of one outlet."""

    def __init__(self, evse: int, parts: Parts, readings: Readings, memory: FaultMemory, now_ms: int) -> None:
        self._evse, self._parts, self._readings, self._memory = evse, parts, readings, memory
        self._last: tuple[bool, bool, bool | None, int | None] = (False, False, None, None)
        self.sampled_ms = now_ms
        self.pilot_broken = ""

    def level(self, pilot: PilotState, now_ms: int) -> Level:
        """The pilot; a driver that fails is a line that does not obey."""
        try:
            high, low = self._parts.pilot.volts()
        except PartFailed as broken:
            self.pilot_broken = str(broken)
            return DISOBEYED[Cp.E]
        self.sampled_ms = now_ms
        return look(pilot, high, low, now_ms)

    def inputs(self, permit: Permit, acknowledged: bool, broken: str) -> Inputs:
        """Everything else; `broken` tells what could not be written."""
        try:
            seen = self._last = self._sight()
        except PartFailed as failed:
            closed, tripped, locked, cable = self._last
            seen = (closed, tripped, None if locked is None else False, cable)
            broken = str(failed)
        evse, readings = self._evse, self._readings
        meter, tag = readings.meter(evse), readings.tag(evse)
        return Inputs(*seen, permit.lease, meter, tag, acknowledged, self._memory.failed, broken)

    def _sight(self) -> tuple[bool, bool, bool | None, int | None]:
        parts = self._parts
        return (
            parts.contactor.closed(),
            parts.residual is not None and parts.residual.tripped(),
            parts.lock.locked() if parts.lock is not None else None,
            cable_ma(parts.proximity.ohms()) if parts.proximity is not None else None,
        )
