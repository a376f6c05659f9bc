"""The wallbox of a scenario, and what must be so at the end of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.world.wallbox import Wallbox

Make = Callable[..., Wallbox]


def judge(world: Wallbox) -> None:
    """No rule was broken at any moment, and no register was told that a meter could not have had."""
    assert world.watch.breaches == []
    assert world.csms.breaches == []
    for connector in world.plant.bays:
        told = [wh for _, wh in world.csms.registers(connector)]
        assert told == sorted(told), f"the register of connector {connector} fell"
        assert 0 not in told, f"the register of connector {connector} was told as 0"


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder, in memory where the machine has such: what a real disk does to a journal is proven in tests/evsed."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def make(disk: Path) -> Iterator[Make]:
    """Makes a wallbox that has just been switched on; it is judged when the scenario is over."""
    made: list[Wallbox] = []

    def new(**options: Any) -> Wallbox:
        made.append(Wallbox(disk / f"state-{len(made)}", **{"leaps": True} | options))
        return made[-1]

    yield new
    for world in made:
        world.close()
        judge(world)


@pytest.fixture
def box(make: Make) -> Wallbox:
    """A wallbox that is connected, registered and idle."""
    world = make()
    world.advance(5)
    return world
