"""The pilot measured by an MCP3004, MCP3008, MCP3204 or MCP3208 on SPI, whose samples know nothing of the PWM's phase.

    [outlet.pilot.in]
    driver = "mcp3xxx"
    chip = "mcp3208"
    device = "/dev/spidev0.0"
    channel = 0
    hz = 1_000_000                           # what the chip bears at its supply: see its data sheet
    first = { code = 372, volts = -11.95 }   # two levels, measured with a voltmeter on the pilot
    second = { code = 3_724, volts = 12.03 }

Each tick asks for a burst: LEAST_MS of samples, and more until both plateaus are known, up to MOST_MS. The burst is
made beside the tick and taken by the next one, so an edge is seen 10 to 20 ms after it happened.

Rules this file upholds:
- A clock of samples that is locked to the PWM would meet the same phases for ever. So the pauses between samples
  differ, within a period they drift apart by as much as an edge takes, and each burst and message begins where chance
  wants it.
- The count moves only when a burst has told both plateaus, or surely told that there is one level.
- What cannot be true is a failed part: no answer, the end of the scale for a whole burst, a share of highs that is not
  the drive's.
"""

from __future__ import annotations

import errno
from random import Random
from time import sleep
from typing import Annotated, Literal, NamedTuple

import msgspec

from hal.drivers.calibration import Line, Point
from hal.drivers.claims import spi_bus
from hal.drivers.plateaus import Plateaus
from hal.drivers.protocols import PartFailed
from hal.drivers.rounds import Rounds
from hal.drivers.spi import TRANSFERS, SpiDevice

LEAST_MS = 3.0  # periods of the PWM: a burst that sees each plateau once is not enough
MOST_MS = 7.0  # the tick comes each 10 ms
PERIOD_S = 0.001
TRANSFER_US = 13.0  # the kernel's pause of 10 µs with the chip released (cs_change), and its work
PAUSE_US = 8  # the longest after a sample …
REST_US = 60  # … and after a message
MESSAGES = 8


class Chip(NamedTuple):
    """What distinguishes the members of the family."""

    bits: int
    channels: int
    most_hz: int  # at 5 V; an MCP320x bears half of that at 2.7 V


CHIPS = {
    "mcp3004": Chip(10, 4, 3_600_000),
    "mcp3008": Chip(10, 8, 3_600_000),
    "mcp3204": Chip(12, 4, 2_000_000),
    "mcp3208": Chip(12, 8, 2_000_000),
}


class McpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`."""

    chip: Literal["mcp3004", "mcp3008", "mcp3204", "mcp3208"]
    first: Point
    second: Point
    device: str = "/dev/spidev0.0"
    channel: Annotated[int, msgspec.Meta(ge=0, le=7)] = 0
    hz: Annotated[int, msgspec.Meta(ge=800_000, le=3_600_000)] = 1_000_000

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.channel >= CHIPS[self.chip].channels:
            raise ValueError(f"channel must be at most {CHIPS[self.chip].channels - 1}: the {self.chip} has no more")
        if self.hz > CHIPS[self.chip].most_hz:
            raise ValueError(
                f"hz must be at most {CHIPS[self.chip].most_hz}: the {self.chip} bears no more, and that at 5 V"
            )
        self.line()

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board: its whole bus. Two pilots that take turns need up to twice a tick for a burst."""
        return (spi_bus(self.device),)

    def line(self) -> Line:
        """Codes to volts. Raises ValueError."""
        return Line(self.first, self.second, 0, 2 ** CHIPS[self.chip].bits - 1)


class McpPilot(Rounds):
    """A `PilotIn`."""

    Config = McpConfig

    def __init__(self, config: McpConfig) -> None:
        chip, line = CHIPS[config.chip], config.line()
        super().__init__(f"pilot: {config.chip} on {config.device}")
        self._full = 2**chip.bits - 1
        self._mask = 2 ** (chip.bits + 1) - 1  # with the bit before the number, which is 0
        self._table = [line.volts(code) for code in range(self._full + 1)]
        # After start, "single-ended" and channel the chip samples for a clock, sends a 0 and then its number.
        question = ((0b11000 | config.channel) << chip.bits + 2).to_bytes(3, "big")
        self._random = Random(1)  # noqa: S311  any numbers that differ, no secret
        pauses = [[self._random.randint(0, PAUSE_US) for _ in range(TRANSFERS)] for _ in range(MESSAGES)]
        self._spi = SpiDevice(config.device, config.hz, question, pauses)
        sample_us = 24e6 / config.hz + TRANSFER_US + (PAUSE_US + REST_US / TRANSFERS) / 2
        self._least, self._most = LEAST_MS * 1_000 / sample_us, MOST_MS * 1_000 / sample_us
        self._plateaus = Plateaus()
        self._start()

    def close(self) -> None:
        """Give the converter back."""
        super().close()
        self._spi.close()

    def _begin(self, permille: float) -> None:
        self._plateaus.expect(permille)

    def _round(self) -> tuple[float, float] | None:
        """One burst."""
        plateaus = self._plateaus
        volts = self._burst()
        levels = None if self._outdated else plateaus.take(volts)
        if not plateaus.follows:
            driven = f"but driven for {self._drive:.0f} ‰"
            raise PartFailed(f"the line is high for {plateaus.share:.0f} ‰ of the time, {driven}")
        return levels

    def _burst(self) -> list[float]:
        """Samples in volts, until they suffice. Raises OSError."""
        sleep(self._random.random() * PERIOD_S)
        volts: list[float] = []
        table, mask, full = self._table, self._mask, self._full
        while True:
            codes = [word & mask for word in self._spi.convert(self._random.randint(0, REST_US))]
            lowest, highest = min(codes), max(codes)
            if highest > full:
                raise OSError(errno.EIO, "no answer: the bit before the number is not 0")
            if lowest == full or highest == 0:
                raise OSError(errno.EIO, f"it shows nothing but {highest}, the end of its scale")
            volts += [table[code] for code in codes]
            taken = len(volts)
            if taken >= self._most or self._outdated:
                return volts
            if taken >= self._least and self._plateaus.suffices(volts):
                return volts


PARTS = {"pilot_in": McpPilot}
