"""Lights and a buzzer by the kernel's LED class, which the overlays gpio-led and leds-pwm of config.txt make of pins.

    [outlet.lights]
    driver = "leds"
    red = "evse:red"       # names below /sys/class/leds; any of the three may be missing. deploy/70-evse.rules gives
                           # those that begin with evse: to our group
    green = "evse:green"
    [outlet.buzzer]
    driver = "leds"
    name = "evse:buzzer"

Rules this file upholds: what an LED can do is asked of it once; a colour that is missing is left out.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from hal.drivers import sysfs
from hal.drivers.protocols import PartFailed

FOLDER = "/sys/class/leds"
FULL = 1_000

LedName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern="^[^/]+$")]


class _Led:
    """One LED. Raises PartFailed."""

    def __init__(self, folder: str, name: str) -> None:
        self._name, self._brightness = name, f"{folder}/{name}/brightness"
        try:
            self._most = max(1, int(sysfs.read(f"{folder}/{name}/max_brightness")))
        except (OSError, ValueError) as failed:
            raise PartFailed(f"LED {name}: {getattr(failed, 'strerror', failed)}") from None

    def set(self, permille: int) -> None:
        """So much of what it can; anything above 0 is seen on one that is on or off only."""
        try:
            sysfs.write(self._brightness, -(-self._most * permille // FULL))
        except OSError as failed:
            raise PartFailed(f"LED {self._name}: {failed.strerror}") from None


class LightsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The LED of each colour."""

    red: LedName | None = None
    green: LedName | None = None
    blue: LedName | None = None
    folder: str = FOLDER

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return tuple(f"LED {name}" for name in (self.red, self.green, self.blue) if name is not None)


class LedLights:
    """A `Lights`."""

    Config = LightsConfig

    def __init__(self, config: LightsConfig) -> None:
        named = (config.red, config.green, config.blue)
        if named == (None, None, None):
            raise PartFailed("lights: none of red, green and blue is named")
        self._leds = tuple(None if name is None else _Led(config.folder, name) for name in named)

    def show(self, red: int, green: int, blue: int) -> None:
        """Shine so, each in permille."""
        for led, permille in zip(self._leds, (red, green, blue), strict=True):
            if led is not None:
                led.set(permille)

    def close(self) -> None:
        """Nothing to give back."""


class BuzzerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The LED that is a buzzer."""

    name: LedName
    folder: str = FOLDER

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (f"LED {self.name}",)


class LedBuzzer:
    """A `Buzzer`."""

    Config = BuzzerConfig

    def __init__(self, config: BuzzerConfig) -> None:
        self._led = _Led(config.folder, config.name)

    def sound(self, on: bool) -> None:
        """Be loud, or silent."""
        self._led.set(FULL if on else 0)

    def close(self) -> None:
        """Nothing to give back."""


PARTS = {"lights": LedLights, "buzzer": LedBuzzer}
