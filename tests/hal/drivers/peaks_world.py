"""Two peak detectors on the pilot's line, behind a converter that the kernel shows as files.

The detectors see what is beyond 0 V on their side, keep it since their reset or for a while, and a conversion takes
as long as an ADS1115's.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hal.drivers import iio, peaks, rounds, sysfs
from hal.drivers.kernel_pwm import KernelPwm, PwmConfig
from hal.drivers.peaks import PeaksConfig, PeaksPilot
from hal.drivers.pilot import TwoHalves
from tests.hal.drivers.kernel_tree import KernelTree
from tests.hal.drivers.pilot_world import AtOnce, Line

CONVERSION_US = 1_300.0  # 860 a second, and the bus
FALLS_US = 15_000.0  # detectors without a reset forget by themselves
STEP_MV = 0.125
KEYS = {
    "device": "ads1115",
    "high": {"channel": 0, "first": {"code": 300, "volts": -1.0}, "second": {"code": 2_900, "volts": 13.0}},
    "low": {"channel": 1, "first": {"code": 300, "volts": -13.0}, "second": {"code": 2_900, "volts": 0.0}},
}


class PeaksBench:
    """A Pi with a PWM and this front-end. `reset`: the detectors have such a line."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, reset: bool) -> None:
        self.line = Line()
        self.kernel = KernelTree(folder)
        self.kernel.drives = self.line.drive
        self.kernel.install(patch)
        self.broken = False
        self.resets = 0
        self._reset_us: float | None = None
        self._device = folder / "iio" / "iio:device0"
        self._device.mkdir(parents=True)
        for name, value in (("name", "ads1115"), ("in_voltage_scale", STEP_MV)):
            (self._device / name).write_text(f"{value}\n")
        self._read_file = sysfs.read
        patch.setattr(sysfs, "read", self.read)
        patch.setattr(iio, "DEVICES", str(folder / "iio"))
        patch.setattr(rounds, "Beside", AtOnce)
        patch.setattr(rounds, "monotonic_ms", lambda: int(self.line.now_us / 1_000))
        patch.setattr(peaks, "sleep", self.line.wait)
        patch.setattr(peaks, "_line", lambda name: self if reset else None)

    def build(self) -> TwoHalves:
        return TwoHalves(KernelPwm(PwmConfig(gpio=18)), PeaksPilot(msgspec.convert(KEYS, PeaksConfig)))

    def to(self, now_ms: int) -> None:
        self.line.now_us = max(self.line.now_us, now_ms * 1_000.0)

    def set(self, active: bool) -> None:
        """The reset line."""
        if active:
            self.resets += 1
        self._reset_us = self.line.now_us

    def close(self) -> None:
        """The reset line is given back."""

    def read(self, path: str) -> str:
        """The kernel's attributes."""
        name = Path(path).name
        if not name.endswith("_raw"):
            return self._read_file(path)
        if self.broken:
            raise OSError(121, "Remote I/O error")
        self.line.now_us += CONVERSION_US
        since_us = self._reset_us if self._reset_us is not None else self.line.now_us - FALLS_US
        highest, lowest = self.line.extremes(since_us)
        if name == "in_voltage0_raw":
            mv = 300 + (max(0.0, highest) + 1.0) / 14.0 * 2_600
        else:
            mv = 300 + (min(0.0, lowest) + 13.0) / 13.0 * 2_600
        return str(round(mv / STEP_MV))
