"""The journal's file: opened by one process at a time, checked, brought to the newest schema, or set aside.

Rules this file upholds:
- What was acknowledged is on the disk: WAL with synchronous=FULL.
- Small pages, since a commit costs whole pages and the disk counts in blocks of 4096 bytes.
- A damaged file is kept under another name and a fresh one is begun: a box recovers without a human.
- A file of a newer program is left as it is, and so is one that the disk doesn't give now.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

log = logging.getLogger(__name__)

FILE = "journal.db"
KEEP_ASIDE = 5
MIGRATIONS = tuple(sorted((Path(__file__).parent / "migrations").glob("[0-9]*.sql")))
_ASIDE = re.compile(r"journal\.quarantine-(\d+)\.db(-wal)?")
_PRAGMAS = (
    "page_size = 1024",
    "locking_mode = EXCLUSIVE",  # no shared-memory file, and no second writer
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 1000",  # 1 MiB, some hours of charging
    "journal_size_limit = 2097152",
    "secure_delete = ON",  # of a key or a card that was forgotten nothing stays; a charge writes 0.1 % more for it
    "cell_size_check = ON",
    "trusted_schema = OFF",
)
_PROBES = ("record", "ended", "security", "quarantine")

_DISK = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an input/output error",
    sqlite3.SQLITE_READONLY: "the disk is read-only",
    sqlite3.SQLITE_CANTOPEN: "it can't be opened",
    sqlite3.SQLITE_PERM: "access is refused",
    sqlite3.SQLITE_NOMEM: "memory is short",
    sqlite3.SQLITE_BUSY: "another program has it open",
    sqlite3.SQLITE_LOCKED: "another program has it open",
    sqlite3.SQLITE_PROTOCOL: "another program has it open",
}
"""What is the surroundings' fault, not the file's; it may pass."""


class StoreFailed(Exception):
    """The disk did not do it; nothing was changed and it may be tried again. The text is a sentence. `full`: for want
    of room.
    """

    def __init__(self, sentence: str, *, full: bool = False) -> None:
        super().__init__(sentence)
        self.full = full


class StoreRefused(Exception):
    """This journal must not be used by this process. The text is a sentence."""


class _Damaged(Exception):
    """The file is not a sound journal; the text is the reason."""


class Database(Struct, frozen=True):
    """An open journal file and the lock on its folder. `damaged`: the one before it had to be set aside."""

    path: Path
    connection: sqlite3.Connection
    lock: int
    damaged: bool = False

    def close(self) -> None:
        """Give both back."""
        try:
            self.connection.close()
        finally:
            os.close(self.lock)


def open_database(folder: Path) -> Database:
    """The journal of a state folder, made if there is none. Raises StoreRefused, StoreFailed."""
    path = folder / FILE
    lock, damaged = _lock(folder), False
    try:
        with disk_faults(path):
            try:
                connection = _open_sound(path)
            except _Damaged as damage:
                aside, damaged = _set_aside(path), True
                reason = " ".join(str(damage).split())[:200]
                log.error("%s was damaged (%s): it is kept as %s, a fresh one is begun", path, reason, aside.name)
                connection = _open_sound(path)
            try:
                _sync_folder(folder)
            except OSError:
                connection.close()  # else nobody can try again
                raise
    except BaseException:
        os.close(lock)
        raise
    return Database(path, connection, lock, damaged)


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn what the disk, or the file on it, refuses into StoreFailed."""
    try:
        yield
    except sqlite3.Error as fault:
        code = _code(fault)
        sentence = f"{path}: {_DISK.get(code, str(fault))}; nothing was changed, it can be tried again."
        raise StoreFailed(sentence, full=code == sqlite3.SQLITE_FULL) from fault
    except OSError as fault:
        raise StoreFailed(
            f"{fault.filename or path}: {fault.strerror}; nothing was changed, it can be tried again."
        ) from fault


def _lock(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileExistsError:
        raise StoreRefused(f"{folder} is a file; the state folder must be a folder that can be written.") from None
    except OSError as fault:
        raise StoreFailed(f"{folder}: {fault.strerror}; the state folder must be one that can be written.") from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreRefused(f"{folder} is in use by another evsed; give each its own state folder.") from None
    return lock


def _open_sound(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    connection.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _check(connection)
        _migrate(connection, path)
    except (sqlite3.Error, UnicodeDecodeError) as fault:  # the latter: SQLite quotes a damaged schema
        connection.close()
        if _code(fault) in _DISK:
            raise
        raise _Damaged(fault) from fault
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise _Damaged(verdict)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    newest = len(MIGRATIONS)
    if version > newest:
        raise StoreRefused(
            f"{path} was written by a newer evsed (schema {version}, this program knows {newest}); it is left as it is."
        )
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version < 0 or (version == 0 and tables):
        raise _Damaged("it is not a journal of evsed")
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        _step(connection, path, migration, number)
    for table in _PROBES:
        connection.execute(f"SELECT place, kind, key, version, checksum, body FROM {table} LIMIT 1")  # noqa: S608


def _step(connection: sqlite3.Connection, path: Path, migration: Path, number: int) -> None:
    """One migration, wholly or not at all."""
    try:
        connection.executescript(f"BEGIN;\n{migration.read_text()}\nPRAGMA user_version = {number};\nCOMMIT;")
    except sqlite3.OperationalError as fault:
        if _code(fault) != sqlite3.SQLITE_ERROR:
            raise
        # The file is sound, so the fault is the program's: a good journal is not given up for that.
        raise StoreRefused(f"{path}: {migration.name} can't be applied: {fault}; it is left as it is.") from fault


def _set_aside(path: Path) -> Path:
    """Rename the file and its log; the file first, so that it is never opened without what its log holds."""
    taken = sorted(int(found[1]) for name in os.listdir(path.parent) if (found := _ASIDE.fullmatch(name)))
    number = taken[-1] + 1 if taken else 1
    aside = path.with_name(f"journal.quarantine-{number}.db")
    for end in ("", "-wal"):
        if os.path.exists(f"{path}{end}"):
            os.rename(f"{path}{end}", f"{aside}{end}")
    for old in (n for n in taken if n <= number - KEEP_ASIDE):
        for end in ("", "-wal"):
            path.with_name(f"journal.quarantine-{old}.db{end}").unlink(missing_ok=True)
    return aside


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _code(fault: Exception) -> int:
    """The primary result code; what sqlite3 itself finds wrong counts as a fault of the file."""
    return getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
