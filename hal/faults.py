"""The catalogue of faults and the book that one outlet keeps of them.

Rules this file upholds:
- A fault is data: what it does, how it clears and what it is called are one row of `CATALOGUE`.
- The first cause stays first; a later symptom neither hides nor renames it.
- A latched fault outlives its cause, and a stored one outlives the process.
- Pure: no clock, no disk; hal/latches.py writes what `FaultBook.stored` names.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from hal.contract import LONGEST_TEXT, Cp, Fault
from hal.iec61851 import FAR_MS, Level, Trouble


class Name(StrEnum):
    """Every fault and warning that hal knows."""

    PILOT_FAULT = "PILOT_FAULT"
    PILOT_DRIVER = "PILOT_DRIVER"
    DIODE_MISSING = "DIODE_MISSING"
    CP_SHORT = "CP_SHORT"
    D_REFUSED = "D_REFUSED"
    WELDED = "WELDED"
    FAIL_TO_CLOSE = "FAIL_TO_CLOSE"
    RESIDUAL_CURRENT = "RESIDUAL_CURRENT"
    PHASES_FAILED = "PHASES_FAILED"
    RESIDUAL_TEST_FAILED = "RESIDUAL_TEST_FAILED"
    LOCK_FAILED = "LOCK_FAILED"
    LOCK_POWER_LOW = "LOCK_POWER_LOW"
    PROXIMITY_INVALID = "PROXIMITY_INVALID"
    OVER_CURRENT = "OVER_CURRENT"
    CURRENT_WHILE_OPEN = "CURRENT_WHILE_OPEN"
    EMERGENCY_STOP = "EMERGENCY_STOP"
    EARTH_LOST = "EARTH_LOST"
    ENCLOSURE_OPEN = "ENCLOSURE_OPEN"
    INPUT_FAILED = "INPUT_FAILED"
    OVER_TEMPERATURE = "OVER_TEMPERATURE"
    THERMOMETER_SILENT = "THERMOMETER_SILENT"
    OVER_VOLTAGE = "OVER_VOLTAGE"
    UNDER_VOLTAGE = "UNDER_VOLTAGE"
    PHASE_LOST = "PHASE_LOST"
    MAINS_LOST = "MAINS_LOST"
    MAINS_FAILING = "MAINS_FAILING"
    METER_SILENT = "METER_SILENT"
    READER_SILENT = "READER_SILENT"
    PART_FAILED = "PART_FAILED"
    CONTACTOR_WORN = "CONTACTOR_WORN"
    MEMORY_DAMAGED = "MEMORY_DAMAGED"
    MEMORY_FAILED = "MEMORY_FAILED"


class Clears(StrEnum):
    """How a fault ends after its cause has gone."""

    BY_ITSELF = "when its cause has stayed away for the hold time, or at unplugging"
    UNPLUGGED = "when the pilot is back at A"
    ACKNOWLEDGED = "when a person at the box says so"
    SERVICE = "when a service person runs evse-hal --service-clear"


class Kind(NamedTuple):
    """One row of the catalogue. `hold_ms` keeps a cause that comes and goes from pumping the line.

    `mrec` is its number among the minimum required error codes of ChargeX, "" where that list has no such fault.
    """

    opens: bool
    clears: Clears
    code16: str
    text: str
    hold_ms: int = 0
    mrec: str = ""


_HOLD_MS = 30_000

CATALOGUE = {
    Name.PILOT_FAULT: Kind(
        True, Clears.BY_ITSELF, "EVCommunicationError", "pilot voltage outside every band", _HOLD_MS, mrec="CX014"
    ),
    Name.PILOT_DRIVER: Kind(
        True, Clears.BY_ITSELF, "InternalError", "pilot line does not follow its driver", _HOLD_MS, mrec="CX014"
    ),
    Name.DIODE_MISSING: Kind(
        True, Clears.UNPLUGGED, "EVCommunicationError", "the car's pilot circuit has no diode", mrec="CX014"
    ),
    Name.CP_SHORT: Kind(
        True, Clears.BY_ITSELF, "EVCommunicationError", "pilot shorted to earth (state E)", _HOLD_MS, mrec="CX014"
    ),
    Name.D_REFUSED: Kind(
        True, Clears.BY_ITSELF, "OtherError", "the car asks for ventilation (state D), which is not allowed", _HOLD_MS
    ),
    Name.WELDED: Kind(
        True, Clears.SERVICE, "PowerSwitchFailure", "contactor stays closed though it was opened", mrec="CX017"
    ),
    Name.FAIL_TO_CLOSE: Kind(
        True, Clears.UNPLUGGED, "PowerSwitchFailure", "contactor is open though it was closed", mrec="CX017"
    ),
    Name.RESIDUAL_CURRENT: Kind(True, Clears.ACKNOWLEDGED, "GroundFailure", "residual current detected", mrec="CX002"),
    Name.PHASES_FAILED: Kind(
        True, Clears.UNPLUGGED, "PowerSwitchFailure", "the choice of phases does not follow its order"
    ),
    Name.RESIDUAL_TEST_FAILED: Kind(
        True, Clears.ACKNOWLEDGED, "InternalError", "the residual current device failed its test"
    ),
    Name.LOCK_FAILED: Kind(
        True, Clears.BY_ITSELF, "ConnectorLockFailure", "the plug lock does not follow its order", mrec="CX001"
    ),
    Name.LOCK_POWER_LOW: Kind(
        True, Clears.BY_ITSELF, "ConnectorLockFailure", "the supply of the plug lock is too low to move it", 5_000
    ),
    Name.PROXIMITY_INVALID: Kind(
        True, Clears.BY_ITSELF, "OtherError", "no cable has the resistance that the plug shows", mrec="CX023"
    ),
    Name.OVER_CURRENT: Kind(
        True, Clears.UNPLUGGED, "OverCurrentFailure", "the car draws more than it was offered", mrec="CX004"
    ),
    Name.CURRENT_WHILE_OPEN: Kind(
        True,
        Clears.SERVICE,
        "PowerSwitchFailure",
        "current flows though the contactor says that it is open",
        mrec="CX017",
    ),
    Name.EMERGENCY_STOP: Kind(True, Clears.ACKNOWLEDGED, "OtherError", "the emergency stop was pressed", mrec="CX008"),
    Name.EARTH_LOST: Kind(
        True, Clears.BY_ITSELF, "GroundFailure", "the protective earth is lost", _HOLD_MS, mrec="CX002"
    ),
    Name.ENCLOSURE_OPEN: Kind(False, Clears.BY_ITSELF, "OtherError", "the enclosure is open"),
    Name.INPUT_FAILED: Kind(
        False, Clears.BY_ITSELF, "InternalError", "an input cannot be read and counts as what is safe"
    ),
    Name.OVER_TEMPERATURE: Kind(True, Clears.BY_ITSELF, "HighTemperature", "too hot to charge", mrec="CX003"),
    Name.THERMOMETER_SILENT: Kind(True, Clears.BY_ITSELF, "InternalError", "a thermometer gives no valid answer"),
    Name.OVER_VOLTAGE: Kind(True, Clears.BY_ITSELF, "OverVoltage", "the supply voltage is too high", mrec="CX005"),
    Name.UNDER_VOLTAGE: Kind(True, Clears.BY_ITSELF, "UnderVoltage", "the supply voltage is too low", mrec="CX006"),
    Name.PHASE_LOST: Kind(True, Clears.BY_ITSELF, "UnderVoltage", "a phase of the supply is gone", mrec="CX006"),
    Name.MAINS_LOST: Kind(True, Clears.BY_ITSELF, "UnderVoltage", "the meter sees no mains voltage", mrec="CX015"),
    Name.MAINS_FAILING: Kind(
        True, Clears.BY_ITSELF, "UnderVoltage", "the power supply says that the mains fail", _HOLD_MS, mrec="CX015"
    ),
    Name.METER_SILENT: Kind(False, Clears.BY_ITSELF, "PowerMeterFailure", "the energy meter gives no valid answer"),
    Name.READER_SILENT: Kind(False, Clears.BY_ITSELF, "ReaderFailure", "the card reader does not answer", _HOLD_MS),
    Name.PART_FAILED: Kind(True, Clears.BY_ITSELF, "InternalError", "a part of the board does not answer", _HOLD_MS),
    Name.CONTACTOR_WORN: Kind(
        False, Clears.BY_ITSELF, "OtherError", "the contactor has closed as often as it is rated for"
    ),
    Name.MEMORY_DAMAGED: Kind(
        True, Clears.ACKNOWLEDGED, "InternalError", "the memory of latched faults is damaged; one may be forgotten"
    ),
    Name.MEMORY_FAILED: Kind(False, Clears.BY_ITSELF, "InternalError", "latched faults cannot be written to disk"),
}

_OF_TROUBLE = {
    Trouble.DIODE: Name.DIODE_MISSING,
    Trouble.BAND: Name.PILOT_FAULT,
    Trouble.DRIVER: Name.PILOT_DRIVER,
}
PILOT_FAULTS = (Name.PILOT_FAULT, Name.PILOT_DRIVER, Name.DIODE_MISSING, Name.CP_SHORT, Name.D_REFUSED)


def pilot_fault(level: Level, allow_d: bool) -> Name | None:
    """The fault that a classified level means by itself."""
    if level.trouble is not None:
        return _OF_TROUBLE[level.trouble]
    if level.cp is Cp.E:
        return Name.CP_SHORT
    return Name.D_REFUSED if level.cp is Cp.D and not allow_d else None


def worn_out(closings: int, rated: int) -> bool:
    """Whether a contactor has closed as often as it may; rated 0 = nobody knows."""
    return 0 < rated <= closings


def over_current_ma(offered_ma: int) -> int:
    """What a car may at most be measured to draw under an offer."""
    return (offered_ma + 500) * 11 // 10


class _Entry(NamedTuple):
    fault: Fault
    present: bool
    gone_ms: int


class FaultBook:
    """All faults of one outlet, in the order in which they came."""

    def __init__(self, restored: Iterable[Name], now_ms: int) -> None:
        self._entries: dict[Name, _Entry] = {}
        self.faults: tuple[Fault, ...] = ()
        self.opening = False
        self.due_ms = FAR_MS
        for name in restored:
            self._entries[name] = _Entry(_fault(name, now_ms, ""), present=False, gone_ms=now_ms)
        self._derive()

    def holds(self, name: Name) -> bool:
        """Whether a fault is there, present or latched."""
        return name in self._entries

    def gone_ms(self, name: Name) -> int | None:
        """When the cause of a fault that is still kept went away; None = it is there, or nothing is kept."""
        entry = self._entries.get(name)
        return None if entry is None or entry.present else entry.gone_ms

    def forgive(self, name: Name) -> None:
        """End a fault whose cause has gone, however it is latched."""
        if self.gone_ms(name) is not None:
            del self._entries[name]
            self._derive()

    def set(self, name: Name, present: bool, now_ms: int, detail: str = "") -> None:
        """The cause of `name` is there, or not. `detail` of the first raising stays in the text."""
        entry = self._entries.get(name)
        if (entry is not None and entry.present) == present:
            return
        if entry is None:
            entry = _Entry(_fault(name, now_ms, detail), present, now_ms)
        self._entries[name] = entry._replace(present=present, gone_ms=now_ms)
        self._drop(now_ms, (Clears.BY_ITSELF,))

    def passed(self, now_ms: int) -> None:
        """Time went by: what was only held is over."""
        self._drop(now_ms, (Clears.BY_ITSELF,))

    def unplugged(self, now_ms: int) -> None:
        """The pilot is at A."""
        self._drop(now_ms, (Clears.BY_ITSELF, Clears.UNPLUGGED), held_too=True)

    def acknowledged(self, now_ms: int) -> None:
        """A person at the box clears what waits for that; a present cause stays."""
        self._drop(now_ms, (Clears.BY_ITSELF, Clears.ACKNOWLEDGED), held_too=True)

    @property
    def stored(self) -> tuple[Name, ...]:
        """The names that must outlive the process: faults of the hardware that need a person."""
        needs_person = (Clears.ACKNOWLEDGED, Clears.SERVICE)
        return tuple(name for name in self._entries if CATALOGUE[name].clears in needs_person)

    def _drop(self, now_ms: int, ways: tuple[Clears, ...], held_too: bool = False) -> None:
        for name, entry in list(self._entries.items()):
            kind = CATALOGUE[name]
            over = held_too or now_ms >= entry.gone_ms + kind.hold_ms
            if not entry.present and kind.clears in ways and over:
                del self._entries[name]
        self._derive()

    def _derive(self) -> None:
        self.faults = tuple(e.fault if e.present else _kept(e.fault) for e in self._entries.values())
        self.opening = any(fault.opens for fault in self.faults)
        self.due_ms = min(
            (
                entry.gone_ms + CATALOGUE[name].hold_ms
                for name, entry in self._entries.items()
                if not entry.present and CATALOGUE[name].clears is Clears.BY_ITSELF
            ),
            default=FAR_MS,
        )


def _kept(fault: Fault) -> Fault:
    """The same after its cause has gone."""
    f = fault
    return Fault(f.name, f.opens, f.latched, f.code16, f.text, f.since_ms, f.mrec, gone=True)


def _fault(name: Name, now_ms: int, detail: str) -> Fault:
    kind = CATALOGUE[name]
    text = f"{kind.text}: {detail}" if detail else kind.text
    latched = kind.clears is not Clears.BY_ITSELF
    return Fault(name.value, kind.opens, latched, kind.code16, text[:LONGEST_TEXT], now_ms, kind.mrec)
