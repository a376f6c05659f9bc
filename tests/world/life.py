"""One life of evsed in the world: the real core, journal, exchange and edges, driven as the supervisor drives them.

What the supervisor does with tasks and threads is done here in the same order without waiting. A life ends by a kill,
a cut or a restart; nothing of it goes on but the journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from evsed.core.box import Access
from evsed.core.effects import (
    AdoptTime,
    Change,
    Demand,
    Effect,
    LinkSettings,
    Log,
    Persist,
    Reply,
    Restart,
    Send,
)
from evsed.core.events import DeadlineReached, Event, StoreBroken, StoreMended
from evsed.core.station import Station
from evsed.core.words import Nameplate, Now, Stamp, Token
from evsed.edges import HalView
from evsed.ocpp.exchange import Exchange, Output
from evsed.ocpp.v16.dialect import DIALECT
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal
from hal.contract import RENEW_MS

if TYPE_CHECKING:
    from tests.world.wallbox import Wallbox

REDIAL_MS = 2_000
STORE_RETRY_MS = 10_000  # as in evsed.supervisor
NEVER_MS = 1 << 62
PLATE = Nameplate("evsed", "virtual", None, "test")


class DiskJournal(Journal):
    """The real journal on a disk that may be full; each write that became durable is told."""

    full: Callable[[], bool] = staticmethod(lambda: False)
    wrote: Callable[[], None] = staticmethod(lambda: None)

    def _write(self, changes: dict) -> None:  # type: ignore[type-arg]
        if changes and self.full():
            raise StoreFailed("the disk is full")
        super()._write(changes)
        if changes:
            self.wrote()

    def die(self) -> None:
        """What was gathered and not flushed is lost: that is what a kill leaves out."""
        self._database.close()


class Evsed:
    """From start to end, crash or cut. Its times are those of the boot that it lives in."""

    def __init__(self, world: Wallbox) -> None:
        self.world = world
        self.journal = DiskJournal(world.folder)
        self.journal.full = lambda: world.disk_full
        recovered = self.journal.load()
        world.watch.recovered(recovered.transactions)
        self.journal.wrote = lambda: world.moment("committed")
        self.wall_offset: int | None = None
        self.station = Station(
            recovered,
            self.now(),
            rules=DIALECT.rules,
            access=Access(Token("FREE") if world.free else None, world.tags),
            installer_ma=world.limits.max_ma,
            new_id=lambda: f"id-{next(world.ids)}",
            presets=world.presets,
        )
        self.exchange = Exchange(
            DIALECT, PLATE, self.date, (bound.binding for bound in recovered.bindings), trace=world.note
        )
        self.inbox: deque[Event] = deque()
        self.view = HalView(self.inbox.append)
        self.demands: dict[int, Demand] = {}
        self.renew_ms = 0
        self.connected = False
        self.redial_ms = world.mono_ms
        self.unkept: list[Change] = []
        self.retry_ms = 0
        self.restart: Restart | None = None
        self._station_due_ms = 0

    def now(self) -> Now:
        """Its clock: wall time only once someone told it."""
        mono_ms = self.world.mono_ms
        wall_ms = None if self.wall_offset is None else self.wall_offset + mono_ms
        return Now(f"boot-{self.world.boot_nr}", mono_ms, wall_ms)

    def date(self, stamp: Stamp) -> int | None:
        return self.station.date(stamp, self.now())

    # --- the loop of the supervisor, without waiting ---------------------------------------------------------

    def turn(self) -> None:
        """Everything that is due now."""
        now_ms = self.world.mono_ms
        self._redial()
        if self.connected:
            self._out(self.exchange.tick(now_ms))
        if self._station_due_ms <= now_ms:
            self.inbox.append(DeadlineReached())
        while self.inbox and self.restart is None:
            self._perform(self.station.handle(self.inbox.popleft(), self.now()))
            self._station_due_ms = self.station.next_deadline() or NEVER_MS
        self._keep_up()

    def renew(self) -> None:
        """Every lease again, when it is time."""
        if self.world.mono_ms >= self.renew_ms:
            self.renew_ms = self.world.mono_ms + RENEW_MS
            for demand in self.demands.values():
                self.world.grant(demand)

    def due_ms(self) -> int:
        """When `turn` must come next though nothing happens."""
        times = (
            self.exchange.next_deadline() if self.connected else None,
            self.redial_ms if self.may_dial() else None,
            self.journal.flush_at(self.world.mono_ms),
            self.retry_ms if self.unkept else None,
        )
        return min(self._station_due_ms, self.renew_ms, *(at for at in times if at is not None))

    def _perform(self, effects: list[Effect]) -> None:
        broken: StoreBroken | None = None
        self.world.watch.decided(effects, self.demands)
        for effect in effects:
            if isinstance(effect, Persist):
                broken = self._keep(effect)
            elif broken is None or not isinstance(effect, Demand | Send):
                self._do(effect)
        if broken is not None:
            self._perform(self.station.handle(broken, self.now()))

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Demand):
            self.demands[effect.evse] = effect
            self.world.grant(effect)
        elif isinstance(effect, Send):
            self._out(self.exchange.send(effect, self.world.mono_ms))
        elif isinstance(effect, Reply):
            if effect.ref.startswith("control-"):
                self.world.answers[effect.ref] = effect.answer
            else:
                self._out(self.exchange.reply(effect))
        elif isinstance(effect, AdoptTime):
            self.wall_offset = effect.wall_ms - self.world.mono_ms
        elif isinstance(effect, Log):
            self.world.note(effect.line)
        elif isinstance(effect, Restart):
            self.restart = effect
        elif isinstance(effect, LinkSettings):
            self.world.pings.append(effect.ping_s)

    def _keep(self, persist: Persist) -> StoreBroken | None:
        if self.unkept:
            self.unkept.extend(persist.changes)
            return StoreBroken(persist.changes, "the disk is full")
        try:
            self.journal.commit(persist)
        except StoreFailed as failed:
            self.unkept.extend(persist.changes)
            self.retry_ms = self.world.mono_ms + STORE_RETRY_MS
            return StoreBroken(persist.changes, str(failed))
        self.world.watch.kept(persist)
        return None

    def _keep_up(self) -> None:
        now_ms = self.world.mono_ms
        try:
            if self.unkept and now_ms >= self.retry_ms:
                self.retry_ms = now_ms + STORE_RETRY_MS
                persist = Persist(tuple(self.unkept))
                self.journal.commit(persist)
                self.world.watch.kept(persist)
                self.unkept.clear()
                self.inbox.append(StoreMended())
            elif self.journal.flush_due(now_ms):
                self.journal.flush()
        except StoreFailed as failed:
            if not self.unkept:
                self.world.note(f"! {failed}")

    # --- the link --------------------------------------------------------------------------------------------

    def may_dial(self) -> bool:
        """Whether there is a network and no connection."""
        return self.world.network and not self.connected

    def _redial(self) -> None:
        if self.may_dial() and self.world.mono_ms >= self.redial_ms:
            self.connected = True
            self.world.csms.connected()
            self._out(self.exchange.opened(self.world.mono_ms))

    def hang_up(self, why: str) -> None:
        """The connection is gone."""
        if self.connected:
            self.connected = False
            self.redial_ms = self.world.mono_ms + REDIAL_MS
            self.world.csms.disconnected()
            self._out(self.exchange.closed(self.world.mono_ms, why))

    def listen(self) -> None:
        """Frames of the central system, until it has nothing more to say."""
        while self.connected and (frames := self.world.csms.take()):
            for frame in frames:
                if self.connected:
                    output = self.exchange.receive(frame, self.world.mono_ms)
                    self.world.moment("received")
                    self._out(output)

    def _out(self, output: Output) -> None:
        self.inbox.extend(output.events)
        for frame in output.frames:
            if self.connected and self.world.carries(frame):
                self.world.moment("about to send")
                self.world.watch.sent(frame)
                self.world.csms.receive(frame)
                self.world.moment("sent")
