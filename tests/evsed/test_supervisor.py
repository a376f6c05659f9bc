"""The one loop, with the real station, journal and writer's thread: who is told what, and what feeds the watchdog."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evsed.clock import Sources, SystemClock
from evsed.core import catalogue
from evsed.core import events as ev
from evsed.core.box import Access
from evsed.core.effects import AdoptTime, Demand, LinkSettings, Reply, Send, Shine, VariablesReply
from evsed.core.station import Station
from evsed.core.status import LinkStatus, OutletFigures
from evsed.core.words import Registration, Stamp, Token, Verdict
from evsed.edges import HalView
from evsed.logbook import MOST_LINES
from evsed.ocpp.transport import CentralSettings
from evsed.ocpp.v16.dialect import DIALECT
from evsed.quarantine import CRASHES, Quarantine
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal
from evsed.supervisor import PATIENT_MS, STUCK_MS, Inbox, NoCentral, RestartRequested, Supervisor
from hal.contract import LEASE_MS, ContactorLife
from tests.evsed.snapshots import READING, outlet, snapshot
from tests.world.life import DiskJournal

PATIENCE_S = 20
WALL_MS = 1_800_000_000_000
PLUGGED = outlet(cp="B", cable_ma=20_000, locked=True, meter=READING)


class Central:
    """A link that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def send(self, effect: Send) -> None:
        self.told.append(effect)

    def reply(self, effect: Reply) -> None:
        self.told.append(effect)

    def refuse(self, ref: str, text: str) -> None:
        self.told.append(("refused", ref))

    def settings(self, effect: LinkSettings) -> None:
        self.told.append(effect)

    def connect_to(self, settings: CentralSettings, *, hang_up: bool) -> None:
        self.told.append((settings, hang_up))

    def status(self) -> LinkStatus:
        return LinkStatus(configured=True, connected=True)


class Hal:
    """A connection to hal that notes what it is told; `view` turns its snapshots into events."""

    def __init__(self, deliver: Callable[[ev.Event], None]) -> None:
        self.view = HalView(deliver, 1_000)
        self.since_ms = 1_000
        self.garbled = 3
        self.told: list[object] = []
        self.shines: list[Shine] = []

    def demand(self, demand: Demand) -> None:
        self.told.append(demand)

    def shine(self, shine: Shine) -> None:
        self.shines.append(shine)

    def clear_faults(self, evse: int) -> None:
        self.told.append(evse)


