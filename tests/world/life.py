"""One life of evsed in the world: the real core, performer, journal, exchange and edges, on the world's own hands.

What the supervisor does with tasks and threads is done here without waiting. A life ends by a kill, a cut or a restart;
nothing of it goes on but the journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

import msgspec

from evsed import farewell
from evsed.clock import ASK_KERNEL_MS, SystemClock
from evsed.core.box import Access
from evsed.core.central_systems import ConnectTo, DialFailed
from evsed.core.effects import AdoptTime, Demand, Effect, LinkSettings, Persist, Reply, Send, Shine
from evsed.core.errands import Errand, ProgramStarted
from evsed.core.events import DeadlineReached, Event, Ref, ResetKind, StoreMended
from evsed.core.security_events import SecurityNoticed
from evsed.core.station import Station
from evsed.core.words import Nameplate, Now, Stamp, Token
from evsed.edges import HalView
from evsed.ocpp.backoff import Backoff
from evsed.ocpp.causes import asked_wait_s, concerns, refuses, why_not_connected
from evsed.ocpp.exchange import Exchange, Output
from evsed.ocpp.v16.dialect import DIALECT
from evsed.performer import Performer
from evsed.quarantine import Quarantine
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal
from evsed.supervisor import LOCAL, STUCK_MS
from hal.contract import RENEW_MS
from tests.world.depot import Clerk
from tests.world.machine import Cut

if TYPE_CHECKING:
    from tests.world.clockwork import Clockwork

NEVER_MS = 1 << 62
PLATE = Nameplate("evsed", "virtual", None, "test")


class DiskJournal(Journal):
    """The real journal on a disk that may be full; each write that became durable is told."""

    refuses: Callable[[], StoreFailed | None] = staticmethod(lambda: None)
    tears: Callable[[], float | None] = staticmethod(lambda: None)
    wrote: Callable[[], None] = staticmethod(lambda: None)
    kept: Callable[[Persist], None] = staticmethod(lambda persist: None)
    dead = False

    def commit(self, persist: Persist) -> None:
        super().commit(persist)
        self.kept(persist)

    def _write(self, changes: dict) -> None:  # type: ignore[type-arg]
        refusal = self.refuses() if changes else None
        if refusal is not None:
            raise refusal
        whole, before = self.tears() if changes else None, self._log_bytes()
        super()._write(changes)
        if whole is not None:
            self._tear(before, whole)
        if changes:
            self.wrote()

    def _log_bytes(self) -> int:
        log = self._database.path.with_name("journal.db-wal")
        return log.stat().st_size if log.exists() else 0

    def _tear(self, before: int, whole: float) -> None:
        """The power goes in the middle of it: of what it appended to the log only a part is there."""
        files = [self._database.path, self._database.path.with_name("journal.db-wal")]
        base, log = (path.read_bytes() for path in files)
        self.die()
        files[0].write_bytes(base)
        files[1].write_bytes(log[: before + int(max(0, len(log) - before) * whole)])
        raise Cut

    def die(self) -> None:
        """What was gathered and not flushed is lost: that is what a kill leaves out. Who is dead stays dead."""
        if not self.dead:
            self.dead = True
            self._database.close()


class WatchedStation(Station):
    """The real one; what it decides is told."""

    decided: Callable[[list[Effect]], None] = staticmethod(lambda effects: None)

    def handle(self, event: Event, now: Now) -> list[Effect]:
        effects = super().handle(event, now)
        self.decided(effects)
        return effects


class _Pause:
    """What a turn awaits while a slow disk works."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def is_over(steps: Coroutine[Any, Any, None]) -> bool:
    """Go on with a turn; whether it came to its end, or waits for the disk."""
    try:
        steps.send(None)
    except StopIteration:
        return True
    return False


