"""The matrix: 28 faults × 15 moments. Each cell is a scenario with one or more variants, or has its reason here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tests.matrix import central, machine, orders, plant
from tests.matrix.cell import Fault
from tests.matrix.machine import Rows
from tests.matrix.moments import MOMENTS

FAULTS: tuple[tuple[str, Rows], ...] = (
    ("power cut at each write and frame, writes torn", machine.power_cuts()),
    ("each process killed", machine.kills()),
    ("a loop stands still", machine.stalls()),
    ("no memory, no descriptors", machine.shortages()),
    ("disk full, broken, slow", machine.disks()),
    ("journal damaged", machine.damages()),
    ("clocks", machine.clocks()),
    ("network", central.networks()),
    ("HTTP and TLS refusals", central.refusals()),
    ("central system silent, late, wrong", central.answers()),
    ("central system floods, contradicts itself", central.floods()),
    ("another one under our name", central.rivals()),
    ("pilot", plant.told(plant.pilots())),
    ("contactor", plant.told(plant.contactors())),
    ("protection, mains, heat, current", plant.told(plant.protections())),
    ("meter", plant.told(plant.meters())),
    ("meter's line", plant.lines()),
    ("card reader", plant.told(plant.readers())),
    ("lock", plant.told(plant.locks())),
    ("a bus of the tick's parts", plant.told(plant.buses())),
    ("resets", orders.resets()),
    ("firmware that must not run", orders.images()),
    ("key or profile that does not work", orders.keys()),
    ("configuration", orders.configurations()),
    ("races", orders.races()),
    ("very long", orders.long_times()),
    ("crash loops, late ticks", machine.crash_loops()),
    ("a local limit lies or is gone", plant.limits()),
)

# What costs half a minute is tried only at the moments that bear on it.
ONLY_AT: dict[str, tuple[int, ...]] = {orders.THREE_DAYS: (5, 7, 8)}

# Why a cell is no scenario: (fault, moment) as they are numbered, faults from 1, moments from 0.
NOT_HERE: dict[tuple[int, int], str] = {}


class Place(NamedTuple):
    """A cell of the matrix."""

    fault: int
    moment: int

    def __str__(self) -> str:
        return f"{self.fault} × m{self.moment}"


@cache
def places() -> tuple[Place, ...]:
    """All 420."""
    return tuple(Place(fault + 1, moment) for fault in range(len(FAULTS)) for moment in range(len(MOMENTS)))


def variants(place: Place) -> Iterator[tuple[str, Fault]]:
    """What is tried in a cell; nothing where there is a reason."""
    if place not in NOT_HERE:
        for name, fault in FAULTS[place.fault - 1][1].items():
            if place.moment in ONLY_AT.get(name, (place.moment,)):
                yield name, fault
