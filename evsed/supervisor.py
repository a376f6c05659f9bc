"""The one loop of evsed: take an event, ask the station, do what it says, in its order.

A `Persist` is on the disk before the next effect is looked at. The writing happens in a thread of its own, so that a
slow card delays the decision that waits for it and not the renewal of the leases. When the disk takes nothing, demands
that depended on it are not performed; the changes are tried again until they are kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from evsed.clock import SystemClock
from evsed.core.effects import (
    AdoptTime,
    Answered,
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
from evsed.core.events import (
    DeadlineReached,
    Event,
    FromCentral,
    Request,
    ResetKind,
    StoreBroken,
    StoreMended,
    Undelivered,
)
from evsed.core.overview import Surroundings, overview
from evsed.core.records import Transaction
from evsed.core.station import Station
from evsed.core.status import HalStatus, LinkStatus, StationStatus, TickStatus
from evsed.core.words import Now, Stamp
from evsed.hal_link import HalLink
from evsed.quarantine import FORGET_MS, Quarantine
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal

LOCAL = "control-"
"""Refs of people at the box begin with it; all others are the central system's."""
STORE_RETRY_MS = 10_000
LOG_LINES = 1_000

log = logging.getLogger("evsed")


class Central(Protocol):
    """The link to the central system, as far as the loop needs it."""

    def send(self, effect: Send) -> None:
        """Send a report."""

    def reply(self, effect: Reply) -> None:
        """Answer a request."""

    def settings(self, effect: LinkSettings) -> None:
        """Obey new settings."""

    def status(self) -> LinkStatus:
        """How the link stands."""


class NoCentral:
    """A box on its own."""

    def send(self, effect: Send) -> None:
        """Never asked: nothing is sent before a link is up."""

    def reply(self, effect: Reply) -> None:
        """Never asked: nobody requests."""

    def settings(self, effect: LinkSettings) -> None:
        """Nothing obeys them here."""

    def status(self) -> LinkStatus:
        """Not configured."""
        return LinkStatus()


class RestartRequested(Exception):
    """The station decided to restart; `kind` says how far."""

    def __init__(self, kind: ResetKind) -> None:
        super().__init__(kind)
        self.kind = kind