class Evsed:
    """From start to end, crash or cut. Its times are those of the boot that it lives in."""

    def __init__(self, world: Clockwork) -> None:
        self.world = world
        self.clock = SystemClock(sources=world.sources())
        self.journal = DiskJournal(world.folder)
        self.journal.refuses, self.journal.tears = world.refusal, world.tear
        recovered = self.journal.load()
        self.clock.recall(recovered.clocks)
        world.watch.recovered(recovered.transactions)
        world.calls.begins(world.ms)
        self.journal.wrote = lambda: world.moment("committed")
        self.journal.kept = world.watch.kept
        self.clerk = Clerk(world.depot, world.folder, lambda: self.now().wall_ms is not None)
        self.station = WatchedStation(
            recovered,
            self.now(),
            rules=DIALECT.rules,
            access=Access(Token("FREE") if world.free else None, world.tags),
            installer_ma=world.limits.max_ma,
            new_id=lambda: f"id-{next(world.ids)}",
            presets=world.presets,
            systems=world.systems,
            held=self.clerk.store.held(),
            broke_off=farewell.greet(world.runtime),
        )
        plate = msgspec.structs.replace(PLATE, firmware=world.version())
        bindings = (bound.binding for bound in recovered.bindings)
        self.exchange = Exchange(DIALECT, plate, self.date, bindings, trace=world.note)
        self.target = self.station.networks.target()
        self.inbox: deque[Event] = deque()
        self._unread: deque[str] = deque()
        self.view = HalView(self.inbox.append, world.mono_ms)
        self.demands: dict[int, Demand] = {}
        self.shines: dict[int, Shine] = {}
        self.renew_ms = 0
        self.connected = False
        self._waiting: Coroutine[Any, Any, None] | None = None  # a turn, for a slow disk
        self._since_ms = self._kept_ms = 0
        self.redial_ms = self._dialled_ms = world.mono_ms
        self._backoff = Backoff(world.chance.random)
        self.station.decided = lambda effects: world.watch.decided(effects, self.demands)
        self.inbox.append(ProgramStarted(self.clerk.installer.on_trial()))
        self.performer = Performer(self.station, self.journal, Quarantine(world.folder), self)

    @property
    def restart(self) -> ResetKind | None:
        """How far the station wants to restart, if it does."""
        return self.performer.restart

    def now(self) -> Now:
        """Its clock: the real one, on the world's time."""
        return self.clock.now()

    def date(self, stamp: Stamp) -> int | None:
        return self.station.date(stamp, self.now())

    # --- the loop of the supervisor, without waiting ---------------------------------------------------------

    def turn(self) -> None:
        """Everything that is due now."""
        now_ms = self.world.mono_ms
        self._redial()
        if self.connected:
            self._out(self.exchange.tick(now_ms))
        self.inbox.extend(self.clerk.ended(now_ms))
        if self.waits:
            self._go_on(now_ms)
        elif self._performer_due_ms() <= now_ms:
            self.inbox.append(DeadlineReached())
        while self.inbox and self.restart is None and not self.waits:
            self._waiting, self._since_ms = self.performer.turn(self.inbox.popleft()), now_ms
            self._go_on(now_ms)

    @property
    def waits(self) -> bool:
        """Whether a turn waits for a slow disk."""
        return self._waiting is not None

    def _go_on(self, now_ms: int) -> None:
        if self._waiting is not None and now_ms >= self._kept_ms and is_over(self._waiting):
            self._waiting = None

    def renew(self, again: bool = False) -> None:
        """Every lease again, when it is time; or `again` between two such times."""
        due = self.world.mono_ms >= self.renew_ms
        if due:
            self.renew_ms = self.world.mono_ms + RENEW_MS
        if self.waits and self.world.mono_ms - self._since_ms > STUCK_MS:
            return
        for demand in self.demands.values() if due or again else ():
            self.world.grant(demand)

    def leap(self, left_out_ms: int, until_ms: int) -> None:
        """Routine was left out, renewals and looks at the machine's clock; it goes on in its rhythm."""
        self.renew_ms += left_out_ms
        self.clock._ask_at_ms += max(0, -(-(until_ms - self.clock._ask_at_ms) // ASK_KERNEL_MS)) * ASK_KERNEL_MS

    def due_ms(self) -> int:
        """When `turn` must come next though nothing happens."""
        return min(self.busy_ms(), self.renew_ms)

    def busy_ms(self) -> int:
        """The same, but for the renewal of the leases."""
        times = (
            self.exchange.next_deadline() if self.connected else None,
            self.redial_ms if self._may_dial() else None,
            self.clerk.due_ms(),
            self.world.mono_ms + self.exchange.rest_ms(self.world.mono_ms) if self._unread else None,
        )
        return min((self._performer_due_ms(), *(at for at in times if at is not None)))

    def _performer_due_ms(self) -> int:
        if self.waits:
            return self._kept_ms
        due_ms = self.performer.due_ms()
        return NEVER_MS if due_ms is None else due_ms

    # --- the hands of the performer --------------------------------------------------------------------------

    async def disk(self, work: Callable[[], None]) -> None:
        if takes_ms := self.world.sync_ms():
            self._kept_ms = self.world.mono_ms + takes_ms
            await _Pause()
        work()

    def deliver(self, event: Event) -> None:
        if isinstance(event, StoreMended):
            self.world.calls.written_again(self.world.ms)
        self.inbox.append(event)

    def demand(self, effect: Demand) -> None:
        self.demands[effect.evse] = effect
        self.world.grant(effect)

    def shine(self, effect: Shine) -> None:
        self.shines[effect.evse] = effect
        if effect.evse in self.demands:
            self.world.grant(self.demands[effect.evse])

    def send(self, effect: Send) -> None:
        self._out(self.exchange.send(effect, self.world.mono_ms))

    def reply(self, effect: Reply) -> None:
        if effect.ref.startswith(LOCAL):
            self.world.answers[effect.ref] = effect.answer
        else:
            self._out(self.exchange.reply(effect))

    def refuse(self, ref: Ref, text: str) -> None:
        self._out(self.exchange.refuse(ref, text))

    def adopt(self, effect: AdoptTime) -> None:
        self.clock.adopt(effect.wall_ms)

    def settings(self, effect: LinkSettings) -> None:
        self.world.pings.append(effect.ping_s)

    def errand(self, effect: Errand) -> None:
        self.clerk.do(effect, self.world.mono_ms)

    def connect(self, effect: ConnectTo) -> None:
        self.target = effect.target
        if effect.hang_up and self.connected:
            self.hang_up("evsed closed it")
            self._backoff.anew()
            self.redial_ms = self.world.mono_ms

    def note(self, line: str) -> None:
        self.world.note(line)

    # --- the link --------------------------------------------------------------------------------------------

    def _may_dial(self) -> bool:
        """Whether there is somebody to dial, and no connection."""
        return self.target is not None and not self.connected

    def _redial(self) -> None:
        if self._may_dial() and self.world.mono_ms >= self.redial_ms:
            assert self.target is not None
            self.world.dialled.append(self.target)
            if why_not := self.world.admits(self.target) if self.world.network else "unreachable":
                self._rest(0, asked_wait_s(why_not) if isinstance(why_not, Exception) else 0)
                self._failed(why_not)
                return
            self.connected, self._dialled_ms = True, self.world.mono_ms
            self.world.csms.connected()
            self.world.calls.connected(self.world.ms)
            self._out(self.exchange.opened(self.world.mono_ms, self.world.chain()))

    def _failed(self, why: str | Exception) -> None:
        """As the transport says it; a real exception is judged by evsed."""
        found = concerns(why) if isinstance(why, Exception) else ()
        self.inbox.extend(SecurityNoticed(kind, why_not_connected(why)) for kind in found if isinstance(why, Exception))
        self.inbox.append(DialFailed(why == "refused" or (isinstance(why, Exception) and refuses(why))))

    def _rest(self, connected_ms: int, asked_s: float = 0) -> None:
        """As long as the transport does before it dials again."""
        self.redial_ms = self.world.mono_ms + int(self._backoff.wait_s(connected_ms, asked_s) * 1_000)

    def hang_up(self, why: str) -> None:
        """The connection is gone."""
        if self.connected:
            self.connected = False
            self._unread.clear()
            self._rest(self.world.mono_ms - self._dialled_ms)
            self.world.csms.disconnected()
            self.world.calls.ended(self.world.ms)
            self._out(self.exchange.closed(self.world.mono_ms, why))

    def listen(self) -> None:
        """Frames of the central system, until it has nothing more to say."""
        while self.connected:
            self._unread += self.world.csms.take()
            if not self._unread or self.exchange.rest_ms(self.world.mono_ms):
                return
            frame = self._unread.popleft()
            self.world.calls.heard(frame, self.world.ms)
            output = self.exchange.receive(frame, self.world.mono_ms)
            self.world.moment("received")
            self._out(output)

    def _out(self, output: Output) -> None:
        self.inbox.extend(output.events)
        for frame in output.frames:
            self.world.calls.said(frame, self.world.ms)
            if self.connected and self.world.carries(frame):
                self.world.moment("about to send")
                self.world.watch.sent(frame)
                self.world.csms.receive(frame)
                self.world.moment("sent")
