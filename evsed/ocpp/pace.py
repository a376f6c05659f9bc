"""How fast a central system is heard: what it asks beyond that waits in its socket, so that nobody can wear out the
disk, or keep the box busy, by asking.

Rules this file upholds:
- Who sets up a whole box, or sends a long list, is not held up: so much at once is free.
- Answers to our own calls cost nothing: what gathered in days leaves as fast as it is taken.
- A new connection is no new beginning.
"""

from __future__ import annotations

AT_ONCE = 1_000_000
"""Characters that are heard without a pause."""
A_SECOND = 4_000
LEAST = 1_000
"""What the shortest frame counts as: a commit of the journal costs the disk more than its words."""


class Pace:
    """Of one central system, over all its connections."""

    def __init__(self) -> None:
        self._left, self._at_ms = AT_ONCE, 0
        self._slow = False

    def heard(self, size: int, now_ms: int) -> bool:
        """A frame of so many characters was heard that we had not asked for. True where that begins to be too much."""
        self._gain(now_ms)
        self._left -= max(LEAST, size)
        begins, self._slow = self._left <= 0 and not self._slow, self._slow or self._left <= 0
        return begins

    def rest_ms(self, now_ms: int) -> int:
        """How long the next frame is to be left where it is."""
        self._gain(now_ms)
        return 0 if self._left > 0 else -self._left * 1_000 // A_SECOND + 1

    def _gain(self, now_ms: int) -> None:
        self._left = min(AT_ONCE, self._left + (now_ms - self._at_ms) * A_SECOND // 1_000)
        self._at_ms = now_ms
        self._slow &= self._left < AT_ONCE
