"""What all outlets of a station share: variables, tokens, the outbox, and how things stand."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from evsed.core import catalogue
from evsed.core.authorization import Opinion, Policy, TokenBook
from evsed.core.outbox import Outbox
from evsed.core.profile_book import ProfileBook
from evsed.core.reservations import Reservations, Stance
from evsed.core.rules import Rules
from evsed.core.security import Security
from evsed.core.variables import Variables
from evsed.core.words import Now, Token


class Access(Struct, frozen=True):
    """`[access]` of site.toml: with `free_token` everyone may charge and that token is reported."""

    free_token: Token | None
    local_tokens: tuple[str, ...]


class Box(Struct):
    """Shared by the outlets; only the station changes `online`, `durable`, `resetting` and `upkeep`, which says that a
    new program waits to be installed, so that no charge may begin.
    """

    variables: Variables
    tokens: TokenBook
    outbox: Outbox
    security: Security
    profiles: ProfileBook
    reservations: Reservations
    rules: Rules
    access: Access
    new_id: Callable[[], str]
    installer_ma: int
    online: bool = False
    durable: bool = True
    resetting: bool = False
    upkeep: bool = False

    def opinion(self, token: Token, now: Now) -> Opinion | None:
        """What the box itself knows of a token."""
        return self.tokens.opinion(token, now.wall_ms)

    def belongs(self, token: Token, owner: Token, group: str | None, now: Now) -> bool:
        """Whether a token is its owner's, or known here to be of the owner's group."""
        if token.key == owner.key:
            return True
        opinion = self.opinion(token, now)
        return opinion is not None and opinion.accepted and group is not None and opinion.group == group

    def stance(self, evse: int, token: Token, now: Now) -> Stance:
        """What reservations say to a token at an outlet."""
        return self.reservations.stance(evse, token, self.opinion(token, now))

    def policy(self, *, online: bool) -> Policy:
        """The authorization rules as they stand."""
        return Policy(
            online=online,
            pre_authorize=self.variables[catalogue.LOCAL_PRE_AUTHORIZE],
            authorize_offline=self.variables[catalogue.LOCAL_AUTHORIZE_OFFLINE],
            unknown_offline=self.variables[catalogue.OFFLINE_TX_FOR_UNKNOWN],
        )
