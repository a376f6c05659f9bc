"""A disk that remembers every write and may refuse any: SQLite's own file layer with ears.

It becomes SQLite's default VFS while it is in use, so the journal under test is the real one, unchanged.
"""

from __future__ import annotations

import ctypes
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECTOR = 512
OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
WRITE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64)
SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
IN_VFS = {"xOpen": 0, "xDelete": 1}
IN_FILE = {"xWrite": 2, "xTruncate": 3, "xSync": 4}


class Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        ("calls", ctypes.c_void_p * 16),
    ]


class FileCalls(ctypes.Structure):
    _fields_ = [("iVersion", ctypes.c_int), ("calls", ctypes.c_void_p * 18)]


@dataclass(frozen=True)
class Operation:
    """One thing that was asked of the disk; `kind` "acknowledged" is a mark of the test's own."""

    kind: str
    file: str = ""
    offset: int = 0
    data: bytes = b""


@dataclass
class Disk:
    """What was asked of it, and which operation it refuses: number `fails_at` with `code`, once or from then on."""

    operations: list[Operation] = field(default_factory=list)
    fails_at: int | None = None
    forever: bool = False
    code: int = sqlite3.SQLITE_FULL
    asked: int = 0

    def refuses(self) -> bool:
        number, self.asked = self.asked, self.asked + 1
        return self.fails_at is not None and (number == self.fails_at or (self.forever and number > self.fails_at))

    def heal(self) -> None:
        self.fails_at = None

    def acknowledge(self) -> None:
        self.operations.append(Operation("acknowledged"))


def library() -> ctypes.CDLL | None:
    """The libsqlite3 that the sqlite3 module itself runs on; None where it is built in."""
    for name in ("libsqlite3.so.0", None):
        try:
            found = ctypes.CDLL(name)
            found.sqlite3_vfs_find.restype = ctypes.POINTER(Vfs)
            found.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
            found.sqlite3_vfs_register.argtypes = [ctypes.POINTER(Vfs), ctypes.c_int]
            found.sqlite3_libversion.restype = ctypes.c_char_p
        except (OSError, AttributeError):
            continue
        if found.sqlite3_libversion().decode() == sqlite3.sqlite_version:
            return found
    return None


