"""What an outlet waits for, and for whom."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.events import Ref
from evsed.core.profiles import Profile
from evsed.core.words import Token


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


class Unlocking(Struct, frozen=True):
    """Someone asked for the cable and waits for the answer."""

    ref: Ref
    since_ms: int
