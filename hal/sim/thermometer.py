"""The thermometers of a board; one may sit where several outlets share its warmth."""

from __future__ import annotations

from hal.drivers.protocols import NoReading

ROOM_MC = 25_000


class SimThermometer:
    """A `Thermometer`; it is as warm as somebody says."""

    def __init__(self) -> None:
        self.mc = ROOM_MC
        self.gone = False

    def read(self) -> int:
        """Thousandths of a degree."""
        if self.gone:
            raise NoReading("thermometer: it is not there")
        return self.mc

    def close(self) -> None:
        """Nothing to give back."""

    def vanish(self, on: bool = True) -> None:
        """Lose its wire, or have it back."""
        self.gone = on
