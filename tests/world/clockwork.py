"""A whole wallbox on one virtual clock: the real hal logic over the simulated plant, the real core, journal, session
and dialect, and a central system in memory. Only time, the socket between the processes and the network are replaced.

`advance` goes from event to event: quiet ticks are left out, nothing that anyone could notice is; a world that `leaps`
leaves out quiet seconds too (tests/world/quiet.py). Ticks stand on a grid of 10 ms. A power cut ends both processes and
keeps the plant and the disk; `kill_hal` and `kill_evsed` end one of them. Each boot has a monotonic clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from evsed import farewell
from evsed.core import catalogue
from evsed.core.central_systems import CentralSystem, Target
from evsed.core.effects import Demand
from evsed.edges import lease
from evsed.image import version_of
from evsed.slots import Slots
from hal.boards import assemble, load, with_outlets
from hal.contract import Limits, Outlet, Snapshot
from hal.latches import LatchFile
from hal.make_safe import make_safe
from hal.sim.bay import Bay
from hal.sim.plant import MODEL, Plant
from hal.tick import TICK_MS, Tick
from tests.world.bus import Bus
from tests.world.calls import Calls, Patience
from tests.world.csms import NEW_YEAR_2027, Csms
from tests.world.depot import VERSION, Depot
from tests.world.life import NEVER_MS, Evsed
from tests.world.machine import BootedBoard, Cut, Machine
from tests.world.quiet import quiet_until
from tests.world.watch import Watch

METER_MS = 1_000
LIVELY_MS = 60  # after a person did something no tick is left out for so long
LAST_ROUND_MS = 100  # by then all have heard of it


class Clockwork(Machine):
    """Both programs, the plant and the central system, and how time passes for them."""

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
        systems: tuple[CentralSystem, ...] = (CentralSystem("ws://csms", "basis"),),
        board: str = "sim",
        meter: str = MODEL,
        phase_ms: int = 0,
        leaps: bool = False,
        uptime_ms: int = 0,
        watch: type[Watch] = Watch,
    ) -> None:
        super().__init__(folder, network=network, uptime_ms=uptime_ms)
        self.free, self.tags = free, tags
        self.limits = limits or Limits()
        self.presets = dict(presets or {})
        self._phase_ms, self._leaps, self._leapt = phase_ms, leaps, False
        self.systems = systems
        self.dialled: list[Target] = []
        self.chance = Random("redialling")  # what spreads the tries
        self.admits: Callable[[Target], str | Exception] = lambda target: ""
        self.chain: Callable[[], tuple[str, ...]] = tuple
        self.steps = 0
        self._appointed: list[tuple[int, int, Callable[[], object]]] = []
        self._appointments = count()
        self.ids: Iterator[int] = count(1)
        self.answers: dict[str, Any] = {}
        self.pings: list[int] = []
        self.carries: Callable[[str], bool] = lambda frame: True
        self.struck: Callable[[], None] = self.power_cut
        self.csms = Csms(lambda: NEW_YEAR_2027 + self.ms)
        self.csms.judges_statuses = True
        self.csms.hang_up = lambda: self.later(0, self.drop_line)
        self.depot = Depot(self)
        self.crashes: set[str] = set()
        self.board = assemble(with_outlets(load(board), evses) if evses > 1 else load(board))
        self.plant: Plant = self.board._plant  # type: ignore[attr-defined]
        self.watch = watch(self)
        self.calls = Calls(self.watch.breach, self._patience)
        self._latches = self._read_latches()
        self.bus = Bus(self, meter)
        self._meter_at_ms = self._tick_at_ms = self._ticked_ms = self._lively_ms = 0
        self._hal_at_ms = NEVER_MS
        self.tick: Tick | None = None
        self.evsed: Evsed | None = None
        self.start_hal()
        self.start_evsed()

    def _patience(self) -> Patience:
        """How long the box waits for an answer, how often it tries, and how its clock goes."""
        assert self.evsed is not None
        keys, wall_ms = self.evsed.station.box.variables, self.evsed.now().wall_ms
        return Patience(
            keys[catalogue.MESSAGE_TIMEOUT] * 1_000,
            keys[catalogue.MESSAGE_ATTEMPTS],
            keys[catalogue.MESSAGE_ATTEMPT_INTERVAL] * 1_000,
            None if wall_ms is None else wall_ms - NEW_YEAR_2027 - self.ms,
        )

    def set_clock(self, offset_ms: int | None) -> None:
        """NTP sets the machine's clock to so much beside the truth; None = NTP is gone."""
        self._judge_clock()
        self.ntp_offset_ms, self.clock_set_ms = offset_ms, self.ms
        self._judge_clock()

    def _judge_clock(self) -> None:
        if self.evsed is not None:
            self.calls.look_at_clock()

    def bay(self, evse: int = 1) -> Bay:
        """What really is at an outlet, whatever any software believes."""
        return self.plant.bays[evse]

    def outlet(self, evse: int = 1) -> Outlet:
        """What hal says is so."""
        assert self.tick is not None
        return next(outlet for outlet in self.tick.snapshot(self.mono_ms).outlets if outlet.evse == evse)

    # --- processes -------------------------------------------------------------------------------------------

    def start_hal(self) -> None:
        """As its unit does: make the board safe first."""
        make_safe(self.board)
        self._hal_at_ms = NEVER_MS
        self._latches = self._read_latches()
        self.bus.start()
        self.tick = Tick(
            BootedBoard(self.board, self._since_ms),  # type: ignore[arg-type]
            self.limits,
            self.bus.mailbox,
            self._publish,
            self._latches,
            self.mono_ms,
            metered=self.board.outlets,
        )
        self._meter_at_ms = self._tick_at_ms = self.ms
        self._ticked_ms = 0

    def _read_latches(self) -> LatchFile:
        folder = self.folder / "hal"
        folder.mkdir(parents=True, exist_ok=True)
        return LatchFile(folder, self.board.outlets, wake=lambda: None)

    def kill_hal(self, restart_s: float | None = None) -> None:
        """It is gone at once; its parts stay as they are until the gate drops, as after SIGKILL."""
        self.note("* hal is killed")
        self.tick = None
        self._hal_at_ms = NEVER_MS if restart_s is None else self.ms + round(restart_s * 1_000)
        if self.evsed is not None:
            self.evsed.view.lost()

    def start_evsed(self) -> None:
        """A new life, of the program that the slots choose. It comes to know hal by the next snapshot."""
        slots = Slots(self.folder)
        with suppress(OSError):  # as in evsed.slots: it never keeps evsed from starting
            slots.count()
        while self.version() in self.crashes:
            self.note(f"* evsed {self.version()} crashes")
            slots.count()
        self.evsed = Evsed(self)
        if self.tick is not None and self.tick.ticks:
            self._publish(self.tick.snapshot(self.mono_ms))

    def version(self) -> str:
        """Of the program that runs."""
        current = Slots(self.folder).current()
        return VERSION if current is None else version_of(current)

    def kill_evsed(self, restart_s: float | None = None) -> None:
        """It is gone at once; what was gathered and not flushed is lost."""
        if self.evsed is not None:
            self.note("* evsed is gone")
            self.evsed.journal.die()
            self.evsed.hang_up("killed")
            self.evsed = None
        if restart_s is not None:
            self.advance(restart_s)
            self.start_evsed()

    def power_cut(self, seconds: float = 5, meanwhile: Callable[[], object] = lambda: None) -> None:
        """No power for a while, in which a person may do something; then both processes start on a new boot."""
        self.power_off()
        self.advance(seconds / 2)
        meanwhile()
        self.advance(seconds / 2)
        self.power_on()

    def power_off(self) -> None:
        """Both processes end at once, and what a board without power lets go opens."""
        self.note("* power cut")
        self.kill_evsed()
        self.tick, self._hal_at_ms = None, NEVER_MS
        make_safe(self.board)

    def power_on(self) -> None:
        """A new boot: its monotonic clock began a moment ago."""
        self.boot()
        self.note("* power is back")
        self.start_hal()
        self.start_evsed()

    def close(self) -> None:
        """The end of the world."""
        self.kill_evsed()
        self.board.close()

    # --- time ------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self.ms + round(seconds * 1_000)
        self._now_due()
        while self.ms < until:
            self._step(until)

    def becomes(self, what: Callable[[], bool], within: float) -> bool:
        """Let time pass until something is so; whether it became so in time."""
        end = self.ms + round(within * 1_000)
        self._now_due()
        while not what():
            if self.ms >= end:
                return False
            self._step(end)
        return True

    def until(self, what: Callable[[], bool], within: float = 60) -> None:
        """Let time pass until something is so, as it must."""
        became = self.becomes(what, within)
        assert became, "\n".join(["it did not become so; the last lines:", *self.lines[-40:]])

    def _step(self, until: int) -> None:
        if self._leaps:
            self._leap(until)
        self.ms = min(until, max(self._next_ms(), self.ms + 1))
        self.steps += 1
        self._now_due()

    def _leap(self, until: int) -> None:
        """Leave out whole rounds of routine; the next one stands where it would have stood."""
        rounds = (min(until, quiet_until(self)) - LAST_ROUND_MS - self._meter_at_ms) // METER_MS
        if rounds > 0 and self.evsed is not None:
            self._meter_at_ms += rounds * METER_MS
            self._tick_at_ms = self._on_grid(self._meter_at_ms)
            self.evsed.leap(rounds * METER_MS, self._meter_at_ms - self._since_ms)
            self._leapt = True

    def outside_ms(self) -> int:
        """When something comes from outside of the plant and of evsed."""
        appointed_ms = self._appointed[0][0] if self._appointed else NEVER_MS
        return min(self._hal_at_ms, self.csms.next_ms(), appointed_ms)

    def later(self, seconds: float, do: Callable[[], object]) -> None:
        """Let the world outside do something then."""
        heappush(self._appointed, (self.ms + round(seconds * 1_000), next(self._appointments), do))

    def _next_ms(self) -> int:
        times = [self.outside_ms()]
        if self.tick is not None or any(bay.contactor.main for bay in self.plant.bays.values()):
            times.append(self._meter_at_ms)  # without hal only for the watch, which counts how long that lasts
        if self.tick is not None:
            times.append(self._tick_at_ms)
        elif (change := self.board.next_change_ms(self.ms)) is not None:
            times.append(change)
        if self.evsed is not None:
            times.append(self.evsed.due_ms() + self._since_ms)
        return min(times)

    def _now_due(self) -> None:
        try:
            self._all_due()
        except (Cut, MemoryError):
            self.struck()
        except Exception as crash:
            self.watch.breach(f"a crash: {crash!r}")
            raise
        self.watch.look()

    def _all_due(self) -> None:
        self._let_pass()
        while self._appointed and self._appointed[0][0] <= self.ms:
            heappop(self._appointed)[2]()
        if self.ms >= self._hal_at_ms:
            self.start_hal()
        if self.ms >= self._meter_at_ms:
            self._meter_at_ms = self.ms + METER_MS
            if self.tick is not None:
                self.bus.ask()
        self.bus.poll(up=self.tick is not None)
        if self.evsed is not None:
            self.evsed.renew(again=self._leapt)
        self._leapt = False
        self._run_tick()
        if self.evsed is not None:
            self.evsed.turn()
            self._talk()
            if self.evsed.restart is not None:
                self._restart(self.evsed.restart)

    def _let_pass(self) -> None:
        """The plant catches up; the ticks that were left out would have fed the gates."""
        if self.tick is None:
            self.board.advance(self.ms)
        while self.tick is not None and (came_ms := self.plant.skip(self.ms)) < self.ms:
            if self._leapt and self.evsed is not None:  # sooner than it was announced: here the quiet ends
                self.ms = self._meter_at_ms = came_ms
                self.evsed.renew_ms = self.mono_ms
        if self.tick is not None:
            self.tick.feed(self.mono_ms)

    def _run_tick(self) -> None:
        if self.tick is None or self.ms < self._tick_at_ms:
            return
        self._ticked_ms = self.ms
        self.tick.run_once(self.mono_ms)
        self._latches.flush()  # the thread that may wait
        due_ms = self.tick.next_due_ms(self.mono_ms, fed=True) + self._since_ms
        self._tick_at_ms = self._on_grid(self.ms + 1 if self.ms < self._lively_ms else due_ms)

    def _on_grid(self, at_ms: int) -> int:
        """The first tick at that time or after it."""
        return at_ms + (self._phase_ms - at_ms) % TICK_MS

    def touched(self) -> None:
        """Somebody laid hands on the plant: no tick is left out for a while."""
        self._lively_ms = self.ms + LIVELY_MS
        self.stir()

    def stir(self) -> None:
        """Something that a tick must look at: the next one is not left out."""
        self._tick_at_ms = min(self._tick_at_ms, self._on_grid(max(self.ms, self._ticked_ms + 1)))

    def _talk(self) -> None:
        """Both sides of the link, until neither has anything to say at this moment."""
        while self.evsed is not None and self.evsed.restart is None:
            self.evsed.listen()
            if not self.evsed.inbox or self.evsed.waits:
                return
            self.evsed.turn()

    def _restart(self, kind: str) -> None:
        """As systemd would."""
        self.note(f"* restart {kind}")
        farewell.part(self.runtime)
        if kind == "Hard":
            self.power_cut(1)
        else:
            self.kill_evsed()
            self.start_evsed()

    # --- between the processes -------------------------------------------------------------------------------

    def grant(self, demand: Demand) -> None:
        """A lease from evsed to hal."""
        if self.tick is not None:
            shine = None if self.evsed is None else self.evsed.shines.get(demand.evse)
            self.tick.grant(lease(demand, self.mono_ms, shine), self.mono_ms)
            self.stir()

    def _publish(self, snapshot: Snapshot) -> None:
        self.watch.published(snapshot)
        if self.evsed is not None:
            self.evsed.view.take(snapshot)

    def drop_line(self, why: str = "dropped") -> None:
        """The connection ends; evsed may dial again."""
        if self.evsed is not None:
            self.evsed.hang_up(why)
