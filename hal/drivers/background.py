"""A slow measurement for a fast tick: a thread measures, the tick looks at the newest value.

Rules this file upholds:
- Looking never waits. Old data is no data: a value older than `STALE_MS` is a part that failed, with the reason.
- A measurement that does not end is told by `hangs`, see `Hanging`.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

from hal.drivers.protocols import HUNG_MS, PartFailed

EVERY_S = 0.1
STALE_MS = 1_000

_T = TypeVar("_T")


class Background(Generic[_T]):
    """`measure` raises OSError or PartFailed. `what` names the part."""

    def __init__(self, what: str, measure: Callable[[], _T], now_ms: Callable[[], int]) -> None:
        self._what, self._measure, self._now_ms = what, measure, now_ms
        self._end = Event()
        self._why = "not measured yet"
        self._newest = measure(), now_ms()
        self._begun_ms: int | None = None  # the measurement in hand

    def start(self) -> None:
        """Measure from now on."""
        self._thread = Thread(target=self._run, name=self._what, daemon=True)
        self._thread.start()

    def look(self) -> _T:
        """The newest value. Raises PartFailed."""
        value, at_ms = self._newest
        if self._now_ms() - at_ms > STALE_MS:
            raise PartFailed(f"{self._what}: {self._why}")
        return value

    def measure(self) -> None:
        """Once; what fails leaves the last value to grow old."""
        self._begun_ms = self._now_ms()
        try:
            value = self._measure()
        except (OSError, PartFailed) as failed:
            self._why = str(failed)
        else:
            self._newest = value, self._now_ms()
        finally:
            self._begun_ms = None

    def hangs(self) -> str:
        """Which measurement does not end; "" = none."""
        begun_ms = self._begun_ms
        hung = begun_ms is not None and self._now_ms() - begun_ms >= HUNG_MS
        return f"{self._what}: a measurement does not end" if hung else ""

    def close(self) -> None:
        """End the thread."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(EVERY_S):
            self.measure()
