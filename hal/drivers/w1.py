"""The family "w1": DS18B20 thermometers on the 1-wire bus of the kernel (dtoverlay=w1-gpio).

    driver = "w1"
    id = "28-01144a2b3caa"     # its folder below /sys/bus/w1/devices

Rules this file upholds:
- A value counts only where the kernel says that its check sum fits.
- Exactly 85 °C is what the sensor says before it has ever measured; all zeros are a shorted wire, whose check sum fits.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from hal.drivers import sysfs
from hal.drivers.protocols import NoReading

DEVICES = "/sys/bus/w1/devices"
POWER_ON_MC = 85_000
LEAST_MC, MOST_MC = -55_000, 125_000


class W1Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`."""

    id: Annotated[str, msgspec.Meta(pattern=r"^(10|22|28|3b|42)-[0-9a-f]{12}$")]

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (f"w1 {self.id}",)


class W1Thermometer:
    """A `Thermometer`. The sensor need not be there yet; a conversion takes most of a second."""

    Config = W1Config

    def __init__(self, config: W1Config) -> None:
        self._path = f"{DEVICES}/{config.id}/w1_slave"

    def read(self) -> int:
        """Thousandths of a degree Celsius. Raises NoReading."""
        try:
            said = sysfs.read(self._path)
        except OSError as failed:
            raise NoReading(f"{self._path}: {failed.strerror}") from None
        return parse(said)

    def close(self) -> None:
        """Nothing is held."""


def parse(said: str) -> int:
    """The temperature in the two lines of a w1_slave file. Raises NoReading."""
    whole = re.fullmatch(r"((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)\n\1t=(-?\d{1,9})", said)
    if whole is None:
        raise NoReading(f"an answer that is none: {said[:80]!r}")
    if whole[2] != "YES":
        raise NoReading("its check sum does not fit: look at the wire and its pull-up")
    if not whole[1].replace("00", "").strip():
        raise NoReading("nothing but zeros: its wire is shorted")
    mc = int(whole[3])
    if mc == POWER_ON_MC:
        raise NoReading("85 °C is what it says before it has measured")
    if not LEAST_MC <= mc <= MOST_MC:
        raise NoReading(f"{mc} thousandths of a degree are out of its range")
    return mc


PARTS = {"thermometer": W1Thermometer}
