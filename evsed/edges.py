"""evse-hal in the words of the core: snapshots become events, demands become leases.

Rules this file upholds:
- From an unknown outlet every fact is told once, so that the core knows the whole state after the first snapshot.
- A button of the time before we looked is never told, nor a card of the time before we lived: they may have been acted
  on already. A card shown while we began, or were cut off from hal, is told once, unless that is long ago.
- Facts come before the edges that are judged by them: faults, offer and meter before contactor, cable and car.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evsed.core import events, sensed
from evsed.core.effects import Demand, Shine
from evsed.core.status import OutletFigures, TickStatus
from evsed.core.words import FaultNote, MeterReading, Token
from hal.contract import LEASE_MS, PLUGGED, Cp, Display, Lease, Outlet, Owner, Show, Snapshot, TagSeen

WANTS = {Cp.C, Cp.D}
KNOWN = {Owner.LEASE, Owner.INSTALLER, Owner.CABLE}
"""Owners of limits that hal has from us, from the same file, or that are told with the plug."""
WAITS_MS = 10_000
"""So long somebody who showed a card stands there and waits for an answer."""


class HalView:
    """What is known of hal; `deliver` takes the events that each snapshot means. `born_ms` is when we began."""

    def __init__(self, deliver: Callable[[events.Event], None], born_ms: int) -> None:
        self._deliver, self._born_ms = deliver, born_ms
        self._outlets: dict[int, Outlet] = {}
        self._cards: dict[int, TagSeen | None] = {}
        self.snapshot: Snapshot | None = None
        self.up = False

    def take(self, snapshot: Snapshot) -> None:
        """A snapshot came; the first one of a hal process tells everything."""
        if not self.up or self.snapshot is None or self.snapshot.started_ms != snapshot.started_ms:
            self.up = True
            self._outlets.clear()
            evses = tuple(outlet.evse for outlet in snapshot.outlets)
            self._deliver(events.HalUp(evses))
        self.snapshot = snapshot
        for outlet in snapshot.outlets:
            for event in differences(self._outlets.get(outlet.evse), outlet):
                self._deliver(event)
            if outlet.evse not in self._outlets and (tag := self._waiting(outlet, snapshot.at_ms)) is not None:
                self._deliver(_presented(outlet.evse, tag))
            self._outlets[outlet.evse], self._cards[outlet.evse] = outlet, outlet.tag

    def _waiting(self, outlet: Outlet, now_ms: int) -> TagSeen | None:
        """The card that was shown while nobody looked, if somebody still waits for an answer."""
        tag, since_ms = outlet.tag, max(self._born_ms, now_ms - WAITS_MS)
        return tag if tag is not None and tag.at_ms >= since_ms and tag != self._cards.get(outlet.evse) else None

    def lost(self) -> None:
        """Hal is silent."""
        if self.up:
            self.up = False
            self._deliver(events.HalDown())


def lease(demand: Demand, now_ms: int, shine: Shine | None = None) -> Lease:
    """The permission that a demand is, from now on, with what is to be shown."""
    until_ms = now_ms + LEASE_MS
    return Lease(
        demand.evse, demand.max_ma, demand.closes, demand.holds_cable, until_ms, demand.phases, _display(shine)
    )


def _display(shine: Shine | None) -> Display:
    if shine is None:
        return Display()
    return Display(Show(shine.shows), Show(shine.signal), shine.number, shine.blinks, shine.permille)


def tick_figures(told: Snapshot) -> TickStatus:
    """How hal's loop keeps its time."""
    return TickStatus(ticks=told.tick.ticks, overruns=told.tick.overruns, late_max_us=told.tick.late_max_us)


def outlet_figures(told: Snapshot) -> dict[int, OutletFigures]:
    """What hal has counted at each outlet."""
    return {
        outlet.evse: OutletFigures(
            short_c=outlet.short_c,
            wake_ups=outlet.wake_ups,
            closings=outlet.closings,
            interruptions=outlet.interruptions,
            life_closings=outlet.contactor.closings,
            life_hours=outlet.contactor.hours,
            rated_closings=outlet.contactor.rated,
        )
        for outlet in told.outlets
    }


def differences(before: Outlet | None, after: Outlet) -> Iterator[events.Event]:
    """The events that lead from one snapshot of an outlet to the next; None = nothing was known of it."""
    for facts, event in RULES:
        if before is None or facts(before) != facts(after):
            told = event(before, after)
            if told is not None:
                yield told


