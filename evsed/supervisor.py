"""The one loop of evsed: an event, a turn of the performer, and again. Joins station, disk, hal, link and people.

The writing happens in a thread of its own, so that a slow card delays the decision that waits for it and not the
renewal of the leases; how long such a decision may hang is said here (`decides`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from evsed.clerk import Clerk
from evsed.clock import SystemClock
from evsed.core.catalogue import ALL
from evsed.core.central_systems import ConnectTo, Target
from evsed.core.effects import AdoptTime, Answered, Demand, LinkSettings, Reply, Send, Shine
from evsed.core.errands import Errand
from evsed.core.events import DeadlineReached, Event, LocalRequest, Ref, Request, ResetKind
from evsed.core.overview import Surroundings, overview
from evsed.core.records import Transaction
from evsed.core.security_events import SecurityEntry
from evsed.core.station import Station
from evsed.core.status import HalStatus, LinkStatus, StationStatus
from evsed.core.words import Now, Stamp, Verdict
from evsed.diagnostics import Facts
from evsed.edges import outlet_figures, tick_figures
from evsed.hal_link import HalLink
from evsed.logbook import LogBook
from evsed.ocpp.tape import Tape
from evsed.ocpp.transport import CentralSettings
from evsed.performer import Performer
from evsed.quarantine import Quarantine
from evsed.store.journal import Journal

LOCAL = "control-"
"""Refs of people at the box begin with it; all others are the central system's."""
LOGGED_TRANSACTIONS, LOGGED_EVENTS = 100, 1_000
STUCK_MS = 5_000
"""A worn card may take seconds for a commit. A turn that hangs longer decides nothing any more, so that the leases are
left to run out 3 s later: before WatchdogSec=10s of the unit ends us, and also where nobody watches.
"""
PATIENT_MS = 60_000
"""While the disk is at work the watchdog hears that we live: one commit may mean several syncs, and a new process would
wait for the same card. After so long it shall end us.
"""

log = logging.getLogger("evsed")


class Central(Protocol):
    """The link to the central system, as far as the loop needs it."""

    def send(self, effect: Send) -> None:
        """Send a report."""

    def reply(self, effect: Reply) -> None:
        """Answer a request."""

    def refuse(self, ref: Ref, text: str) -> None:
        """Answer a request with an error."""

    def settings(self, effect: LinkSettings) -> None:
        """Obey new settings."""

    def connect_to(self, settings: CentralSettings, *, hang_up: bool) -> None:
        """Dial this from now on."""

    def status(self) -> LinkStatus:
        """How the link stands."""