class Shim:
    """The VFS: passes everything to the real one, after telling a Disk."""

    def __init__(self, sqlite: ctypes.CDLL, disk: Disk) -> None:
        self._disk = disk
        real = sqlite.sqlite3_vfs_find(None)
        self.vfs = Vfs.from_buffer_copy(real.contents)
        self.vfs.zName = b"listening"
        self._real_open = OPEN(self.vfs.calls[IN_VFS["xOpen"]])
        self._real_delete = DELETE(self.vfs.calls[IN_VFS["xDelete"]])
        self._mine: list[Any] = [OPEN(self._open), DELETE(self._delete)]
        self._put(self.vfs.calls, 0, self._mine[0])
        self._put(self.vfs.calls, 1, self._mine[1])
        self._names: dict[int, str] = {}
        self._tables: dict[int, FileCalls] = {}

    @staticmethod
    def _put(table: Any, index: int, function: Any) -> None:
        table[index] = ctypes.cast(function, ctypes.c_void_p).value

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        result = int(self._real_open(vfs, name, file, flags, out))
        if result == 0 and name:
            self._names[file] = os.path.basename(ctypes.string_at(name).decode())
            table = ctypes.c_void_p.from_address(file)
            assert table.value
            table.value = ctypes.addressof(self._listening(table.value))
        return result

    def _listening(self, address: int) -> FileCalls:
        """The real table of a file's calls with ours in three places."""
        if address not in self._tables:
            real = FileCalls.from_address(address)
            mine = FileCalls.from_buffer_copy(real)
            for name, shape, ours in (
                ("xWrite", WRITE, self._on_write),
                ("xTruncate", TRUNCATE, self._on_truncate),
                ("xSync", SYNC, self._on_sync),
            ):
                theirs = shape(real.calls[IN_FILE[name]])
                function = shape(lambda *args, ours=ours, theirs=theirs: ours(theirs, *args))
                self._mine.append(function)
                self._put(mine.calls, IN_FILE[name], function)
            self._tables[address] = mine
        return self._tables[address]

    def _on_write(self, real: Any, file: int, data: int, size: int, offset: int) -> int:
        if self._disk.refuses():
            real(file, data, size // 2, offset)  # half of it gets there
            return self._disk.code
        self._disk.operations.append(Operation("write", self._names[file], offset, ctypes.string_at(data, size)))
        return int(real(file, data, size, offset))

    def _on_truncate(self, real: Any, file: int, size: int) -> int:
        if self._disk.refuses():
            return self._disk.code
        self._disk.operations.append(Operation("truncate", self._names[file], size))
        return int(real(file, size))

    def _on_sync(self, real: Any, file: int, flags: int) -> int:
        if self._disk.refuses():
            return self._disk.code
        self._disk.operations.append(Operation("sync", self._names[file]))
        return 0  # nothing here outlives this process anyway

    def _delete(self, vfs: int, name: bytes, sync: int) -> int:
        if self._disk.refuses():
            return self._disk.code
        self._disk.operations.append(Operation("delete", os.path.basename(name.decode())))
        return int(self._real_delete(vfs, name, sync))


@contextmanager
def listening() -> Iterator[Disk]:
    """All databases opened within are on this disk, and it hears of folders that Python syncs."""
    sqlite = library()
    assert sqlite is not None
    disk = Disk()
    shim = Shim(sqlite, disk)
    sqlite.sqlite3_vfs_register(ctypes.byref(shim.vfs), 1)
    real_fsync = os.fsync

    def fsync(fd: Any) -> None:
        disk.operations.append(Operation("sync-folder"))
        real_fsync(fd)

    os.fsync = fsync
    try:
        yield disk
    finally:
        os.fsync = real_fsync
        sqlite.sqlite3_vfs_unregister(ctypes.byref(shim.vfs))


def after_power_cut(operations: list[Operation], luck: random.Random | None) -> dict[str, bytes]:
    """What the files may hold if the power went after these operations.

    What was synced is there. Of the rest, each write got there, or in part, or not, and a file that was unlinked may
    be back: as `luck` has it; None = everything got there.
    """
    safe: dict[str, bytearray] = {}
    loose: dict[str, list[Operation]] = {}
    unlinked: dict[str, bytearray] = {}
    for operation in operations:
        name = operation.file
        if operation.kind == "sync":
            image = safe.setdefault(name, bytearray())
            for earlier in loose.pop(name, []):
                _apply(image, earlier, None)
        elif operation.kind == "delete":
            loose.pop(name, None)
            unlinked[name] = safe.pop(name, bytearray())
        elif operation.kind == "sync-folder":
            unlinked.clear()
        elif operation.kind in ("write", "truncate"):
            loose.setdefault(name, []).append(operation)
    for name, rest in loose.items():
        image = safe.setdefault(name, bytearray())
        for operation in rest:
            _apply(image, operation, luck)
    back = {name: image for name, image in unlinked.items() if luck and luck.random() < 0.5}
    return {name: bytes(image) for name, image in (back | safe).items()}


def _apply(image: bytearray, operation: Operation, luck: random.Random | None) -> None:
    chance = luck.choice(("all", "none", "torn")) if luck else "all"
    if chance == "none":
        return
    if operation.kind == "truncate":
        del image[operation.offset :]
        return
    data = operation.data
    if chance == "torn" and luck:
        data = data[: luck.randrange(len(data) // SECTOR + 1) * SECTOR]
    end = operation.offset + len(data)
    image.extend(bytes(max(0, end - len(image))))
    image[operation.offset : end] = data


def lay(files: dict[str, bytes], folder: Path) -> Path:
    """A folder with these files."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
