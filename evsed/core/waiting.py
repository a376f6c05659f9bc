"""What an outlet waits for, and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from evsed.core.events import Ref
from evsed.core.profiles import Profile
from evsed.core.words import Token


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that may charge here and waits for its cable; `profile` is what its transaction brings with it."""

    token: Token
    group: str | None
    since_ms: int
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """A token that the central system is asked about; `stops` = to end the running transaction."""

    token: Token
    stops: bool
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class Unlocking:
    """Someone asked for the cable and waits for the answer."""

    ref: Ref
    since_ms: int
