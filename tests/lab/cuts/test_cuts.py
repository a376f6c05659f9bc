"""What the kernel got is understood, a disk that forgets is modelled, and some cuts of each run's own are replayed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.lab.cuts.__main__ import main
from tests.lab.cuts.broken import SLOW, World, lived, nothing_kept, worlds
from tests.lab.cuts.cutting import Cuts, Day, recorded, replayed
from tests.lab.cuts.disk import Disk, lay
from tests.lab.cuts.trace import NotUnderstood, Operation, operations
from tests.world import life

traced = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing: apt install strace")
FOLDER = Path("/state")


def told(text: str) -> list[Operation]:
    return operations(iter(text.splitlines(keepends=True)), FOLDER)


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def test_calls_become_operations_on_our_files_only() -> None:
    a, b = hexed("/state/a"), hexed("/state/b")
    found = told(
        f'7 openat(AT_FDCWD</>, "{a}", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<{a}>\n'
        f'7 write(3<{a}>, "{hexed("one")}", 3) = 3\n'
        f'7 write(3<{a}>, "{hexed("two")}", 3) = 2\n'
        f'7 pwrite64(3<{a}>, "{hexed("x")}", 1, 512) = 1\n'
        f'7 write(9<{hexed("/elsewhere")}>, "{hexed("no")}", 2) = 2\n'
        f"7 ftruncate(3<{a}>, 4)                  = 0\n"
        f"8 fdatasync(3<{a}> <unfinished ...>\n"
        f'7 unlink("{b}") = -1 ENOENT (No such file or directory)\n'
        "8 <... fdatasync resumed>) = 0\n"
        f'7 rename("{a}", "{b}") = 0\n'
        "7 sync() = 0\n"
    )
    assert found == [
        Operation("create", "a"),
        Operation("write", "a", 0, b"one"),
        Operation("write", "a", 3, b"tw"),
        Operation("write", "a", 512, b"x"),
        Operation("truncate", "a", 4),
        Operation("sync", "a"),
        Operation("rename", "a", target="b"),
        Operation("sync-all", ""),
    ]


def test_what_is_not_understood_is_said() -> None:
    with pytest.raises(NotUnderstood):
        told(f"7 fallocate(3<{hexed('/state/a')}>, 0, 0, 4096) = 0\n")


def test_only_what_was_synced_is_sure() -> None:
    disk = Disk()
    for operation in (Operation("create", "a"), Operation("sync", "."), Operation("write", "a", 0, b"old")):
        disk.take(operation)
    disk.take(Operation("sync", "a"))
    disk.take(Operation("write", "a", 0, b"new"))
    disk.take(Operation("create", "b"))
    assert disk.left() == {"a": b"new", "b": b""}
    assert disk.left(all_there=False) == {"a": b"old"}
    may_be = {repr(disk.left(Random(seed))) for seed in range(50)}
    assert may_be == {repr(files) for a in (b"old", b"new") for files in ({"a": a}, {"a": a, "b": b""})}


def test_links_and_folders_are_laid(tmp_path: Path) -> None:
    laid = lay({"slots": None, "slots/a": None, "slots/a/x": b"1", "slots/current": "a"}, tmp_path / "laid")
    assert (laid / "slots" / "current" / "x").read_bytes() == b"1"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    yield recorded(tmp_path_factory.mktemp("day"))


@traced
def test_some_cuts_of_a_day(day: Day) -> None:
    kinds = {operation.kind for operation in day.operations}
    assert {"write", "sync", "truncate", "create", "remove", "rename", "link", "mkdir", "sync-all"} <= kinds
    found = replayed(day, nothing_kept(), Cuts(1, 5, 30), range(len(day.operations)))
    assert found.wrong == []
    assert found.states > 100 and found.reborn > 3


@traced
def test_a_disk_that_syncs_nothing_is_found_out(day: Day) -> None:
    lazy = day._replace(operations=[each for each in day.operations if not each.kind.startswith("sync")])
    early, late = (
        range(200, 300),
        range(len(lazy.operations) - 100, len(lazy.operations)),
    )
    assert any("the journal holds" in text for text in replayed(lazy, nothing_kept(), Cuts(2, 3, 1_000), early).wrong)
    assert any("not whole" in text for text in replayed(lazy, nothing_kept(), Cuts(6, 3, 1_000), late).wrong)


@pytest.mark.parametrize(
    "world", [World(30, False, "full"), World(70, True, "broken"), World(5, True, SLOW), worlds(12)[-1]], ids=str
)
def test_a_world_goes_on(world: World) -> None:
    assert lived(world) == []


def test_each_operation_and_each_commit_has_its_worlds() -> None:
    assert worlds(0) == []
    each = worlds(1 << 20)[: -(1 << 18)]
    assert len(each) == len(set(each)) > 4 * 150 + 2 * 15
    assert {(world.code, world.forever) for world in each} == {
        (code, forever) for code in ("full", "broken", SLOW) for forever in (False, True)
    }


def test_a_slow_disk_that_holds_up_the_leases_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "STUCK_MS", -1)
    assert "by a slow disk" in lived(World(5, True, SLOW))[0]


def test_without_strace_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert main([]) == 2
    assert "strace is missing, nothing was recorded" in capsys.readouterr().err
