"""What a state folder holds, in a form that can be compared."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from pathlib import Path

from evsed.certificates import CertificateStore
from evsed.quarantine import Quarantine
from evsed.slots import Slots
from hal.latches import LatchFile

TABLES = ("record", "ended", "security")


def rows_of(sql: sqlite3.Connection) -> str:
    """A digest of all that a journal keeps."""
    rows = [sql.execute(f"SELECT kind, key, checksum FROM {table} ORDER BY kind, key").fetchall() for table in TABLES]
    return sha256(repr(rows).encode()).hexdigest()


def latches_of(file: LatchFile) -> str:
    """What hal remembers."""
    return repr({evse: tuple(map(str, names)) for evse, names in sorted(file._kept.items())})


def held_of(store: CertificateStore) -> tuple[str, ...]:
    """Of roots, own certificates and the request that waits a digest each: they change one after the other."""
    held = store.held()
    return tuple(sha256(repr(part).encode()).hexdigest() for part in (held.roots, held.own, held.request))


def blame_of(book: Quarantine) -> str:
    """Who is to blame for crashes."""
    return repr(sorted(book._blame.items()))


def slots_of(slots: Slots) -> tuple[str | None, ...]:
    """Which program runs, on which trial, and below which version none comes again."""
    trial = slots._trial()
    return slots._name(), repr(sorted(trial.items())), slots.floor()


def tree_of(folder: Path) -> str:
    """A digest of all files of a program."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    told = [(str(path.relative_to(folder)), path.read_bytes()) for path in files]
    return sha256(repr(told).encode()).hexdigest()
