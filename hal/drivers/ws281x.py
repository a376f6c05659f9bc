"""A strip of WS2812 or SK6812 lights on the data line of an SPI bus; the clock and select lines stay unused.

    [outlet.lights]
    driver = "ws281x"
    device = "/dev/spidev0.0"
    pixels = 12

Rules this file upholds:
- Three bits of the bus are one bit of the strip, at 2.4 MHz: 110 is a one, 100 a zero (0.83 or 0.42 of 1.25 µs high).
- The line is low for 300 µs before and after each picture: so the strip knows where one begins.
- All pixels are alike. A picture is one write, never more than the 4096 bytes that spidev takes.
"""

from __future__ import annotations

import os
from fcntl import ioctl
from struct import pack
from typing import Annotated

import msgspec

from hal.drivers.claims import spi_bus
from hal.drivers.protocols import PartFailed

HZ = 2_400_000
_SET_MODE, _SET_HZ = 0x4001_6B01, 0x4004_6B04  # SPI_IOC_WR_MODE, SPI_IOC_WR_MAX_SPEED_HZ
_RESET = bytes(90)
MOST_PIXELS = 400  # 9 bytes each
FULL = 1_000


class StripConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bus and the length of the strip; `order` is the one of its colours."""

    device: str
    pixels: Annotated[int, msgspec.Meta(ge=1, le=MOST_PIXELS)]
    order: Annotated[str, msgspec.Meta(pattern="^(rgb|rbg|grb|gbr|brg|bgr)$")] = "grb"

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board: its whole bus. A strip has no chip select and takes every byte for a colour."""
        return (spi_bus(self.device),)


class StripLights:
    """A `Lights`."""

    Config = StripConfig

    def __init__(self, config: StripConfig) -> None:
        self._device, self._pixels, self._order = config.device, config.pixels, config.order
        self._fd = os.open(config.device, os.O_WRONLY | os.O_CLOEXEC)
        try:
            ioctl(self._fd, _SET_MODE, b"\0")
            ioctl(self._fd, _SET_HZ, pack("=I", HZ))
        except OSError:
            os.close(self._fd)
            raise

    def show(self, red: int, green: int, blue: int) -> None:
        """Shine so, each in permille."""
        colours = {"r": red, "g": green, "b": blue}
        pixel = b"".join(stretched(colours[letter] * 255 // FULL) for letter in self._order)
        try:
            os.write(self._fd, _RESET + pixel * self._pixels + _RESET)
        except OSError as failed:
            raise PartFailed(f"lights on {self._device}: {failed.strerror}") from None

    def close(self) -> None:
        """Give the bus back."""
        os.close(self._fd)


def stretched(byte: int) -> bytes:
    """One byte of the strip as three of the bus."""
    bits = 0
    for place in range(7, -1, -1):
        bits = bits << 3 | (0b110 if byte >> place & 1 else 0b100)
    return bits.to_bytes(3, "big")


PARTS = {"lights": StripLights}
