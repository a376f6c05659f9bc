"""A whole wallbox on one virtual clock: the real hal logic over the simulated plant, the real core, journal, session
and dialect, and a central system in memory. Only time, the socket between the processes and the network are replaced.

`advance` goes from event to event: quiet ticks are left out, nothing that anyone could notice is. A power cut ends both
processes and keeps the plant and the disk; `kill_hal` and `kill_evsed` end one of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from evsed.core.box import Access
from evsed.core.effects import (
    AdoptTime,
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
from evsed.core.words import Nameplate, Now, Stamp, Status, Token
from evsed.edges import HalView, lease
from evsed.ocpp.exchange import Exchange, Output
from evsed.ocpp.v16.dialect import DIALECT
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal
from hal.boards import assemble, load, with_outlets
from hal.bus import Mailbox
from hal.contract import RENEW_MS, Limits, Outlet, Snapshot
from hal.drivers.protocols import NoReading
from hal.faults import Name
from hal.make_safe import make_safe
from hal.sim.plant import Plant
from hal.tick import Tick
from tests.world.csms import NEW_YEAR_2027, Csms

METER_MS = 1_000
READER_MS = 100
REDIAL_MS = 2_000
TAG = "04A1B2C3"
PLATE = Nameplate("evsed", "virtual", None, "test")


class Latches:
    """What hal keeps over a restart."""

    failed = ""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Name, ...]] = {}

    def recall(self, evse: int) -> tuple[Name, ...]:
        return self._kept.get(evse, ())

    def keep(self, evse: int, names: tuple[Name, ...]) -> None:
        self._kept[evse] = names


class Evsed:
    """One life of evsed: from start to end, crash or cut."""

    def __init__(self, world: Wallbox) -> None:
        self.world = world
        self.journal = Journal(world.folder)
        recovered = self.journal.load()
        self.station = Station(
            recovered,
            world.now(),
            rules=DIALECT.rules,
            access=Access(Token("FREE") if world.free else None, world.tags),
            installer_ma=world.limits.max_ma,
            new_id=lambda: f"id-{next(world.ids)}",
            presets=world.presets,
        )
        self.exchange = Exchange(
            DIALECT, PLATE, self.date, (bound.binding for bound in recovered.bindings), trace=world.lines.append
        )
        self.inbox: deque[Event] = deque()
        self.view = HalView(self.inbox.append)
        self.demands: dict[int, Demand] = {}
        self.renew_ms = 0
        self.connected = False
        self.redial_ms = world.ms
        self.unkept: list[Any] = []
        self.restart: Restart | None = None
        self.wall_offset: int | None = None

    def date(self, stamp: Stamp) -> int | None:
        return self.station.date(stamp, self.world.now())

    # --- the loop of the supervisor, without waiting ---------------------------------------------------------

    def turn(self) -> None:
        """Everything that is due now."""
        world = self.world
        self._redial()
        if self.connected:
            self._out(self.exchange.tick(world.ms))
        deadline = self.station.next_deadline()
        if deadline is not None and deadline <= world.ms:
            self.inbox.append(DeadlineReached())
        while self.inbox and self.restart is None:
            self._perform(self.station.handle(self.inbox.popleft(), world.now()))
        self._keep_up()
        if world.ms >= self.renew_ms:
            self.renew_ms = world.ms + RENEW_MS
            for demand in self.demands.values():
                world.grant(demand)

    def due_ms(self) -> int:
        times = (
            self.station.next_deadline(),
            self.exchange.next_deadline() if self.connected else None,
            self.redial_ms if self.may_dial() else None,
            self.journal.flush_at(self.world.ms),
            self.renew_ms,
        )
        return min(at for at in times if at is not None)

    def _perform(self, effects: list[Effect]) -> None:
        broken: StoreBroken | None = None
        for effect in effects:
            self.world.watch(effect)
            if isinstance(effect, Persist):
                broken = self._keep(effect)
            elif broken is None or not isinstance(effect, Demand | Send):
                self._tell(effect)
        if broken is not None:
            self._perform(self.station.handle(broken, self.world.now()))

    def _tell(self, effect: Effect) -> None:
        if isinstance(effect, Demand):
            self.demands[effect.evse] = effect
            self.world.grant(effect)
        elif isinstance(effect, Send):
            self._out(self.exchange.send(effect, self.world.ms))
        elif isinstance(effect, Reply):
            if effect.ref.startswith("control-"):
                self.world.answers[effect.ref] = effect.answer
            else:
                self._out(self.exchange.reply(effect))
        elif isinstance(effect, AdoptTime):
            self.wall_offset = effect.wall_ms - self.world.ms
        elif isinstance(effect, Log):
            self.world.lines.append(effect.line)
        elif isinstance(effect, Restart):
            self.restart = effect
        elif isinstance(effect, LinkSettings):
            self.world.pings.append(effect.ping_s)

    def _keep(self, persist: Persist) -> StoreBroken | None:
        if self.unkept:
            self.unkept.extend(persist.changes)
            return StoreBroken(persist.changes, "the disk is full")
        try:
            if self.world.disk_full and persist.urgent:
                raise StoreFailed("the disk is full")
            self.journal.commit(persist)
        except StoreFailed as failed:
            self.unkept.extend(persist.changes)
            return StoreBroken(persist.changes, str(failed))
        if persist.urgent:
            self.world.commits += 1
        return None

    def _keep_up(self) -> None:
        if self.unkept and not self.world.disk_full:
            self.journal.commit(Persist(tuple(self.unkept)))
            self.unkept.clear()
            self.inbox.append(StoreMended())
        if self.journal.flush_due(self.world.ms) and not self.world.disk_full:
            self.journal.flush()

    # --- the link --------------------------------------------------------------------------------------------

    def may_dial(self) -> bool:
        """Whether there is a network and no connection."""
        return self.world.network and not self.connected

    def _redial(self) -> None:
        if self.may_dial() and self.world.ms >= self.redial_ms:
            self.connected = True
            self._out(self.exchange.opened(self.world.ms))

    def hang_up(self, why: str) -> None:
        """The network took the connection away."""
        if self.connected:
            self.connected = False
            self.redial_ms = self.world.ms + REDIAL_MS
            self.world.csms.disconnected()
            self._out(self.exchange.closed(self.world.ms, why))

    def listen(self) -> None:
        """Frames of the central system, until it has nothing more to say."""
        while self.connected and (frames := self.world.csms.take()):
            for frame in frames:
                self._out(self.exchange.receive(frame, self.world.ms))

    def _out(self, output: Output) -> None:
        self.inbox.extend(output.events)
        for frame in output.frames:
            if self.world.carries(frame):
                self.world.csms.receive(frame)


class Wallbox:
    """The world. Time is `ms`, counted on over power cuts; the boot id tells the boots apart."""

    def __init__(
        self,
        folder: Path,
        *,
        evses: int = 1,
        free: bool = False,
        tags: tuple[str, ...] = (),
        presets: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        network: bool = True,
        board: str = "sim",
    ) -> None:
        self.folder, self.free, self.tags = folder, free, tags
        self.limits = limits or Limits()
        self.presets = dict(presets or {})
        self.network = network
        self.disk_full = False
        self.ms, self.boot_nr, self.commits = 1_000, 1, 0
        self.ids = count(1)
        self.lines: list[str] = []
        self.answers: dict[str, Any] = {}
        self.pings: list[int] = []
        self.effects: Callable[[Effect], None] = lambda effect: None
        self.carries: Callable[[str], bool] = lambda frame: True
        self.csms = Csms(lambda: NEW_YEAR_2027 + self.ms)
        self.board = assemble(with_outlets(load(board), evses))
        self._latches = Latches()
        self.plant: Plant = self.board._plant  # type: ignore[attr-defined]
        self._meters = {evse: self.plant.meter_values(evse) for evse in self.board.outlets}
        self._readers = self.board.readers()
        self._slow_ms = 0
        self.mailbox = Mailbox()
        self.tick: Tick | None = None
        self.evsed: Evsed | None = None
        self.start_hal()
        self.start_evsed()

    def now(self) -> Now:
        wall = None if self.evsed is None or self.evsed.wall_offset is None else self.evsed.wall_offset + self.ms
        return Now(f"boot-{self.boot_nr}", self.ms, wall)

    # --- processes -------------------------------------------------------------------------------------------

    def start_hal(self) -> None:
        self.mailbox = Mailbox()
        self.tick = Tick(
            self.board, self.limits, self.mailbox, self._publish, self._latches, self.ms, metered=self.board.outlets
        )

    def kill_hal(self) -> None:
        """It is gone at once; its parts stay as they are until the gate drops, as after SIGKILL."""
        self.tick = None

    def start_evsed(self) -> None:
        self.evsed = Evsed(self)

    def kill_evsed(self) -> None:
        """It is gone at once; what was gathered and not flushed is lost."""
        if self.evsed is not None:
            self.evsed.hang_up("killed")
            self.evsed.journal._database.close()  # no flush: that is what a kill leaves out
            self.evsed = None

    def power_cut(self, seconds: float = 5) -> None:
        """No power for a while; then both processes start on a new boot."""
        self.kill_evsed()
        self.tick = None
        make_safe(self.board)
        self.advance(seconds)
        self.boot_nr += 1
        self.start_hal()
        self.start_evsed()

    # --- time ------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.ms + round(seconds * 1_000)
        self._now_due()
        while self.ms < until:
            self.ms = min(until, max(self._next_ms(), self.ms + 1))
            self._now_due()

    def until(self, what: Callable[[], bool], within: float = 60) -> None:
        """Let time pass until something is so."""
        end = self.ms + round(within * 1_000)
        while not what():
            assert self.ms < end, "\n".join(["it did not become so; the last lines:", *self.lines[-40:]])
            self.advance(0.1)

    def _next_ms(self) -> int:
        times = [self._slow_ms]
        if self.tick is not None:
            times.append(self.tick.next_due_ms(self.ms))
        else:
            change = self.board.next_change_ms(self.ms)
            times.append(self.ms + 400 if change is None else change)
        if self.evsed is not None:
            times.append(self.evsed.due_ms())
        return min(times)

    def _now_due(self) -> None:
        if self.ms >= self._slow_ms:
            self._slow_ms = self.ms + METER_MS
            self._read_meters()
        self._poll_readers()
        if self.tick is not None:
            self.tick.run_once(self.ms)
        else:
            self.board.advance(self.ms)
        if self.evsed is not None:
            self.evsed.turn()
            self._talk()
            if self.evsed.restart is not None:
                self._restart(self.evsed.restart)

    def _talk(self) -> None:
        """Both sides of the link, until neither has anything to say at this moment."""
        while self.evsed is not None and self.evsed.restart is None:
            self.evsed.listen()
            if not self.evsed.inbox:
                return
            self.evsed.turn()

    def _restart(self, restart: Restart) -> None:
        """As systemd would."""
        self.lines.append(f"* restart {restart.kind}")
        self.kill_evsed()
        if restart.kind == "Hard":
            self.power_cut(1)
        else:
            self.start_evsed()

    def _read_meters(self) -> None:
        if self.tick is None:
            return
        self.board.advance(self.ms)
        for evse, meter in self._meters.items():
            try:
                self.mailbox.put_meter(evse, meter.read())
            except NoReading as silent:
                self.lines.append(f"meter {evse}: {silent}")

    def _poll_readers(self) -> None:
        for evse, reader in self._readers.items():
            tag = reader.poll()
            if tag is not None and self.tick is not None:
                self.mailbox.put_tag(evse, tag, self.ms)

    # --- between the processes -------------------------------------------------------------------------------

    def grant(self, demand: Demand) -> None:
        if self.tick is not None:
            self.tick.grant(lease(demand, self.ms), self.ms)

    def _publish(self, snapshot: Snapshot) -> None:
        if self.evsed is not None:
            self.evsed.view.take(snapshot)

    def watch(self, effect: Effect) -> None:
        """Every effect passes here before it is done."""
        self.effects(effect)

    # --- what a person does ----------------------------------------------------------------------------------

    def order(self, *words: str, evse: int = 1) -> str:
        """A command of `evsectl sim`."""
        done, text = self.board.order(evse, words)
        assert done, text
        return text

    def plug_in(self, evse: int = 1, cable: int = 20) -> None:
        self.order("plug-in", "--cable", str(cable), evse=evse)
        self.advance(1)

    def unplug(self, evse: int = 1) -> None:
        self.order("unplug", evse=evse)
        self.advance(1)

    def swipe(self, tag: str = TAG, evse: int = 1) -> None:
        self.order("swipe", tag, evse=evse)
        self.advance(0.2)

    def charge(self, seconds: float = 60, evse: int = 1) -> None:
        """A car comes, a card is shown, and energy flows for a while."""
        self.plug_in(evse)
        self.swipe(evse=evse)
        self.until(lambda: self.outlet(evse).closed)
        self.advance(seconds)

    # --- what can be seen ------------------------------------------------------------------------------------

    def outlet(self, evse: int = 1) -> Outlet:
        """What hal says is so."""
        assert self.tick is not None
        return next(outlet for outlet in self.tick.snapshot(self.ms).outlets if outlet.evse == evse)

    def status(self, evse: int = 1) -> Status:
        assert self.evsed is not None
        return self.evsed.station.outlets[evse].status

    def register(self, evse: int = 1) -> int:
        """What the meter's register says, asked beside the wallbox."""
        return self.plant.meter_values(evse).read().energy_wh

    def statuses(self, evse: int = 1) -> list[str]:
        """The statuses that the central system was told, in order."""
        return [m.status for m in self.csms.all("StatusNotification") if m.connectorId == evse]

    def actions(self) -> list[str]:
        """What the central system was told, in order."""
        return [message.action for message in self.csms.received]
