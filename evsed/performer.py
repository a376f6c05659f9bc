"""What evsed does with an event: ask the station, then do what it says, in its order. Shared by all who run a station.

Rules this file upholds:
- A `Persist` is on the disk before the next effect is looked at.
- What the disk refuses stays in line before all that follows, and is tried again until it is kept. What depended on it
  is not done, and whoever asked for it hears an error; the station hears of it before anything else happens.
- What broke evsed often enough is not taken up again; whoever asked for it gets an error, not silence.
- It has no loop, no thread and no clock: what waits and what is seen from outside is done by `Hands`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol, cast, get_args

from msgspec.structs import replace

from evsed.core.central_systems import ConnectTo
from evsed.core.effects import (
    AdoptTime,
    Change,
    Demand,
    Dependent,
    Drop,
    Effect,
    LinkSettings,
    Log,
    Persist,
    Reply,
    Restart,
    Send,
    Shine,
)
from evsed.core.errands import Errand
from evsed.core.events import Event, FromCentral, Ref, ResetKind, StoreBroken, StoreMended, Undelivered
from evsed.core.records import Record
from evsed.core.station import Station
from evsed.core.words import Now
from evsed.quarantine import FORGET_MS, Quarantine
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal

STORE_RETRY_MS = 10_000
BROKE_US = "in quarantine: it broke evsed before"
NOT_KEPT = "the disk takes nothing now: it may be lost in a power cut"


class Hands(Protocol):
    """Who does it. Only `disk` may wait."""

    def now(self) -> Now:
        """This moment."""

    async def disk(self, work: Callable[[], None]) -> None:
        """Do this where it may block; return when it is done. Raises what it raises."""

    def deliver(self, event: Event) -> None:
        """An event to be handled after those that came before it."""

    def demand(self, effect: Demand) -> None:
        """Tell hal."""

    def shine(self, effect: Shine) -> None:
        """Tell hal what to show."""

    def send(self, effect: Send) -> None:
        """Send a report."""

    def reply(self, effect: Reply) -> None:
        """Answer whoever asked."""

    def refuse(self, ref: Ref, text: str) -> None:
        """Answer whoever asked that we failed at it."""

    def adopt(self, effect: AdoptTime) -> None:
        """Take the time."""

    def settings(self, effect: LinkSettings) -> None:
        """Obey new settings of the link."""

    def errand(self, effect: Errand) -> None:
        """Do it beside the loop; its end is an event."""

    def connect(self, effect: ConnectTo) -> None:
        """Dial another target."""

    def note(self, line: str) -> None:
        """One line for the log."""


class Performer:
    """One life of a station over its journal. `restart` is set when the station wants to end it."""

    def __init__(self, station: Station, journal: Journal, quarantine: Quarantine, hands: Hands) -> None:
        self._station, self._journal, self._quarantine, self._hands = station, journal, quarantine, hands
        self._calm_ms = hands.now().mono_ms + FORGET_MS
        self._station_due_ms = station.next_deadline()
        self._unkept: dict[tuple[type, str], Change] = {}
        self._trouble = ""  # why the disk takes nothing
        self._full = False
        self._retry_ms = 0
        self.restart: ResetKind | None = None
        # Each takes exactly the effect that it is entered under.
        self._doers: dict[type, Callable[[Any], None]] = {
            Demand: hands.demand,
            Shine: hands.shine,
            Send: self._send,
            Reply: hands.reply,
            AdoptTime: hands.adopt,
            LinkSettings: hands.settings,
            ConnectTo: hands.connect,
            Log: lambda effect: hands.note(effect.line),
            Restart: self._note_restart,
            **dict.fromkeys(get_args(Errand), hands.errand),
        }

    async def turn(self, event: Event) -> None:
        """All that follows from one event, and what is due on the disk."""
        await self._handle(event)
        await self._keep_up()
        self._station_due_ms = self._station.next_deadline()

    def due_ms(self) -> int | None:
        """When a turn must come though nothing happens (monotonic): with DeadlineReached."""
        times = (
            self._station_due_ms,
            self._journal.flush_at(self._hands.now().mono_ms) if not self._trouble else None,
            self._retry_ms if self._trouble else None,
        )
        return min((at for at in times if at is not None), default=None)

    # --- one turn --------------------------------------------------------------------------------------------

    async def _handle(self, event: Event) -> None:
        """What broke us three times is not taken up again."""
        if not isinstance(event, FromCentral):
            with self._quarantine.in_hand(type(event).__name__):
                await self._ask(event)
            return
        request = replace(event.request, ref="")
        if self._quarantine.holds(request):
            self._hands.note(f"! {type(request).__name__} is {BROKE_US}")
            self._hands.refuse(event.request.ref, BROKE_US)
            return
        with self._quarantine.in_hand(request):
            await self._ask(event)

    async def _ask(self, event: Event) -> None:
        await self._perform(self._station.handle(event, self._hands.now()))

    async def _perform(self, effects: list[Effect]) -> None:
        """Do them in their order. What could not be kept, the station hears before anything else happens."""
        broken: StoreBroken | None = None
        for effect in effects:
            if isinstance(effect, Persist):
                broken = await self._keep(effect)
            elif broken is None or not isinstance(effect, Dependent):
                self._doers[type(effect)](effect)
            elif isinstance(effect, Reply):
                self._hands.refuse(effect.ref, NOT_KEPT)
        if broken is not None:
            await self._ask(broken)

    def _send(self, effect: Send) -> None:
        if self._quarantine.holds(effect.item):
            self._hands.deliver(Undelivered(effect.item, "InternalError", BROKE_US))
            return
        with self._quarantine.in_hand(effect.item):
            self._hands.send(effect)

    def _note_restart(self, effect: Restart) -> None:
        self.restart = effect.kind

    # --- the disk --------------------------------------------------------------------------------------------

    async def _keep(self, persist: Persist) -> StoreBroken | None:
        """None when it is kept, or gathered to be kept."""
        if not self._trouble:
            try:
                if persist.urgent:
                    await self._hands.disk(partial(self._journal.commit, persist))
                else:
                    self._journal.commit(persist)
                return None
            except StoreFailed as failed:
                self._broke(failed)
        self._hold(persist.changes)
        return StoreBroken(persist.changes, self._trouble, self._full)

    def _hold(self, changes: Iterable[Change]) -> None:
        """In their order; the newest of each key is enough, so that a disk broken for weeks fills no memory."""
        for change in changes:
            kind, key = (change.kind, change.key) if isinstance(change, Drop) else _address(change.record)
            self._unkept[kind, key] = change

    async def _keep_up(self) -> None:
        """Flush what was gathered, and try again what was not kept."""
        now_ms = self._hands.now().mono_ms
        if now_ms >= self._calm_ms:
            self._quarantine.forget()
            self._calm_ms = now_ms + FORGET_MS
        if self._trouble and now_ms >= self._retry_ms:
            await self._try_again()
        elif not self._trouble and self._journal.flush_due(now_ms):
            try:
                await self._hands.disk(self._journal.flush)
            except StoreFailed as failed:
                self._broke(failed)
                await self._ask(StoreBroken((), self._trouble, self._full))

    async def _try_again(self) -> None:
        """What was gathered goes with it."""
        try:
            await self._hands.disk(partial(self._journal.commit, Persist(tuple(self._unkept.values()))))
        except StoreFailed as failed:
            self._broke(failed)
            return
        self._unkept.clear()
        self._trouble = ""
        self._hands.deliver(StoreMended())

    def _broke(self, failed: StoreFailed) -> None:
        self._trouble, self._full = str(failed), failed.full
        self._retry_ms = self._hands.now().mono_ms + STORE_RETRY_MS


def _address(record: object) -> tuple[type, str]:
    return type(record), cast(Record, record).key  # effects.Put says so
