"""When to look again."""

from __future__ import annotations

from collections.abc import Iterable


def soonest(moments: Iterable[int | None], now_ms: int) -> int | None:
    """The first of these moments that is still to come; what is due was done when it was last looked at."""
    return min((at for at in moments if at is not None and at > now_ms), default=None)