def _faults(_: Outlet | None, after: Outlet) -> events.Event:
    notes = (FaultNote(f.name, f.opens, f.latched, f.code16, f.text, f.mrec, f.gone) for f in after.faults)
    return events.FaultsChanged(after.evse, tuple(notes))


def _offer(_: Outlet | None, after: Outlet) -> events.Event:
    return events.OfferMoved(after.evse, after.offered_ma, _limits(after), after.reason)


def _limits(outlet: Outlet) -> tuple[tuple[str, int], ...]:
    return tuple((limit.owner.value, limit.max_ma) for limit in outlet.limits if limit.owner not in KNOWN)


def _warmth(before: Outlet | None, after: Outlet) -> events.Event | None:
    if before is None and not after.temperatures:
        return None
    return sensed.Warmed(after.evse, tuple((warm.place, warm.mc) for warm in after.temperatures))


def _lock(_: Outlet | None, after: Outlet) -> events.Event:
    return events.LockMoved(after.evse, after.locked)


def _meter(_: Outlet | None, after: Outlet) -> events.Event | None:
    reading = after.meter
    if reading is None:
        return None
    return events.MeterRead(
        after.evse,
        MeterReading(
            reading.at_ms,
            reading.energy_wh,
            reading.power_w,
            reading.current_ma,
            reading.voltage_mv,
            reading.phase_power_w,
            reading.frequency_mhz,
            reading.power_factor_permille,
            reading.export_wh,
        ),
    )


def _contactor(_: Outlet | None, after: Outlet) -> events.Event:
    return events.ContactorMoved(after.evse, after.closed)


def _cable(_: Outlet | None, after: Outlet) -> events.Event | None:
    if after.cp in PLUGGED:
        return events.CablePlugged(after.evse, after.cable_ma)
    # E and F say that something is wrong with the pilot, not that the cable has left.
    return events.CableUnplugged(after.evse) if after.cp is Cp.A else None


def _socket(_: Outlet | None, after: Outlet) -> events.Event | None:
    return events.SocketEmptied(after.evse) if _empty(after) else None


def _empty(outlet: Outlet) -> bool:
    return outlet.cp is Cp.A and outlet.cable_ma is None


def _car(before: Outlet | None, after: Outlet) -> events.Event | None:
    if after.cp in WANTS:
        return events.EvReady(after.evse)
    return events.EvStoppedDrawing(after.evse) if before is not None and after.cp is not Cp.A else None


def _phases(before: Outlet | None, after: Outlet) -> events.Event | None:
    return None if before is None and after.phases is None else sensed.PhasesChosen(after.evse, after.phases)


def _worn(before: Outlet | None, after: Outlet) -> events.Event | None:
    closings, hours, _ = after.contactor
    return None if before is None and not closings else sensed.ContactorWorn(after.evse, closings, hours)


def _button(before: Outlet | None, after: Outlet) -> events.Event | None:
    return None if before is None else sensed.ButtonPressed(after.evse)


def _card(before: Outlet | None, after: Outlet) -> events.Event | None:
    if before is None or after.tag is None:
        return None
    return _presented(after.evse, after.tag)


def _presented(evse: int, seen: TagSeen) -> events.Event:
    return events.TagPresented(evse, Token(seen.tag))


Facts = Callable[[Outlet], object]
Maker = Callable[[Outlet | None, Outlet], events.Event | None]
RULES: tuple[tuple[Facts, Maker], ...] = (
    (lambda o: tuple((f.name, f.latched, f.gone) for f in o.faults), _faults),
    (lambda o: (o.offered_ma, _limits(o), o.reason), _offer),
    (lambda o: o.temperatures, _warmth),
    (lambda o: o.phases, _phases),
    (lambda o: o.contactor, _worn),
    (lambda o: o.locked, _lock),
    (lambda o: o.meter, _meter),
    (lambda o: o.closed, _contactor),
    (lambda o: (o.cp in PLUGGED, o.cp is Cp.A, o.cable_ma), _cable),
    (_empty, _socket),
    (lambda o: o.cp in WANTS, _car),
    (lambda o: o.presses, _button),
    (lambda o: o.tag.seq if o.tag else 0, _card),
)
