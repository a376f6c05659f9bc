"""The power goes, or a daemon is killed, after every commit and every frame of a day; afterwards the books are right.

The moments of a day: before and after each frame to the central system, at each frame from it, after each commit. The
power goes once at every third of them, a daemon at every fifth; `EVSE_ALL_MOMENTS=1` takes every one, and pairs of
moments, which takes half an hour.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.scenarios import day
from tests.scenarios.conftest import Make
from tests.world.csms import NEW_YEAR_2027, Payload, wall_ms
from tests.world.wallbox import RESTART_S, TAG, Wallbox

STEPS = {"power": 3, "evsed": 5, "hal": 5}
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
    world = Wallbox(folder, presets=day.PRESETS, leaps=True)
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
def test_struck_once(disk: Path, what: str) -> None:
    folder = folders(disk)
    moments = len(lived(next(folder), what).moments)
    for moment in range(1, moments + 1, 1 if ALL else STEPS[what]):
        try:
            lived(next(folder), what, moment)
        except AssertionError as wrong:
            raise AssertionError(f"struck at moment {moment}: {wrong}") from wrong


def sent_twice(world: Wallbox, action: str) -> list[Payload]:
    """The power goes when such a message has been sent and not answered; what was sent before and after that."""

    def first(moment: int) -> bool:
        return world.moments[-1] == "sent" and world.actions()[-1] == action and len(world.csms.all(action)) == 1

    world.strikes = first
    world.until(lambda: len(world.csms.all(action)) == 2)
    return [message.payload for message in world.csms.all(action)]


def test_an_end_that_two_cuts_struck_is_told_in_the_same_words(make: Make) -> None:
    """The first cut falls between the contactor's opening and the end, the second before the end was answered."""
    world = make(presets=day.PRESETS)
    world.advance(5)
    world.charge(30)
    world.swipe()
    world.until(lambda: not world.bay().contactor.main)
    world.power_cut()
    first, again = sent_twice(world, "StopTransaction")
    assert again == first
    day.rest(world)


def test_an_offline_charge_of_a_boot_that_never_knew_the_time_keeps_its_dates(make: Make) -> None:
    world = make(network=False, tags=(TAG,))
    world.charge(90)
    world.finish()
    world.power_cut(3_600)
    began = world.ms
    world.find_line()
    first, again = sent_twice(world, "StartTransaction")
    assert again == first
    day.rest(world)
    charge = world.csms.charges[1]
    assert charge.stop is not None
    lasted_ms = wall_ms(charge.stop.timestamp) - wall_ms(charge.start.timestamp)
    assert 90_000 <= lasted_ms <= 100_000
    assert wall_ms(charge.stop.timestamp) <= NEW_YEAR_2027 + began  # not later than it can have been


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
