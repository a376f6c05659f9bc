"""What remains of a charge at its cable: it is used until the car has left, and may be held until its owner comes.

A used cable starts no other charge by itself (OCPP 1.6 §4.9: Finishing). One that is held stays locked until its owner
or one of the owner's group shows a card (§3.5.4, §4.10). Both outlast a restart of ours; over a power cut nobody knows
whether it is still the same car, so the cable is then held but not used.
"""

from __future__ import annotations

from msgspec import Struct

from evsed.core.records import Spent, Transaction
from evsed.core.seen import Seen
from evsed.core.turn import Turn
from evsed.core.words import Token


class Holding(Struct, frozen=True):
    """Who may free the cable."""

    owner: Token
    group: str | None


class Cable:
    """The cable of one outlet."""

    def __init__(self, evse: int, seen: Seen, spent: Spent | None, boot: str) -> None:
        self._evse = evse
        self._seen = seen
        self._kept = spent
        self.used = spent is not None and spent.used and spent.boot == boot
        self.holding = Holding(spent.owner, spent.group) if spent is not None and spent.owner is not None else None
        self._here = self.used
        self._left = False

    def watch(self, *, running: bool) -> bool:
        """Note the car's coming and going; whether it has just come or left."""
        moved, self._here = self._here is not self._seen.plugged, self._seen.plugged
        if self._seen.plugged:
            self._left &= not running
            return moved
        self._left, self.used = True, False
        if self._seen.socket_empty:
            self.holding = None
        return moved

    def begun(self) -> None:
        """A charge began: the cable is in use."""
        self.used = False

    def ended(self, done: Transaction, *, held: bool) -> None:
        """A charge ended. A car that left before that was written and is back is a new use."""
        self.used = self._seen.plugged and not self._left
        if held and self._seen.locked is not None and not self._seen.socket_empty:
            self.holding = Holding(done.token, done.group)

    def keep(self, turn: Turn) -> None:
        """Keep what a restart must know."""
        spent, held = None, self.holding
        if self.used or held is not None:
            owner, group = (held.owner, held.group) if held is not None else (None, None)
            spent = Spent(self._evse, turn.now.boot, self.used, owner, group)
        if spent == self._kept:
            return
        self._kept = spent
        if spent is not None:
            turn.put(spent, urgent=False)
        else:
            turn.drop(Spent, str(self._evse), urgent=False)
