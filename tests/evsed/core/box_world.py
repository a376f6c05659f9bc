"""A station with an obedient box around it and a central system that answers when told: for tests of the core alone.

Time moves only by `advance`. Every effect is done at once, as the shell does it: demands move the plant, commits fill a
disk, sends lie open until answered. After each turn the rules of `Watch` are checked, whatever the story is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import Any

from msgspec.structs import replace

from evsed.core import catalogue
from evsed.core import events as ev
from evsed.core.box import Access
from evsed.core.effects import AdoptTime, Demand, Effect, Log, Persist, Reply, Restart, Send
from evsed.core.errands import Errand, Work
from evsed.core.records import Transaction
from evsed.core.reports import (
    AuthorizationAsked,
    Booted,
    HeartbeatDue,
    Report,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
)
from evsed.core.rules import Rules
from evsed.core.security_events import SecurityKind
from evsed.core.station import Station
from evsed.core.words import FaultNote, Now, Registration, Stamp, Status, Token, TokenStatus, Verdict
from tests.evsed.core.disk import Disk
from tests.evsed.core.plant import Bay
from tests.evsed.core.watch import Watch

RULES = Rules(
    unlock_stops_transaction=True,
    boot_trigger_after_accepted=False,
    answers_while_rejected=False,
    remote_start_while_pending=False,
    clear_by_id_alone=True,
    critical_security=frozenset(
        {SecurityKind.STARTED, SecurityKind.RESET, SecurityKind.TIME_SET, SecurityKind.MEMORY_EXHAUSTED}
    ),
)
WALL0 = 1_780_000_000_000
TAG = Token("04A1B2C3")
OTHER = Token("0BADCAFE")
FLUSH_MS = 30_000


class World:
    """One station, `outlets` outlets, one disk, one central system."""

    def __init__(
        self,
        outlets: int = 1,
        *,
        free: bool = False,
        socket: bool = True,
        local: tuple[str, ...] = (),
        installer_ma: int = 16_000,
        rules: Rules = RULES,
        presets: Mapping[str, str] | None = None,
    ) -> None:
        self.access = Access(Token("FREE") if free else None, local)
        self.installer_ma, self.rules, self.presets = installer_ma, rules, presets
        self.bays = {evse: Bay(evse, socket) for evse in range(1, outlets + 1)}
        self.disk = Disk()
        self.ms = self.boot_ms = 0
        self.boot_nr = 1
        self.boots = {"boot1": 0}
        self.wall_offset: int | None = None
        self._seen_offset: int | None = None  # at the last event
        self.ids = count(1)
        self.refs = count(1)
        self.hal_lives = False
        self.verdicts: dict[type, ev.TokenAnswer] = {}
        self.arrived: dict[str, Report] = {}
        self.lines: list[str] = []
        self.ms += 1_000
        self._begin()

    # --- life of the process ---------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.sent: list[Send] = []
        self.open: Send | None = None
        self.replies: dict[str, Any] = {}
        self.restarts: list[Restart] = []
        self.errands: list[Errand] = []
        self.demands: dict[int, Demand] = {}
        self.effects: list[Effect] = []
        self._inbox: deque[ev.Event] = deque()
        self._busy = False
        self.watch = Watch(self)
        self.station = Station(
            self.disk.recovered(),
            self.now(),
            rules=self.rules,
            access=self.access,
            installer_ma=self.installer_ma,
            new_id=lambda: f"id{next(self.ids)}",
            presets=self.presets,
        )

    def power_cut(self, off_s: int = 20) -> None:
        """Everything stops and starts again; only the disk and the meter's register stay."""
        self.ms += off_s * 1_000
        self.boot_ms = self.ms - 500
        self.boot_nr += 1
        self.boots[f"boot{self.boot_nr}"] = self.boot_ms
        self.wall_offset = None
        self.hal_lives = False
        for bay in self.bays.values():
            bay.demand, bay.told = None, None
            facts = replace(bay.facts, asks=False, closed=False, offered_ma=0, faults=(), reading=None)
            bay.facts = replace(facts, locked=None if facts.locked is None else False)
        self.disk.lose()
        self._begin()

    def crash(self) -> None:
        """evsed ends without a word and is started again; the box goes on, on its last permission."""
        self.disk.lose()
        self._begin()
        if self.hal_lives:
            self.hal_up()

    def now(self) -> Now:
        mono_ms = self.ms - self.boot_ms
        return Now(f"boot{self.boot_nr}", mono_ms, None if self.wall_offset is None else self.ms + self.wall_offset)

    @property
    def mono_ms(self) -> int:
        return self.ms - self.boot_ms

    def do(self, *events: ev.Event) -> None:
        """Events in a row, and all that the box does because of them."""
        self._inbox.extend(events)
        if self._busy:
            return
        self._busy = True
        try:
            while self._inbox:
                now, self._seen_offset = self.now(), self.wall_offset
                self._perform(self.station.handle(self._inbox.popleft(), now))
                self.watch.after_turn(now)
                for evse in self.bays if self.hal_lives and not self._inbox else ():
                    self.follow(evse)
        finally:
            self._busy = False

    def advance(self, seconds: float) -> None:
        """Let time pass: every deadline is kept, the meters are read each second, batches reach the disk. While nothing
        flows each reading is the one before, and only the last before anything else is read.
        """
        until = self.ms + round(seconds * 1_000)
        while self.ms < until:
            deadline = self.station.next_deadline()
            second = (self.ms // 1_000 + 1) * 1_000
            if self._idle():
                next_ms = until if deadline is None else min(until, deadline + self.boot_ms)
                second = max(second, next_ms // 1_000 * 1_000)
            self.ms = min(deadline + self.boot_ms if deadline is not None else until, second, until)
            if self.ms % 1_000 == 0:
                self._second()
            if deadline is not None and deadline <= self.mono_ms:
                self.do(ev.DeadlineReached())

    def _idle(self) -> bool:
        """No reading tells anything new, the clock neither, and the disk has nothing to do."""
        flows = any(bay.facts.closed for bay in self.bays.values())
        return not flows and self.wall_offset == self._seen_offset and not (self.disk.gathered or self.disk.unkept)

    def _second(self) -> None:
        for evse, bay in self.bays.items():
            bay.count(1)
            bay.read(self.mono_ms)
            self.follow(evse)
        if self.disk.heals and self.disk.unkept:
            self.mends()
        if self.disk.gathered and not self.disk.broken and self.ms - self.disk.gathered_ms >= FLUSH_MS:
            self.disk.flush()

    # --- the box -----------------------------------------------------------------------------------------------

    def hal_up(self) -> None:
        """The first snapshot tells all as it is; then the leases are renewed."""
        self.hal_lives = True
        for bay in self.bays.values():
            bay.told = None
            bay.read(self.mono_ms)
        facts = [event for bay in self.bays.values() for event in bay.edges()]
        self.do(ev.HalUp(tuple(self.bays)), *facts)

    def hal_down(self) -> None:
        """evse-hal dies: its contactors open."""
        self.hal_lives = False
        for bay in self.bays.values():
            bay.facts = replace(bay.facts, closed=False, offered_ma=0)
        self.do(ev.HalDown())

    def follow(self, evse: int) -> None:
        """The plant goes where it must; hal tells what changed."""
        if self.hal_lives:
            self.bays[evse].follow()
            self.do(*self.bays[evse].edges())

    def change(self, evse: int, **facts: Any) -> None:
        """Something happens to an outlet."""
        self.bays[evse].facts = replace(self.bays[evse].facts, **facts)
        self.follow(evse)

    def plug_in(self, evse: int = 1) -> None:
        self.change(evse, plugged=True)

    def wants(self, evse: int = 1) -> None:
        self.change(evse, asks=True)

    def stops_drawing(self, evse: int = 1) -> None:
        self.change(evse, asks=False)

    def unplug(self, evse: int = 1) -> None:
        """The car leaves; the cable goes with it unless the bolt holds it."""
        self.change(evse, asks=False, plugged=False)

    def swipe(self, token: Token = TAG, evse: int = 1) -> None:
        self.do(ev.TagPresented(evse, token))

    def fault(self, *faults: FaultNote, evse: int = 1) -> None:
        self.change(evse, faults=faults)

    def breaks(self) -> None:
        self.disk.broken = True

    def mends(self) -> None:
        """The shell's next try succeeds."""
        self.disk.mend()
        self.do(ev.StoreMended())

    # --- the central system ------------------------------------------------------------------------------------

    def connect(self) -> None:
        self.do(ev.LinkUp())

    def disconnect(self) -> None:
        self.open = None
        self.watch.connection_lost()
        self.do(ev.LinkDown("test"))

    def answer(self, answer: ev.Answer, *bindings: ev.Binding) -> Report:
        """Answer the open call."""
        item = self._close()
        self.do(ev.Delivered(item.item, answer, bindings))
        return item.report

    def fail(self, code: str | None = None) -> Report:
        """Refuse the open call, or (None) let it time out."""
        item = self._close()
        self.do(ev.Undelivered(item.item, code))
        return item.report

    def _close(self) -> Send:
        assert self.open is not None, "no call is open"
        item, self.open = self.open, None
        return item

    def answer_one(self) -> Report:
        """Answer the open call as a friendly central system, or with what `verdicts` has for such a report."""
        assert self.open is not None, "no call is open"
        report = self.open.report
        if isinstance(report, Booted):
            return self.answer(ev.BootAnswer(Registration.ACCEPTED, WALL0 + self.ms, 300))
        if isinstance(report, HeartbeatDue):
            return self.answer(ev.TimeAnswer(WALL0 + self.ms))
        if isinstance(report, AuthorizationAsked | TransactionStarted | TransactionEnded):
            return self.answer(self.verdicts.get(type(report), ev.TokenAnswer(TokenStatus.ACCEPTED)))
        return self.answer(ev.Noted())

    def answer_all(self) -> list[Report]:
        """Answer whatever is open, until nothing is."""
        seen: list[Report] = []
        while self.open is not None:
            seen.append(self.answer_one())
        return seen

    def until(self, kind: type) -> World:
        """Answer until a call of this kind lies open."""
        while self.open is None or not isinstance(self.open.report, kind):
            self.answer_one()
        return self

    def online(self) -> World:
        """Board up, connected, registered, every status told."""
        self.hal_up()
        self.connect()
        self.answer_all()
        return self

    def offline(self) -> World:
        """Board up, never connected."""
        self.hal_up()
        return self

    def asks(self, request: ev.Request) -> Any:
        """A request of the central system; its reply, or None while there is none."""
        self.do(ev.FromCentral(request))
        return self.replies.get(request.ref)

    def ref(self) -> str:
        return f"ref{next(self.refs)}"

    def set(self, key16: str, value: object) -> World:
        """Someone at the box writes a variable."""
        variable = catalogue.by_key16(key16)
        assert variable is not None
        ref, text = self.ref(), str(value).lower() if isinstance(value, bool) else str(value)
        self.do(ev.VariableWritten(ref, variable.component, variable.name, text))
        assert self.replies[ref] is Verdict.ACCEPTED, f"{key16}={value}: {self.replies[ref]}"
        return self

    # --- short stories -----------------------------------------------------------------------------------------

    def charging(self, evse: int = 1, token: Token = TAG) -> World:
        """A car charges, and all is told."""
        self.plug_in(evse)
        self.swipe(token, evse)
        self.answer_all()
        self.wants(evse)
        self.answer_all()
        assert self.status(evse) is Status.CHARGING
        return self

    # --- what can be seen --------------------------------------------------------------------------------------

    def status(self, evse: int = 1) -> Status:
        return self.station.outlets[evse].status

    def tx(self, evse: int = 1) -> Transaction | None:
        """The open transaction, as the station has it."""
        outlet = self.station.outlets.get(evse)
        return outlet.charging.tx if outlet is not None else None

    def true_ms(self, stamp: Stamp) -> int:
        """When it really was, whatever clock the box had."""
        return self.boots[stamp.boot] + stamp.mono_ms

    def transactions(self) -> list[Transaction]:
        """As the disk has them."""
        return list(self.disk.of(Transaction))

    def last(self, kind: type) -> Any:
        return self.reports(kind)[-1]

    def reports(self, kind: type) -> list[Any]:
        return [send.report for send in self.sent if isinstance(send.report, kind)]

    def statuses(self, evse: int = 1) -> list[Status]:
        """What was sent of this outlet."""
        return [report.status for report in self.reports(StatusChanged) if report.evse == evse]

    def _perform(self, effects: list[Effect]) -> None:
        self.effects.extend(effects)
        self.watch.order(effects)
        broken: ev.StoreBroken | None = None
        for effect in effects:
            if isinstance(effect, Persist):
                kept = self.disk.keep(effect, self.ms)
                broken = None if kept else ev.StoreBroken(effect.changes, "the disk is full")
            elif broken is None or not isinstance(effect, Demand | Send | Work):
                self._tell(effect)
        if broken is not None:
            self._perform(self.station.handle(broken, self.now()))

    def _tell(self, effect: Effect) -> None:
        if isinstance(effect, Demand):
            self.watch.demand(effect)
            self.demands[effect.evse] = self.bays[effect.evse].demand = effect
        elif isinstance(effect, Send):
            self.watch.send(effect)
            self.open = effect
            self.sent.append(effect)
            self.arrived.setdefault(effect.item, effect.report)
        elif isinstance(effect, Reply):
            assert effect.ref not in self.replies, "a second reply"
            self.replies[effect.ref] = effect.answer
        elif isinstance(effect, Errand):
            self.errands.append(effect)
        elif isinstance(effect, Restart):
            self.restarts.append(effect)
        elif isinstance(effect, AdoptTime):
            self.wall_offset = effect.wall_ms - self.ms
        elif isinstance(effect, Log):
            self.lines.append(effect.line)
            self.watch.line(effect.line)
