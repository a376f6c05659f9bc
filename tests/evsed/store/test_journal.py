"""What is committed is found again; what may wait waits; nothing that can't be read stops the rest."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evsed.core.effects import Drop, Persist, Put
from evsed.core.records import QueuedReport, Recovered, Setting, Transaction
from evsed.core.security_events import SecurityEntry, SecurityKind
from evsed.core.words import Context, MeterSet
from evsed.store import database
from evsed.store import journal as journal_module
from evsed.store.database import StoreFailed, StoreRefused
from evsed.store.journal import FLUSH_MS, Journal
from tests.evsed.store.worlds import (
    AT,
    a_day,
    both,
    bound,
    forget,
    held,
    keep,
    later,
    over,
    records_of,
    running,
    set_aside,
    started,
    states,
    stopped,
    token,
)

HEARTBEAT = Setting("OCPPCommCtrlr", "HeartbeatInterval", "60")


def test_an_empty_folder_recovers_nothing(folder: Path) -> None:
    journal = Journal(folder / "a" / "b")
    assert journal.load() == Recovered()
    assert journal.transactions() == []
    assert set_aside(journal) == []
    journal.close()


def test_a_whole_day_is_there_after_each_restart(folder: Path) -> None:
    history = a_day()
    for done, persist in enumerate(history):
        journal = Journal(folder)
        journal.commit(persist)
        journal.close()
        assert held(folder) == states(history)[done + 1]


CHANGES = st.sampled_from(
    [
        keep(running("a")),
        keep(running("a", 2000)),
        keep(over(running("a", 3000))),
        forget(running("a")),
        keep(running("b"), started("b", 1)),
        both(keep(over(running("b")), stopped("b", 2)), forget(started("b", 1))),
        keep(HEARTBEAT),
        forget(HEARTBEAT),
        later(token("x"), running("b", 1500)),
        replace(forget(token("x")), urgent=False),
        later(token("X")),
        later(over(running("a", 4000))),
    ]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CHANGES, max_size=12))
def test_any_order_of_changes_ends_as_two_dictionaries_would(folder: Path, history: list[Persist]) -> None:
    shutil.rmtree(folder)
    journal = Journal(folder)
    for persist in history:
        journal.commit(persist)
    journal.close()
    now, model = held(folder), states(history)[-1]
    assert now.live == model.live
    assert set(now.ended) == set(model.ended)


def test_the_queue_comes_back_in_its_order_and_the_rest_as_it_was_first_written(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(keep(started("b", 7), token("z"), running("tx2"), bound("b", 1)))
    journal.commit(keep(started("a", 3), token("a"), running("tx1"), bound("a", 2)))
    journal.commit(keep(token("z"), running("tx2", 9000)))
    found = journal.load()
    journal.close()
    assert [queued.seq for queued in found.queue] == [3, 7]
    assert [known.key for known in found.tokens] == ["z", "a"]
    assert found.transactions == (running("tx2", 9000), running("tx1"))


def test_an_urgent_commit_is_in_the_file_at_once_and_takes_the_gathered_along(folder: Path) -> None:
    journal = Journal(folder / "now")
    journal.commit(keep(running("tx")))
    journal.commit(later(running("tx", 1200)))
    shutil.copytree(folder / "now", folder / "cut1")
    journal.commit(keep(HEARTBEAT))
    shutil.copytree(folder / "now", folder / "cut2")
    journal.close()
    assert held(folder / "cut1").live == {repr(running("tx"))}
    assert held(folder / "cut2").live == {repr(running("tx", 1200)), repr(HEARTBEAT)}


def test_an_urgent_change_is_newer_than_what_was_gathered_of_the_same_record(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(later(running("tx", 1200)))
    journal.commit(keep(running("tx", 1300)))
    journal.close()
    assert held(folder).live == {repr(running("tx", 1300))}


def test_gathered_changes_are_due_a_flush_time_after_the_first_and_cost_nothing_until_then(folder: Path) -> None:
    journal = Journal(folder)
    log = folder / "journal.db-wal"
    assert journal.flush_at(1000) is None
    size = log.stat().st_size
    for now_ms in range(1000, 1000 + FLUSH_MS, 1000):
        journal.commit(later(running("tx", now_ms)))
        assert not journal.flush_due(now_ms)
    assert log.stat().st_size == size
    assert journal.flush_at(50_000) == 1000 + FLUSH_MS
    assert journal.flush_due(1000 + FLUSH_MS)
    journal.flush()
    assert log.stat().st_size > size
    assert not journal.flush_due(10**9)
    journal.close()


def test_an_urgent_commit_ends_the_wait_of_what_was_gathered(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(later(token("a")))
    assert journal.flush_at(0) == FLUSH_MS
    journal.commit(keep(HEARTBEAT))
    assert journal.flush_at(5000) is None
    journal.commit(later(token("b")))
    assert journal.flush_at(9000) == 9000 + FLUSH_MS
    journal.close()


def test_what_is_queued_and_answered_between_two_flushes_never_touches_the_disk(folder: Path) -> None:
    journal = Journal(folder)
    size = (folder / "journal.db-wal").stat().st_size
    journal.commit(later(started("tx", 1)))
    journal.commit(replace(forget(started("tx", 1)), urgent=False))
    journal.flush()
    assert (folder / "journal.db-wal").stat().st_size == size
    journal.close()


def test_closing_writes_what_was_gathered(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(later(HEARTBEAT))
    journal.close()
    assert held(folder).live == {repr(HEARTBEAT)}


def test_a_full_disk_keeps_the_gathered_and_is_asked_again_after_the_usual_time(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(later(*(token(f"card{n}") for n in range(200))))
    assert journal.flush_due(0) is False
    journal._sql.execute("PRAGMA max_page_count = 10")
    assert journal.flush_due(FLUSH_MS)
    with pytest.raises(StoreFailed, match=r"journal\.db: the disk is full; nothing was changed"):
        journal.flush()
    assert not journal.flush_due(FLUSH_MS + 1)
    with pytest.raises(StoreFailed):
        journal.commit(keep(HEARTBEAT))
    journal._sql.execute("PRAGMA max_page_count = 100000")
    journal.commit(keep(HEARTBEAT))
    journal.close()
    assert len(held(folder).live) == 201


# --- the history ---------------------------------------------------------------------------------------------


def test_ended_transactions_are_not_loaded_but_shown_newest_first_without_samples(folder: Path) -> None:
    journal = Journal(folder)
    sampled = replace(running("one"), samples=(MeterSet(AT, Context.SAMPLE_PERIODIC, ()),))
    journal.commit(keep(sampled, running("two"), running("three")))
    journal.commit(keep(over(running("two"))))
    journal.commit(keep(over(sampled)))
    assert journal.load().transactions == (running("three"),)
    assert journal.transactions() == [running("three"), over(running("one")), over(running("two"))]
    assert journal.transactions(2) == [running("three"), over(running("one"))]
    journal.close()


def test_the_history_is_bounded_but_keeps_what_the_central_system_has_not_heard(folder: Path) -> None:
    journal = Journal(folder, keep_ended=3)
    unheard = keep(stopped("tx1", 1), QueuedReport("x", 2, started("tx0", 0).report))
    journal.commit(unheard)
    for number in range(8):
        journal.commit(keep(over(running(f"tx{number}"))))
    assert [tx.id for tx in journal.transactions()] == ["tx7", "tx6", "tx5", "tx1", "tx0"]
    journal.commit(forget(stopped("tx1", 1)))
    journal.commit(keep(over(running("tx8"))))
    assert [tx.id for tx in journal.transactions()] == ["tx8", "tx7", "tx6", "tx0"]
    journal.close()


# --- rows that can't be read ---------------------------------------------------------------------------------


def test_unreadable_rows_go_to_quarantine_and_the_others_go_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(folder)
    journal.commit(keep(running("tx"), HEARTBEAT, token("a"), started("tx", 1), over(running("old"))))
    journal.close()
    with sqlite3.connect(folder / "journal.db") as file:
        file.execute("UPDATE record SET body = replace(body, '60', '61') WHERE kind = 'setting'")
        file.execute("UPDATE record SET body = CAST(x'7bff7d' AS TEXT) WHERE kind = 'token'")
        file.execute("UPDATE record SET kind = 'novelty' WHERE kind = 'report'")
        file.execute("UPDATE ended SET checksum = 7")
    file.close()
    journal = Journal(folder)
    assert records_of(journal.load()) == [running("tx")]
    assert journal.transactions() == [running("tx")]
    assert len(caplog.records) == 4
    (cards,) = (line.getMessage() for line in caplog.records if ": token " in line.getMessage())
    assert "token (its key is not told) went to quarantine" in cards
    assert set_aside(journal) == [
        ("setting", HEARTBEAT.key),
        ("token", "a"),
        ("novelty", "tx-start"),
        ("transaction", "old"),
    ]
    journal.commit(keep(HEARTBEAT))
    journal.close()
    caplog.clear()
    journal = Journal(folder)
    assert records_of(journal.load()) == [running("tx"), HEARTBEAT]
    assert len(set_aside(journal)) == 4
    assert caplog.records == []
    journal.close()


def test_a_full_disk_does_not_keep_a_row_from_being_passed_over(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(folder)
    journal.commit(keep(HEARTBEAT, token("a")))
    journal._sql.execute("UPDATE record SET body = body || ' ' WHERE kind = 'token'")
    journal._sql.execute("PRAGMA query_only = ON")
    assert records_of(journal.load()) == [HEARTBEAT]
    assert "stays where it is until the next start" in caplog.text
    journal._sql.execute("PRAGMA query_only = OFF")
    assert records_of(journal.load()) == [HEARTBEAT]
    assert len(set_aside(journal)) == 1
    journal.close()


def test_a_type_that_is_no_record_is_our_own_mistake(folder: Path) -> None:
    journal = Journal(folder)
    with pytest.raises(KeyError):
        journal.commit(Persist((Put(HEARTBEAT), Drop(MeterSet, "x"))))
    assert journal.load() == Recovered()
    journal.close()


# --- the folder and the file ---------------------------------------------------------------------------------


def test_the_file_is_for_its_owner_only(folder: Path) -> None:
    old = os.umask(0)
    try:
        journal = Journal(folder / "state")
        journal.commit(keep(HEARTBEAT))
        assert stat.S_IMODE((folder / "state").stat().st_mode) == 0o700
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder / "state").iterdir()}
        assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600}
        journal.close()
        (folder / "state" / "journal.db").chmod(0o644)
        Journal(folder / "state").close()
        assert stat.S_IMODE((folder / "state" / "journal.db").stat().st_mode) == 0o600
    finally:
        os.umask(old)


def test_of_what_was_forgotten_nothing_stays_in_the_file(folder: Path) -> None:
    """Keys and cards, also where a record fills pages of its own."""
    secrets = [Setting("A", name, f"canary-{name} " * size) for name, size in (("small", 1), ("large", 500))]
    journal = Journal(folder)
    journal.commit(Persist(tuple(Put(secret) for secret in secrets)))
    journal.close()
    assert b"canary-large" in (folder / "journal.db").read_bytes()
    journal = Journal(folder)
    journal.commit(Persist(tuple(Drop(Setting, secret.key) for secret in secrets)))
    journal.close()
    assert [path.name for path in folder.iterdir() if b"canary" in path.read_bytes()] == []


def test_a_second_evsed_on_the_same_folder_is_told_so(folder: Path) -> None:
    journal = Journal(folder)
    with pytest.raises(StoreRefused, match="is in use by another evsed; give each its own state folder"):
        Journal(folder)
    journal.close()
    Journal(folder).close()


def test_a_file_of_a_newer_program_is_left_alone(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(keep(HEARTBEAT))
    journal._sql.execute("PRAGMA user_version = 99")
    journal.close()
    before = (folder / "journal.db").read_bytes()
    with pytest.raises(StoreRefused, match=r"newer evsed \(schema 99, this program knows 2\); it is left as it is"):
        Journal(folder)
    assert (folder / "journal.db").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["journal.db"]


def test_a_migration_that_fails_leaves_the_old_schema_and_may_be_mended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder)
    journal.commit(keep(HEARTBEAT))
    journal.close()
    next_step = folder / "0002_more.sql"
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, next_step))
    next_step.write_text("CREATE TABLE more (a TEXT) STRICT; DROP TABLE record; INSERT INTO absent VALUES (1);")
    with pytest.raises(
        StoreRefused, match=r"0002_more.sql can't be applied: no such table: absent; it is left as it is"
    ):
        Journal(folder)
    next_step.write_text("CREATE TABLE more (a TEXT) STRICT; INSERT INTO more VALUES ('x');")
    journal = Journal(folder)
    assert records_of(journal.load()) == [HEARTBEAT]
    assert journal._sql.execute("SELECT * FROM more").fetchall() == [("x",)]
    journal.close()
    Journal(folder).close()  # a second start has nothing to do


def test_a_folder_that_cannot_be_made_is_one_sentence(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "file").write_text("")
    with pytest.raises(StoreRefused, match="file is a file; the state folder must be a folder"):
        Journal(folder / "file")
    (folder / "state" / "journal.db").mkdir(parents=True)
    with pytest.raises(StoreFailed, match=r"journal\.db: Is a directory"):
        Journal(folder / "state")
    assert caplog.records == []


def test_nothing_is_logged_in_a_good_life(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    journal = Journal(folder)
    for persist in a_day(sessions=1):
        journal.commit(persist)
    journal.close()
    assert caplog.records == []


def test_transaction_is_a_kind_of_its_own_key(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(keep(running("same"), Setting("s", "ame", "1"), token("same")))
    journal.commit(forget(Transaction("same", 1, token("q").token, None, AT, 0, 0)))
    assert len(records_of(journal.load())) == 2
    journal.close()


def event(n: int) -> SecurityEntry:
    return SecurityEntry(f"s{n}", SecurityKind.RECONFIGURED, AT, str(n))


def test_a_line_of_the_security_log_is_there_before_the_card_has_it(folder: Path) -> None:
    journal = Journal(folder)
    journal.commit(Persist((Put(event(1)),), urgent=True))
    journal.commit(Persist((Put(event(2)),), urgent=False))
    journal.commit(Persist((Put(event(3)),), urgent=False))
    assert journal.security_log() == [event(3), event(2), event(1)]
    assert journal.security_log(2) == [event(3), event(2)]
    journal.flush()
    assert journal.security_log() == [event(3), event(2), event(1)]
    journal.close()


def test_the_security_log_rolls(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "KEEP_SECURITY", 3)
    journal = Journal(folder)
    for n in range(5):
        journal.commit(keep(event(n)))
    assert journal.security_log() == [event(4), event(3), event(2)]
    assert journal.security_log(1) == [event(4)]
    journal.close()
    journal = Journal(folder)
    assert journal.load() == Recovered()  # it costs a start nothing
    assert len(journal.security_log()) == 3


def test_a_journal_that_was_set_aside_says_so(folder: Path) -> None:
    (folder / "journal.db").write_bytes(b"no journal" * 1_000)
    assert Journal(folder).load() == Recovered(damaged=True)
