"""Whether a token may charge: the decision table, and what is remembered of tokens.

The box answers alone where it may (lists, cache, offline rules) and asks otherwise. A token is never compared with
a group (parent) id; two tokens belong together when their groups are equal.

Offline two keys open the box, each by itself: LocalAuthorizeOffline for those that list or cache accept,
AllowOfflineTxForUnknownId for all that list and cache do not speak against. Where these may not be used, a card that
they accept is one that "cannot be explicitly authorized" by them, as a stranger's is (OCPP 1.6 §3.5.4): to refuse it
where the stranger charges would be absurd. Who is known as not accepted is refused whatever the keys say.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from msgspec import Struct

from evsed.core import catalogue
from evsed.core.events import TokenAnswer
from evsed.core.listed import ListSent
from evsed.core.local_list import LocalList
from evsed.core.records import KnownToken
from evsed.core.turn import Turn
from evsed.core.variables import Variables
from evsed.core.words import Stamp, Token, TokenStatus

CACHE_SIZE = 1_000
VALID = (TokenStatus.ACCEPTED, TokenStatus.CONCURRENT_TX)
"""What OCPP 1.6 §3.5.2 calls valid; only Accepted may start anything without a question (§3.5.4)."""


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
    """What the box itself knows of a token; one whose time is over is Expired."""

    status: TokenStatus
    group: str | None

    @property
    def accepted(self) -> bool:
        """Whether it stands for a charge without asking."""
        return self.status is TokenStatus.ACCEPTED


def decide(opinion: Opinion | None, policy: Policy) -> Decision:
    """The table of OCPP 1.6 §3.5: list and cache speak through `opinion`, None = unknown."""
    if policy.online:
        known = opinion is not None and opinion.accepted
        return Decision.START if known and policy.pre_authorize else Decision.ASK  # LocalPreAuthorize, OCPP 1.6 §3.5
    if opinion is not None and not opinion.accepted:
        return Decision.REFUSE  # OCPP 1.6 §3.5.4: even where unknown ones are let in
    accepted_here = opinion is not None and policy.authorize_offline
    return Decision.START if accepted_here or policy.unknown_offline else Decision.REFUSE  # OCPP 1.6 §3.5.4


class TokenBook:
    """What the box knows of tokens: the list of the central system, the installer's own cards, and the cache (what
    answers taught). The first that knows a token speaks for all.
    """

    def __init__(
        self, own: Iterable[str], listed: LocalList, cached: Iterable[KnownToken], variables: Variables
    ) -> None:
        self.listed = listed
        self._own = {Token(value).key for value in own}
        self._cache = {known.key: known for known in sorted(cached, key=lambda known: known.seen.wall_ms or 0)}
        self._variables = variables
        self._unlearnt: list[KnownToken] = []

    def opinion(self, token: Token, wall_ms: int | None) -> Opinion | None:
        """What is known of a token now; a list beats the cache (OCPP 1.6 §3.5.3)."""
        listed = self._of_lists(token, wall_ms)
        if listed is not None or not self._variables[catalogue.AUTH_CACHE_ENABLED]:
            return listed
        known = self._cache.get(token.key)
        return None if known is None else Opinion(self._now(known, wall_ms), known.group)

    def contradicted(self, token: Token, answer: TokenAnswer, wall_ms: int | None) -> bool:
        """Whether a list says one thing of a token and the central system the other."""
        listed = self._of_lists(token, wall_ms)
        return listed is not None and (listed.status in VALID) != (answer.status in VALID)

    def learn(self, token: Token, answer: TokenAnswer, at: Stamp, turn: Turn) -> None:
        """Remember an answer, good or bad; tokens of a list are not cached (OCPP 1.6 §3.5.3)."""
        if not self._variables[catalogue.AUTH_CACHE_ENABLED] or self._of_lists(token, at.wall_ms) is not None:
            return
        known = KnownToken(token, answer.status, answer.expires_ms, answer.group, at)
        self._cache.pop(known.key, None)
        while len(self._cache) >= CACHE_SIZE:
            turn.drop(KnownToken, self._evict(at.wall_ms), urgent=False)
        self._cache[known.key] = known
        turn.put(known, urgent=False)

    def clear(self, turn: Turn) -> None:
        """Forget the cache; the lists stay."""
        for key in self._cache:
            turn.drop(KnownToken, key)
        self._cache.clear()

    def take_list(self, sent: ListSent, turn: Turn) -> None:
        """The central system's list changes; what it now says is no more known from answers."""
        self.listed.take(sent, turn)
        self._unlearnt = [self._cache.pop(entry.key) for entry in sent.taken if entry.key in self._cache]
        for known in self._unlearnt:
            turn.drop(KnownToken, known.key)

    def store_broke(self, changes: Iterable[object], turn: Turn) -> None:
        """A list that could not be kept was never taken."""
        if self.listed.give_back(changes, turn):
            for known in self._unlearnt:
                self._cache[known.key] = known
                turn.put(known)

    def _of_lists(self, token: Token, wall_ms: int | None) -> Opinion | None:
        entry = self.listed.find(token) if self._variables[catalogue.LOCAL_LIST_ENABLED] else None
        if entry is not None:
            return Opinion(_by_time(entry.status, entry.expires_ms, wall_ms), entry.group)
        return Opinion(TokenStatus.ACCEPTED, None) if token.key in self._own else None

    def _now(self, known: KnownToken, wall_ms: int | None) -> TokenStatus:
        """What the cache says, which grows old."""
        life_ms, said_ms = self._variables[catalogue.AUTH_CACHE_LIFE] * 1_000, known.seen.wall_ms
        ends = [known.expires_ms] if known.expires_ms is not None else []
        if life_ms and said_ms is not None:
            ends.append(said_ms + life_ms)
        return _by_time(known.status, min(ends, default=None), wall_ms)

    def _evict(self, wall_ms: int | None) -> str:
        """Drop what is not valid first, then the oldest (OCPP 1.6 §3.5.1)."""
        bad = (key for key, known in self._cache.items() if self._now(known, wall_ms) is not TokenStatus.ACCEPTED)
        key = next(bad, next(iter(self._cache)))
        del self._cache[key]
        return key


def _by_time(status: TokenStatus, expires_ms: int | None, wall_ms: int | None) -> TokenStatus:
    """Accepted ends by itself; while no time is known, nothing is known to have expired."""
    late = expires_ms is not None and wall_ms is not None and wall_ms >= expires_ms
    return TokenStatus.EXPIRED if late and status is TokenStatus.ACCEPTED else status
