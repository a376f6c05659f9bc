"""A station with an obedient box around it and a central system that answers when told: for tests of the core alone.

Time moves only by `advance`. Every list of effects is checked for the order that keeps the box safe, and every effect is
done at once: demands move the contactor, commits fill a disk, sends lie open until answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from evsed.core import events as ev
from evsed.core.box import Access
from evsed.core.effects import AdoptTime, Demand, Drop, Effect, Persist, Put, Reply, Restart, Send
from evsed.core.records import (
    BootClock,
    Bound,
    Inoperative,
    KnownToken,
    QueuedReport,
    Record,
    Recovered,
    Setting,
    Transaction,
)
from evsed.core.reports import Report
from evsed.core.rules import Rules
from evsed.core.station import Station
from evsed.core.words import MeterReading, Now, Registration, Status, Token, TokenStatus

RULES = Rules(
    unlock_stops_transaction=True,
    boot_trigger_after_accepted=False,
    answers_while_rejected=False,
    remote_start_while_pending=False,
)
WALL0 = 1_780_000_000_000
TAG = Token("04A1B2C3")


def lowers(before: Demand, after: Demand) -> bool:
    """Whether a demand raises nothing: no current, no permission to close, no cable freed."""
    return (
        after.max_ma <= before.max_ma
        and (before.closes or not after.closes)
        and (after.holds_cable or not before.holds_cable)
    )


@dataclass
class Disk:
    """What a journal would hold: records by type and key; `gathered` is lost in a cut."""

    records: dict[tuple[type, str], Record] = field(default_factory=dict)
    gathered: list[Persist] = field(default_factory=list)
    broken: bool = False

    def commit(self, persist: Persist) -> None:
        for change in persist.changes:
            if isinstance(change, Put):
                record: Any = change.record
                self.records[type(record), record.key] = record
            else:
                assert isinstance(change, Drop)
                self.records.pop((change.kind, change.key), None)

    def recovered(self) -> Recovered:
        def of(kind: type) -> tuple[Any, ...]:
            return tuple(record for (found, _), record in self.records.items() if found is kind)

        return Recovered(
            transactions=tuple(tx for tx in of(Transaction) if tx.ended is None),
            queue=tuple(sorted(of(QueuedReport), key=lambda row: row.seq)),
            tokens=of(KnownToken),
            settings=of(Setting),
            inoperative=of(Inoperative),
            clocks=of(BootClock),
            bindings=of(Bound),
        )


class World:
    """One station, `outlets` outlets, one disk, one central system."""

    def __init__(self, outlets: int = 1, free: bool = False, socket: bool = True, local: tuple[str, ...] = ()) -> None:
        self.evses = tuple(range(1, outlets + 1))
        self.socket = socket
        self.access = Access(Token("FREE") if free else None, local)
        self.disk = Disk()
        self.mono_ms = 1_000
        self.wall_known = False
        self.boot_nr = 1
        self.ids: Iterator[int] = iter(range(1, 10**9))
        self.register = {evse: 1_000_000 for evse in self.evses}
        self.log: list[Effect] = []
        self._begin()

    # --- life of the process ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.sent: list[Send] = []
        self.open: Send | None = None
        self.replies: dict[str, Any] = {}
        self.restarts: list[Restart] = []
        self.demands = {evse: Demand(evse, 0, False, True) for evse in self.evses}
        self.closed = dict.fromkeys(self.evses, False)
        self.drawing = dict.fromkeys(self.evses, False)
        self.locked = dict.fromkeys(self.evses, False)
        self.station = Station(
            self.disk.recovered(),
            self.now(),
            rules=RULES,
            access=self.access,
            installer_ma=16_000,
            new_id=lambda: f"id{next(self.ids)}",
        )

    def power_cut(self) -> None:
        """Everything stops; only the disk and the meter's register stay."""
        self.disk.gathered.clear()
        self.boot_nr += 1
        self.mono_ms = 500
        self.wall_known = False
        self._begin()

    def crash(self) -> None:
        """evsed ends without a word and is started again; the box goes on."""
        self.disk.gathered.clear()
        self._begin()

    def now(self) -> Now:
        boot_wall = WALL0 + self.boot_nr * 10**9
        return Now(f"boot{self.boot_nr}", self.mono_ms, boot_wall + self.mono_ms if self.wall_known else None)

    def do(self, event: ev.Event) -> None:
        """One turn of the loop; the box follows the demands."""
        self._perform(self.station.handle(event, self.now()))
        for evse in self.evses:
            self._follow(evse)

    def advance(self, seconds: float) -> None:
        """Let time pass: every deadline in between is kept, the meter is read each second."""
        until = self.mono_ms + round(seconds * 1_000)
        while True:
            deadline = self.station.next_deadline()
            second = (self.mono_ms // 1_000 + 1) * 1_000
            at = min(deadline if deadline is not None else until, second, until)
            self.mono_ms = max(at, self.mono_ms)
            if self.mono_ms % 1_000 == 0 and self.station.hal_up:
                for evse in self.evses:
                    self.register[evse] += 3 if self.closed[evse] and self.drawing[evse] else 0
                    self.meter(evse)
            if deadline is not None and deadline <= self.mono_ms:
                self.do(ev.DeadlineReached())
            if self.mono_ms >= until:
                return

    # --- the box -----------------------------------------------------------------------------------------------

    def hal_up(self) -> None:
        self.do(ev.HalUp(self.evses, "test", 1))
        for evse in self.evses:
            self.do(ev.OfferMoved(evse, 0, 32_000, "NO_LEASE"))
            self.do(ev.LockMoved(evse, False if self.socket else None))
            self.meter(evse)

    def meter(self, evse: int = 1) -> None:
        amps = (16_000, 16_000, 16_000) if self.closed[evse] and self.drawing[evse] else (0, 0, 0)
        reading = MeterReading(self.mono_ms, self.register[evse], sum(amps) * 230 // 1000, amps, (230_000,) * 3)
        self.do(ev.MeterRead(evse, reading))

    def plug_in(self, evse: int = 1) -> None:
        self.do(ev.CablePlugged(evse, 32_000 if self.socket else None))

    def wants(self, evse: int = 1) -> None:
        self.drawing[evse] = True
        self.do(ev.EvReady(evse))

    def stops_drawing(self, evse: int = 1) -> None:
        self.drawing[evse] = False
        self._move(evse, False)
        self.do(ev.EvStoppedDrawing(evse))

    def unplug(self, evse: int = 1) -> None:
        self.drawing[evse] = False
        self.do(ev.CableUnplugged(evse))
        self._move(evse, False)

    def swipe(self, token: Token = TAG, evse: int = 1) -> None:
        self.do(ev.TagPresented(evse, token))

    def _follow(self, evse: int) -> None:
        demand = self.demands[evse]
        offered = demand.max_ma if demand.closes else 0
        seen = self.station.outlets.get(evse)
        if seen is None:
            return
        if seen.seen.offered_ma != offered:
            self.do(ev.OfferMoved(evse, offered, 32_000, None if offered else "NOT_WANTED"))
        self._move(evse, demand.closes and self.drawing[evse])
        if self.socket and demand.holds_cable != self.locked[evse]:
            self.locked[evse] = demand.holds_cable
            self.do(ev.LockMoved(evse, self.locked[evse]))

    def _move(self, evse: int, closed: bool) -> None:
        if self.closed[evse] != closed:
            self.closed[evse] = closed
            self.do(ev.ContactorMoved(evse, closed))

    # --- the central system ------------------------------------------------------------------------------------

    def connect(self) -> None:
        self.do(ev.LinkUp())

    def disconnect(self) -> None:
        self.open = None
        self.do(ev.LinkDown("test"))

    def answer(self, answer: ev.Answer) -> Report:
        """Answer the open call."""
        assert self.open is not None, "no call is open"
        item, self.open = self.open, None
        if isinstance(answer, ev.BootAnswer | ev.TimeAnswer) and answer.wall_ms is not None:
            self.wall_known = True
        self.do(ev.Delivered(item.item, answer))
        return item.report

    def fail(self, code: str | None = None) -> Report:
        """Refuse the open call, or (None) let it time out."""
        assert self.open is not None, "no call is open"
        item, self.open = self.open, None
        self.do(ev.Undelivered(item.item, code))
        return item.report

    def answer_all(self, status: TokenStatus = TokenStatus.ACCEPTED) -> list[Report]:
        """Answer whatever is open as a friendly central system, until nothing is."""
        seen: list[Report] = []
        while self.open is not None:
            kind = type(self.open.report).__name__
            if kind == "Booted":
                seen.append(self.answer(ev.BootAnswer(Registration.ACCEPTED, WALL0, 300)))
            elif kind == "HeartbeatDue":
                seen.append(self.answer(ev.TimeAnswer(WALL0)))
            elif kind in ("AuthorizationAsked", "TransactionStarted", "TransactionEnded"):
                seen.append(self.answer(ev.TokenAnswer(status)))
            else:
                seen.append(self.answer(ev.Noted()))
        return seen

    def online(self) -> World:
        """Board up, connected, registered, every status told."""
        self.hal_up()
        self.connect()
        self.answer_all()
        return self

    def asks(self, request: ev.Request) -> Any:
        """A request of the central system; its reply, or None while there is none."""
        self.do(ev.FromCentral(request))
        return self.replies.get(request.ref)

    # --- what can be seen --------------------------------------------------------------------------------------

    def status(self, evse: int = 1) -> Status:
        return self.station.outlets[evse].status

    def transactions(self) -> list[Transaction]:
        return [record for record in self.disk.records.values() if isinstance(record, Transaction)]

    def reports(self, kind: type) -> list[Any]:
        return [send.report for send in self.sent if isinstance(send.report, kind)]

    def _perform(self, effects: list[Effect]) -> None:
        self.log.extend(effects)
        kept = True
        committed = False
        for effect in effects:
            if isinstance(effect, Persist):
                kept = self._keep(effect)
                committed = True
            elif isinstance(effect, Demand) and kept:
                assert lowers(self.demands[effect.evse], effect) or committed or not self._changes(effects)
                self.demands[effect.evse] = effect
            elif isinstance(effect, Send):
                assert self.open is None, "a second call was opened"
                self.open = effect
                self.sent.append(effect)
            elif isinstance(effect, Reply):
                self.replies[effect.ref] = effect.answer
            elif isinstance(effect, Restart):
                self.restarts.append(effect)
            elif isinstance(effect, AdoptTime):
                self.wall_known = True

    @staticmethod
    def _changes(effects: list[Effect]) -> bool:
        return any(isinstance(effect, Persist) for effect in effects)

    def _keep(self, persist: Persist) -> bool:
        if self.disk.broken:
            self.do(ev.StoreBroken(persist.changes, "the disk is full"))
            return False
        if persist.urgent:
            for gathered in self.disk.gathered:
                self.disk.commit(gathered)
            self.disk.gathered.clear()
            self.disk.commit(persist)
        else:
            self.disk.gathered.append(persist)
        return True