class Inbox:
    """Events in the order in which they came."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()

    def put(self, event: Event) -> None:
        """From any task of this loop."""
        self._events.append(event)
        self._filled.set()

    async def next(self, wait_s: float | None) -> Event | None:
        """The next event, or None when `wait_s` is over first."""
        if not self._events:
            self._filled.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._filled.wait()
            except TimeoutError:
                return None
        return self._events.popleft()


@dataclass(slots=True)
class Unkept:
    """Changes that the disk did not take yet."""

    changes: list[Change] = field(default_factory=list)
    why: str = ""
    retry_ms: int = 0


class Supervisor:
    """Station, disk, hal, link and people, joined."""

    def __init__(
        self,
        station: Station,
        journal: Journal,
        quarantine: Quarantine,
        clock: SystemClock,
        identity: str,
        version: str,
    ) -> None:
        self._station = station
        self._journal = journal
        self._quarantine = quarantine
        self._calm_ms = clock.now().mono_ms + FORGET_MS
        self._clock = clock
        self._identity, self._version = identity, version
        self._writer = ThreadPoolExecutor(1, "journal")
        self._unkept = Unkept()
        self._restart: ResetKind | None = None
        self._asked: dict[str, asyncio.Future[Answered]] = {}
        self._changed = asyncio.Event()
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self.beat: Callable[[], None] = lambda: None
        self.metered: frozenset[int] = frozenset()
        self.inbox = Inbox()
        self.hal: HalLink
        self.central: Central = NoCentral()

    async def run(self, beat_s: float | None) -> None:
        """For ever; `beat_s` is how often the watchdog wants to hear of us. Raises RestartRequested."""
        while True:
            event = await self.inbox.next(self._wait_s(beat_s)) or DeadlineReached()
            now = self._clock.now()
            await self._handle(event, now)
            await self._keep_up(now)
            self._changed.set()
            self.beat()
            if self._restart is not None:
                raise RestartRequested(self._restart)

    async def _handle(self, event: Event, now: Now) -> None:
        """One turn. What broke us three times is not taken up again."""
        blamed = replace(event.request, ref="") if isinstance(event, FromCentral) else type(event).__name__
        if isinstance(event, FromCentral) and self._quarantine.holds(blamed):
            self.note(f"! {type(event.request).__name__} is in quarantine: it broke evsed before")
            return
        with self._quarantine.in_hand(blamed):
            await self._perform(self._station.handle(event, now), now)

    async def close(self) -> None:
        """Keep what is gathered and give the disk back."""
        await self._on_disk(self._journal.close)
        self._writer.shutdown()

    # --- the loop ------------------------------------------------------------------------------------------

    def _wait_s(self, beat_s: float | None) -> float | None:
        now_ms = self._clock.now().mono_ms
        retry_ms = self._unkept.retry_ms if self._unkept.changes else None
        times = [
            at for at in (self._station.next_deadline(), self._journal.flush_at(now_ms), retry_ms) if at is not None
        ]
        waits = [max(0, min(times) - now_ms) / 1_000] if times else []
        return min(waits + ([beat_s] if beat_s is not None else []), default=None)

    async def _perform(self, effects: list[Effect], now: Now) -> None:
        """Do them in their order. What could not be kept, the station hears before anything else happens."""
        broken: StoreBroken | None = None
        for effect in effects:
            if isinstance(effect, Persist):
                broken = await self._keep(effect)
            elif broken is None or not isinstance(effect, Demand | Send):
                self._do(effect)
        if broken is not None:
            await self._perform(self._station.handle(broken, now), now)

    def _do(self, effect: Effect) -> None:
        if isinstance(effect, Demand):
            self.hal.demand(effect)
        elif isinstance(effect, Send):
            self._send(effect)
        elif isinstance(effect, Reply):
            self._reply(effect)
        elif isinstance(effect, AdoptTime):
            self._clock.adopt(effect.wall_ms)
        elif isinstance(effect, LinkSettings):
            self.central.settings(effect)
        elif isinstance(effect, Log):
            self.note(effect.line)
        elif isinstance(effect, Restart):
            self._restart = effect.kind

    def _send(self, effect: Send) -> None:
        if self._quarantine.holds(effect.item):
            self.inbox.put(Undelivered(effect.item, "InternalError", "in quarantine: it broke evsed before"))
            return
        with self._quarantine.in_hand(effect.item):
            self.central.send(effect)

    def note(self, line: str) -> None:
        """One line for the log and for `evsectl log`."""
        self._lines.append(line)
        log.info("%s", line)

    def _reply(self, effect: Reply) -> None:
        if not effect.ref.startswith(LOCAL):
            self.central.reply(effect)
        elif (waiting := self._asked.pop(effect.ref, None)) is not None and not waiting.done():
            waiting.set_result(effect.answer)

    # --- the disk ------------------------------------------------------------------------------------------

    async def _on_disk(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def _keep(self, persist: Persist) -> StoreBroken | None:
        """None when it is kept; what is not stays in line before everything that follows."""
        if self._unkept.changes:
            self._unkept.changes.extend(persist.changes)
            return StoreBroken(persist.changes, self._unkept.why)
        if not persist.urgent:
            self._journal.commit(persist)
            return None
        try:
            await self._on_disk(lambda: self._journal.commit(persist))
        except StoreFailed as failed:
            self._unkept.changes.extend(persist.changes)
            self._unkept.why = str(failed)
            self._unkept.retry_ms = self._clock.now().mono_ms + STORE_RETRY_MS
            return StoreBroken(persist.changes, self._unkept.why)
        return None

    async def _keep_up(self, now: Now) -> None:
        """Flush what was gathered, and try again what was not kept."""
        if now.mono_ms >= self._calm_ms:
            self._quarantine.forget()
            self._calm_ms = now.mono_ms + FORGET_MS
        try:
            if self._unkept.changes and now.mono_ms >= self._unkept.retry_ms:
                self._unkept.retry_ms = now.mono_ms + STORE_RETRY_MS
                changes = tuple(self._unkept.changes)
                await self._on_disk(lambda: self._journal.commit(Persist(changes)))
                self._unkept.changes.clear()
                self.inbox.put(StoreMended())
            elif self._journal.flush_due(now.mono_ms):
                await self._on_disk(self._journal.flush)
        except StoreFailed as failed:
            if not self._unkept.changes:
                self.note(f"! {failed}")

    # --- what people at the box may ask (desk.Desk) --------------------------------------------------------

    def status(self) -> StationStatus:
        """All of it, now."""
        now, hal = self._clock.now(), self.hal
        tick = hal.view.snapshot.tick if hal.view.up and hal.view.snapshot else None
        around = Surroundings(
            identity=self._identity,
            version=self._version,
            hal=HalStatus(up=hal.view.up, for_s=(now.mono_ms - hal.since_ms) // 1_000),
            link=self.central.status(),
            tick=TickStatus(ticks=tick.ticks, overruns=tick.overruns, late_max_us=tick.late_max_us) if tick else None,
            metered=self.metered,
        )
        return overview(self._station, around, now)

    async def changed(self) -> None:
        """Return after the next turn of the loop."""
        self._changed.clear()
        await self._changed.wait()

    async def ask(self, request: Request) -> Answered:
        """Hand a request of a person to the station and wait for its Reply."""
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._asked[request.ref] = answer
        try:
            self.inbox.put(request)
            return await answer
        finally:
            self._asked.pop(request.ref, None)

    def tell(self, event: Event) -> None:
        """Hand an event to the station."""
        self.inbox.put(event)

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        """The newest transactions, newest first."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._journal.transactions, limit)

    def wall_ms(self, stamp: Stamp) -> int | None:
        """The wall time of a stamp."""
        return self._station.date(stamp, self._clock.now())

    def log_lines(self, most: int) -> Sequence[str]:
        """The newest lines of the log, newest last."""
        return list(self._lines)[-most:]

    def clear_faults(self, evse: int) -> None:
        """Tell evse-hal that a person acknowledges the outlet's faults."""
        self.hal.clear_faults(evse)
