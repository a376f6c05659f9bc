"""A `PilotIn` that measures in rounds, each beside the tick: what sampled and detected plateaus have in common.

Rules this file upholds:
- A tick takes the round that has ended and asks for the next one; it waits for neither.
- A round that spans a change of the drive is thrown away, and another begins at once.
- Only a round that told the plateaus moves the count; one that failed is a failed part until one succeeds.
"""

from __future__ import annotations

from hal.drivers.beside import Beside
from hal.drivers.protocols import PartFailed


class Rounds:
    """Subclasses say what a round is, and call `_start` once they can do one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._drive, self._drives, self._known = 1_000.0, 0, -1
        self._seen = (0.0, 0.0, 0)
        self._failed = ""

    def expect(self, permille: float) -> None:
        """See `PilotIn.expect`."""
        self._drive = permille
        self._drives += 1
        self._beside.ask()

    def volts(self) -> tuple[float, float, int]:
        """See `Pilot.volts`."""
        seen, failed = self._seen, self._failed
        self._beside.ask()
        if failed:
            raise PartFailed(failed)
        return seen

    def close(self) -> None:
        """End the thread after the round in hand."""
        self._beside.close()

    def _start(self) -> None:
        self._beside = Beside("pilot", self._measure)
        self._beside.ask()

    def _begin(self, permille: float) -> None:
        """The rounds from now on are of this drive."""
        raise NotImplementedError

    def _round(self) -> tuple[float, float] | None:
        """(high, low) plateau; None = they are not known yet. Raises OSError, PartFailed."""
        raise NotImplementedError

    @property
    def _outdated(self) -> bool:
        """Whether the drive has changed since the round began."""
        return self._known != self._drives

    def _measure(self) -> None:
        """One round, in the thread."""
        if self._outdated:
            self._known = self._drives
            self._begin(self._drive)
        try:
            levels = self._round()
        except OSError as failed:
            self._failed = f"{self._name}: {failed.strerror or failed}"
            return
        except PartFailed as failed:
            self._failed = f"{self._name}: {failed}"
            return
        if not self._outdated:
            self._failed = ""
            if levels is not None:
                self._seen = (*levels, self._seen[2] + 1)
