"""A Raspberry Pi with a reference board on it, from the drivers down to the wires: whole charges without hardware.

Lines, PWM, SPI and converter are emulated as their own tests have them. Behind them: a car on each pilot, the relays
and the contactor with its mirror contact, the charge pump, the residual-current device, the bolt's motor.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gpiod
import pytest

from hal.boards import HERE, assemble, load
from hal.drivers import gpiod_lines, gpiod_parts, iio, mcp3xxx, rounds, spi
from hal.heat import Warmth
from hal.sim.circuit import Load
from tests.hal.box import START_MS, Box
from tests.hal.drivers.gpio_bank import NAMES, FakeBank
from tests.hal.drivers.iio_world import Converter
from tests.hal.drivers.kernel_tree import KernelTree
from tests.hal.drivers.line_worlds import Clock
from tests.hal.drivers.pilot_world import AtOnce, Line, SpiBus

GATE_MS = 250
NTC_DIVIDER = {"supply_mv": 3_300, "pull_ohms": 10_000}
PP_DIVIDER = {"supply_mv": 3_300, "pull_ohms": 1_000}


class Board15(SpiBus):
    """An MCP3208 behind the divider of docs/builder.md: 100 kΩ, 22 kΩ to 3.3 V and 27 kΩ to ground."""

    def code(self, volts: float) -> int:
        siemens = 1 / 100_000 + 1 / 22_000 + 1 / 27_000
        at_pin = (volts / 100_000 + 3.3 / 22_000) / siemens
        return max(0, min(self.full, round(at_pin / 3.3 * self.full)))


class Outlet:
    """What hangs on one outlet's lines."""

    def __init__(self, text: dict[str, Any], seed: int) -> None:
        self.line = Line(seed)
        self.bus = Board15(self.line, 12)
        self.pwm = text["pilot"]["out"]["gpio"]
        self.coil, self.mirror = text["contactor"]["coil"], text["contactor"]["feedback"]
        self.enable = text["enable"]["line"]
        self.fault = text["residual"]["fault"]["line"]
        self.test = text["residual"].get("test")
        self.lock = text.get("lock")
        self.leaking = self.welded = self.closed = self.deaf = False
        self.edge_ms, self.level = -GATE_MS, False
        self.travel_ms = 0


class ReferencePi(Box):
    """`hang` puts a load on a pilot; `cable` a plug into the socket."""

    def __init__(self, name: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.bank = FakeBank(gpiochip0=NAMES)
        self.clock = Clock(self.bank)
        self.clock.ms = START_MS
        text = (HERE / f"{name}.toml").read_text().replace("/dev/spidev", f"{folder}/spidev")
        (folder / f"{name}.toml").write_text(text)
        file = load(str(folder / f"{name}.toml"))
        self.bays = {
            o.evse: Outlet({k: getattr(o, k) for k in o.__struct_fields__ if getattr(o, k) is not None}, o.evse)
            for o in file.outlet
        }
        self.warm = len(file.thermometer)
        self.kernel = KernelTree(folder)
        self._emulate(folder, patch)
        self.stop_line = "GPIO4" if len(self.bays) > 1 else "GPIO16"
        super().__init__(self._built(file))

    def _emulate(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.kernel.drives = self._drive
        self.kernel.install(patch)
        patch.setattr(gpiod, "Chip", self.bank.open)
        patch.setattr(gpiod_lines, "glob", lambda _: list(self.bank.chips))
        patch.setattr(spi, "ioctl", self._ioctl)
        patch.setattr(rounds, "Beside", AtOnce)
        first = next(iter(self.bays.values())).line  # whose time is that of all lines
        patch.setattr(rounds, "monotonic_ms", lambda: int(first.now_us / 1_000))
        patch.setattr(mcp3xxx, "sleep", lambda s: [bay.line.wait(s) for bay in self.bays.values()])
        patch.setattr(iio, "DEVICES", str(folder / "iio"))
        self.converter = Converter(folder / "iio")
        self.converter.hang(0, 10_000, NTC_DIVIDER)
        self.converter.hang(1, None, PP_DIVIDER)
        self._devices = {str(folder / f"spidev{n}.0"): bay for n, bay in enumerate(self.bays.values())}
        for path in self._devices:
            Path(path).touch()
        clock = self.clock

        class Lock(gpiod_parts.GpiodLock):
            def __init__(self, config: gpiod_parts.LockConfig) -> None:
                super().__init__(config, clock.now_ms, clock.later)

        class Proximity(iio.IioProximity):
            def __init__(self, config: iio.ProximityConfig) -> None:
                super().__init__(config, clock.now_ms)

        patch.setitem(gpiod_parts.PARTS, "lock", Lock)
        patch.setitem(iio.PARTS, "proximity", Proximity)

    def _built(self, file: Any) -> Any:
        board = assemble(file)
        self.bank.pull("GPIO16", False)  # the emergency stop's contact is made
        self.bank.pull("GPIO4", False)
        for bay in self.bays.values():
            bay.line.now_us = START_MS * 1_000.0
            self._step(bay)
        return board

    def _drive(self, _: object) -> None:
        """Each wire follows its own channel."""
        for bay in self.bays.values():
            channel = {12: 0, 18: 0, 13: 1, 19: 1}[bay.pwm]
            if (self.kernel.chip / f"pwm{channel}").exists():
                period, duty, *rest = self.kernel.state(channel)  # the comparator inverts
                bay.line.drive((period, period - duty, *rest))  # type: ignore[arg-type]

    def _ioctl(self, fd: int, request: int, argument: Any) -> int:
        return self._devices[os.readlink(f"/proc/self/fd/{fd}")].bus.ioctl(fd, request, argument)

    def tick_once(self) -> None:
        self.clock.ms = self.now_ms
        self.clock.tick()
        for bay in self.bays.values():
            bay.line.now_us = max(bay.line.now_us, self.clock.ms * 1_000.0)
        for sensor in range(self.warm):
            self.mailbox.put_warmth(sensor, Warmth(25_000, self.now_ms))
        proximity = self.board.outlets[1].parts.proximity
        if proximity is not None:
            proximity.background.measure()  # type: ignore[attr-defined]
        super().tick_once()
        for bay in self.bays.values():
            self._step(bay)

    def _step(self, bay: Outlet) -> None:
        """The relays, the contactor, the bolt."""
        if (level := self.bank.high(bay.enable)) != bay.level:
            bay.level, bay.edge_ms = level, self.clock.ms
        tested = bay.test is not None and self.bank.high(bay.test) and not bay.deaf
        fed = self.clock.ms - bay.edge_ms < GATE_MS
        bay.closed = (bay.welded and bay.closed) or (self.bank.high(bay.coil) and fed and not (bay.leaking or tested))
        self.bank.pull(bay.mirror, bay.closed)
        self.bank.pull(bay.fault, bay.leaking or tested)
        if bay.lock:
            lock, unlock = self.bank.high(bay.lock["lock"]), self.bank.high(bay.lock["unlock"])
            bay.travel_ms = min(max(bay.travel_ms + 10 * lock - 10 * unlock, 0), 200)
            self.bank.pull(bay.lock["feedback"], bay.travel_ms < 200)

    def hang(self, load: Load, evse: int = 1) -> None:
        self.bays[evse].line.hang(load)

    def cable(self, ohms: float | None) -> None:
        self.converter.hang(1, ohms, PP_DIVIDER)
