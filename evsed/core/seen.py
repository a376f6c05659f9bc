"""What evse-hal says is so at one outlet, as far as the core needs it. Nothing here is a wish."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from evsed.core.events import (
    CablePlugged,
    CableUnplugged,
    ContactorMoved,
    Event,
    EvReady,
    EvStoppedDrawing,
    FaultsChanged,
    LockMoved,
    MeterRead,
    OfferMoved,
    SocketEmptied,
)
from evsed.core.metering import Offer, fresh, richer
from evsed.core.schedules import ASSUMED_PHASES
from evsed.core.sensed import ContactorWorn, PhasesChosen, Warmed
from evsed.core.words import FaultNote, MeterReading

HAL_SILENT = FaultNote("HAL_SILENT", True, False, "InternalError", "the hardware layer does not answer")
JOURNAL_BROKEN = FaultNote("JOURNAL_BROKEN", True, False, "InternalError", "the journal can't be written")


class Seen(Struct):
    """The last word of hal. `known` is false until hal told whether a cable is in; `tells` is all that the meter has
    told in its readings so far.
    """

    up: bool = False
    known: bool = False
    plugged: bool = False
    socket_empty: bool = False
    ev_ready: bool = False
    closed: bool = False
    opened_ms: int | None = None
    offered_ma: int = 0
    offer_moved_ms: int | None = None
    limits: tuple[tuple[str, int], ...] = ()
    cable_ma: int | None = None
    reason: str | None = None
    locked: bool | None = None
    faults: tuple[FaultNote, ...] = ()
    meter: MeterReading | None = None
    tells: MeterReading | None = None
    warmth: tuple[tuple[str, int], ...] = ()
    phases: int | None = None
    contactor: tuple[int, int] | None = None  # closings, and hours closed, since it was new

    def take(self, event: Event, now_ms: int) -> bool:
        """Note an event of the box; False if it is none of these."""
        note = NOTES.get(type(event))
        if note is not None:
            note(self, event, now_ms)
        return note is not None

    def lost(self) -> None:
        """Hal is silent: nothing of it may be believed until it speaks again, and then it tells everything anew."""
        self.up, self.known, self.ev_ready, self.faults = False, False, False, ()
        self.offered_ma, self.meter, self.tells, self.warmth = 0, None, None, ()

    def register_wh(self, now_ms: int) -> int | None:
        """The register if it is known well enough to begin with: now, and after all that flowed before (I6)."""
        reading = fresh(self.meter, now_ms)
        later = reading is not None and reading.at_ms >= (self.opened_ms or 0)
        return reading.energy_wh if reading is not None and later else None

    @property
    def wired(self) -> int:
        """On how many phases it can charge now: those that its meter tells apart, of those that are chosen."""
        most, tells = self.phases or ASSUMED_PHASES, self.tells
        told = max(map(len, (tells.current_ma, tells.voltage_mv, tells.phase_power_w))) if tells else 0
        return min(told or ASSUMED_PHASES, most)

    @property
    def offer(self) -> Offer:
        """What stands beside the meter's values in a sample."""
        return Offer(self.offered_ma, self.wired, self.warmth)

    @property
    def cable_locked_in(self) -> bool:
        """A cable is in the socket, and the bolt holds it."""
        return self.locked is True and not self.socket_empty

    @property
    def opening_fault(self) -> FaultNote | None:
        """The first fault that keeps the contactor open."""
        return next((fault for fault in self.faults if fault.opens), None)


def _plugged(seen: Seen, event: CablePlugged, now_ms: int) -> None:
    seen.known, seen.plugged, seen.socket_empty, seen.cable_ma = True, True, False, event.cable_ma


def _unplugged(seen: Seen, event: CableUnplugged, now_ms: int) -> None:
    seen.known, seen.plugged, seen.ev_ready, seen.cable_ma = True, False, False, None


def _emptied(seen: Seen, event: SocketEmptied, now_ms: int) -> None:
    seen.socket_empty = True


def _ready(seen: Seen, event: EvReady, now_ms: int) -> None:
    seen.ev_ready = True


def _stopped(seen: Seen, event: EvStoppedDrawing, now_ms: int) -> None:
    seen.ev_ready = False


def _contactor(seen: Seen, event: ContactorMoved, now_ms: int) -> None:
    seen.opened_ms = now_ms if seen.closed and not event.closed else seen.opened_ms
    seen.closed = event.closed


def _offer(seen: Seen, event: OfferMoved, now_ms: int) -> None:
    if event.offered_ma != seen.offered_ma:
        seen.offer_moved_ms = now_ms
    seen.offered_ma, seen.limits, seen.reason = event.offered_ma, event.limits, event.reason


def _lock(seen: Seen, event: LockMoved, now_ms: int) -> None:
    seen.locked = event.locked


def _faults(seen: Seen, event: FaultsChanged, now_ms: int) -> None:
    seen.faults = event.faults


def _meter(seen: Seen, event: MeterRead, now_ms: int) -> None:
    seen.meter, seen.tells = event.reading, richer(seen.tells, event.reading)


def _warmed(seen: Seen, event: Warmed, now_ms: int) -> None:
    seen.warmth = event.places


def _phases(seen: Seen, event: PhasesChosen, now_ms: int) -> None:
    seen.phases = event.phases


def _worn(seen: Seen, event: ContactorWorn, now_ms: int) -> None:
    seen.contactor = event.closings, event.hours


# Each function takes exactly the event type that it is entered under.
NOTES: dict[type, Callable[..., None]] = {
    CablePlugged: _plugged,
    CableUnplugged: _unplugged,
    SocketEmptied: _emptied,
    EvReady: _ready,
    EvStoppedDrawing: _stopped,
    ContactorMoved: _contactor,
    OfferMoved: _offer,
    LockMoved: _lock,
    FaultsChanged: _faults,
    MeterRead: _meter,
    Warmed: _warmed,
    PhasesChosen: _phases,
    ContactorWorn: _worn,
}
