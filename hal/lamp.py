"""The light and the buzzer of one outlet, driven beside the tick: a slow wire holds up nobody."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from hal.contract import Lease, Outlet
from hal.drivers.protocols import Buzzer, Lights, PartFailed
from hal.lights import DARK, Face

FULL = 1_000


class Signals(NamedTuple):
    """What an outlet has to show things with."""

    lights: Lights | None
    buzzer: Buzzer | None


class Lamp:
    """`seen` gives what is so at the outlet now, and the newest lease."""

    def __init__(self, parts: Signals, seen: Callable[[], tuple[Outlet | None, Lease | None]]) -> None:
        self._parts, self._seen = parts, seen
        self._face = Face()
        self._shown: tuple[int, int, int] | None = None
        self._sounds: bool | None = None

    def turn(self, now_ms: int) -> None:
        """Show what is so now; what did not change is not said again. Raises PartFailed."""
        outlet, lease = self._seen()
        if outlet is None:
            return
        display = lease.display if lease is not None and now_ms < lease.until_ms else None
        self._face.look(outlet, display, now_ms)
        colour = self._face.colour(FULL if display is None else display.light_permille, now_ms)
        if self._parts.lights is not None and colour != self._shown:
            self._parts.lights.show(*colour)
            self._shown = colour
        sounds = self._face.sounds(now_ms)
        if self._parts.buzzer is not None and sounds is not self._sounds:
            self._parts.buzzer.sound(sounds)
            self._sounds = sounds

    def close(self) -> None:
        """Dark and silent; then the parts are given back."""
        lights, buzzer = self._parts
        if lights is not None:
            with suppress(PartFailed):
                lights.show(*DARK)
            lights.close()
        if buzzer is not None:
            with suppress(PartFailed):
                buzzer.sound(False)
            buzzer.close()
