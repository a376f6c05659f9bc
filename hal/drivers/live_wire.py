"""Voltage behind the contacts as their feedback: an opto-coupler that gives pulses while the wire is live.

Rules this file upholds:
- Live is a wire with more than `FEW` edges in `WINDOW_MS`. A half-wave coupler gives 25 there at 50 Hz, a full-wave one
  twice as many; a spike or a coupled trace gives few.
- Edges count by the time that the kernel stamped on them, however late they are fetched.
It says nothing while the mains are gone: a weld is found when they are back. A wire that went dead still counts as live
for most of the window, so `timing.feedback_ms` of such a board must be at least `LEAST_FEEDBACK_MS`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

WINDOW_MS = 250
FEW = 10
LEAST_FEEDBACK_MS = WINDOW_MS + 150  # and relays and contactor need their time


class LiveWire:
    """`edges` gives the times of new edges in ms, oldest first, at most a bufferful."""

    def __init__(self, edges: Callable[[], Iterable[int]], now_ms: Callable[[], int]) -> None:
        self._edges, self._now_ms = edges, now_ms
        self._recent: deque[int] = deque(maxlen=FEW + 1)

    def live(self) -> bool:
        """Whether the wire has had voltage lately. Raises PartFailed."""
        self._recent.extend(self._edges())
        return len(self._recent) > FEW and self._now_ms() - self._recent[0] < WINDOW_MS
