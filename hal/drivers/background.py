"""A slow measurement for a fast tick: a thread measures, the tick looks at the newest value.

Rules this file upholds:
- Looking never waits. Old data is no data: a value older than `STALE_MS` is a part that failed, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

from hal.drivers.protocols import PartFailed

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
        try:
            value = self._measure()
        except (OSError, PartFailed) as failed:
            self._why = str(failed)
        else:
            self._newest = value, self._now_ms()

    def close(self) -> None:
        """End the thread."""
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(EVERY_S):
            self.measure()