class NoCentral:
    """A box on its own."""

    def send(self, effect: Send) -> None:
        """Never asked: nothing is sent before a link is up."""

    def reply(self, effect: Reply) -> None:
        """Never asked: nobody requests."""

    def refuse(self, ref: Ref, text: str) -> None:
        """Never asked: nobody requests."""

    def settings(self, effect: LinkSettings) -> None:
        """Nothing obeys them here."""

    def connect_to(self, settings: CentralSettings, *, hang_up: bool) -> None:
        """Never asked: there is none."""

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
        self._clock = clock
        self._identity, self._version = identity, version
        self._writer = ThreadPoolExecutor(1, "journal")
        self._performer = Performer(station, journal, quarantine, self)
        self._asked: dict[str, asyncio.Future[Answered]] = {}
        self._turning_since_ms: int | None = None
        self._beat_s: float | None = None
        self._changed = asyncio.Event()
        self._book = LogBook()
        self.tape = Tape(lambda: clock.now().stamp())
        self.beat: Callable[[], None] = lambda: None
        self.metered: frozenset[int] = frozenset()
        self.inbox = Inbox()
        self.hal: HalLink
        self.clerk: Clerk
        self.central: Central = NoCentral()
        self.dialling: Callable[[Target], CentralSettings]

    async def run(self, beat_s: float | None) -> None:
        """For ever; `beat_s` is how often the watchdog wants to hear of us. Raises RestartRequested."""
        self._beat_s = beat_s
        while True:
            event = await self.inbox.next(self._wait_s(beat_s)) or DeadlineReached()
            self._turning_since_ms = self._clock.mono_ms()
            await self._performer.turn(event)
            self._turning_since_ms = None
            self._changed.set()
            self.beat()
            if self._performer.restart is not None:
                raise RestartRequested(self._performer.restart)

    def decides(self) -> bool:
        """Whether what hal is allowed is still decided on: the loop waits for an event, or its turn is young."""
        return self._turning_for_ms() <= STUCK_MS

    def _turning_for_ms(self) -> int:
        since_ms = self._turning_since_ms
        return 0 if since_ms is None else self._clock.mono_ms() - since_ms

    async def close(self) -> None:
        """Keep what is gathered and give the disk back. Raises StoreFailed."""
        try:
            await self.disk(self._journal.close)
        finally:
            self._writer.shutdown()

    def _wait_s(self, beat_s: float | None) -> float | None:
        due_ms = self._performer.due_ms()
        waits = [] if due_ms is None else [max(0, due_ms - self._clock.mono_ms()) / 1_000]
        return min(waits + ([beat_s] if beat_s is not None else []), default=None)

    # --- the hands of the performer ------------------------------------------------------------------------

    def now(self) -> Now:
        """This moment."""
        return self._clock.now()

    async def disk(self, work: Callable[[], None]) -> None:
        """In the writer's thread."""
        working = asyncio.get_running_loop().run_in_executor(self._writer, work)
        pause_s = None if self._beat_s is None else self._beat_s / 2  # the last beat may be as old as `_beat_s`
        while not (await asyncio.wait({working}, timeout=pause_s))[0] and self._turning_for_ms() <= PATIENT_MS:
            self.beat()
        await working

    def deliver(self, event: Event) -> None:
        """Into the inbox."""
        self.inbox.put(event)

    def demand(self, effect: Demand) -> None:
        """As a lease."""
        self.hal.demand(effect)

    def shine(self, effect: Shine) -> None:
        """Beside the next lease."""
        self.hal.shine(effect)

    def send(self, effect: Send) -> None:
        """Over the link."""
        self.central.send(effect)

    def reply(self, effect: Reply) -> None:
        """To whoever asked: the central system, or a person at the box."""
        if not effect.ref.startswith(LOCAL):
            self.central.reply(effect)
        elif (waiting := self._asked.pop(effect.ref, None)) is not None and not waiting.done():
            waiting.set_result(effect.answer)

    def refuse(self, ref: Ref, text: str) -> None:
        """To whoever asked."""
        if ref.startswith(LOCAL):
            self.reply(Reply(ref, Verdict.REJECTED))
        else:
            self.central.refuse(ref, text)

    def adopt(self, effect: AdoptTime) -> None:
        """Unless the clock knows better."""
        self._clock.adopt(effect.wall_ms)

    def settings(self, effect: LinkSettings) -> None:
        """Of the link."""
        self.central.settings(effect)

    def errand(self, effect: Errand) -> None:
        """By the clerk."""
        self.clerk.do(effect)

    def connect(self, effect: ConnectTo) -> None:
        """Of the link."""
        self.central.connect_to(self.dialling(effect.target), hang_up=effect.hang_up)

    def note(self, line: str) -> None:
        """One line for the log and for `evsectl log`."""
        self._book.add(self._clock.now().stamp(), line)
        log.info("%s", line)

    # --- what people at the box may ask (desk.Desk) --------------------------------------------------------

    def status(self) -> StationStatus:
        """All of it, now."""
        now, hal = self._clock.now(), self.hal
        told = hal.view.snapshot if hal.view.up else None
        up_s = (now.mono_ms - hal.since_ms) // 1_000
        around = Surroundings(
            identity=self._identity,
            version=self._version,
            hal=HalStatus(
                up=hal.view.up, for_s=up_s, garbled=hal.garbled, dropped=told.dropped_datagrams if told else 0
            ),
            link=self.central.status(),
            tick=tick_figures(told) if told else None,
            metered=self.metered,
            figures=outlet_figures(told) if told else {},
        )
        return overview(self._station, around, now)

    async def changed(self) -> None:
        """Return after the next turn of the loop."""
        self._changed.clear()
        await self._changed.wait()

    async def ask(self, request: Request | LocalRequest) -> Answered:
        """Hand a request of a person to the station and wait for its Reply."""
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._asked[request.ref] = answer
        try:
            self.inbox.put(request)
            return await answer
        finally:
            self._asked.pop(request.ref, None)

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        """The newest transactions, newest first."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._journal.transactions, limit)

    async def security_log(self, limit: int) -> Sequence[SecurityEntry]:
        """Its newest lines, newest first."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._journal.security_log, limit)

    def wall_ms(self, stamp: Stamp) -> int | None:
        """The wall time of a stamp."""
        return self._station.date(stamp, self._clock.now())

    def log_lines(self, most: int) -> Sequence[tuple[Stamp, str]]:
        """The newest lines of the log, newest last."""
        return self._book.newest(most)

    async def facts(self) -> Facts:
        """What a log says of the box."""
        transactions = await self.transactions(LOGGED_TRANSACTIONS)
        held = self._station.box.variables
        variables = [(variable.path, held.text(variable)) for variable in ALL if not variable.secret]
        security = tuple(reversed(await self.security_log(LOGGED_EVENTS)))
        return Facts(
            self.status(), transactions, variables, tuple(self._book), tuple(self.tape), security, self.wall_ms
        )

    def clear_faults(self, evse: int) -> None:
        """Tell evse-hal that a person acknowledges the outlet's faults."""
        self.hal.clear_faults(evse)
