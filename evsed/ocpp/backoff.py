"""How long to wait before the next connection attempt.

Rules this file upholds:
- The first retry comes within seconds: some central systems drop the first connection of a new station.
- Each failure in a row doubles the wait, up to LONGEST_S; chance spreads it, so that a fleet does not return at once.
- Only a connection that lasted is a success: one that is accepted and closed at once goes on doubling.
- When a connection that lasted falls, those of all other stations may have fallen in the same instant: the first retry
  is spread over SPREAD_S.
"""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 2.0
LONGEST_S = 60.0
LONGEST_ASKED_S = 600.0
LASTED_MS = 30_000
SPREAD_S = 10.0


class Backoff:
    """`chance` returns numbers from 0 to 1."""

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._failures = 0

    def wait_s(self, connected_ms: int = 0, asked_s: float = 0) -> float:
        """Seconds to wait after an attempt that was connected for `connected_ms`.

        `asked_s` is what the central system asked for (Retry-After); it is granted up to LONGEST_ASKED_S.
        """
        if connected_ms >= LASTED_MS:
            self._failures = 0
        least, most = self._window(connected_ms)
        self._failures = min(self._failures + 1, 16)
        return max(least + (most - least) * self._chance(), min(asked_s, LONGEST_ASKED_S))

    def anew(self) -> None:
        """Another way is tried now, of which no failure is known."""
        self._failures = 0

    def _window(self, connected_ms: int) -> tuple[float, float]:
        if connected_ms >= LASTED_MS:
            return FIRST_S / 2, SPREAD_S
        most = min(LONGEST_S, FIRST_S * 2.0**self._failures)
        return most / 2, most
