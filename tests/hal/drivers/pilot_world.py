"""The pilot's line and what hangs on it, as the kernel's interfaces show it: a PWM of files, an SPI bus of ioctls.

One clock in microseconds, which the buses move on: a conversion takes what facts of real buses say. The line has the
edges of a cable at the limit of its capacitance, resistors, a diode and noise; nothing in here knows a state letter.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable
from math import exp
from pathlib import Path
from random import Random
from struct import iter_unpack

import msgspec
import pytest

from hal.drivers import mcp3xxx, rounds, spi
from hal.drivers.kernel_pwm import KernelPwm, PwmConfig
from hal.drivers.mcp3xxx import McpConfig, McpPilot
from hal.drivers.pilot import TwoHalves
from hal.sim.circuit import PERIOD_US, Load, Source, level
from tests.hal.drivers.kernel_tree import KernelTree

SOURCE = Source(plus_v=12.0, minus_v=-12.0, ohms=1_000.0)
TAU_US = SOURCE.ohms * SOURCE.capacitance_nf / 1_000
SCALE_V = 15.0  # the converter's ends
MESSAGE_US = 15.0  # a call of the kernel …
GAP_US = 0.0, 200.0  # … and until the program asks for the next one, by chance
TRANSFER_US = 13.0  # a transfer with its change of the chip select, without its bits


class Line:
    """The wire. `loads` are what hangs there from a moment on."""

    def __init__(self, seed: int = 1) -> None:
        self.now_us = 0.0
        self.noise_v = 0.02
        self.phase_us = 0.0
        self.stuck: float | None = None  # permille that the generator gives whatever it is told
        self.permille = 1_000.0
        self._random = Random(seed)
        self._loads: list[tuple[float, float, float]] = []  # since, high, low
        self.hang(Load(), at_us=float("-inf"))

    def hang(self, load: Load, at_us: float | None = None) -> None:
        """Hang another load there, now or later; later than the one before."""
        high, low = (level(volts, SOURCE, load) for volts in (SOURCE.plus_v, SOURCE.minus_v))
        self._loads.append((self.now_us if at_us is None else at_us, high, low))

    def drive(self, state: tuple[int, int, bool, bool]) -> None:
        """What the PWM block was told: (period, duty, enabled, normal)."""
        period, duty, enabled, _ = state
        self.permille = 1_000 * duty / period if enabled else 0.0

    def wait(self, seconds: float) -> None:
        """Somebody sleeps."""
        self.now_us += seconds * 1e6

    def volts(self, at_us: float) -> float:
        """On the wire, with noise."""
        return self._clean(at_us) + self._random.gauss(0.0, self.noise_v)

    def extremes(self, since_us: float) -> tuple[float, float]:
        """The highest and the lowest plateau since then."""
        ends = [since for since, *_ in self._loads[1:]] + [float("inf")]
        spans = zip(self._loads, ends, strict=True)
        there = [pair for (begin, *pair), end in spans if begin <= self.now_us and end > since_us]
        permille = self.permille if self.stuck is None else self.stuck
        highs = [high if permille > 0 else low for high, low in there]
        lows = [low if permille < 1_000 else high for high, low in there]
        return max(highs), min(lows)

    def _clean(self, at_us: float) -> float:
        high, low = next(plateaus for since, *plateaus in reversed(self._loads) if since <= at_us)
        permille = self.permille if self.stuck is None else self.stuck
        if not 0 < permille < 1_000:
            return high if permille else low
        at = (at_us - self.phase_us) % PERIOD_US
        width = PERIOD_US * permille / 1_000
        if at < width:
            return high - (high - low) * exp(-at / TAU_US)
        return low + (high - low) * exp(-(at - width) / TAU_US)


class SpiBus:
    """The ioctls of an SPI device with an MCP3208 or MCP3008 on it, whose channel 0 sees the line."""

    def __init__(self, line: Line, bits: int) -> None:
        self.line = line
        self.full = 2**bits - 1
        self.stuck: int | None = None  # the code that it shows for ever
        self.deaf = False  # nobody drives the answer's wire, which is pulled up
        self.refuses = 0  # an errno
        self.samples = self.calls = 0
        self.jitter_us = 1.0  # of a transfer: its work is a program's
        self._random = Random(2)

    def code(self, volts: float) -> int:
        return max(0, min(self.full, round((volts + SCALE_V) / (2 * SCALE_V) * self.full)))

    def ioctl(self, fd: int, request: int, argument: bytes | bytearray) -> int:
        """What the kernel and the converter make of it."""
        if self.refuses:
            raise OSError(self.refuses, "Input/output error")
        size = request >> 16 & 0x3FFF
        assert len(argument) == size
        if request & 0xFF == 1:
            return 0
        transfers = list(iter_unpack("=QQIIHBBBBBB", argument))
        assert 128 * len(transfers) <= 4_096, "EMSGSIZE"
        assert [t[6] for t in transfers] == [1] * (len(transfers) - 1) + [0]
        self.calls += 1
        for ask, answer, length, hz, pause, *_ in transfers:
            question = int.from_bytes(ctypes.string_at(ask, length), "big")
            ctypes.memmove(answer, self._convert(question, hz).to_bytes(length, "big"), length)
            self.line.now_us += length * 8e6 / hz + TRANSFER_US + pause + self._random.random() * self.jitter_us
        self.line.now_us += MESSAGE_US + self._random.uniform(*GAP_US)
        self.samples += len(transfers)
        return sum(t[2] for t in transfers)

    def _convert(self, question: int, hz: int) -> int:
        if self.deaf:
            return 0xFFFFFF
        bits = self.full.bit_length()
        start, channel = divmod(question >> bits + 2, 8)
        assert start == 0b11, "no start bit, or not single-ended"
        garbage = 0b1010_1010 << bits + 1 & 0xFFFFFF
        if self.stuck is not None:
            return garbage | self.stuck
        sampled_us = self.line.now_us + (24 - bits - 2) * 1e6 / hz
        return garbage | self.code(self.line.volts(sampled_us) if channel == 0 else 0.0)


class AtOnce:
    """Stands for the thread: what is asked for is done at once, in the line's own time, and never twice at a time."""

    ended_by: BaseException | None = None

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._work = work
        self._busy = self._wanted = False

    def ask(self) -> None:
        self._wanted = True
        while self._wanted and not self._busy:
            self._wanted, self._busy = False, True
            self._work()
            self._busy = False

    def close(self) -> None:
        """Nothing to end."""


