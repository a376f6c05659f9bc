"""One turn of the station: what one event leads to, put into the only safe order.

Down is free, up is journaled. Demands that lower or open come first, then one commit with all changes, then demands
that raise, close or free the cable, then everything that others hear of it.
"""

from __future__ import annotations

from evsed.core.effects import Change, Demand, Drop, Effect, Log, Persist, Put
from evsed.core.records import Record
from evsed.core.words import Now


class Turn:
    """Collects the effects of one event."""

    def __init__(self, now: Now) -> None:
        self.now = now
        self._down: list[Demand] = []
        self._changes: list[Change] = []
        self._urgent = False
        self._up: list[Demand] = []
        self._after: list[Effect] = []

    def put(self, record: Record, *, urgent: bool = True) -> None:
        """Keep a record; urgent = durable before anything rises."""
        self._changes.append(Put(record))
        self._urgent |= urgent

    def drop(self, kind: type[Record], key: str, *, urgent: bool = True) -> None:
        """Forget a record."""
        self._changes.append(Drop(kind, key))
        self._urgent |= urgent

    def demand(self, before: Demand | None, after: Demand) -> Demand | None:
        """Go from one demand (None = never told) to the next: what lowers at once, what raises or frees after the
        commit. Returns what holds even if the commit fails.
        """
        if before is None:
            self._up.append(after)
            return None
        lowered = Demand(
            after.evse,
            min(before.max_ma, after.max_ma),
            before.closes and after.closes,
            before.holds_cable or after.holds_cable,
            before.phases,
        )
        if lowered != before:
            self._down.append(lowered)
        if lowered != after:
            self._up.append(after)
        return lowered

    def tell(self, effect: Effect) -> None:
        """An effect that others see: after the commit."""
        self._after.append(effect)

    def log(self, line: str) -> None:
        """One line for the log."""
        self._after.append(Log(line))

    def effects(self) -> list[Effect]:
        """Everything, in order."""
        kept: list[Effect] = [Persist(tuple(self._changes), self._urgent)] if self._changes else []
        return [*self._down, *kept, *self._up, *self._after]
