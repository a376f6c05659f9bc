"""A family of drivers for the lab: a pilot whose car is a file. Another file lets the tick hang, or the measuring."""

import threading
from pathlib import Path

import msgspec

from hal.drivers.rounds import Rounds

FOLDER = Path("/run/lab")


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No keys."""


class Out:
    """A `PilotOut`; the tick hangs in it while there is a file `hang`."""

    Config = Config

    def __init__(self, config: Config) -> None:
        """Nothing is held."""

    def drive(self, permille: float) -> None:
        """Whoever measures is told too."""

    def verify(self) -> None:
        """Asked in each tick."""
        if (FOLDER / "hang").exists():
            threading.Event().wait()

    def close(self) -> None:
        """Nothing to give back."""


class In(Rounds):
    """A `PilotIn`. It looks at the file in the tick, for this kernel keeps no time; its thread does nothing, and does
    not end while there is a file `stuck`: then nothing new is told.
    """

    Config = Config

    def __init__(self, config: Config) -> None:
        super().__init__("pilot: lab")
        self._permille, self._told = 1_000.0, (0.0, 0.0, 0)
        self._start()

    def expect(self, permille: float) -> None:
        """See `PilotIn.expect`."""
        self._permille = permille
        super().expect(permille)

    def volts(self) -> tuple[float, float, int]:
        """What the car's file says."""
        super().volts()
        if not (FOLDER / "stuck").exists():
            high = float((FOLDER / "volts").read_text())
            self._told = high, -12.0 if 0 < self._permille < 1_000 else high, self._told[2] + 1
        return self._told

    def age_ms(self) -> int:
        """It was looked at just now."""
        return 0

    def _begin(self, permille: float) -> None:
        """Every drive is the same to it."""

    def _round(self) -> None:
        if (FOLDER / "stuck").exists():
            threading.Event().wait()


PARTS = {"pilot_out": Out, "pilot_in": In}
