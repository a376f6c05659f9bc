"""One outlet of an obedient box, as evse-hal sees and tells it: for tests of the core alone.

It does what a demand allows, at once; what can go wrong is a field. `edges` tells what changed, in the order of
evsed/edges.py: facts before the edges that are judged by them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from evsed.core import events as ev
from evsed.core.effects import Demand
from evsed.core.words import FaultNote, MeterReading

AMPS = (16_000, 16_000, 16_000)
HOT = FaultNote("HOT", True, False, "HighTemperature", "the box is hot")
TRIPPED = FaultNote("RESIDUAL_CURRENT", True, True, "GroundFailure", "residual current detected")
WARM = FaultNote("WARM", False, False, "HighTemperature", "the box is warm")
SHORT_C = FaultNote("SHORT_C", False, False, "NoError", "a short C")


class Facts(Struct, frozen=True):
    """What a snapshot would say; `locked` None = no bolt, `cable_ma` None = a fixed cable, or none in the socket."""

    plugged: bool = False
    cable_ma: int | None = None
    asks: bool = False
    closed: bool = False
    offered_ma: int = 0
    reason: str | None = "NO_LEASE"
    locked: bool | None = False
    faults: tuple[FaultNote, ...] = ()
    reading: MeterReading | None = None

    @property
    def empty(self) -> bool:
        """Neither car nor cable."""
        return not self.plugged and self.cable_ma is None


@dataclass
class Bay:
    """The outlet, its cable and its car."""

    evse: int
    socket: bool
    register: int = 1_000_000
    meter_works: bool = True
    contactor_sticks: bool = False
    lock_sticks: bool = False
    car_draws: bool = True
    draws_on: int = 3
    cable_stays: bool = False
    demand: Demand | None = None
    facts: Facts = field(default_factory=Facts)
    told: Facts | None = None

    def __post_init__(self) -> None:
        self.facts = replace(self.facts, locked=False if self.socket else None)

    def follow(self) -> None:
        """Offer, bolt and contactor go where demand, car and faults want them; a free cable is taken away."""
        facts, demand = self.facts, self.demand
        healthy = facts.plugged and not any(fault.opens for fault in facts.faults)
        offered = demand.max_ma if demand is not None and demand.closes and healthy else 0
        locked = facts.locked
        if self.socket and demand is not None and not self.lock_sticks:
            locked = demand.holds_cable or facts.closed
        closed = offered > 0 and facts.asks and locked is not False
        closed |= facts.closed and self.contactor_sticks
        reason = None if closed else "NOT_WANTED" if not offered else "PILOT_B"
        in_socket = facts.plugged or (facts.cable_ma is not None and (locked or self.cable_stays))
        cable_ma = 32_000 if self.socket and in_socket else None
        self.facts = replace(facts, cable_ma=cable_ma, offered_ma=offered, locked=locked, closed=closed, reason=reason)

    def count(self, seconds: int) -> None:
        """Energy flows: 11 040 W."""
        if self.facts.closed and self.facts.asks and self.car_draws:
            self.register += 3 * seconds

    def read(self, at_ms: int) -> None:
        """The meter answers, if it does."""
        if self.meter_works:
            most = self.facts.offered_ma or max(AMPS)
            draws = self.draws_on if self.facts.closed and self.car_draws else 0
            amps = tuple(min(ma, most) if phase < draws else 0 for phase, ma in enumerate(AMPS))
            reading = MeterReading(at_ms, self.register, sum(amps) * 230 // 1_000, amps, (230_000,) * 3)
            self.facts = replace(self.facts, reading=reading)

    def edges(self) -> Iterator[ev.Event]:
        """What is new since it was told last; everything, if it never was."""
        old, new = self.told, self.facts
        self.told = new
        if old is None or old.faults != new.faults:
            yield ev.FaultsChanged(self.evse, new.faults)
        if old is None or (old.offered_ma, old.reason) != (new.offered_ma, new.reason):
            yield ev.OfferMoved(self.evse, new.offered_ma, (("board", 32_000),), new.reason)
        if old is None or old.locked != new.locked:
            yield ev.LockMoved(self.evse, new.locked)
        if new.reading is not None and (old is None or old.reading != new.reading):
            yield ev.MeterRead(self.evse, new.reading)
        if old is None or old.closed != new.closed:
            yield ev.ContactorMoved(self.evse, new.closed)
        if old is None or (old.plugged, old.cable_ma) != (new.plugged, new.cable_ma):
            yield ev.CablePlugged(self.evse, new.cable_ma) if new.plugged else ev.CableUnplugged(self.evse)
        if new.empty and (old is None or not old.empty):
            yield ev.SocketEmptied(self.evse)
        if new.asks and (old is None or not old.asks):
            yield ev.EvReady(self.evse)
        elif old is not None and old.asks and not new.asks and new.plugged:
            yield ev.EvStoppedDrawing(self.evse)
