"""The power goes, the disk refuses, the process is killed: what was acknowledged is there, and never half of it."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from evsed.core.effects import Persist
from evsed.core.records import Setting
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal
from tests.evsed.store.disk import Disk, after_power_cut, lay, library, listening
from tests.evsed.store.worlds import a_day, held, keep, small_log, states, whole_session

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
DICE = 40 if LONG else 1
STRIDE = 1 if LONG else 3
listens = pytest.mark.skipif(library() is None, reason="this Python has SQLite built in, its calls can't be heard")


def play(folder: Path, history: list[Persist], disk: Disk) -> None:
    """Commit it all, with a restart in the middle."""
    for half in (history[: len(history) // 2], history[len(history) // 2 :]):
        journal = Journal(folder)
        for persist in half:
            journal.commit(persist)
            disk.acknowledge()
        journal.close()


@listens
def test_a_power_cut_after_any_operation_leaves_every_acknowledged_commit_and_no_half(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_log(monkeypatch.setattr)
    history = a_day()
    with listening() as disk:
        play(folder / "played", history, disk)
    kinds = [operation.kind for operation in disk.operations]
    assert {"write", "sync", "truncate", "delete", "acknowledged"} <= set(kinds)
    may_be = states(history)
    for cut in range(0, len(kinds) + 1, STRIDE):
        acknowledged = kinds[:cut].count("acknowledged")
        for seed in (None, *range(DICE)):
            luck = None if seed is None else random.Random(cut * 1000 + seed)
            files = after_power_cut(disk.operations[:cut], luck)
            laid = lay(files, folder / "cut")
            assert held(laid) in may_be[acknowledged : acknowledged + 2], (cut, seed, kinds[cut - 1])
            assert not list(laid.glob("*quarantine*")), (cut, seed)
            shutil.rmtree(laid)


@listens
@pytest.mark.parametrize("forever", [False, True], ids=["once", "forever"])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR], ids=["full", "broken"])
def test_whatever_operation_the_disk_refuses_it_is_said_and_can_be_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, forever: bool
) -> None:
    small_log(monkeypatch.setattr, pages=8)
    history = a_day(sessions=1)
    with listening() as disk:
        journal = Journal(folder / "whole")
        opening = disk.asked
        for persist in history:
            journal.commit(persist)
        last = disk.asked
        journal.close()
        refused = 0
        for number in range(opening, last, STRIDE):
            disk.asked, disk.fails_at, disk.forever, disk.code = 0, number, forever, code
            refused += play_with_refusal(folder / f"refused-{number}", history, disk)
    # A checkpoint that fails harms no commit, so not every refusal is heard.
    assert refused > (last - opening) // STRIDE // 2


def play_with_refusal(folder: Path, history: list[Persist], disk: Disk) -> bool:
    """What was acknowledged before the refusal is there, and after it everything goes on."""
    journal, done = Journal(folder), 0
    with suppress(StoreFailed):
        while done < len(history):
            journal.commit(history[done])
            done += 1
    refused = done < len(history)
    shutil.copytree(folder, copy := folder.with_suffix(".copy"))
    disk.heal()
    assert held(copy) in states(history)[done : done + 2]
    for persist in history[done:]:
        journal.commit(persist)
    journal.close()
    assert held(folder) == states(history)[-1]
    return refused


@listens
def test_a_disk_that_fails_while_the_journal_is_opened_or_closed_loses_nothing(folder: Path) -> None:
    history = a_day(sessions=1)
    journal = Journal(folder / "made")
    for persist in history:
        journal.commit(persist)
    shutil.copytree(folder / "made", folder / "left")  # as a cut leaves it, its log unchecked
    journal.close()
    lay({}, folder / "nothing")
    refused = 0
    with listening() as disk:
        for start, expected in (("left", states(history)[-1]), ("nothing", states([])[0])):
            for number in range(30):
                shutil.copytree(folder / start, state := folder / f"{start}-{number}")
                disk.asked, disk.fails_at, disk.forever = 0, number, True
                try:
                    Journal(state).close()
                except StoreFailed:
                    refused += 1
                disk.heal()
                assert held(state) == expected, number
                assert not list(state.glob("*quarantine*"))
    assert refused > 10


def test_the_real_file_size_limit_is_a_full_disk_and_room_heals_it(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(keep(Setting("A", "B", "before")))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, hard))
    try:
        with pytest.raises(StoreFailed, match="input/output error; nothing was changed"):
            journal.commit(keep(Setting("A", "C", "x" * 32_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.commit(keep(Setting("A", "C", "after")))
    journal.close()
    assert held(folder).live == {repr(Setting("A", "B", "before")), repr(Setting("A", "C", "after"))}


def test_a_log_cut_at_any_byte_leaves_a_prefix_with_all_that_was_on_the_disk_before(folder: Path) -> None:
    history = a_day(sessions=2)
    journal = Journal(folder / "whole")
    log = folder / "whole" / "journal.db-wal"
    sizes = [log.stat().st_size]
    for persist in history:
        journal.commit(persist)
        sizes.append(log.stat().st_size)
        shutil.rmtree(folder / "now", ignore_errors=True)
        shutil.copytree(folder / "whole", folder / "now")  # as a killed process leaves it
        assert held(folder / "now") == states(history)[len(sizes) - 1]
    content, base = log.read_bytes(), (folder / "whole" / "journal.db").read_bytes()
    journal.close()
    may_be = states(history)
    torn = [(at, tail) for at in cuts(sizes[0], len(content)) for tail in (b"", bytes(512), b"\xff" * 512)]
    every = [(at, b"") for at in range(sizes[0], len(content) + 1)] if LONG else []
    for offset, tail in torn + every:
        laid = lay({"journal.db": base, "journal.db-wal": content[:offset] + tail}, folder / "cut")
        good = offset + same(content[offset:], tail)  # zeros may stand where zeros belong
        done = sum(size <= good for size in sizes) - 1
        assert held(laid) == may_be[done], (offset, len(tail))
        shutil.rmtree(laid)


def same(one: bytes, other: bytes) -> int:
    """How many bytes they begin with that are the same."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def cuts(first: int, last: int) -> list[int]:
    """Every frame's border, one byte either side of it, and its middle."""
    frame = 24 + 1024
    around = (at + by for at in range(first, last + 1, frame) for by in (-1, 0, 1, frame // 2))
    return [at for at in around if first <= at <= last]


WRITER = """
import sys
from pathlib import Path
from evsed.store.journal import Journal
from tests.evsed.store.worlds import whole_session
journal = Journal(Path(sys.argv[1]))
print("open", flush=True)
for number in range(10**6):
    for persist in whole_session(f"tx{number}", 2 * number):
        journal.commit(persist)
        print("done", flush=True)
"""


def test_a_killed_writer_has_kept_all_that_it_acknowledged(folder: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    history = [persist for number in range(200) for persist in whole_session(f"tx{number}", 2 * number)]
    may_be = states(history)
    dice = random.Random(1)
    for turn in range(100 if LONG else 3):
        state = folder / f"killed-{turn}"
        command = [sys.executable, "-c", WRITER, str(state)]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            heard = [writer.stdout.readline() for _ in range(dice.randrange(2, 300))]
            writer.kill()
            heard += writer.stdout.readlines()
        acknowledged = heard.count("done\n")
        assert acknowledged > 0
        assert held(state) in may_be[acknowledged : acknowledged + 2]
