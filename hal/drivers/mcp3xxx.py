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

from hal.drivers.beside import Beside
from hal.drivers.calibration import Line, Point
from hal.drivers.plateaus import Plateaus
from hal.drivers.protocols import PartFailed
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


CHIPS = {"mcp3004": Chip(10, 4), "mcp3008": Chip(10, 8), "mcp3204": Chip(12, 4), "mcp3208": Chip(12, 8)}


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
        self.line()

    def line(self) -> Line:
        """Codes to volts. Raises ValueError."""
        return Line(self.first, self.second, 0, 2 ** CHIPS[self.chip].bits - 1)


class McpPilot:
    """A `PilotIn`."""

    Config = McpConfig

    def __init__(self, config: McpConfig) -> None:
        chip, line = CHIPS[config.chip], config.line()
        self._name = f"pilot: {config.chip} on {config.device}"
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
        self._drive, self._drives, self._known = 1_000.0, 0, 0
        self._seen = (0.0, 0.0, 0)
        self._failed = ""
        self._beside = Beside("pilot", self._measure)
        self._beside.ask()

    def expect(self, permille: float) -> None:
        """See `PilotIn.expect`; a burst in hand is thrown away."""
        self._drive = permille
        self._drives += 1
        self._beside.ask()

    def volts(self) -> tuple[float, float, int]:
        """See `Pilot.volts`: the last burst; the next one begins."""
        seen, failed = self._seen, self._failed
        self._beside.ask()
        if failed:
            raise PartFailed(failed)
        return seen

    def close(self) -> None:
        """Give the converter back."""
        self._beside.close()
        self._spi.close()

    def _measure(self) -> None:
        """One burst, in the thread."""
        drives, plateaus = self._drives, self._plateaus
        if self._known != drives:
            self._known = drives
            plateaus.expect(self._drive)
        try:
            volts = self._burst(drives)
        except OSError as failed:
            self._failed = f"{self._name}: {failed.strerror}"
            return
        if drives != self._drives:
            return  # it spans a change of the drive; the next one was asked for
        levels = plateaus.take(volts)
        if plateaus.follows:
            self._failed = ""
        else:
            self._failed = (
                f"pilot: it is high for {plateaus.share:.0f} ‰ of the time, but driven for {self._drive:.0f} ‰"
            )
        if levels is not None:
            self._seen = (*levels, self._seen[2] + 1)

    def _burst(self, drives: int) -> list[float]:
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
            if taken >= self._most or drives != self._drives:
                return volts
            if taken >= self._least and self._plateaus.suffices(volts):
                return volts


PARTS = {"pilot_in": McpPilot}
