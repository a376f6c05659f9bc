"""Each door is knocked at some hundred times, always the same; EVSED_LONG_TESTS knocks thousands of times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.enemies.control_door import control_doors
from tests.enemies.controller_door import CONTROLLER_DOOR
from tests.enemies.file_doors import FileDoors
from tests.enemies.hal_door import HAL_DOOR
from tests.enemies.hunt import Door, bent, hunted, knock
from tests.enemies.pilot_door import PILOT_DOOR
from tests.enemies.socket_doors import SOCKET_DOORS
from tests.enemies.wire_doors import WIRE_DOORS

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
INPUTS, OF_FILES = (5_000, 2_000) if LONG else (60, 30)


@pytest.fixture(scope="module")
def files() -> Iterator[dict[str, Door]]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-", dir=memory if memory.is_dir() else None) as folder:
        yield {door.name: door for door in FileDoors(Path(folder)).doors()}


@pytest.mark.parametrize("door", WIRE_DOORS, ids=lambda door: door.name)
def test_what_comes_over_a_wire_is_taken_or_refused(door: Door) -> None:
    assert list(hunted(door, 1, INPUTS)) == []


@pytest.mark.parametrize("door", SOCKET_DOORS, ids=lambda door: door.name)
def test_what_a_central_system_says_below_its_frames_ends_no_link(door: Door) -> None:
    assert list(hunted(door, 1, OF_FILES)) == []


def test_what_lies_in_a_file_is_taken_or_refused(files: dict[str, Door]) -> None:
    assert [finding for door in files.values() for finding in hunted(door, 1, OF_FILES)] == []


@pytest.mark.parametrize("door", (HAL_DOOR, CONTROLLER_DOOR), ids=lambda door: door.name)
def test_who_speaks_to_hal_neither_closes_a_contactor_nor_keeps_it_closed(door: Door) -> None:
    assert list(hunted(door, 1, OF_FILES)) == []


def test_whoever_talks_at_the_control_socket_is_answered_and_harms_nobody(tmp_path: Path) -> None:
    assert [finding for door in control_doors(tmp_path) for finding in hunted(door, 1, OF_FILES)] == []


def test_any_volts_on_the_pilot_find_a_contactor_that_is_open_in_time() -> None:
    assert list(hunted(PILOT_DOOR, 1, OF_FILES // 4)) == []


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
