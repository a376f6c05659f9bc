"""The file of latched faults: old or new after a cut, never believed when damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.faults import Name
from hal.latches import FILE, LatchFile, forget_all
from tests.hal.box import Box


def nobody() -> None:
    """Nobody has to be woken."""


def test_what_is_kept_is_there_again(tmp_path: Path) -> None:
    woken: list[bool] = []
    file = LatchFile(tmp_path, (1, 2), lambda: woken.append(True))
    assert file.recall(1) == () and not file.dirty
    file.keep(2, (Name.WELDED, Name.RESIDUAL_CURRENT))
    assert woken == [True] and file.dirty and not (tmp_path / FILE).exists()
    file.flush()
    again = LatchFile(tmp_path, (1, 2), nobody)
    assert again.recall(2) == (Name.WELDED, Name.RESIDUAL_CURRENT) and again.recall(1) == ()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@given(st.binary(max_size=200))
def test_a_file_of_anything_latches_a_named_fault(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(content)
        assert LatchFile(Path(folder), (1,), nobody).recall(1) == (Name.MEMORY_DAMAGED,)


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path: Path) -> None:
    file = LatchFile(tmp_path, (1,), nobody)
    file.keep(1, (Name.WELDED,))
    file.flush()
    whole = (tmp_path / FILE).read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [
        bytes(b ^ (1 << bit) if i == at else b for i, b in enumerate(whole))
        for at in range(len(whole))
        for bit in range(8)
    ]
    for content in damaged:
        (tmp_path / FILE).write_bytes(content)
        assert LatchFile(tmp_path, (1,), nobody).recall(1) == (Name.MEMORY_DAMAGED,)


def test_what_did_not_change_is_not_written(tmp_path: Path) -> None:
    file = LatchFile(tmp_path, (1,), nobody)
    file.flush()
    assert list(tmp_path.iterdir()) == []
    file.keep(1, ())
    file.flush()
    (tmp_path / FILE).unlink()
    file.flush()
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_and_what_is_forgotten_is_on_the_disk_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename, unlink = os.fsync, Path.rename, Path.unlink

    def watched_fsync(fd: int) -> None:
        done.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{fd}')).relative_to(tmp_path)}")
        fsync(fd)

    def watched_rename(path: Path, to: Path) -> Path:
        done.append(f"rename {path.name} {to.name}")
        return rename(path, to)

    def watched_unlink(path: Path) -> None:
        done.append(f"unlink {path.name}")
        unlink(path)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "rename", watched_rename)
    monkeypatch.setattr(Path, "unlink", watched_unlink)
    file = LatchFile(tmp_path, (1,), nobody)
    file.keep(1, (Name.WELDED,))
    file.flush()
    forget_all(tmp_path)
    fresh = Path(FILE).with_suffix(".new")
    assert done == [f"fsync {fresh}", f"rename {fresh} {FILE}", "fsync .", f"unlink {FILE}", "fsync ."]


def test_a_write_that_fails_is_told_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    file = LatchFile(folder, (1,), nobody)
    file.keep(1, (Name.WELDED,))
    file.flush()
    assert "No such file" in file.failed and file.dirty
    folder.mkdir()
    file.flush()
    assert file.failed == "" and not file.dirty
    assert LatchFile(folder, (1,), nobody).recall(1) == (Name.WELDED,)


def test_a_folder_in_the_place_of_the_file_is_damage(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    file = LatchFile(tmp_path, (1,), nobody)
    assert file.recall(1) == (Name.MEMORY_DAMAGED,) and "Is a directory" in file.failed


def test_service_forgets_everything(tmp_path: Path) -> None:
    file = LatchFile(tmp_path, (1,), nobody)
    file.keep(1, (Name.WELDED,))
    file.flush()
    assert forget_all(tmp_path) == ["outlet 1 WELDED"]
    assert LatchFile(tmp_path, (1,), nobody).recall(1) == ()
    assert forget_all(tmp_path) == []


def test_service_forgets_a_damaged_memory_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"garbage")
    assert forget_all(tmp_path) == ["a memory that was damaged"]
    assert LatchFile(tmp_path, (1,), nobody).recall(1) == ()


def test_a_weld_survives_through_the_real_file(tmp_path: Path) -> None:
    file = LatchFile(tmp_path, (1,), nobody)
    box = Box(memory=file)  # type: ignore[arg-type]
    box.charge()
    box.say("fault contactor-welded")
    box.say("car stop")
    box.run(2_000)
    file.flush()
    again = Box(memory=LatchFile(tmp_path, (1,), nobody))  # type: ignore[arg-type]
    assert again.faults() == ["WELDED"]


def test_a_damaged_memory_is_acknowledged_by_a_person(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"")
    file = LatchFile(tmp_path, (1,), nobody)
    box = Box(memory=file)  # type: ignore[arg-type]
    assert box.faults() == ["MEMORY_DAMAGED"]
    box.tick.acknowledge(1)
    box.run(2_000)
    file.flush()
    assert box.faults() == [] and LatchFile(tmp_path, (1,), nobody).recall(1) == ()


@pytest.mark.parametrize("name", list(Name))
def test_every_name_can_be_written_and_read(tmp_path: Path, name: Name) -> None:
    file = LatchFile(tmp_path, (1,), nobody)
    file.keep(1, (name,))
    file.flush()
    assert LatchFile(tmp_path, (1,), nobody).recall(1) == (name,)
