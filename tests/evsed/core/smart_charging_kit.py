"""A central system sets charging profiles at a station, and what comes of it."""

from __future__ import annotations

from typing import Any

from evsed.core.profiles import (
    ClearProfiles,
    Composite,
    CompositeAsked,
    Criteria,
    InstalledProfile,
    InstallProfile,
    Profile,
    RateUnit,
)
from tests.evsed.core.box_world import World
from tests.evsed.core.profile_kit import installed


def made(world: World, *periods: tuple[int, float] | tuple[int, float, int], **more: Any) -> Profile:
    """A profile that begins now, unless it is said otherwise."""
    start_ms = more.pop("start_ms", world.now().wall_ms)
    return installed(*periods, start_ms=start_ms, **more).profile


def sets(
    world: World,
    *periods: tuple[int, float] | tuple[int, float, int],
    evse: int = 1,
    tx: str | None = None,
    **more: Any,
) -> Any:
    """The central system sets a profile; the answer."""
    return world.asks(InstallProfile(world.ref(), evse, made(world, *periods, **more), tx))


def clears(world: World, **criteria: Any) -> Any:
    return world.asks(ClearProfiles(world.ref(), Criteria(**criteria)))


def composite(world: World, evse: int = 1, seconds: int = 300, unit: RateUnit = RateUnit.AMPS) -> Any:
    return world.asks(CompositeAsked(world.ref(), evse, seconds, unit))


def periods(answer: Any) -> list[tuple[int, float]]:
    assert isinstance(answer, Composite)
    return [(period.start_s, period.limit / 1_000) for period in answer.periods]


def demanded(world: World, evse: int = 1) -> int:
    """What hal is allowed to offer."""
    return world.demands[evse].max_ma


def kept(world: World) -> dict[str, InstalledProfile]:
    """The profiles on the disk, or on their way to it."""
    world.disk.flush()
    return {one.key: one for one in world.disk.of(InstalledProfile)}
