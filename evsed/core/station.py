"""The station: takes one event at a time and says what is to be done. The whole core behind one function.

`handle` notes the event, lets every outlet settle, and ends with at most one report to send. It reads no clock and
touches nothing; `next_deadline` says when it wants to be called again without an event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from evsed.core import catalogue, central, requests, security, smart_charging, wear_variables
from evsed.core.authorization import TokenBook
from evsed.core.box import Access, Box
from evsed.core.central_systems import CentralSystem
from evsed.core.certificates import Certificates
from evsed.core.charging import judged
from evsed.core.credentials import Held
from evsed.core.dating import Calendar, moment
from evsed.core.deadlines import soonest
from evsed.core.effects import Effect, Put, Reply, Send, VendorReply
from evsed.core.events import (
    Binding,
    Event,
    HalDown,
    HalUp,
    StoreBroken,
    StoreMended,
    TagPresented,
    TokenAnswer,
    VendorMessageWanted,
)
from evsed.core.lights import Lights
from evsed.core.local_list import LocalList
from evsed.core.metering import Aligned
from evsed.core.networks import Networks, prove
from evsed.core.outbox import Outbox, Stage
from evsed.core.outlet import Outlet
from evsed.core.phase_rotation import strangers
from evsed.core.profile_book import ProfileBook
from evsed.core.records import Bound, QueuedReport, Recovered, Transaction, past
from evsed.core.registration import Registration
from evsed.core.reports import Booted, HeartbeatDue, StatusChanged, TransactionStarted, VendorMessage
from evsed.core.reservations import Reservations
from evsed.core.resetting import Resetting
from evsed.core.rivals import Rivals
from evsed.core.rules import Rules
from evsed.core.security import Security
from evsed.core.security_events import SecurityKind
from evsed.core.security_variables import SECURITY_PROFILE
from evsed.core.seen import HAL_SILENT
from evsed.core.sensed import ButtonPressed
from evsed.core.turn import Turn
from evsed.core.upkeep import Upkeep
from evsed.core.variables import Variables
from evsed.core.words import FaultNote, Now, Stamp, Status, Verdict

HAL_PATIENCE_MS = 5_000
"""The first boot waits this long for the board, so that it can tell all outlets at once."""


class Station:
    """One wallbox: all its outlets and what it owes the central system."""

    def __init__(
        self,
        recovered: Recovered,
        now: Now,
        *,
        rules: Rules,
        access: Access,
        installer_ma: int,
        new_id: Callable[[], str],
        presets: Mapping[str, str] | None = None,
        systems: tuple[CentralSystem, ...] = (),
        held: Held | None = None,
        broke_off: str = "",
    ) -> None:
        variables = Variables(catalogue.ALL, presets or {}, {one.key: one.value for one in recovered.settings})
        self.box: Box = _box(recovered, variables, rules, access, installer_ma, new_id)
        self.networks: Networks = Networks(systems, recovered.agreed, recovered.last_good)
        self.certificates = Certificates(held or Held())
        self.networks.has(self.certificates.held)
        variables.write(SECURITY_PROFILE, str(self.networks.profile))
        self.outlets: dict[int, Outlet] = {}
        self.registration, self.resetting = Registration(), Resetting()
        self.smart_charging, self.lights = smart_charging.SmartCharging(), Lights()
        self.rivals = Rivals()
        self.upkeep = Upkeep(recovered)
        self.operative = "0" not in {record.key for record in recovered.inoperative}
        self.hal_up, self.status_unsure = False, False
        self.said_ms = now.mono_ms
        self.store_trouble = ""
        self._broke_off = broke_off
        self._recovered, self._started, self._now_ms = recovered, now, now.mono_ms
        self._bound = {bound.key: bound.binding.thing for bound in recovered.bindings}
        self._calendar = Calendar(recovered)
        self._aligned = Aligned()
        self._told: tuple[Status, str | None] | None = None
        self._sent: str | None = None

    def handle(self, event: Event, now: Now) -> list[Effect]:
        """Everything that follows from one event, in the order in which it must be done."""
        turn = Turn(now)
        self._now_ms = now.mono_ms
        self.box.security.begin(self._recovered.damaged, self._broke_off, turn)
        self.box.security.watch_time(self._calendar, turn)
        self._calendar.learn(turn)
        self._take(event, turn)
        self.box.security.watch_enclosure(self, turn)
        self.box.online = self.registration.online
        self.box.resetting = self.resetting.kind is not None
        self.resetting.end_all(self, turn)
        self.upkeep.settle(self, turn)
        self._station_status(turn)
        self.box.reservations.settle(self, turn)
        for outlet in self.outlets.values():
            outlet.settle(turn)
        self.box.reservations.keep_one_free(self)
        wear_variables.tell(self)
        self.smart_charging.settle(self, turn)
        for outlet in self.outlets.values():
            outlet.offer(turn)
        self.lights.settle(self, turn)
        self._aligned_values(turn)
        self.upkeep.settle(self, turn)
        self.resetting.settle(self, turn)
        prove(self, turn)
        self.networks.settle(turn)
        self.certificates.settle(self, turn)
        self._say(turn)
        return turn.effects()

    def next_deadline(self) -> int | None:
        """When to call again without an event, on the monotonic clock."""
        now_ms = self._now_ms
        times = (
            *(outlet.next_deadline(now_ms) for outlet in self.outlets.values()),
            self.registration.next_deadline(),
            *(self.box.outbox.deadlines() if self.box.online else ()),
            self._heartbeat_ms() if self.box.online else None,
            self._aligned.at_ms,
            self.resetting.next_deadline(),
            self.networks.next_deadline(now_ms),
            self.certificates.next_deadline(now_ms),
            self.smart_charging.next_deadline(),
            self.box.reservations.next_deadline(),
            self.upkeep.next_deadline(now_ms),
            self._started.mono_ms + HAL_PATIENCE_MS,
        )
        return soonest(times, now_ms)

    def date(self, stamp: Stamp, now: Now) -> int | None:
        """The wall time of a stamp, as far as it is known by now; None while no time is known at all."""
        return self._calendar.date(stamp, now)

    def forget_told(self) -> None:
        """All statuses are reported again (OCPP 1.6 errata 3.22: after each accepted boot)."""
        self._told, self.status_unsure = None, False
        for outlet in self.outlets.values():
            outlet.connector.forget_told()

    def report_status(self, turn: Turn, evse: int, fault: FaultNote | None = None) -> None:
        """Report the status of an outlet or (0) the station, which may have a `fault` to tell, asked for."""
        outlet = self.outlets.get(evse)
        report = outlet.connector.report(turn) if outlet else self._status_report(turn, fault)
        self.box.outbox.put(report, turn, asked_for=True)

    def _take(self, event: Event, turn: Turn) -> None:
        handler = HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, turn)
            return
        outlet = self.outlets.get(getattr(event, "evse", 0))
        if outlet is not None:
            outlet.take(event, turn)

    def hal_came(self, event: HalUp, turn: Turn) -> None:
        """The board is known; outlets come into being with what the journal knows of them."""
        self.hal_up = True
        for evse in event.outlets:
            if evse not in self.outlets:
                self.outlets[evse] = Outlet(evse, self.box, past(self._recovered, evse), turn.now.boot)
            self.outlets[evse].seen.up = True
        self._recovered = replace(self._recovered, transactions=self._orphans(turn))
        variables = self.box.variables
        variables.write(catalogue.NUMBER_OF_CONNECTORS, str(len(self.outlets)))
        if wrong := strangers(variables[catalogue.PHASE_ROTATION], self.outlets):
            turn.log(f"! ConnectorPhaseRotation: this board has no connector for {', '.join(wrong)}")
        rotation = [item for item in variables[catalogue.PHASE_ROTATION] if item not in wrong]
        rotation = rotation or [f"{evse}.Unknown" for evse in self.outlets]
        variables.write(catalogue.PHASE_ROTATION, ",".join(rotation))

    def hal_went(self, event: HalDown, turn: Turn) -> None:
        """Nothing that hal said may be believed any more."""
        self.hal_up = False
        for outlet in self.outlets.values():
            outlet.seen.lost()
        turn.log("! evse-hal is silent")

    def judged(self, start: TransactionStarted, answer: TokenAnswer, turn: Turn) -> None:
        """What the central system says of the token of a start, whose outlet may not have come yet."""
        outlet = self.outlets.get(start.evse)
        if outlet is not None and outlet.charging.tx is not None and outlet.charging.tx.id == start.tx:
            outlet.judged(answer, turn)
        waiting = {tx.id: tx for tx in self._recovered.transactions}
        if start.tx in waiting:
            waiting[start.tx] = judged(waiting[start.tx], answer, waiting[start.tx].last_wh)
            turn.put(waiting[start.tx])
            self._recovered = replace(self._recovered, transactions=tuple(waiting.values()))

    def bind(self, binding: Binding, turn: Turn) -> None:
        """Keep what only the peer knows of one of our things, or forget it."""
        bound = Bound(binding)
        if binding.value is None:
            self._bound.pop(bound.key, None)
            turn.drop(Bound, bound.key)
        else:
            self._bound[bound.key] = binding.thing
            turn.put(bound)

    def unbind(self, thing: str, turn: Turn) -> None:
        """No message about this thing will ever leave again."""
        for key in [key for key, bound in self._bound.items() if bound == thing]:
            del self._bound[key]
            turn.drop(Bound, key)

    def _orphans(self, turn: Turn) -> tuple[Transaction, ...]:
        """Transactions of outlets that this board does not have stay open on disk until a board has them."""
        orphans = tuple(tx for tx in self._recovered.transactions if tx.evse not in self.outlets)
        for tx in orphans:
            turn.log(f"! transaction {tx.id} belongs to outlet {tx.evse}, which this board does not have")
        return orphans

    def presented(self, event: TagPresented, turn: Turn) -> None:
        """A card at an outlet's reader."""
        if event.evse in self.outlets:
            self.outlets[event.evse].present(event.token, turn)

    def pressed(self, event: ButtonPressed, turn: Turn) -> None:
        """The button of an outlet does what the card does that a free box needs not ask for."""
        token = self.box.access.free_token
        if token is None:
            turn.log(f"= outlet {event.evse} button ignored: a card is needed here")
        elif event.evse in self.outlets:
            self.outlets[event.evse].present(token, turn)

    def store_broke(self, event: StoreBroken, turn: Turn) -> None:
        """The disk takes nothing: nothing new begins; what just began never did."""
        if self.box.durable:
            turn.log(f"! the journal can't be written: {event.why}")
            if event.full:
                self.box.security.note(SecurityKind.MEMORY_EXHAUSTED, "the disk is full", turn)
        self.box.durable, self.store_trouble = False, event.why
        if event.changes:  # else it was the gathered that could not be written, and nothing was held back for it
            self.box.outbox.not_sent(self._sent)
            self.upkeep.store_broke(turn)
            self.certificates.store_broke(turn)
            self.box.tokens.store_broke(event.changes, turn)
            self.box.profiles.store_broke(event.changes, turn)
            self.box.reservations.store_broke(event.changes, turn)
        kept = [change.record for change in event.changes if isinstance(change, Put)]
        ends = {tx.id: tx.evse for tx in kept if isinstance(tx, Transaction) and tx.ended is not None}
        self.box.outbox.withdraw(StatusChanged, ends.values())  # nobody hears Available before the end is kept
        for outlet in self.outlets.values():
            never_was = outlet.store_broken(set(_starts(kept)), ends.keys())
            if never_was is not None:
                self.box.outbox.discard(never_was, turn)
                turn.drop(Transaction, never_was)
                smart_charging.forget(self.box.profiles.ended(never_was), turn)
                self.box.reservations.never_began(never_was, turn)
                turn.log(f"! transaction {never_was} did not begin")

    def store_mended(self, event: StoreMended, turn: Turn) -> None:
        """All is on the disk again."""
        self.box.durable, self.store_trouble = True, ""
        for outlet in self.outlets.values():
            outlet.store_mended()
        turn.log("= the journal is written again")

    def vendor_message(self, event: VendorMessageWanted, turn: Turn) -> None:
        """Something at the box wants to tell the central system something of its own, and hears what that says."""
        if self.box.online:
            self.box.outbox.put(VendorMessage(event.vendor, event.message, event.data, event.ref), turn)
        else:
            turn.tell(Reply(event.ref, VendorReply(Verdict.NO_ANSWER)))

    def _fault(self) -> str | None:
        waited = self._now_ms - self._started.mono_ms >= HAL_PATIENCE_MS
        return HAL_SILENT.name if not self.hal_up and waited else None

    def _status_now(self) -> tuple[Status, str | None]:
        fault = self._fault()
        if fault is not None:
            return Status.FAULTED, fault
        return (Status.AVAILABLE if self.operative else Status.UNAVAILABLE), None

    def _status_report(self, turn: Turn, note: FaultNote | None = None) -> StatusChanged:
        status, fault = self._status_now()
        return StatusChanged(0, status, turn.now.stamp(), HAL_SILENT if fault else note)

    def _station_status(self, turn: Turn) -> None:
        if self.box.online and self._told != self._status_now():
            self._told = self._status_now()
            self.box.outbox.put(self._status_report(turn), turn)

    def _aligned_values(self, turn: Turn) -> None:
        if self._aligned.due(turn.now, self.box.variables[catalogue.ALIGNED_INTERVAL]):
            for outlet in self.outlets.values():
                outlet.charging.aligned(turn)

    def _heartbeat_ms(self) -> int:
        return self.said_ms + self.box.variables[catalogue.HEARTBEAT_INTERVAL] * 1_000

    def _board_known(self, now_ms: int) -> bool:
        return bool(self.outlets) or now_ms - self._started.mono_ms >= HAL_PATIENCE_MS

    def _say(self, turn: Turn) -> None:
        """At most one report leaves; what was queued before a fresh registration follows the present state."""
        now_ms, outbox = turn.now.mono_ms, self.box.outbox
        central.backlog_follows(self)
        if self.registration.boot_due(now_ms) and self._board_known(now_ms) and not outbox.has(Booted):
            outbox.put(Booted(), turn)
        if self.box.online and now_ms >= self._heartbeat_ms() and not outbox.has(HeartbeatDue):
            outbox.put(HeartbeatDue(), turn)
        row = outbox.next(self._stage(turn.now), now_ms)
        self._sent = row.id if row is not None else None
        if row is not None:
            turn.tell(Send(row.id, row.report, self.box.variables[catalogue.MESSAGE_TIMEOUT] * 1_000))

    def _stage(self, now: Now) -> Stage:
        """What may leave now; what is queued waits until it can be dated, and is sure to be on the disk (I5)."""
        stage = self.registration.stage(now.mono_ms)
        stamps = [moment(report) for report in self.box.outbox.heads()]
        undated = any(stamp is not None and self.date(stamp, now) is None for stamp in stamps)
        return Stage.PRESENT if stage is Stage.ALL and (undated or not self.box.durable) else stage


