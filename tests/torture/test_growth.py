"""What grows is found out, on a real process: this one."""

from __future__ import annotations

import os
from collections.abc import Callable
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.torture.growth import JUDGED, MOST_DISK, Growth

MIB = 1 << 20


def lived(growth: Growth, each: Callable[[], object], rounds: int = 2 * JUDGED) -> list[str]:
    for _ in range(rounds):
        each()
        growth.look({"evsed": os.getpid()})
    return growth.wrong()


def test_a_process_that_stays_as_it_was_is_told_in_figures(tmp_path: Path) -> None:
    growth = Growth(tmp_path)
    (tmp_path / "journal").write_bytes(bytes(10_000))
    assert lived(growth, lambda: None) == []
    process, folder = growth.lines()
    assert process.startswith(f"evsed over {2 * JUDGED} rounds: ")
    assert folder == "state folder: 0.01 MB at first, 0.01 at most"


def test_memory_that_is_kept_each_round_is_found_out(tmp_path: Path) -> None:
    kept: list[mmap] = []

    def keep() -> None:  # pages of the kernel's own: the heap of this process may have room
        kept.append(mmap(-1, MIB, flags=MAP_PRIVATE | MAP_ANONYMOUS))
        kept[-1].write(b"\1" * MIB)

    (told,) = lived(Growth(tmp_path), keep)
    assert told.startswith("I14 KiB of memory of evsed grew from ")


def test_a_file_left_open_each_round_is_found_out(tmp_path: Path) -> None:
    left: list[int] = []
    (told,) = lived(Growth(tmp_path), lambda: left.append(os.open(tmp_path, os.O_RDONLY)))
    for file in left:
        os.close(file)
    assert told.startswith("I14 descriptors of evsed grew from ")


def test_threads_that_never_end_are_found_out(tmp_path: Path) -> None:
    end = Event()
    told = lived(Growth(tmp_path), lambda: Thread(target=end.wait).start())
    end.set()
    assert [line.partition(" of evsed")[0] for line in told] == ["I14 threads"]


@pytest.mark.parametrize(("size", "wrong"), [(MOST_DISK, False), (MOST_DISK + 1, True)])
def test_a_folder_that_is_too_large_is_found_out(tmp_path: Path, size: int, wrong: bool) -> None:
    with (tmp_path / "journal").open("wb") as journal:
        journal.truncate(size)
    assert bool(lived(Growth(tmp_path), lambda: None, rounds=1)) is wrong


def test_a_process_that_lived_for_few_rounds_is_not_judged(tmp_path: Path) -> None:
    left: list[int] = []
    growth = Growth(tmp_path)
    told = lived(growth, lambda: left.append(os.open(tmp_path, os.O_RDONLY)), rounds=JUDGED - 1)
    for file in left:
        os.close(file)
    assert told == []
