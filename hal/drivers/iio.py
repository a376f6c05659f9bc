"""The family "iio": slow voltages by a converter that the kernel drives, such as an ADS1115 or an MCP3208.

    [outlet.proximity]
    driver = "iio"
    device = "ads1115"     # its name, or the last part of its device's path: "1-0048", "spi0.1"
    channel = 1
    supply_mv = 5000
    pull_ohms = 330
    supply_percent = 5     # how far the supply may be from that; 1 where the converter measures against the same supply

Rules this file upholds:
- A converter is found by name or bus address, never by its number, which is whoever came first.
- Proximity is measured by a thread of its own: a conversion of an ADS1115 takes longer than a tick may.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from hal.bus import monotonic_ms
from hal.drivers import sysfs
from hal.drivers.background import Background
from hal.drivers.protocols import NoReading, PartFailed
from hal.drivers.resistors import OPEN_OHMS, PLUG_OHMS, Divider, NtcTable, Point

DEVICES = "/sys/bus/iio/devices"
MUST_TELL_C = 0

Channel = Annotated[int, msgspec.Meta(ge=0, le=15)]
Points = Annotated[tuple[Point, ...], msgspec.Meta(min_length=2, max_length=32)]


class Voltage:
    """One channel of a converter."""

    def __init__(self, device: str, channel: int) -> None:
        self._folder, self._channel = _device(device), channel
        self.mv()

    def mv(self) -> float:
        """Millivolts now. Raises OSError, PartFailed."""
        raw, scale = sysfs.read(f"{self._folder}/in_voltage{self._channel}_raw"), self._own_or_common("scale")
        try:
            return int(raw) * float(scale)
        except ValueError:
            raise PartFailed(f"{self._folder}: channel {self._channel} says {raw!r} times {scale!r}") from None

    def _own_or_common(self, what: str) -> str:
        own = f"{self._folder}/in_voltage{self._channel}_{what}"
        return sysfs.read(own if os.path.exists(own) else f"{self._folder}/in_voltage_{what}")


def _device(wanted: str) -> str:
    """The folder of the only converter that is called so. Raises PartFailed."""
    there = {}
    for folder in sorted(Path(DEVICES).glob("iio:device*")):
        there[str(folder)] = (sysfs.read(f"{folder}/name"), folder.resolve().parent.name)
    found = [folder for folder, names in there.items() if wanted in names]
    if len(found) != 1:
        known = ", ".join(f"{name} at {address}" for name, address in there.values()) or "none"
        many = f"{len(found)} converters are" if found else "no converter is"
        raise PartFailed(f"{many} called `{wanted}`; there is {known}")
    return found[0]


def converter(device: str, channel: int) -> str:
    """What a channel takes of the board; a converter that is there is called by its address."""
    with suppress(OSError, PartFailed):
        device = Path(_device(device)).resolve().parent.name
    return f"converter {device} channel {channel}"


class ProximityConfig(Divider, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which channel sees the divider of the proximity contact."""

    device: str
    channel: Channel

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if not self.tells(PLUG_OHMS):
            off = f"while supply_mv may be {self.supply_percent} % off"
            raise ValueError(f"pull_ohms is too little to tell a plug of 13 A from none {off}; take a larger one")

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (converter(self.device, self.channel),)


class IioProximity:
    """A `Proximity`."""

    Config = ProximityConfig

    def __init__(self, config: ProximityConfig, now_ms: Callable[[], int] = monotonic_ms) -> None:
        voltage = Voltage(config.device, config.channel)
        self.background = Background("proximity", lambda: plug_ohms(config, voltage.mv()), now_ms)
        self.background.start()

    def ohms(self) -> float | None:
        """Resistance PP to PE; None = no plug. Raises PartFailed."""
        return self.background.look()

    def hangs(self) -> str:
        """See `Hanging.hangs`."""
        return self.background.hangs()

    def close(self) -> None:
        """End its thread."""
        self.background.close()


def plug_ohms(divider: Divider, mv: float) -> float | None:
    """What a plug's resistor is; None = there is none."""
    ohms = divider.ohms(mv)
    return None if ohms is None or ohms >= OPEN_OHMS else ohms


class NtcConfig(Divider, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which channel sees the divider of an NTC, and its table: `points = [[25, 10000], [85, 1070]]`."""

    device: str
    channel: Channel
    points: Points

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if why := NtcTable.objection(self.points):
            raise ValueError(why)
        if not self.tells(NtcTable(self.points).ohms(MUST_TELL_C)):
            raise ValueError(f"pull_ohms is too little to tell {MUST_TELL_C} °C from a broken wire; take a larger one")

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (converter(self.device, self.channel),)


class IioThermometer:
    """A `Thermometer`. Its converter need not be there yet."""

    Config = NtcConfig

    def __init__(self, config: NtcConfig) -> None:
        self._config, self._table = config, NtcTable(config.points)
        self._voltage: Voltage | None = None

    def read(self) -> int:
        """Thousandths of a degree Celsius. Raises NoReading."""
        try:
            if self._voltage is None:
                self._voltage = Voltage(self._config.device, self._config.channel)
            ohms = self._config.ohms(self._voltage.mv())
        except (OSError, PartFailed) as failed:
            raise NoReading(f"the converter gave nothing: {failed}") from None
        mc = None if ohms is None else self._table.mc(ohms)
        if mc is None:
            raise NoReading(f"its wire is broken or shorted: {'no current' if ohms is None else f'{ohms:.0f} Ω'}")
        return mc

    def close(self) -> None:
        """Nothing is held."""


PARTS = {"proximity": IioProximity, "thermometer": IioThermometer}
