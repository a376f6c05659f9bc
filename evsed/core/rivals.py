"""Another one under our name: the central system ends our connections soon after it took them, again and again.

Rules this file upholds:
- A central system keeps one connection of an identity. Who connects under ours ends ours; all that can be seen of it
  here is a row of connections that were opened and soon lost. MANY of them are said, and again each time their number
  has doubled: two boxes that fight must not fill the log.
- A connection that lasted ends the row. That ours comes back ever later is the link's own rule.
- OCPP has no security event for it (1.6 security whitepaper §8), so that none is told.
"""

from __future__ import annotations

from evsed.core.turn import Turn

BRIEF_MS = 30_000
MANY = 4


class Rivals:
    """Counts the connections in a row that were lost soon."""

    def __init__(self) -> None:
        self._since_ms: int | None = None
        self._brief = 0

    def linked(self, now_ms: int) -> None:
        """A connection is open."""
        self._since_ms = now_ms

    def lost(self, turn: Turn) -> None:
        """It is gone."""
        since_ms, self._since_ms = self._since_ms, None
        if since_ms is None:
            return
        self._brief = self._brief + 1 if turn.now.mono_ms - since_ms < BRIEF_MS else 0
        if self._brief >= MANY and self._brief & (self._brief - 1) == 0:
            turn.log(
                f"! {self._brief} connections in a row were lost soon after they were opened: another box may use the "
                "identity of this one, or the central system does not want it"
            )
