"""The one writer of the journal: what the station must not forget, on the disk.

Rules this file upholds:
- An urgent `Persist` is one SQLite transaction, durable when `commit` returns; it takes along all that was gathered.
- Others are gathered, the newest of each key wins, and go to the disk at most every `FLUSH_MS`: a card lives long.
- `StoreFailed` leaves everything as it was, gathered changes too, so the same call may be made again.
- A row that can't be read is moved aside with its reason; the others go on.
- Ended transactions stay for people to look at: the newest `KEEP_ENDED`, and each whose reports are still queued.
- So does the security log: its newest `KEEP_SECURITY` lines (A04.FR.04).

Calls may block as long as the disk does. One caller at a time; which thread is the caller's choice.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from evsed.core.central_systems import Agreed, LastGood
from evsed.core.effects import Change, Drop, Persist
from evsed.core.errands import FirmwareUpdate, LogUpload
from evsed.core.listed import ListedToken, ListMark
from evsed.core.profiles import InstalledProfile
from evsed.core.records import (
    BootClock,
    Bound,
    Inoperative,
    KnownToken,
    MeterMark,
    QueuedReport,
    Record,
    Recovered,
    Setting,
    Spent,
    Transaction,
)
from evsed.core.reserved import Reservation
from evsed.core.security_events import SecurityEntry
from evsed.store.database import StoreFailed, disk_faults, open_database
from evsed.store.records import KIND_OF, Row, Unreadable, decode, encode, tx_of

log = logging.getLogger(__name__)

FLUSH_MS = 60_000
KEEP_ENDED = 10_000
KEEP_QUARANTINED = 1_000
KEEP_SECURITY = 1_000
TRANSACTION = KIND_OF[Transaction]
NAMED = frozenset(KIND_OF.values()) - {KIND_OF[KnownToken], KIND_OF[ListedToken]}
"""Kinds whose keys may be in a log; those of cards are the numbers of cards."""

T = TypeVar("T", bound=Record)
Address = tuple[str, str]  # kind and key

_PUT = """
    INSERT INTO record (kind, key, version, checksum, body, tx) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (kind, key) DO UPDATE SET
        version = excluded.version, checksum = excluded.checksum, body = excluded.body, tx = excluded.tx
"""
_PUT_PAST = {
    table: f"""
    INSERT INTO {table} (kind, key, version, checksum, body) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        version = excluded.version, checksum = excluded.checksum, body = excluded.body
"""  # noqa: S608
    for table in ("ended", "security")
}
_DROP = "DELETE FROM record WHERE kind = ? AND key = ?"
_DROP_ENDED = "DELETE FROM ended WHERE key = ?"
_THIN_ENDED = """
    DELETE FROM ended WHERE place <= (SELECT max(place) FROM ended) - ?
    AND key NOT IN (SELECT tx FROM record WHERE tx IS NOT NULL)
"""
_THIN_SECURITY = "DELETE FROM security WHERE place <= (SELECT max(place) FROM security) - ?"
_LIVE = "SELECT place, kind, key, version, checksum, body FROM record ORDER BY place"
_RUNNING = """
    SELECT place, kind, key, version, checksum, body FROM record
    WHERE kind = 'transaction' ORDER BY place DESC LIMIT ?
