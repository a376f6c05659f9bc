"""A whole wallbox without evsed: the real control over the simulated plant, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from hal.boards import Board, BoardFile, assemble, load, with_outlets
from hal.bus import THERMOMETER_MS, Mailbox
from hal.contract import Lease, Limits, MeterReading, Outlet, Retry, Snapshot
from hal.drivers.protocols import NoReading
from hal.faults import Name
from hal.heat import Warmth
from hal.sim.plant import Plant
from hal.tick import Tick
from hal.wear import Wear

START_MS = 1_000_000
USUAL = Limits()
RETRY = Retry()


class Memory:
    """A memory of faults that never fails, unless told to."""

    def __init__(self) -> None:
        self.failed = ""
        self.kept: dict[int, tuple[Name, ...]] = {}

    def recall(self, evse: int) -> tuple[Name, ...]:
        return self.kept.get(evse, ())

    def keep(self, evse: int, names: tuple[Name, ...]) -> None:
        self.kept[evse] = names


def sim_board(evses: int = 1, **outlet: object) -> BoardFile:
    """The simulated board, with some keys of its outlets changed."""
    board = with_outlets(load("sim"), evses)
    outlets = tuple(msgspec.structs.replace(o, **outlet) for o in board.outlet)
    return msgspec.structs.replace(board, outlet=outlets)


class Box:
    """`allow` renews a lease each second, as evsed would, until `silence`."""

    def __init__(
        self,
        board: BoardFile | Board | None = None,
        limits: Limits = USUAL,
        memory: Memory | None = None,
        metered: Iterable[int] = (),
        retry: Retry = RETRY,
        wear: Wear | None = None,
    ) -> None:
        file = board if board is not None else sim_board()
        self.board: Board = assemble(file) if isinstance(file, BoardFile) else file
        self.memory = memory or Memory()
        self.mailbox = Mailbox()
        self.thermometers = self.board.thermometers()
        self._warm_ms = 0
        self.snapshots: list[Snapshot] = []
        self.now_ms = START_MS
        self.tick = Tick(
            self.board,
            limits,
            self.mailbox,
            self.snapshots.append,
            self.memory,
            self.now_ms,
            metered=tuple(metered),
            retry=retry,
            wear=wear,
        )
        self._leases: dict[int, Lease] = {}
        self._renew_ms = self.now_ms
        for _ in range(10):
            self.tick_once()

    @property
    def plant(self) -> Plant:
        plant = getattr(self.board, "_plant")  # noqa: B009  the world behind the board is for tests only
        assert isinstance(plant, Plant)
        return plant

    def allow(self, ma: int, closes: bool = True, holds_cable: bool = True, evse: int = 1) -> None:
        """What evsed allows from now on."""
        self._leases[evse] = Lease(evse, ma, closes, holds_cable, 0)
        self._renew_ms = self.now_ms

    def silence(self) -> None:
        """evsed is gone; its last lease runs out."""
        self._leases.clear()

    def run(self, ms: int) -> Outlet:
        """Let time pass, tick by tick; the first outlet as it is then."""
        for _ in range(ms // 10):
            self.tick_once()
        return self.outlet()

    def tick_once(self) -> None:
        self.now_ms += 10
        self.renew()
        self.feel()
        self.tick.run_once(self.now_ms)

    def feel(self) -> None:
        """Read the thermometers, as the bus does."""
        if self.now_ms < self._warm_ms:
            return
        self._warm_ms = self.now_ms + THERMOMETER_MS
        for sensor, thermometer in self.thermometers.items():
            with suppress(NoReading):
                self.mailbox.put_warmth(sensor, Warmth(thermometer.read(), self.now_ms))

    def renew(self) -> None:
        if self.now_ms >= self._renew_ms:
            self._renew_ms = self.now_ms + 1_000
            for lease in self._leases.values():
                self.tick.grant(msgspec.structs.replace(lease, until_ms=self.now_ms + 3_000), self.now_ms)

    def outlet(self, evse: int = 1) -> Outlet:
        return self.snapshots[-1].outlets[evse - 1]

    def say(self, words: str, evse: int = 1) -> str:
        """An order to the plant that must succeed."""
        answers: list[tuple[bool, str]] = []
        self.tick.order(evse, tuple(words.split()), lambda ok, text: answers.append((ok, text)))
        self.tick_once()
        assert answers and answers[0][0], answers
        return answers[0][1]

    def faults(self, evse: int = 1) -> list[str]:
        return [fault.name for fault in self.outlet(evse).faults]

    def until(self, *, closed: bool, within_ms: int = 10_000, evse: int = 1) -> int:
        """Run until the feedback says so; how many ms that took."""
        begun_ms = self.now_ms
        while self.outlet(evse).closed is not closed:
            assert self.now_ms - begun_ms < within_ms, self.outlet(evse)
            self.tick_once()
        return self.now_ms - begun_ms

    def charge(self, ma: int = 16_000, evse: int = 1) -> Outlet:
        """Plug in, allow, wait for the contactor."""
        self.say("plug-in", evse)
        self.allow(ma, evse=evse)
        self.until(closed=True, evse=evse)
        return self.outlet(evse)

    def meter(self, ma: int, evse: int = 1) -> None:
        """A fresh reading with this current on the first phase."""
        self.mailbox.put_meter(evse, MeterReading(self.now_ms, 1_000, ma * 230 // 1_000, (ma, 0, 0)))
