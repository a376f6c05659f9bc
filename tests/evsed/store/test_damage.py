"""A worn card: whatever the file holds, the journal opens again and gives only records that were once written."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from evsed.core.records import Setting
from evsed.store.database import KEEP_ASIDE, StoreFailed, StoreRefused
from evsed.store.journal import Journal
from tests.evsed.store.disk import lay, library, listening
from tests.evsed.store.worlds import a_day, held, keep, records_of, states

IMAGES = 10_000 if os.environ.get("EVSED_LONG_TESTS") else 150
HEADER_VERSION = range(60, 64)


def flip_bit(image: bytearray, dice: random.Random) -> None:
    place = dice.choice([n for n in range(len(image)) if n not in HEADER_VERSION])
    image[place] ^= 1 << dice.randrange(8)


def flip_many(image: bytearray, dice: random.Random) -> None:
    for _ in range(dice.randrange(2, 50)):
        flip_bit(image, dice)


def zero_page(image: bytearray, dice: random.Random) -> None:
    size = dice.choice((512, 1024, 4096))
    at = dice.randrange(0, len(image), size)
    image[at : at + size] = bytes(len(image[at : at + size]))


def random_sector(image: bytearray, dice: random.Random) -> None:
    at = dice.randrange(0, len(image), 512)
    image[at : at + 512] = dice.randbytes(len(image[at : at + 512]))


def swap_pages(image: bytearray, dice: random.Random) -> None:
    one, two = (dice.randrange(0, len(image), 1024) for _ in range(2))
    image[one : one + 1024], image[two : two + 1024] = image[two : two + 1024], image[one : one + 1024]


def truncate(image: bytearray, dice: random.Random) -> None:
    del image[dice.randrange(len(image)) :]


HARM = (flip_bit, flip_many, zero_page, random_sector, swap_pages, truncate)
Harm = Callable[[bytearray, random.Random], None]


@pytest.fixture
def closed(folder: Path) -> dict[str, bytes]:
    """A journal after a day and an orderly end."""
    journal = Journal(folder / "closed")
    for persist in a_day():
        journal.commit(persist)
    journal.close()
    return {"journal.db": (folder / "closed" / "journal.db").read_bytes()}


@pytest.fixture
def sound(folder: Path) -> dict[str, bytes]:
    """A journal after a day, half of it in the log, as a power cut leaves it."""
    journal = Journal(folder / "sound")
    history = a_day()
    for persist in history[: len(history) // 2]:
        journal.commit(persist)
    journal.close()
    journal = Journal(folder / "sound")
    for persist in history[len(history) // 2 :]:
        journal.commit(persist)
    files = {name: (folder / "sound" / name).read_bytes() for name in ("journal.db", "journal.db-wal")}
    journal.close()
    return files


@pytest.mark.parametrize("harm", HARM)
def test_no_damage_keeps_the_journal_from_opening_or_makes_it_lie(
    folder: Path, sound: dict[str, bytes], closed: dict[str, bytes], harm: Harm
) -> None:
    once_true = states(a_day())
    ever_live = frozenset().union(*(state.live for state in once_true))
    ever_ended = {tx for state in once_true for tx in state.ended}
    outcomes = {"sound": 0, "lost something": 0, "set aside": 0}
    for number in range(IMAGES // len(HARM)):
        dice = random.Random(f"{harm.__name__} {number}")
        files = dice.choice((sound, closed))
        target = dice.choice(tuple(files))
        image = bytearray(files[target])
        harm(image, dice)
        laid = lay(files | {target: bytes(image)}, folder / "harmed")
        try:
            now = held(laid)
        except StoreRefused as refusal:
            assert "newer evsed" in str(refusal)  # a header page of another kind may say so
            now = None
        if now is not None:
            assert now.live <= ever_live, number
            assert set(now.ended) <= ever_ended, number
            aside = bool(list(laid.glob("journal.quarantine-*.db")))
            assert not (aside and now.live)
            outcomes["set aside" if aside else "sound" if now == once_true[-1] else "lost something"] += 1
            assert held(laid) == now  # and a second start finds the same
        shutil.rmtree(laid)
    assert outcomes["set aside"] > 0 and outcomes["sound"] < sum(outcomes.values()), outcomes


@pytest.mark.parametrize(
    "content",
    [b"not a database, but long enough to be looked at" * 40, bytes(4096), b"SQLite format 3\0" + bytes(1008)],
    ids=["text", "zeros", "empty header"],
)
def test_a_file_that_is_no_journal_is_kept_and_a_fresh_one_begun(
    folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        (folder / "journal.db").write_bytes(content)
        (folder / "journal.db-wal").write_bytes(b"log")
        journal = Journal(folder)
        journal.commit(keep(Setting("A", "B", "c")))
        journal.close()
        assert (folder / f"journal.quarantine-{number}.db").read_bytes() == content
        assert len(held(folder).live) == 1
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "journal.db was damaged (" in said[1]
    assert said[1].endswith("it is kept as journal.quarantine-2.db, a fresh one is begun")


@pytest.mark.skipif(library() is None, reason="this Python has SQLite built in, its calls can't be refused")
def test_a_log_that_could_not_be_merged_is_kept_with_its_damaged_file(folder: Path, closed: dict[str, bytes]) -> None:
    image = bytearray(closed["journal.db"])
    image[2048:4096] = random.Random(1).randbytes(2048)
    lay({"journal.db": bytes(image)}, folder / "damaged")
    with sqlite3.connect(folder / "damaged" / "journal.db", isolation_level=None) as file:
        file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute("INSERT INTO quarantine VALUES (1, 'a', 'b', 1, 1, 'c', 'd')")
        shutil.copytree(folder / "damaged", folder / "cut")
    file.close()
    with listening() as disk:
        disk.fails_at, disk.forever = 0, True
        with pytest.raises(StoreFailed):
            Journal(folder / "cut")
    aside = {path.name for path in (folder / "cut").glob("*quarantine*")}
    assert aside == {"journal.quarantine-1.db", "journal.quarantine-1.db-wal"}
    assert held(folder / "cut") == states([])[0]


def test_a_database_of_another_program_is_not_taken_over(folder: Path) -> None:
    with sqlite3.connect(folder / "journal.db") as other:
        other.execute("CREATE TABLE record (name TEXT)")
    other.close()
    Journal(folder).close()
    with sqlite3.connect(folder / "journal.quarantine-1.db") as other:
        assert other.execute("SELECT name FROM sqlite_schema").fetchall() == [("record",)]
    other.close()


def test_a_journal_that_lacks_a_table_is_set_aside(folder: Path) -> None:
    Journal(folder).close()
    with sqlite3.connect(folder / "journal.db") as file:
        file.execute("DROP TABLE ended")
    file.close()
    journal = Journal(folder)
    assert journal.transactions() == []
    journal.close()
    assert (folder / "journal.quarantine-1.db").exists()


def test_only_the_newest_damaged_files_are_kept(folder: Path) -> None:
    for _ in range(KEEP_ASIDE + 3):
        (folder / "journal.db").write_bytes(b"x" * 2000)
        Journal(folder).close()
    kept = {path.name for path in folder.glob("journal.quarantine-*.db")}
    assert kept == {f"journal.quarantine-{number}.db" for number in range(4, KEEP_ASIDE + 4)}


def test_a_cut_while_a_damaged_file_is_set_aside_leaves_no_stale_log_in_force(
    folder: Path, sound: dict[str, bytes]
) -> None:
    lay({"journal.db-wal": sound["journal.db-wal"]}, folder / "half")  # the file is renamed, its log not yet
    journal = Journal(folder / "half")
    assert records_of(journal.load()) == []
    journal.close()
    lay({"journal.db": b"", "journal.db-wal": sound["journal.db-wal"]}, folder / "begun")
    assert held(folder / "begun") == states([])[0]


def test_a_file_of_no_bytes_is_a_fresh_one(folder: Path) -> None:
    (folder / "journal.db").write_bytes(b"")
    assert held(folder) == states([])[0]
    assert not list(folder.glob("*quarantine*"))
