"""What remains of a charge at its cable, and what of it a restart knows."""

from __future__ import annotations

import pytest

from evsed.core.cable import Cable
from evsed.core.effects import Drop, Persist, Put
from evsed.core.records import Spent, Transaction
from evsed.core.seen import Seen
from evsed.core.turn import Turn
from evsed.core.words import Now, Stamp
from tests.evsed.core.box_world import TAG

DONE = Transaction("t1", 1, TAG, "FAMILY", Stamp("boot1", 1, None), 0, 0)


def cable(spent: Spent | None = None, boot: str = "boot1", **seen: object) -> Cable:
    return Cable(1, Seen(known=True, locked=True, **seen), spent, boot)  # type: ignore[arg-type]


def kept(of: Cable) -> list[object]:
    """What reaches the disk."""
    turn = Turn(Now("boot1", 1, None))
    of.keep(turn)
    effects = turn.effects()
    return [change for effect in effects if isinstance(effect, Persist) for change in effect.changes]


def test_it_is_used_until_the_car_has_left() -> None:
    here = cable(plugged=True)
    assert here.watch(running=True) is True
    assert here.watch(running=True) is False
    here.ended(DONE, held=False)
    assert here.used
    here._seen.plugged = False
    assert here.watch(running=False) is True
    assert not here.used
    assert here.watch(running=False) is False


def test_a_car_that_left_before_the_end_and_is_back_is_a_new_use() -> None:
    here = cable(plugged=True)
    here.watch(running=True)
    here._seen.plugged = False
    here.watch(running=False)
    here._seen.plugged = True
    here.watch(running=False)
    here.ended(DONE, held=False)
    assert not here.used


@pytest.mark.parametrize(("locked", "empty", "holds"), [(True, False, True), (None, False, False), (True, True, False)])
def test_only_a_cable_that_is_there_and_can_be_locked_is_held(locked: bool | None, empty: bool, holds: bool) -> None:
    here = cable(plugged=not empty, socket_empty=empty)
    here._seen.locked = locked
    here.ended(DONE, held=True)
    assert (here.holding is not None) is holds


def test_a_cable_that_is_gone_is_held_no_more() -> None:
    here = cable(plugged=True)
    here.ended(DONE, held=True)
    here._seen.plugged, here._seen.socket_empty = False, True
    here.watch(running=False)
    assert here.holding is None


def test_only_news_is_kept() -> None:
    here = cable(plugged=True)
    assert kept(here) == []
    here.ended(DONE, held=True)
    assert kept(here) == [Put(Spent(1, "boot1", True, TAG, "FAMILY"))]
    assert kept(here) == []
    here.holding = None
    assert kept(here) == [Put(Spent(1, "boot1", True, None, None))]
    here.begun()
    assert kept(here) == [Drop(Spent, "1")]


@pytest.mark.parametrize(("boot", "used"), [("boot1", True), ("boot2", False)])
def test_what_a_restart_knows(boot: str, used: bool) -> None:
    again = cable(Spent(1, "boot1", True, TAG, None), boot, plugged=True)
    assert again.used is used
    assert again.holding is not None
