"""The local authorization list in the core's own words: its cards, and what a central system may ask about it."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.words import Token, TokenStatus


class ListedToken(Struct, frozen=True):
    """A card of the central system's list, and what it says of it."""

    token: Token
    status: TokenStatus
    expires_ms: int | None
    group: str | None

    @property
    def key(self) -> str:
        """The token without regard to case."""
        return self.token.key


class ListMark(Struct, frozen=True):
    """What the central system calls the list as it is, and how many cards make it whole."""

    version: int
    entries: int

    @property
    def key(self) -> str:
        """There is one list."""
        return "list"


class ListSent(Struct, frozen=True):
    """Take these cards (`full`: they are the whole list) and forget those. Reply: Verdict."""

    ref: str
    version: int
    full: bool
    taken: tuple[ListedToken, ...]
    forgotten: tuple[Token, ...] = ()


class ListVersionAsked(Struct, frozen=True):
    """Which list is there? Reply: ListVersion."""

    ref: str


class ListVersion(Struct, frozen=True):
    """Its version; 0 = it is empty, None = there are no lists here."""

    version: int | None
