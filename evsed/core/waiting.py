"""What an outlet waits for and for whom, and what became of the card that was shown last."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.authorization import Opinion
from evsed.core.profiles import Profile
from evsed.core.words import Refused, Token

REFUSAL_MS = 60_000
"""How long people are told of a refused card; then its driver has gone."""
BESIDE_MS = 10_000
"""How long they are told of one that was shown beside the card that charges; then that charge is worth more words."""


class Refusal(Struct, frozen=True):
    """A card was refused; told until `until_ms`, until the plug changes, or until another card is shown."""

    why: Refused
    until_ms: int

    @classmethod
    def at(cls, now_ms: int, why: Refused) -> Refusal:
        """One that begins now."""
        return cls(why, now_ms + (BESIDE_MS if why is Refused.OTHER_CARD else REFUSAL_MS))


def refused_alone(opinion: Opinion | None) -> Refused:
    """Why the box itself refuses a card when the central system can't be asked."""
    if opinion is None:
        return Refused.UNKNOWN
    return Refused.NOT_OFFLINE if opinion.accepted else Refused.EARLIER


class Grant(Struct, frozen=True):
    """A token that may charge here and waits for its cable; `profile` is what its transaction brings with it."""

    token: Token
    group: str | None
    since_ms: int
    profile: Profile | None = None


class Asking(Struct, frozen=True):
    """A token that the central system is asked about; `stops` = to end the running transaction."""

    token: Token
    stops: bool
    profile: Profile | None = None
