"""Each door is knocked at some hundred times, always the same; EVSED_LONG_TESTS knocks thousands of times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.enemies.doors import CLASSES, SURFACES, all_doors
from tests.enemies.hunt import Door, bent, hunted, knock
from tests.enemies.wire_doors import WIRE_DOORS

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
INPUTS, OF_OTHERS = (5_000, 2_000) if LONG else (40, 20)


@pytest.fixture(scope="module")
def doors() -> Iterator[dict[str, Door]]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-", dir=memory if memory.is_dir() else None) as folder:
        yield {door.name: door for door in all_doors(Path(folder))}


@pytest.mark.parametrize("door", WIRE_DOORS, ids=lambda door: door.name)
def test_what_comes_over_a_wire_is_taken_or_refused(door: Door) -> None:
    assert list(hunted(door, 1, INPUTS)) == []


def test_nothing_else_that_comes_in_harms_anybody(doors: dict[str, Door]) -> None:
    others = [door for door in doors.values() if door not in WIRE_DOORS]
    assert [finding for door in others for finding in hunted(door, 1, OF_OTHERS)] == []


def test_each_surface_has_its_doors_and_each_class_what_attacks_it(doors: dict[str, Door]) -> None:
    rooms = Path(__file__).parent, Path(__file__).parents[1]
    named = [name for table in (SURFACES, CLASSES) for names in table.values() for name in names]
    assert [name for name in named if name not in doors and not any((room / name).exists() for room in rooms)] == []
    assert [name for name in doors if name not in named] == []


# --- the hunter itself -------------------------------------------------------------------------------------------


def _maze(given: bytes) -> None:
    if given[:1] != b"k":
        return
    if given[1:2] != b"e":
        return
    if given[2:3] == b"y":
        raise IndexError("found")


def _endless(given: bytes) -> None:
    while given:
        pass


def test_it_finds_its_way_by_what_it_has_walked() -> None:
    """Three right bytes in their places, one after the other."""
    door = Door("maze", (b"abcdef",), _maze, (), (b"k", b"e", b"y"), (__file__,))
    assert [finding.input[:3] for finding in hunted(door, 1, 8_000)] == [b"key"]


def test_what_does_not_end_is_found() -> None:
    assert knock(Door("endless", (b"x",), _endless, (), (), (__file__,)), b"x")[1] == "it does not end"


def test_the_same_seed_bends_the_same_way() -> None:
    kept = [b"abc", b'{"a": 1}']
    assert [bent(Random(7), kept, (b"w",)) for _ in range(50)] == [bent(Random(7), kept, (b"w",)) for _ in range(50)]
