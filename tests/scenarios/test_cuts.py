"""The power goes, or a daemon is killed, after every commit and every frame of a day; afterwards the books are right.

A sweep strikes a day once at each of its moments: before and after each frame to the central system, at each frame
from it, after each commit. `EVSE_ALL_MOMENTS=1` also strikes pairs of moments, which takes minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.scenarios import day
from tests.world.wallbox import RESTART_S, Wallbox

ALL = os.environ.get("EVSE_ALL_MOMENTS") == "1"


def cut(world: Wallbox) -> bool:
    """Ends this life at once."""
    return True


def kill_hal(world: Wallbox) -> bool:
    """Evsed goes on."""
    if world.tick is not None:
        world.kill_hal(restart_s=RESTART_S)
    return False


# What happens at the moment (whether evsed's life ends there), and what follows when it did.
STRIKES: dict[str, tuple[Callable[[Wallbox], bool], Callable[[Wallbox], None]]] = {
    "power": (cut, lambda world: world.power_cut(5)),
    "evsed": (cut, lambda world: world.kill_evsed(restart_s=RESTART_S)),
    "hal": (kill_hal, lambda world: None),
}


def lived(folder: Path, what: str, *at: int) -> Wallbox:
    """A day that is struck at these moments; its books are judged."""
    world = Wallbox(folder, presets=day.PRESETS)
    start_wh = world.register()
    strike, follow = STRIKES[what]
    world.strikes = lambda moment: moment in at and strike(world)
    world.struck = lambda: follow(world)
    day.live(world)
    world.close()
    day.books(world, start_wh)
    return world


def folders(disk: Path) -> Iterator[Path]:
    return (disk / str(number) for number in count())


def test_the_day_by_itself(disk: Path) -> None:
    world = lived(disk, "power")
    assert len(world.csms.charges) == 2
    assert {"committed", "about to send", "sent", "received"} == set(world.moments)


@pytest.mark.parametrize("what", STRIKES)
def test_struck_once_at_every_moment(disk: Path, what: str) -> None:
    folder = folders(disk)
    moments = len(lived(next(folder), what).moments)
    for moment in range(1, moments + 1):
        try:
            lived(next(folder), what, moment)
        except AssertionError as wrong:
            raise AssertionError(f"struck at moment {moment}: {wrong}") from wrong


@pytest.mark.skipif(not ALL, reason="takes minutes; EVSE_ALL_MOMENTS=1 runs it")
@pytest.mark.parametrize("what", STRIKES)
def test_struck_twice(disk: Path, what: str) -> None:
    folder = folders(disk)
    moments = len(lived(next(folder), what).moments)
    for first in range(1, moments + 1):
        for later in range(1, 25):
            try:
                lived(next(folder), what, first, first + later)
            except AssertionError as wrong:
                raise AssertionError(f"struck at moments {first} and {first + later}: {wrong}") from wrong
