"""The pilot's plateaus held by two peak detectors, read by a slow converter that the kernel drives (ADS1115, any IIO).

    [outlet.pilot.in]
    driver = "peaks"
    device = "ads1115"                           # with dtoverlay=ads1115 in config.txt; see iio.py for names
    high = { channel = 0, first = { code = 300, volts = 0.0 }, second = { code = 2_900, volts = 12.0 } }
    low = { channel = 1, first = { code = 300, volts = -12.0 }, second = { code = 2_900, volts = 0.0 } }
    reset = "GPIO22"                             # where the detectors have such a line

A code is what the kernel says in millivolts. No phase of the PWM matters: the detectors catch every pulse.

Rules this file upholds:
- Detectors with a reset line forget before each round, so no plateau is older than it; those without must fall by
  themselves within 10 ms, which is for the board to see to: 15 ms after a change of the drive the line is judged.
- Where the drive is constant only one detector has something to show, and both plateaus are that.
- A round must end within a tick: both conversions in 5 ms, for an ADS1115 its fastest rate (`cha_datarate=7`).
"""

from __future__ import annotations

from time import sleep
from typing import Annotated

import msgspec

from hal.drivers.calibration import Line, Point
from hal.drivers.iio import Voltage, converter
from hal.drivers.lines import Out, OutName, as_out, claim
from hal.drivers.rounds import Rounds

RESET_S = 0.0015  # chargebyte's detectors; a cable discharges within one
SETTLE_S = 0.002  # two periods
PULSE_V = -3.0  # hal.iec61851.PWM_V: lower at x1, and the PWM still runs
LIVE_V = 2.0  # higher at F, and the line does not follow


class Detector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a detector is read, and its calibration."""

    channel: Annotated[int, msgspec.Meta(ge=0, le=15)]
    first: Point
    second: Point


class PeaksConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`; `full_mv` is the most that the converter can show."""

    device: str
    high: Detector
    low: Detector
    full_mv: Annotated[float, msgspec.Meta(ge=1_000, le=10_000)] = 3_300.0
    reset: OutName | None = None

    def __post_init__(self) -> None:
        """Raises ValueError."""
        self.line_high()
        self.line_low()
        if self.high.channel == self.low.channel:
            raise ValueError("high and low are two channels")

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        plateaus = (converter(self.device, detector.channel) for detector in (self.high, self.low))
        return (*plateaus, *(() if self.reset is None else (claim(as_out(self.reset)),)))

    def line_high(self) -> Line:
        """Millivolts to volts of the high plateau. Raises ValueError."""
        return Line(self.high.first, self.high.second, 0, self.full_mv, reach=(-1.0, 13.0))

    def line_low(self) -> Line:
        """The same of the low one. Raises ValueError."""
        return Line(self.low.first, self.low.second, 0, self.full_mv, reach=(-13.0, -1.0))


class PeaksPilot(Rounds):
    """A `PilotIn`."""

    Config = PeaksConfig

    def __init__(self, config: PeaksConfig) -> None:
        super().__init__(f"pilot: {config.device}")
        self._lines = config.line_high(), config.line_low()
        self._voltages = [Voltage(config.device, channel) for channel in (config.high.channel, config.low.channel)]
        self._reset = _line(config.reset)
        self._permille = 1_000.0
        self._start()

    def close(self) -> None:
        """Give the reset line back too."""
        super().close()
        if self._reset is not None:
            self._reset.close()

    def _begin(self, permille: float) -> None:
        self._permille = permille
        sleep(SETTLE_S)

    def _round(self) -> tuple[float, float] | None:
        if self._reset is not None:
            self._reset.set(True)
            sleep(RESET_S)
            self._reset.set(False)
            sleep(SETTLE_S)
        high, low = (line.volts(voltage.mv()) for line, voltage in zip(self._lines, self._voltages, strict=True))
        if self._permille >= 1_000 and low > PULSE_V:
            low = high
        elif self._permille <= 0 and high < LIVE_V:
            high = low
        return high, low


def _line(name: OutName | None) -> Out | None:
    if name is None:
        return None
    from hal.drivers.gpiod_lines import GpiodOut  # only where a board has such a line

    return GpiodOut(as_out(name), "pilot reset")


PARTS = {"pilot_in": PeaksPilot}
