"""A car that charges since exactly one second, and the samples that it told."""

from __future__ import annotations

from collections.abc import Iterable

from evsed.core.reports import TransactionUpdated
from evsed.core.words import MeterSet
from tests.evsed.core.box_world import World


def charging(**keys: object) -> World:
    """A car has charged since exactly one second; only what `keys` say is measured."""
    world = World().online().set("ClockAlignedDataInterval", 0)
    for key, value in keys.items():
        world.set(key, value)
    return world.charging()


def sets(reports: Iterable[TransactionUpdated]) -> list[MeterSet]:
    return [values for report in reports for values in report.samples]


def moments(world: World) -> list[int]:
    """Seconds after the start at which samples of the transaction were taken."""
    world.answer_all()
    return [round(values.at.mono_ms / 1_000) - 1 for values in sets(world.reports(TransactionUpdated))]
