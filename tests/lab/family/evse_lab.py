"""A family of drivers for the lab: a pilot whose car is a file, and which hangs when another file is there."""

import threading
from pathlib import Path

import msgspec

FOLDER = Path("/run/lab")


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No keys."""


class Pilot:
    """A `Pilot`."""

    Config = Config

    def __init__(self, config: Config) -> None:
        self._permille, self._count = 1_000.0, 0

    def offer(self, permille: float) -> None:
        """Drive it."""
        self._permille = permille

    def volts(self) -> tuple[float, float, int]:
        """What the car's file says."""
        if (FOLDER / "hang").exists():
            threading.Event().wait()
        self._count += 1
        high = float((FOLDER / "volts").read_text())
        return high, -12.0 if 0 < self._permille < 1_000 else high, self._count


PARTS = {"pilot": Pilot}