def _box(
    recovered: Recovered,
    variables: Variables,
    rules: Rules,
    access: Access,
    installer_ma: int,
    new_id: Callable[[], str],
) -> Box:
    outbox = Outbox(recovered.queue, new_id)
    return Box(
        variables=variables,
        tokens=_tokens(access, recovered, variables),
        outbox=outbox,
        security=Security(rules, outbox, new_id),
        reservations=Reservations(recovered.reservations),
        profiles=ProfileBook(recovered.profiles, smart_charging.capacity(variables)),
        rules=rules,
        access=access,
        new_id=new_id,
        installer_ma=installer_ma,
    )


def _tokens(access: Access, recovered: Recovered, variables: Variables) -> TokenBook:
    listed = LocalList(recovered.list_marks, recovered.listed)
    return TokenBook(access.local_tokens, listed, recovered.tokens, variables)


def _starts(kept: list[object]) -> Iterator[str]:
    """Transactions that begin in these records; the start of one that is only tried again has begun before."""
    for record in kept:
        if isinstance(record, QueuedReport) and isinstance(record.report, TransactionStarted) and not record.attempts:
            yield record.report.tx


# Each function takes exactly the event type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    HalUp: Station.hal_came,
    HalDown: Station.hal_went,
    TagPresented: Station.presented,
    ButtonPressed: Station.pressed,
    StoreBroken: Station.store_broke,
    StoreMended: Station.store_mended,
    VendorMessageWanted: Station.vendor_message,
    **central.HANDLERS,
    **security.HANDLERS,
    **requests.HANDLERS,
}
