"""One outlet with a transaction at noon, and what its profiles allow it."""

from __future__ import annotations

from collections.abc import Iterable

from evsed.core.profile_book import Capacity, ProfileBook
from evsed.core.profiles import InstalledProfile, RateUnit
from evsed.core.schedules import Claim, Scene, composite, limits_at
from tests.evsed.core.profile_kit import (
    HOUR_S,
    NOON,
)

LOCAL_MA = 32_000
HOUR_MS = HOUR_S * 1_000
W = RateUnit.WATTS
ROOMY = Capacity(level=99, installed=1_000, periods=1_000)


def book(profiles: Iterable[InstalledProfile]) -> ProfileBook:
    filled = ProfileBook((), ROOMY)
    for one in profiles:
        filled.put(one, None)
    return filled


def scene(
    *profiles: InstalledProfile,
    began_ms: int | None = NOON,
    local_ma: int = LOCAL_MA,
    dated: bool = True,
    used: int = 1,
    wired: int = 3,
) -> Scene:
    """One outlet with a transaction, and these profiles installed."""
    filled = book(profiles)
    claim = Claim(1, filled.of_outlet(1, "tx"), began_ms, local_ma, used, wired)
    return Scene((claim,), filled.of_station(), dated)


def ma(*profiles: InstalledProfile, after_s: float = 0, began_ms: int | None = NOON, dated: bool = True) -> int | None:
    """What is allowed so long after noon."""
    limits, _ = limits_at(scene(*profiles, began_ms=began_ms, dated=dated), NOON + round(after_s * 1_000))
    return limits[1].ma


def held_until(*profiles: InstalledProfile, after_s: float = 0) -> float | None:
    """When that changes, in seconds after noon."""
    _, until_ms = limits_at(scene(*profiles), NOON + round(after_s * 1_000))
    return None if until_ms is None else (until_ms - NOON) / 1_000


def table(*profiles: InstalledProfile, seconds: int = 400, unit: RateUnit = RateUnit.AMPS) -> list[tuple[int, float]]:
    """The composite schedule from noon on, in whole units."""
    told = composite(scene(*profiles), 1, NOON, seconds, unit, 100)
    assert told.duration_s == seconds
    return [(period.start_s, period.limit / 1_000) for period in told.periods]
