"""A wallbox on the bench: real tick, real guard, both real halves of a Pi's pilot, an emulated wire."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hal.boards import assemble, load
from hal.drivers import FAMILIES
from hal.sim.circuit import Load
from tests.hal.box import START_MS, Box
from tests.hal.drivers.pilot_world import SpiBench

C, B = Load(882.0), Load(2_740.0)
BOARD = """
name = "bench"
kind = "pi"
[timing]
gate_ms = 500
close_spacing_ms = 1_000
[[outlet]]
evse = 1
max_ma = 32_000
socket = false
[outlet.contactor]
driver = "in_hand"
[outlet.enable]
driver = "in_hand"
[outlet.pilot.out]
driver = "kernel_pwm"
gpio = 18
[outlet.pilot.in]
driver = "mcp3xxx"
chip = "mcp3208"
device = "{device}"
first = {first}
second = {second}
"""


class _NoKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class Coil:
    """A contactor that follows its coil, and what the gate before it needs."""

    Config = _NoKeys

    def __init__(self, config: _NoKeys) -> None:
        self.ordered = False

    def order(self, closed: bool) -> None:
        self.ordered = closed

    def closed(self) -> bool:
        return self.ordered

    def beat(self) -> None:
        """Fed."""

    def drop(self) -> None:
        """Starved."""


PARTS = {"contactor": Coil, "enable": Coil}


class Pi(Box):
    """The wallbox on the bench; the wire lives in the time of the tick."""

    def __init__(self, bench: SpiBench, folder: Path) -> None:
        self.bench = bench
        FAMILIES["in_hand"] = __name__
        bench.to(START_MS)
        first, second = (
            f"{{ code = {point['code']}, volts = {point['volts']} }}"
            for point in (bench.keys["first"], bench.keys["second"])
        )
        path = folder / "bench.toml"
        path.write_text(BOARD.format(device=bench.device, first=first, second=second))
        try:
            super().__init__(assemble(load(str(path))))
        finally:
            del FAMILIES["in_hand"]

    def tick_once(self) -> None:
        self.bench.to(self.now_ms + 10)
        super().tick_once()

    def begin(self) -> None:
        self.bench.line.hang(B)
        self.allow(16_000)
        self.run(100)
        self.bench.line.hang(C)
        self.until(closed=True)

    def hang_in(self, after_us: float, load: Load) -> float:
        """Another load so much later; when that will be."""
        at_us = self.now_ms * 1_000 + after_us
        self.bench.line.hang(load, at_us)
        return at_us
