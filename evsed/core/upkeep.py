"""Upkeep: the firmware that comes and the logs that go, as the station sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evsed.core.deadlines import soonest
from evsed.core.errands import ErrandDone, FirmwareOrdered, LogOrdered, ProgramStarted
from evsed.core.firmware import Firmware
from evsed.core.records import Recovered
from evsed.core.reports import (
    DiagnosticsProgress,
    FirmwareProgress,
    LogProgress,
    Report,
    SignedFirmwareProgress,
)
from evsed.core.turn import Turn
from evsed.core.uploads import Uploads

if TYPE_CHECKING:
    from evsed.core.station import Station

PROGRESS = FirmwareProgress | SignedFirmwareProgress | DiagnosticsProgress | LogProgress


class Upkeep:
    """What is under way of both. `unsure` = a status got no answer: the line may be dead, the next one brings it."""

    def __init__(self, recovered: Recovered) -> None:
        self.firmware = Firmware(next(iter(recovered.firmware), None))
        self.uploads = Uploads(next(iter(recovered.uploads), None))
        self._unsure = False

    def settle(self, station: Station, turn: Turn) -> None:
        """Go on with both, and tell what is owed."""
        self.firmware.settle(station, turn)
        if station.box.durable:
            self.uploads.settle(turn)
        station.box.upkeep = self.firmware.closes_box
        for outlet in station.outlets.values() if station.box.upkeep else ():
            outlet.grant = None  # who has not plugged in by now finds the outlet out of service
        if station.box.online and not self._unsure:
            for owed in (self.firmware.owed(), self.uploads.owed()):
                if owed is not None and not station.box.outbox.has(type(owed)):
                    station.box.outbox.put(owed, turn)

    def next_deadline(self, now_ms: int) -> int | None:
        """When to settle again without an event."""
        return soonest((self.firmware.next_deadline(now_ms), self.uploads.next_deadline()), now_ms)

    def store_broke(self, turn: Turn) -> None:
        """The disk takes nothing."""
        self.firmware.store_broke(turn)
        self.uploads.store_broke()

    def connected(self) -> None:
        """There is a new line."""
        self._unsure = False

    def arrived(self, report: Report, turn: Turn) -> None:
        """The central system has it, or will not have it."""
        if isinstance(report, FirmwareProgress | SignedFirmwareProgress):
            self.firmware.arrived(report, turn)
        elif isinstance(report, DiagnosticsProgress | LogProgress):
            self.uploads.arrived(report, turn)

    def failed(self, report: Report, code: str | None, turn: Turn) -> None:
        """It was refused, or nobody answered."""
        if code is not None:
            self.arrived(report, turn)
        elif isinstance(report, PROGRESS):
            self._unsure = True


def order_firmware(station: Station, event: FirmwareOrdered, turn: Turn) -> None:
    """UpdateFirmware."""
    station.upkeep.firmware.order(event, station, turn)


def order_log(station: Station, event: LogOrdered, turn: Turn) -> None:
    """GetDiagnostics, GetLog."""
    station.upkeep.uploads.order(event, station, turn)


def done(station: Station, event: ErrandDone, turn: Turn) -> None:
    """Whoever gave the errand knows its name."""
    station.upkeep.firmware.done(event, station, turn)
    station.upkeep.uploads.done(event, turn)
    station.certificates.done(event, station, turn)


def started(station: Station, event: ProgramStarted, turn: Turn) -> None:
    """Which program runs."""
    station.upkeep.firmware.started(event.on_trial, turn)


# Each function takes exactly the event type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    FirmwareOrdered: order_firmware,
    LogOrdered: order_log,
    ErrandDone: done,
    ProgramStarted: started,
}
