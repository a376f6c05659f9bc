"""Reservations in the core's own words: what is kept of one, and what a central system may ask about them."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.words import Token


class Reservation(Struct, frozen=True):
    """An outlet (0 = any one) that waits for a token, or one of its group, until a moment on the wall clock."""

    id: int
    evse: int
    token: Token
    group: str | None
    made_ms: int
    until_ms: int

    @property
    def key(self) -> str:
        """The central system's number for it."""
        return str(self.id)


class ReserveAsked(Struct, frozen=True):
    """Reserve an outlet (0 = any one), or change the reservation of this number. Reply: Verdict."""

    ref: str
    id: int
    evse: int
    token: Token
    group: str | None
    until_ms: int


class ReservationCancelled(Struct, frozen=True):
    """Forget a reservation. Reply: Verdict."""

    ref: str
    id: int
