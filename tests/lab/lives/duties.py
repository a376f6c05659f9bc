"""What the station owes others while nothing keeps it from it: judged at each step of a life, and at its end.

- I1 a weld that an honest feedback shows is told, and latched.
- OCPP: whoever listens knows each status, hears something in each heartbeat interval, and gets the samples of a charge
  at their distances; what was sampled arrives, but for what was not yet on the disk when evsed died.
- I12 a reservation that was accepted keeps all others away until its time is over.
- I13 a charge goes on without evsed for lease and grace, if nothing else befalls it.
- I14 the queue is thinned when it is full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evsed.core import catalogue, outbox
from evsed.core.effects import Demand, Effect, Persist, Put
from evsed.core.records import QueuedReport, Transaction
from evsed.core.reports import TransactionUpdated
from evsed.core.words import Context, Status
from hal.contract import LEASE_MS, MIN_MA
from hal.sim.bay import Bay
from hal.sim.car import allowed_ma
from hal.sim.commands import _broken
from hal.sim.power import ContactorFault
from tests.scenarios import day
from tests.world.messages import Payload, wall_ms

if TYPE_CHECKING:
    from tests.lab.lives.invariants import Eyes
    from tests.lab.lives.life import Life

TOLD_MS = 30_000  # a status waits for MinimumStatusDuration, and for what is asked before it
SAMPLED_MS = 8_000  # a reading may be late, and the round after it
SETTLED_MS = 12_000  # so long a charge has run before it is missed
CLOCKED = (Context.SAMPLE_PERIODIC, Context.SAMPLE_CLOCK)
WELDED_MS = 2_000
COOL_MC = 50_000
OUT_OF_USE = (Status.FAULTED, Status.UNAVAILABLE)


class Duties:
    """Of one life."""

    def __init__(self, life: Life, eyes: Eyes) -> None:
        self._life, self._eyes = life, eyes
        self._evsed: object = None
        self._sampled_ms: dict[tuple[int, Context], int] = {}
        self._owed: dict[str, str] = {}  # samples by their message, of which transaction
        self.was_full = False
        self._demands: dict[int, Demand] = {}
        self._ran: dict[int, bool] = {}  # whether a charge ran when evsed was last seen
        self._reserved: dict[int, tuple[str, int]] = {}
        self._known: set[str] = set()

    # --- what is seen at each step ---------------------------------------------------------------------------------

    def look(self) -> None:
        """At everything that is so now."""
        world = self._life.world
        if world.evsed is not self._evsed:
            self._evsed = world.evsed
            self._begins()
        calm = self._calm()
        self._silence(calm)
        self._eyes.lasts("without evsed", world.evsed is None)
        for evse, bay in world.plant.bays.items():
            self._status(evse, calm)
            self._samples(evse, bay)
            self._orphan(evse, bay)
            self._weld(evse, bay)
        self._queue()
        self._holds()

    def _weld(self, evse: int, bay: Bay) -> None:
        """Contacts that stay closed without a coil."""
        world, contactor = self._life.world, bay.contactor
        held = world.tick is not None and contactor.faults == {ContactorFault.WELDED} and contactor.main
        lasted_ms = self._eyes.lasts(f"weld {evse}", held and not contactor._fed)
        if lasted_ms > WELDED_MS and all(fault.name != "WELDED" for fault in world.outlet(evse).faults):
            self._eyes.see("I1", f"outlet {evse}: welded for {lasted_ms} ms, and hal says nothing")

    def decided(self, effects: list[Effect]) -> None:
        """What is to be kept: samples among it."""
        for effect in effects:
            for change in effect.changes if isinstance(effect, Persist) else ():
                row = change.record if isinstance(change, Put) else None
                if isinstance(row, QueuedReport) and isinstance(row.report, TransactionUpdated):
                    self._owed.setdefault(row.id, row.report.tx)
                    for sample in row.report.samples:
                        self._sampled_ms[row.report.evse, sample.context] = self._life.world.ms

    def _begins(self) -> None:
        """A life of evsed ended, or another began: what was not on the disk is forgotten."""
        self._sampled_ms.clear()
        evsed = self._life.world.evsed
        if evsed is not None:
            kept = {row.id for row in evsed.station.box.outbox._queue}
            told = self._told()
            self._owed = {id: tx for id, tx in self._owed.items() if id in kept or id in told}

    def _told(self) -> set[str]:
        return {message.id for message in self._life.world.csms.all("MeterValues")}

    def _calm(self) -> bool:
        """Whether nothing stands between station and central system."""
        world, life = self._life.world, self._life
        evsed, csms = world.evsed, world.csms
        if evsed is None or evsed.waits or not evsed.connected or not evsed.station.registration.online:
            return False
        odd = (
            csms._silent or csms._slow or csms._held or csms._errors or any(life.moods.values()) or life.csms_offset_ms
        )
        plain = world.carries == life.wire._carry and not life.wire.half and not life.wire.delay_ms
        return plain and not odd and evsed.station.box.durable and len(evsed.station.box.outbox) < 100

    def _status(self, evse: int, calm: bool) -> None:
        world = self._life.world
        known = world.evsed is not None and evse in world.evsed.station.outlets
        told = world.csms._statuses.get(evse)
        if not known or told is None:
            return
        shows = world.status(evse).value
        differs = calm and told != shows
        lasted_ms = self._eyes.lasts(f"status {evse}", differs, of=(told, shows))
        if lasted_ms > TOLD_MS:
            self._eyes.see("OCPP", f"outlet {evse} has been {shows} for {lasted_ms} ms, told was {told}")

    def _silence(self, calm: bool) -> None:
        """OCPP 1.6 §4.6."""
        world = self._life.world
        if world.evsed is None:
            return
        most_ms = world.evsed.station.box.variables[catalogue.HEARTBEAT_INTERVAL] * 1_000 + TOLD_MS
        lasted_ms = self._eyes.lasts("silence", calm, of=(len(world.csms.received), most_ms))
        if lasted_ms > most_ms:
            self._eyes.see("OCPP", f"nothing was said for {lasted_ms} ms")

    def _samples(self, evse: int, bay: Bay) -> None:
        """OCPP 1.6 §3.16: those of the charge from its start, those of the clock from midnight."""
        world, tx = self._life.world, self._eyes.open.get(evse)
        evsed = world.evsed
        if tx is None or evsed is None:
            return
        variables, dated = evsed.station.box.variables, evsed.now().wall_ms is not None
        parts = world.tick is not None and not bay.meter.faults and not self._life.lossy
        runs = evse in evsed.station.outlets and evsed.station.outlets[evse].charging.running  # its end has its own set
        sound = parts and runs and evsed.station.box.durable and not evsed.waits
        for context, name in zip(CLOCKED, (catalogue.SAMPLED_INTERVAL, catalogue.ALIGNED_INTERVAL), strict=True):
            interval_s = variables[name]
            dates = context is Context.SAMPLE_PERIODIC or dated
            last = evsed, self._sampled_ms.get((evse, context)), tx.id, interval_s, world.ntp_offset_ms
            lasted_ms = self._eyes.lasts(f"{context} {evse}", sound and interval_s > 0 and dates, of=last)
            if lasted_ms > interval_s * 1_000 + SAMPLED_MS:
                self._eyes.see("OCPP", f"outlet {evse}: no {context} for {lasted_ms} ms, each {interval_s} s is due")

    def _orphan(self, evse: int, bay: Bay) -> None:
        """What ran when evsed was last seen goes on until lease and grace are over."""
        world = self._life.world
        sound = self._undisturbed(bay)
        runs = sound and bay.contactor.main and allowed_ma(bay.pilot._offered) >= MIN_MA
        steady = self._eyes.lasts(f"runs {evse}", runs) > SETTLED_MS
        if world.evsed is not None:
            self._demands = world.evsed.demands
            self._ran[evse] = steady
            return
        demand = self._demands.get(evse)  # the last one, of the turn in which evsed died too
        wanted = demand is not None and demand.closes and demand.max_ma >= MIN_MA
        self._ran[evse] = self._ran.get(evse, False) and sound and wanted
        gone_ms = self._eyes.lasts("without evsed", True)
        if self._ran[evse] and not runs and gone_ms < LEASE_MS + world.limits.grace_s * 1_000 - 2_000:
            self._ran[evse] = False
            self._eyes.see("I13", f"outlet {evse}: a charge was dropped {gone_ms} ms after evsed was gone")

    def _undisturbed(self, bay: Bay) -> bool:
        broken = any(_broken(bay)) or bay.car.manners or any(contact.on for contact in bay.inputs.values())
        warm = any(thermometer.mc > COOL_MC for thermometer in bay.thermometers.values())
        return self._life.world.tick is not None and bay.car.s2 and bay.car.plugged and not broken and not warm

    def _queue(self) -> None:
        evsed = self._life.world.evsed
        queued = 0 if evsed is None else len(evsed.station.box.outbox)
        self.was_full |= queued >= outbox.MOST_QUEUED
        if queued > outbox.MOST_QUEUED:
            self._eyes.see("I14", f"{queued} messages are queued")

    # --- reservations ------------------------------------------------------------------------------------------------

    def reserves(self, asked: Payload, status: str | None) -> None:
        """ReserveNow was answered, or never."""
        self._reserved.pop(asked["connectorId"], None)
        if status == "Accepted" and asked["connectorId"]:
            ends_ms = wall_ms(asked["expiryDate"]) - self._life.world.csms._now_ms() + self._life.world.ms
            self._reserved[asked["connectorId"]] = asked["idTag"].upper(), ends_ms

    def cancels(self) -> None:
        """CancelReservation was asked; there is but one."""
        self._reserved.clear()

    def _holds(self) -> None:
        world = self._life.world
        for evse, (_, ends_ms) in list(self._reserved.items()):
            light = None if world.evsed is None else world.evsed.station.outlets.get(evse)
            if world.ms >= ends_ms - 1_000 or (light is not None and light.status in OUT_OF_USE):
                del self._reserved[evse]
        for evse, tx in self._eyes.open.items():
            if tx.id not in self._known:
                self._known.add(tx.id)
                self._begun(evse, tx)

    def _begun(self, evse: int, tx: Transaction) -> None:
        tag, _ = self._reserved.pop(evse, ("", 0))
        if tag and tx.token.value.upper() != tag and not self._life.about_clocks:
            self._eyes.see("I12", f"outlet {evse}: {tx.token.value} charges, it was reserved for {tag}")

    # --- at the end of a life ----------------------------------------------------------------------------------------

    def unpaid(self) -> list[str]:
        """Samples that never arrived, once all is told."""
        if self.was_full or day.owes(self._life.world) != 0:
            return []
        lost = [id for id, tx in self._owed.items() if tx in self._eyes.begun and id not in self._told()]
        return [f"of the samples that were kept {len(lost)} never arrived, {lost[0]} first"] if lost else []

    def strange_statuses(self) -> list[str]:
        """All statuses are known once all is well again."""
        world = self._life.world
        shown = {evse: world.status(evse).value for evse in world.plant.bays}
        told = world.csms._statuses
        return [f"outlet {n} is {shown[n]}, told was {told.get(n)}" for n in shown if told.get(n) != shown[n]]