"""
_NEWEST_SECURITY = "SELECT place, kind, key, version, checksum, body FROM security ORDER BY place DESC LIMIT ?"
_NEWEST_ENDED = "SELECT place, kind, key, version, checksum, body FROM ended ORDER BY place DESC LIMIT ?"
_MOVE_ASIDE = {
    table: (
        f"INSERT INTO quarantine (kind, key, version, checksum, body, why) "  # noqa: S608
        f"SELECT kind, key, version, checksum, body, ? FROM {table} WHERE place = ?",
        f"DELETE FROM {table} WHERE place = ?",  # noqa: S608
    )
    for table in ("record", "ended", "security")
}
_THIN_QUARANTINE = "DELETE FROM quarantine WHERE place <= (SELECT max(place) FROM quarantine) - ?"


class _Kept(Struct, frozen=True):
    """A record ready to be written; `past` is the table of those that are not loaded at start."""

    row: Row
    tx: str | None
    past: str | None


class Journal:
    """The journal of one state folder. Raises StoreRefused if it is not ours to use, StoreFailed if the disk fails."""

    def __init__(self, folder: Path, keep_ended: int = KEEP_ENDED) -> None:
        self._database = open_database(folder)
        self._sql = self._database.connection
        self._thinning = {"ended": (_THIN_ENDED, (keep_ended,)), "security": (_THIN_SECURITY, (KEEP_SECURITY,))}
        self._gathered: dict[Address, _Kept | None] = {}
        self._flush_at: int | None = None

    def load(self) -> Recovered:
        """All live records as the last process left them; rows that can't be read go to quarantine."""
        found = self._read("record", _LIVE)
        queue = sorted(_only(QueuedReport, found), key=lambda queued: queued.seq)
        return Recovered(
            transactions=_only(Transaction, found),
            queue=tuple(queue),
            tokens=_only(KnownToken, found),
            settings=_only(Setting, found),
            inoperative=_only(Inoperative, found),
            spent=_only(Spent, found),
            meters=_only(MeterMark, found),
            clocks=_only(BootClock, found),
            bindings=_only(Bound, found),
            profiles=_only(InstalledProfile, found),
            listed=_only(ListedToken, found),
            list_marks=_only(ListMark, found),
            reservations=_only(Reservation, found),
            agreed=_only(Agreed, found),
            last_good=_only(LastGood, found),
            damaged=self._database.damaged,
            firmware=_only(FirmwareUpdate, found),
            uploads=_only(LogUpload, found),
        )

    def commit(self, persist: Persist) -> None:
        """Keep these changes: on the disk at return if urgent, else with the next batch. Raises StoreFailed."""
        batch = dict(_encoded(change) for change in persist.changes)
        if persist.urgent:
            self._write({**self._gathered, **batch})
            self._gathered.clear()
        else:
            self._gathered.update(batch)

    def flush(self) -> None:
        """Write what was gathered. Raises StoreFailed."""
        self._flush_at = None  # a failed flush is tried again after the usual time
        self._write(self._gathered)
        self._gathered.clear()

    def flush_at(self, now_ms: int) -> int | None:
        """When `flush` is due, in monotonic ms; asking starts the time of the first gathered change. None = never."""
        if not self._gathered:
            self._flush_at = None
        elif self._flush_at is None:
            self._flush_at = now_ms + FLUSH_MS
        return self._flush_at

    def flush_due(self, now_ms: int) -> bool:
        """Whether `flush` is due now."""
        due = self.flush_at(now_ms)
        return due is not None and now_ms >= due

    def transactions(self, limit: int = 20) -> list[Transaction]:
        """Running and ended ones as the disk has them, newest first; ended ones without their samples."""
        running = _only(Transaction, self._read("record", _RUNNING, limit))
        ended = _only(Transaction, self._read("ended", _NEWEST_ENDED, limit))
        return [*running, *ended][:limit]

    def security_log(self, limit: int = KEEP_SECURITY) -> list[SecurityEntry]:
        """The security log, newest first: what is only gathered yet, then what the disk has."""
        gathered = [
            decode(kept.row) for kept in self._gathered.values() if kept is not None and kept.past == "security"
        ]
        return [
            *_only(SecurityEntry, gathered[::-1]),
            *_only(SecurityEntry, self._read("security", _NEWEST_SECURITY, limit)),
        ][:limit]

    def close(self) -> None:
        """Write what was gathered and give the file back. Raises StoreFailed."""
        try:
            self.flush()
        finally:
            self._database.close()

    def _write(self, changes: dict[Address, _Kept | None]) -> None:
        if changes:
            with disk_faults(self._database.path), self._transaction():
                for (kind, key), kept in changes.items():
                    self._apply(kind, key, kept)

    def _apply(self, kind: str, key: str, kept: _Kept | None) -> None:
        past = kept.past if kept is not None else None
        if kept is None or past == "ended":
            self._sql.execute(_DROP, (kind, key))
        if kind == TRANSACTION and past is None:
            self._sql.execute(_DROP_ENDED, (key,))
        if kept is not None and past is not None:
            self._sql.execute(_PUT_PAST[past], kept.row)
            self._sql.execute(*self._thinning[past])
        elif kept is not None:
            self._sql.execute(_PUT, (*kept.row, kept.tx))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._sql.execute("BEGIN")
        try:
            yield
            self._sql.execute("COMMIT")
        except BaseException:
            if self._sql.in_transaction:
                with suppress(sqlite3.Error):
                    self._sql.execute("ROLLBACK")
            raise

    def _read(self, table: str, query: str, *args: int) -> list[Record]:
        with disk_faults(self._database.path):
            rows = self._sql.execute(query, args).fetchall()
        found = []
        for place, *columns in rows:
            row = Row(*columns)
            try:
                found.append(decode(row))
            except Unreadable as why:
                self._move_aside(table, place, row, str(why))
        return found

    def _move_aside(self, table: str, place: int, row: Row, why: str) -> None:
        key = repr(row.key) if row.kind in NAMED else "(its key is not told)"
        log.error("%s: %s %s went to quarantine: %s", self._database.path, row.kind, key, why)
        copy, delete = _MOVE_ASIDE[table]
        try:
            with disk_faults(self._database.path), self._transaction():
                self._sql.execute(copy, (why, place))
                self._sql.execute(delete, (place,))
                self._sql.execute(_THIN_QUARANTINE, (KEEP_QUARANTINED,))
        except StoreFailed as fault:
            log.error("%s The row stays where it is until the next start.", fault)


def _encoded(change: Change) -> tuple[Address, _Kept | None]:
    if isinstance(change, Drop):
        return (KIND_OF[change.kind], change.key), None
    record = cast(Record, change.record)  # effects.Put says so
    past = "security" if isinstance(record, SecurityEntry) else None
    if isinstance(record, Transaction) and record.ended is not None:
        record, past = replace(record, samples=()), "ended"  # its end report carries them
    row = encode(record)
    return (row.kind, row.key), _Kept(row, tx_of(record), past)


def _only(kind: type[T], records: Iterable[Record]) -> tuple[T, ...]:
    return tuple(record for record in records if isinstance(record, kind))
