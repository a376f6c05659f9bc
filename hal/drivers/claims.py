"""What a part takes of the board, in words that are the same whoever says them, and when two such claims clash.

Rules this file upholds:
- A claim holds what lies within it: "SPI /dev/spidev0" is the whole bus, "SPI /dev/spidev0.1" one device on it. Two
  claims clash where one holds the other: devices share a bus with each other, and not with who needs it whole.
- A bus takes its pins of a Pi's header too. The pins of its chip selects are not among them: config.txt chooses those.
- A device that is there is called by what it is, not by one of its links.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_PINS = {"SPI /dev/spidev0": (9, 10, 11), "SPI /dev/spidev1": (19, 20, 21), "converter 1-": (2, 3)}


def gpio_claim(gpio: int) -> str:
    """A pin of a Pi's header."""
    return f"line GPIO{gpio}"


def spi_device(device: str) -> str:
    """One device on an SPI bus, such as /dev/spidev0.1."""
    return f"SPI {device}"


def spi_bus(device: str) -> str:
    """The whole bus that a device such as /dev/spidev0.1 is on."""
    return f"SPI {device.rpartition('.')[0]}"


def file_claim(path: str) -> str:
    """A device file, such as a serial port."""
    return os.path.realpath(path)


def owner_of(claim: str, owners: Mapping[str, str]) -> str | None:
    """Who has what is claimed; None = nobody. `owners` are others' claims and who they are."""
    return next((owner for other, owner in owners.items() if clash(claim, other)), None)


def clash(one: str, other: str) -> bool:
    """Whether not both may be had."""
    return _holds(one, other) or _holds(other, one)


def _holds(whole: str, part: str) -> bool:
    if part == whole or part.startswith((f"{whole}.", f"{whole} ")):
        return True
    return any(whole.startswith(bus) and part in map(gpio_claim, pins) for bus, pins in _PINS.items())
