"""A reset on its way: transactions end, their reports leave if they can, then the process does.

Soft waits for the reports; hard only for the contactors. What was not sent stays queued on disk (OCPP 1.6 §5.14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evsed.core import catalogue
from evsed.core.effects import Restart
from evsed.core.events import ResetKind
from evsed.core.security_events import SecurityKind
from evsed.core.turn import Turn
from evsed.core.words import StopReason

if TYPE_CHECKING:
    from evsed.core.station import Station

TRY_MS = 20_000
REASONS = {ResetKind.SOFT: StopReason.SOFT_RESET, ResetKind.HARD: StopReason.HARD_RESET}


class Resetting:
    """At most one reset is on its way; a hard one overtakes a soft one."""

    def __init__(self) -> None:
        self.kind: ResetKind | None = None
        self._try_until_ms = 0
        self._tries = 0
        self._done = False

    def begin(self, kind: ResetKind, station: Station, turn: Turn) -> None:
        """Take the order."""
        station.box.security.note(SecurityKind.RESET, kind, turn)
        if self.kind is None:
            self._try_until_ms = turn.now.mono_ms + TRY_MS
        self.kind = ResetKind.HARD if ResetKind.HARD in (kind, self.kind) else kind
        turn.log(f"= {self.kind} reset")

    def end_all(self, station: Station, turn: Turn) -> None:
        """First step, before the outlets settle: their transactions end."""
        if self.kind is not None:
            for outlet in station.outlets.values():
                outlet.charging.end(REASONS[self.kind], None, turn)

    def settle(self, station: Station, turn: Turn) -> None:
        """Second step: restart when all is at rest, on disk and, if it can be, told."""
        if self.kind is None or self._done:
            return
        at_rest = station.box.durable and all(outlet.charging.tx is None for outlet in station.outlets.values())
        told = self.kind is ResetKind.HARD or not station.box.online or len(station.box.outbox) == 0
        if (at_rest and told) or self._tried_enough(station, turn.now.mono_ms):
            self._done = True
            turn.tell(Restart(self.kind))

    def next_deadline(self) -> int | None:
        """When the present try is over."""
        return self._try_until_ms if self.kind is not None and not self._done else None

    def _tried_enough(self, station: Station, now_ms: int) -> bool:
        """ResetRetries more times the same patience; then the restart does not wait any longer."""
        if now_ms < self._try_until_ms:
            return False
        self._tries += 1
        self._try_until_ms = now_ms + TRY_MS
        return self._tries > station.box.variables[catalogue.RESET_RETRIES]
