"""Whether a token may charge: the decision table, and what is remembered of tokens.

The box answers alone where it may (local list, cache, offline rules) and asks otherwise. A token is never compared with
a group (parent) id; two tokens belong together when their groups are equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from msgspec import Struct
from msgspec.structs import replace

from evsed.core.events import TokenAnswer
from evsed.core.records import KnownToken
from evsed.core.turn import Turn
from evsed.core.words import Stamp, Token, TokenStatus

CACHE_SIZE = 1_000


class Decision(Enum):
    """What to do with a shown token."""

    START = auto()
    ASK = auto()
    REFUSE = auto()


class Policy(Struct, frozen=True):
    """The variables that the decision obeys, and whether the central system can be asked now."""

    online: bool
    pre_authorize: bool
    authorize_offline: bool
    unknown_offline: bool


class Opinion(Struct, frozen=True):
    """What the box itself knows of a token; `expired` counts as not valid."""

    accepted: bool
    group: str | None


def decide(opinion: Opinion | None, policy: Policy) -> Decision:
    """The table of OCPP 1.6 §3.5: list and cache speak through `opinion`, None = unknown."""
    if policy.online:
        known = opinion is not None and opinion.accepted
        return Decision.START if known and policy.pre_authorize else Decision.ASK  # LocalPreAuthorize, OCPP 1.6 §3.5
    if opinion is None:
        return Decision.START if policy.unknown_offline else Decision.REFUSE  # OCPP 1.6 §3.5.4
    # A token known as not valid is refused offline even where unknown ones are let in (OCPP 1.6 §3.5.4).
    return Decision.START if opinion.accepted and policy.authorize_offline else Decision.REFUSE


class TokenBook:
    """The local list (what the installer or the central system put in) and the cache (what answers taught)."""

    def __init__(self, local: Iterable[str], cached: Iterable[KnownToken]) -> None:
        self._local = {Token(value).key for value in local}
        self._cache = {known.key: known for known in cached}

    def opinion(self, token: Token, wall_ms: int | None, *, use_cache: bool) -> Opinion | None:
        """What is known of a token now; the list beats the cache."""
        if token.key in self._local:
            return Opinion(accepted=True, group=None)
        known = self._cache.get(token.key) if use_cache else None
        if known is None:
            return None
        return Opinion(accepted=_valid(known, wall_ms), group=known.group)

    def contradicted(self, token: Token, answer: TokenAnswer) -> bool:
        """Whether the central system refuses what the local list accepts; ConcurrentTx is said of valid tokens."""
        return token.key in self._local and answer.status not in (TokenStatus.ACCEPTED, TokenStatus.CONCURRENT_TX)

    def learn(self, token: Token, answer: TokenAnswer, at: Stamp, turn: Turn) -> None:
        """Remember an answer, good or bad; tokens of the local list are not cached (OCPP 1.6 §3.5.3)."""
        if token.key in self._local:
            return
        known = KnownToken(token, answer.status, answer.expires_ms, answer.group, at)
        before = self._cache.pop(known.key, None)
        while len(self._cache) >= CACHE_SIZE:
            turn.drop(KnownToken, self._evict(at.wall_ms), urgent=False)
        self._cache[known.key] = known
        if before is None or replace(before, seen=at) != known:
            turn.put(known, urgent=False)

    def clear(self, turn: Turn) -> None:
        """Forget the cache; the list stays."""
        for key in self._cache:
            turn.drop(KnownToken, key)
        self._cache.clear()

    def _evict(self, wall_ms: int | None) -> str:
        """Drop what is not valid first, then the oldest (OCPP 1.6 §3.5.1)."""
        bad = (key for key, known in self._cache.items() if not _valid(known, wall_ms))
        key = next(bad, next(iter(self._cache)))
        del self._cache[key]
        return key


def _valid(known: KnownToken, wall_ms: int | None) -> bool:
    """Accepted and not expired; while no time is known, nothing is known to have expired."""
    late = known.expires_ms is not None and wall_ms is not None and wall_ms >= known.expires_ms
    return known.status is TokenStatus.ACCEPTED and not late