CALIBRATION = {"mcp3208": (12, 4_095), "mcp3204": (12, 4_095), "mcp3008": (10, 1_023), "mcp3004": (10, 1_023)}


def points(chip: str) -> dict[str, dict[str, float]]:
    """Two points of a divider that brings ±15 V to the converter's scale."""
    full = CALIBRATION[chip][1]
    return {
        "first": {"code": full / 10, "volts": -SCALE_V * 0.8},
        "second": {"code": full * 9 / 10, "volts": SCALE_V * 0.8},
    }


class SpiBench:
    """A Pi with both halves of a pilot, from the drivers down to the wire."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, chip: str = "mcp3208", hz: int = 1_000_000) -> None:
        self.line = Line()
        self.kernel = KernelTree(folder)
        self.kernel.drives = self.line.drive
        self.kernel.install(patch)
        self.bus = SpiBus(self.line, CALIBRATION[chip][0])
        patch.setattr(spi, "ioctl", self.bus.ioctl)
        patch.setattr(rounds, "Beside", AtOnce)
        patch.setattr(rounds, "monotonic_ms", lambda: int(self.line.now_us / 1_000))
        patch.setattr(mcp3xxx, "sleep", self.line.wait)
        self.device = folder / "spidev0.0"
        self.device.touch()
        self.keys = {"chip": chip, "device": str(self.device), "hz": hz, **points(chip)}

    def build(self) -> TwoHalves:
        sense = McpPilot(msgspec.convert(self.keys, McpConfig))
        return TwoHalves(KernelPwm(PwmConfig(gpio=18)), sense)

    def to(self, now_ms: int) -> None:
        """The time of a tick; a bus that is still busy is later."""
        self.line.now_us = max(self.line.now_us, now_ms * 1_000.0)


EIO = errno.EIO
