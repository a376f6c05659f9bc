"""A `PilotIn` that measures in rounds, each beside the tick: what sampled and detected plateaus have in common.

Rules this file upholds:
- A tick takes the round that has ended and asks for the next one; it waits for neither.
- A round that spans a change of the drive is thrown away, and another begins at once.
- Only a round that told the plateaus moves the count; one that failed is a failed part until one succeeds.
- A round is as old as its begin: one that a busy machine held up is told late, and is no younger for it.
- A thread that ended by a bug ends the tick, and so the process, which is started again; never a fault for ever.
- A round that does not end, in a call of the kernel, is told by `hangs`: the tick ends for it when no car is charging.
"""

from __future__ import annotations

from hal.bus import monotonic_ms
from hal.drivers.beside import Beside
from hal.drivers.protocols import HUNG_MS, PartFailed


class Rounds:
    """Subclasses say what a round is, and call `_start` once they can do one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._drive, self._drives, self._known = 1_000.0, 0, -1
        self._seen = (0.0, 0.0, 0), 0  # and when its round was begun
        self._age_ms = 0
        self._failed = ""
        self._begun_ms: int | None = None  # the round in hand

    def expect(self, permille: float) -> None:
        """See `PilotIn.expect`."""
        self._drive = permille
        self._drives += 1
        self._beside.ask()

    def volts(self) -> tuple[float, float, int]:
        """See `Pilot.volts`."""
        if self._beside.ended_by is not None:
            raise RuntimeError(f"{self._name}: its thread has ended") from self._beside.ended_by
        (seen, begun_ms), failed = self._seen, self._failed
        self._age_ms = monotonic_ms() - begun_ms
        self._beside.ask()
        if failed:
            raise PartFailed(failed)
        return seen

    def age_ms(self) -> int:
        """See `Delayed.age_ms`."""
        return self._age_ms

    def hangs(self) -> str:
        """See `Hanging.hangs`."""
        begun_ms = self._begun_ms
        hung = begun_ms is not None and monotonic_ms() - begun_ms >= HUNG_MS
        return f"{self._name}: a measurement does not end" if hung else ""

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
        self._begun_ms = begun_ms = monotonic_ms()
        try:
            self._measure_from(begun_ms)
        finally:
            self._begun_ms = None

    def _measure_from(self, begun_ms: int) -> None:
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
                self._seen = (*levels, self._seen[0][2] + 1), begun_ms
