"""A simulated contact: it is active while somebody says so."""

from __future__ import annotations

from hal.drivers.protocols import PartFailed


class SimInput:
    """An `Input`."""

    def __init__(self) -> None:
        self.on = False
        self.gone = False

    def active(self) -> bool:
        """Whether somebody made it so."""
        if self.gone:
            raise PartFailed("its wire is gone")
        return self.on

    def vanish(self, on: bool = True) -> None:
        """Lose its wire, or have it back."""
        self.gone = on
