"""Who limits the current of an outlet. A limit has an owner; the offer is the least of all."""

from __future__ import annotations

from collections.abc import Mapping

LEAST_OFFER_MA = 6_000
"""The pilot cannot say less (IEC 61851-1 Annex A); below it nothing is offered."""


INSTALLER, CSMS = "installer", "csms"


class Limits:
    """Slots by owner, in milliamperes."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        self._slots = dict(slots)

    def put(self, owner: str, max_ma: int | None) -> None:
        """Set or (None) lift the limit of one owner."""
        if max_ma is None:
            self._slots.pop(owner, None)
        else:
            self._slots[owner] = max_ma

    def least(self) -> tuple[int, str]:
        """The lowest limit and its owner."""
        return min((max_ma, owner) for owner, max_ma in self._slots.items())

    def of(self, owner: str) -> int | None:
        """The limit of one owner."""
        return self._slots.get(owner)

    def without(self, owner: str) -> int:
        """The lowest limit of all others; there is always one of the installer."""
        return min(max_ma for other, max_ma in self._slots.items() if other != owner)

    def all(self) -> tuple[tuple[str, int], ...]:
        """Every owner with its limit, lowest first."""
        return tuple(sorted(self._slots.items(), key=lambda slot: slot[1]))
