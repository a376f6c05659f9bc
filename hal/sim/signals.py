"""The simulated light and buzzer of an outlet: whoever looks and listens sees and hears the last order."""

from __future__ import annotations


class SimLights:
    """A `Lights`."""

    def __init__(self) -> None:
        self.colour = (0, 0, 0)

    def show(self, red: int, green: int, blue: int) -> None:
        """Shine so."""
        self.colour = (red, green, blue)

    def close(self) -> None:
        """Nothing to give back."""


class SimBuzzer:
    """A `Buzzer`."""

    def __init__(self) -> None:
        self.on = False
        self.beeps = 0

    def sound(self, on: bool) -> None:
        """Be loud, or silent."""
        self.beeps += on and not self.on
        self.on = on

    def close(self) -> None:
        """Nothing to give back."""