class Box:
    """A supervisor, its ends and its clock."""

    def __init__(self, folder: Path) -> None:
        self.mono_ms = READING.at_ms
        self.beats = 0
        self.full = False
        self.folder = folder
        sources = Sources(lambda: "boot", lambda: self.mono_ms, lambda: 0, lambda: False)
        self.clock = SystemClock(False, sources)
        self.journal = DiskJournal(folder)
        self.journal.refuses = lambda: StoreFailed("the disk is full", full=True) if self.full else None
        station = Station(
            self.journal.load(),
            self.clock.now(),
            rules=DIALECT.rules,
            access=Access(Token("FREE"), ()),
            installer_ma=16_000,
            new_id=iter(map(str, range(10_000))).__next__,
        )
        self.supervisor = Supervisor(station, self.journal, Quarantine(folder), self.clock, "box-1", "9.9")
        self.hal = Hal(self.supervisor.inbox.put)
        self.central = Central()
        self.supervisor.hal, self.supervisor.central = self.hal, self.central  # type: ignore[assignment]
        self.supervisor.beat = self._beat

    def _beat(self) -> None:
        self.beats += 1

    async def hears(self, *events: ev.Event) -> None:
        """These are handled, and what follows from them."""
        for event in events:
            self.supervisor.inbox.put(event)
        await self.idle()

    async def idle(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while self.supervisor.inbox._events:
                await self.supervisor.changed()
            self.supervisor.inbox.put(ev.DeadlineReached())
            await self.supervisor.changed()


def run(folder: Path, script: Callable[[Box], Awaitable[None]]) -> Box:
    """A life of a box. Ends it by itself, and keeps what it has gathered."""

    async def story() -> Box:
        box = Box(folder)
        running = asyncio.create_task(box.supervisor.run(None))
        try:
            await script(box)
        finally:
            ended = running.done()
            running.cancel()
            await asyncio.wait({running})
            await box.supervisor.close()
            if ended and not running.cancelled() and (error := running.exception()) is not None:
                raise error
        return box

    return asyncio.run(story())


def test_a_charge_begins_on_the_disk_and_then_at_hal(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        box.hal.view.take(snapshot(PLUGGED))
        await box.idle()
        assert box.hal.told[-1] == Demand(1, 16_000, True, True)
        (running,) = await box.supervisor.transactions(5)
        assert running.token == Token("FREE") and running.ended is None

    run(tmp_path, script)


def test_no_charge_begins_without_a_disk(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        box.full = True
        box.hal.view.take(snapshot(PLUGGED))
        await box.idle()
        assert not any(isinstance(told, Demand) and told.closes for told in box.hal.told)
        assert box.supervisor.status().store == "the disk is full"
        box.full = False

    run(tmp_path, script)


def test_the_disk_is_written_in_a_thread_of_its_own_and_waited_for(tmp_path: Path) -> None:
    threads = []
    card = threading.Event()

    async def script(box: Box) -> None:
        def slowly() -> None:
            threads.append(threading.current_thread().name)
            assert card.wait(PATIENCE_S)

        box.journal.wrote = slowly
        box.hal.view.take(snapshot(PLUGGED))
        async with asyncio.timeout(PATIENCE_S):
            while not threads:
                await asyncio.sleep(0)
        assert not any(isinstance(told, Demand) and told.closes for told in box.hal.told)
        card.set()
        box.journal.wrote = lambda: None
        await box.idle()
        assert box.hal.told[-1] == Demand(1, 16_000, True, True)

    run(tmp_path, script)
    assert threads and all(name.startswith("journal") for name in threads)


def test_a_turn_that_hangs_decides_nothing_any_more(tmp_path: Path) -> None:
    card = threading.Event()
    at_it = threading.Event()

    async def script(box: Box) -> None:
        def hang() -> None:
            at_it.set()
            assert card.wait(PATIENCE_S)

        await box.idle()
        box.journal.wrote = hang
        box.mono_ms += 10 * STUCK_MS
        assert box.supervisor.decides(), "a loop that waits for events is not stuck, however long"
        box.hal.view.take(snapshot(outlet(PLUGGED, meter=msgspec.structs.replace(READING, at_ms=box.mono_ms))))
        async with asyncio.timeout(PATIENCE_S):
            while not at_it.is_set():
                await asyncio.sleep(0)
        assert box.supervisor.decides()
        box.mono_ms += STUCK_MS
        assert box.supervisor.decides(), "a slow card is no reason yet"
        box.mono_ms += 1
        assert not box.supervisor.decides()
        card.set()
        box.journal.wrote = lambda: None
        await box.idle()
        assert box.supervisor.decides()

    run(tmp_path, script)


def test_a_disk_at_work_is_no_silence_unless_it_takes_too_long(tmp_path: Path) -> None:
    card, at_it = threading.Event(), threading.Event()

    async def script(box: Box) -> None:
        def hang() -> None:
            at_it.set()
            assert card.wait(PATIENCE_S)

        async def beats() -> int:
            before = box.beats
            for _ in range(50):
                await asyncio.sleep(0)
            return box.beats - before

        await box.idle()
        box.journal.wrote = hang
        box.supervisor._beat_s = 0
        box.hal.view.take(snapshot(outlet(PLUGGED, meter=msgspec.structs.replace(READING, at_ms=box.mono_ms))))
        async with asyncio.timeout(PATIENCE_S):
            while not at_it.is_set():
                await asyncio.sleep(0)
        box.mono_ms += PATIENT_MS
        assert await beats() > 1
        box.mono_ms += 1
        await beats()
        assert await beats() == 0
        card.set()
        box.journal.wrote = lambda: None
        await box.idle()

    run(tmp_path, script)


def test_the_leases_of_a_loop_that_hangs_run_out_before_the_watchdog_ends_it() -> None:
    unit = (Path(__file__).resolve().parents[2] / "systemd" / "evsed.service").read_text()
    (watchdog_s,) = re.findall(r"(?m)^WatchdogSec=(\d+)s$", unit)
    assert int(watchdog_s) * 1_000 > STUCK_MS + LEASE_MS


def test_what_is_gathered_is_kept_at_the_end(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        await box.hears(ev.LinkUp())
        box.mono_ms += 10_000  # the first boot does not wait for the board any longer
        await box.hears(ev.DeadlineReached())
        (booted,) = [told for told in box.central.told if isinstance(told, Send)]
        await box.hears(ev.Delivered(booted.item, ev.BootAnswer(Registration.ACCEPTED, WALL_MS, 777)))
        assert box.supervisor.now().wall_ms == WALL_MS

    run(tmp_path, script)
    kept = Journal(tmp_path)
    assert [setting.value for setting in kept.load().settings] == ["777"]
    kept.close()


def test_a_full_disk_at_the_end_is_said_and_the_disk_is_given_back(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        box.journal.flush = lambda: (_ for _ in ()).throw(StoreFailed("the disk is full"))  # type: ignore[method-assign]

    with pytest.raises(StoreFailed, match="the disk is full"):
        run(tmp_path, script)
    Journal(tmp_path).close()


def test_a_person_is_answered_and_the_central_system_is_not_told(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        ping = catalogue.PING_INTERVAL
        request = ev.VariableWritten("control-1", ping.component, ping.name, "77")
        assert await box.supervisor.ask(request) is Verdict.ACCEPTED
        assert box.central.told == [LinkSettings(77)]
        read = ev.VariablesRead("control-2", ((ping.component, ping.name),))
        reply = await box.supervisor.ask(read)
        assert isinstance(reply, VariablesReply) and reply.found[0].value == "77"

    run(tmp_path, script)


def test_a_person_who_gave_up_is_forgotten(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        asking = asyncio.create_task(box.supervisor.ask(ev.CacheCleared("control-1")))
        await asyncio.sleep(0)
        asking.cancel()
        await box.idle()
        assert box.supervisor._asked == {} and box.central.told == []

    run(tmp_path, script)


def test_the_central_system_is_answered(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        await box.hears(ev.LinkUp(), ev.FromCentral(ev.CacheCleared("central-1")))
        assert Reply("central-1", Verdict.ACCEPTED) in box.central.told

    run(tmp_path, script)


def test_what_broke_us_is_refused(tmp_path: Path) -> None:
    blamed = ev.CacheCleared("")
    for _ in range(CRASHES):
        with pytest.raises(RuntimeError), Quarantine(tmp_path).in_hand(blamed):
            raise RuntimeError

    async def script(box: Box) -> None:
        await box.hears(ev.LinkUp(), ev.FromCentral(ev.CacheCleared("central-1")))
        assert ("refused", "central-1") in box.central.told
        assert any("in quarantine" in line for _, line in box.supervisor.log_lines(5))

    run(tmp_path, script)


def test_each_turn_feeds_the_watchdog_and_so_does_an_idle_loop(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        before = box.beats
        await box.idle()
        assert box.beats > before

    run(tmp_path, script)

    async def idle() -> None:
        box = Box(tmp_path)
        running = asyncio.create_task(box.supervisor.run(0.001))
        async with asyncio.timeout(PATIENCE_S):
            while box.beats < 3:
                await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait({running})
        await box.supervisor.close()

    asyncio.run(idle())


@pytest.mark.parametrize("kind", list(ev.ResetKind))
def test_a_reset_ends_the_loop(tmp_path: Path, kind: ev.ResetKind) -> None:
    async def script(box: Box) -> None:
        box.supervisor.inbox.put(ev.ResetRequested("control-1", kind))
        async with asyncio.timeout(PATIENCE_S):
            await box.supervisor.changed()
            await asyncio.sleep(0)

    with pytest.raises(RestartRequested) as asked:
        run(tmp_path, script)
    assert asked.value.kind is kind


COUNTED = {"short_c": 1, "wake_ups": 2, "closings": 3, "interruptions": 4}


def test_people_see_what_is_so(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        life = ContactorLife(4_711, 901, 100_000)
        status = box.supervisor.status()
        assert (status.identity, status.version, status.hal.up, status.tick) == ("box-1", "9.9", False, None)
        box.mono_ms += 3_000
        box.hal.view.take(snapshot(outlet(PLUGGED, **COUNTED, contactor=life), dropped=7))
        await box.idle()
        status = box.supervisor.status()
        assert (status.hal.garbled, status.hal.dropped) == (3, 7)
        figures = OutletFigures(**COUNTED, life_closings=4_711, life_hours=901, rated_closings=100_000)
        assert status.outlets[0].figures == figures
        assert status.hal.up and status.hal.for_s == (box.mono_ms - box.hal.since_ms) // 1_000
        assert status.tick is not None and status.tick.late_max_us == 1_234
        assert status.link.connected and status.outlets[0].plugged
        assert box.supervisor.wall_ms(Stamp("boot", 5, None)) is None
        box.supervisor.clear_faults(1)
        assert box.hal.told[-1] == 1
        box.supervisor.adopt(AdoptTime(WALL_MS))
        await box.idle()
        assert box.supervisor.wall_ms(Stamp("boot", box.mono_ms - 5, None)) == WALL_MS - 5

    run(tmp_path, script)


def test_the_log_is_bounded_and_its_newest_lines_come_last(tmp_path: Path) -> None:
    async def script(box: Box) -> None:
        for n in range(MOST_LINES + 1_000):
            box.supervisor.note(f"line {n}")
        assert [line for _, line in box.supervisor.log_lines(2)] == ["line 5998", "line 5999"]
        assert len(box.supervisor.log_lines(10_000)) == MOST_LINES == 5_000

    run(tmp_path, script)


def test_the_inbox_keeps_the_order_and_gives_up_in_time() -> None:
    async def story() -> list[Any]:
        inbox = Inbox()
        assert await inbox.next(0) is None
        inbox.put(ev.LinkUp())
        inbox.put(ev.HalDown())
        return [await inbox.next(None), await inbox.next(0), await inbox.next(0)]

    assert asyncio.run(story()) == [ev.LinkUp(), ev.HalDown(), None]


def test_a_box_on_its_own_has_no_link() -> None:
    assert NoCentral().status() == LinkStatus()
