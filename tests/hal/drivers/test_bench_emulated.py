"""The bench of metal on an emulated board: it runs there, asks for leave, and is red for each part that is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpiod
import pytest

from hal import drivers
from hal.boards import Board, assemble, load
from hal.bringup.person import Nobody, Words
from hal.contacts import Means
from hal.contract import MeterChoice
from hal.drivers import gpiod_lines, gpiod_parts, open_meter
from hal.drivers.protocols import PartFailed
from hal.make_safe import make_safe
from hal.sim.circuit import Load
from hal.sim.meter import MeterFault
from tests.hal.drivers import on_metal
from tests.hal.drivers.gpio_bank import NAMES, FakeBank
from tests.hal.drivers.line_worlds import Clock
from tests.hal.drivers.on_metal import (
    Metal,
    OnContactor,
    OnEnable,
    OnInputs,
    OnLock,
    OnMeter,
    OnPhases,
    OnPilot,
    OnReader,
    OnResidual,
)
from tests.hal.drivers.pilot_world import SpiBench
from tests.hal.drivers.ptys import Meter, served
from tests.hal.drivers.readers import OnSpi

CARDS = bytes.fromhex("04A1B2C3"), bytes.fromhex("04A1B2C3D4E580")
MEANS = Means.ENCLOSURE_OPEN, Means.BUTTON
LINES = ("GPIO16", "GPIO12")
GATE_MS, TRAVEL_MS = 250, 200
BOARD = """
name = "emulated"
kind = "pi"
[timing]
gate_ms = 100
residual_trip_ms = 100
residual_clear_ms = 100
[[outlet]]
evse = 1
max_ma = 32_000
socket = false
pilot = {{ driver = "files", folder = "{pins}" }}
contactor = {{ driver = "gpiod", coil = "GPIO23", feedback = "GPIO24", contact = "mirror" }}
enable = {{ driver = "gpiod", line = "GPIO22" }}
residual = {{ driver = "gpiod", fault = "GPIO25", tripped_when = "open", test = "GPIO26" }}
lock = {{ driver = "gpiod", lock = "GPIO17", unlock = "GPIO27", feedback = "GPIO13" }}
phases = {{ driver = "gpiod", coil = "GPIO20", feedback = "GPIO21", contact = "mirror" }}
reader = {{ driver = "mfrc522" }}
[[input]]
means = "enclosure-open"
contact = {{ driver = "gpiod", line = "GPIO16", active_when = "open" }}
[[input]]
means = "button"
contact = {{ driver = "gpiod", line = "GPIO12", active_when = "made" }}
"""


class World:
    """What is behind the pins, its time, and a person. What is in `broken` does not work."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.bank = FakeBank(gpiochip0=NAMES)
        self.clock = Clock(self.bank)
        self.broken: set[str] = set()
        self.volts, self.count = 12.0, 0
        self.closed = self.three = False
        self.travel_ms, self.edge_ms, self.beat = 0, -GATE_MS, False
        self.pins = folder / "pins"
        self.pins.mkdir()
        self.sees()
        patch.setitem(drivers.FAMILIES, "files", "tests.hal.drivers.file_tree")
        patch.setattr(gpiod, "Chip", self.bank.open)
        patch.setattr(gpiod_lines, "glob", lambda _: list(self.bank.chips))
        self._time_the_lock(patch)
        self.rfid = OnSpi(patch)
        self.meter = Meter()
        (folder / "emulated.toml").write_text(BOARD.format(pins=self.pins))
        self.board: Board = assemble(load(str(folder / "emulated.toml")))
        for line, made in zip(LINES, (True, False), strict=True):
            self.bank.pull(line, not made)
        self.step()

    def _time_the_lock(self, patch: pytest.MonkeyPatch) -> None:
        clock = self.clock

        class Lock(gpiod_parts.GpiodLock):
            def __init__(self, config: gpiod_parts.LockConfig) -> None:
                super().__init__(config, clock.now_ms, clock.later)

        patch.setitem(gpiod_parts.PARTS, "lock", Lock)

    def sees(self) -> None:
        """The converter goes on."""
        self.count += 1
        (self.pins / "plateaus").write_text(f"{self.volts} {self.volts} {self.count}")

    # --- its time ------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        return self.clock.ms

    def pass_ms(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.clock.tick()
            self.sees()
            self.step()

    def step(self) -> None:
        high, broken = self.bank.high, self.broken
        if (level := high("GPIO22")) is not self.beat:
            self.beat, self.edge_ms = level, self.clock.ms
        fed = self.clock.ms - self.edge_ms < GATE_MS or "gate" in broken
        tested = high("GPIO26") and "residual" not in broken
        if "contactor" not in broken:
            self.closed = high("GPIO23") and fed and not tested
        if "phases" not in broken:
            self.three = high("GPIO20")
        if "lock" not in broken:
            self.travel_ms = min(max(self.travel_ms + 10 * high("GPIO17") - 10 * high("GPIO27"), 0), TRAVEL_MS)
        for line, high_level in (("GPIO24", self.closed), ("GPIO25", tested), ("GPIO21", self.three)):
            self.bank.pull(line, high_level)
        self.bank.pull("GPIO13", self.travel_ms < TRAVEL_MS)

    def obey(self, order: Words) -> None:
        """What a person does there."""
        match order:
            case ("contact", number, on):
                if "input" not in self.broken:
                    made = (on == "on") is (MEANS[int(number)] is Means.BUTTON)
                    self.bank.pull(LINES[int(number)], not made)
            case ("meter", where):
                self.meter.sim.fault(MeterFault.SILENT, on=where == "away" and "meter" not in self.broken)
            case ("reader", where):
                self.rfid.chip.there = where == "back"
            case ("card", "away"):
                self.rfid.remove()
            case ("card", number):
                self.rfid.show(CARDS[0 if "reader" in self.broken else int(number)])
            case _:
                raise AssertionError(order)


class Hands(Nobody):
    """A person who does all that he is asked for."""

    def __init__(self, world: World) -> None:
        super().__init__(sys.stderr)
        self._world = world

    def do(self, what: str, *orders: Words) -> bool:
        for order in orders:
            self._world.obey(order)
        return True


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World(tmp_path, monkeypatch)
    yield world
    assert make_safe(world.board) == []
    world.board.close()


@pytest.fixture
def metal(world: World) -> Iterator[Metal]:
    with served(world.meter.slave.hear) as port:
        meter = open_meter(MeterChoice(model="sdm630", port=port), port, world.now_ms)
        reader = world.board.readers()[1]
        yield Metal(world.board, world, Hands(world), True, meter, reader, MEANS)
        meter.close()
        reader.close()


class AtThePlug(Nobody):
    """A person who hangs loads on an emulated line, which is its own time."""

    def __init__(self, world: SpiBench) -> None:
        super().__init__(sys.stderr)
        self._world, self._now_ms = world, 0

    def do(self, what: str, *orders: Words) -> bool:
        for kind, ohms, diode in orders:
            assert kind == "load"
            self._world.line.hang(Load(None if ohms == "none" else float(ohms), diode=diode == "diode"))
        return True

    def now_ms(self) -> int:
        return self._now_ms

    def pass_ms(self, ms: int) -> None:
        self._now_ms += ms
        self._world.to(self._now_ms)


class TestPilot(OnPilot):
    """Kernel PWM and a converter on SPI, with a person at the plug."""

    @pytest.fixture
    def metal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Metal:
        bus = SpiBench(tmp_path, monkeypatch, "mcp3208")
        person = AtThePlug(bus)
        parts = SimpleNamespace(pilot=bus.build())
        board: Any = SimpleNamespace(outlets={1: SimpleNamespace(parts=parts)})
        return Metal(board, person, person, closes=False)


TestContactor, TestEnable, TestLock, TestResidual = OnContactor, OnEnable, OnLock, OnResidual
TestPhases, TestMeter, TestReader = OnPhases, OnMeter, OnReader


@pytest.mark.parametrize("number", range(len(MEANS)))
class TestInputs(OnInputs):
    pass


RED: dict[str, Callable[[Metal], None]] = {
    "contactor": lambda m: OnContactor().test_it_closes_and_opens_as_ordered(on_metal.ContactorRig(m)),
    "gate": lambda m: OnEnable().test_beats_keep_it_alive_and_silence_ends_it(on_metal.GateRig(m)),
    "lock": lambda m: OnLock().test_it_locks_and_unlocks_as_ordered(on_metal.LockRig(m)),
    "residual": lambda m: OnResidual().test_it_follows_its_output(on_metal.ResidualRig(m)),
    "input": lambda m: OnInputs().test_it_follows_its_contact(on_metal.InputRig(m, 0)),
    "phases": lambda m: OnPhases().test_it_follows_the_choice(on_metal.PhasesRig(m)),
    "reader": lambda m: OnReader().test_a_card_is_told_once_however_long_it_stays(on_metal.ReaderRig(m)),
    "meter": lambda m: OnMeter().test_without_its_line_there_is_no_reading_and_after_it_there_is(on_metal.MeterRig(m)),
}


@pytest.mark.parametrize("part", RED)
def test_a_broken_part_is_found(metal: Metal, world: World, part: str) -> None:
    world.broken.add(part)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        RED[part](metal)


@pytest.mark.parametrize("rig", [on_metal.ContactorRig, on_metal.GateRig, on_metal.LockRig])
def test_nothing_is_switched_without_leave(metal: Metal, rig: Callable[[Metal], object]) -> None:
    metal.closes = False
    with pytest.raises(pytest.skip.Exception, match="EVSE_BENCH_CLOSES=yes"):
        rig(metal)


@pytest.mark.parametrize("rig", [on_metal.ContactorRig, on_metal.GateRig])
def test_with_a_car_on_the_pilot_no_contactor_is_closed(
    metal: Metal, world: World, rig: Callable[[Metal], on_metal.Rig]
) -> None:
    world.volts = 6.0
    with pytest.raises(PartFailed, match="a car or a load is on the pilot"):
        rig(metal).look()
    world.pass_ms(500)
    assert not world.closed and not world.bank.high("GPIO23")


def test_without_a_person_what_takes_hands_is_skipped(metal: Metal) -> None:
    metal.person = Nobody(sys.stderr)
    for part in ("input", "reader", "meter"):
        with pytest.raises(pytest.skip.Exception, match="nobody is there to"):
            RED[part](metal)


def test_phases_are_not_moved_under_load(metal: Metal, world: World) -> None:
    rig = on_metal.PhasesRig(metal)
    world.broken.add("contactor")
    world.closed = True
    rig.run(10)
    with pytest.raises(AssertionError, match="the contactor is closed"):
        rig.part.use(True)
