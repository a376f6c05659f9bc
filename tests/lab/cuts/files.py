"""Files of one folder whose operations may fail: Python's own calls, one by one, while `refusing` lasts.

Each open, write, sync, rename, removal, link and folder below it is one operation; number `fails_at` is refused, once
or with all that come after it, and a refused write is half done. What SQLite asks of the disk is not among them: that
is tests/evsed/store/disk.py. What needs no room is refused by a broken disk only, not by a full one.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import ENOSPC
from pathlib import Path
from typing import Any

READS = "read"
NEED_NO_ROOM = (READS, "chmod")


@dataclass
class Refusals:
    """What was asked, as (kind, path below the folder), and which of it is refused, with which errno."""

    folder: Path
    asked: list[tuple[str, str]] = field(default_factory=list)
    fails_at: int | None = None
    forever: bool = False
    code: int = 0
    spared: tuple[str, ...] = ()

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """What the world itself does is no operation."""
        spared, self.spared = self.spared, ("",)
        yield
        self.spared = spared

    @property
    def gone(self) -> bool:
        """Whether all is refused now."""
        return self.forever and self.fails_at is not None and len(self.asked) > self.fails_at

    def heal(self) -> None:
        """All goes well from now on."""
        self.fails_at = None

    def ask(self, kind: str, path: str) -> None:
        """One operation. Raises OSError if it is refused."""
        if self.refuses(kind, path):
            raise OSError(self.code, os.strerror(self.code), str(self.folder / path))

    def refuses(self, kind: str, path: str) -> bool:
        """The same, and whoever asks does the rest."""
        if path.startswith(self.spared):
            return False
        number = len(self.asked)
        self.asked.append((kind, path))
        if kind in NEED_NO_ROOM and self.code == ENOSPC:
            return False
        return self.fails_at is not None and (number == self.fails_at or (self.forever and number > self.fails_at))

    def below(self, path: Any, dir_fd: int | None = None) -> str | None:
        """Its path below the folder; None for what lies elsewhere."""
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        if dir_fd is not None:
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), path)
        text, folder = os.path.abspath(os.fspath(path)), str(self.folder)
        if isinstance(text, bytes) or not (text == folder or text.startswith(folder + "/")):
            return None
        return os.path.relpath(text, folder)


class _File(io.FileIO):
    """One that was opened for writing."""

    refusals: Refusals
    place: str

    def write(self, data: Any) -> int:
        if self.refusals.refuses("write", self.place):
            super().write(bytes(data)[: len(data) // 2])
            raise OSError(self.refusals.code, os.strerror(self.refusals.code))
        return super().write(data) or 0


@contextmanager
def refusing(folder: Path) -> Iterator[Refusals]:
    """Below that folder nothing is sure."""
    refusals = Refusals(folder.resolve())
    theirs: list[tuple[Any, str, Any]] = []

    def instead(module: Any, name: str, ours: Callable[..., Any]) -> None:
        theirs.append((module, name, getattr(module, name)))
        setattr(module, name, ours)

    opened = _opened(refusals, io.open)
    instead(io, "open", opened)
    instead(builtins, "open", opened)
    instead(os, "open", _descriptor(refusals, os.open))
    instead(os, "write", _written(refusals, os.write))
    for kind, name in (("sync", "fsync"), ("sync", "fdatasync"), ("truncate", "truncate"), ("truncate", "ftruncate")):
        instead(os, name, _asked(refusals, kind, getattr(os, name), there=True))
    for name in ("unlink", "remove", "rmdir", "rename", "replace", "chmod"):
        instead(os, name, _asked(refusals, name, getattr(os, name), there=True))
    instead(os, "mkdir", _asked(refusals, "mkdir", os.mkdir, there=False))
    instead(os, "symlink", _linked(refusals, os.symlink))
    try:
        yield refusals
    finally:
        for module, name, real in theirs:
            setattr(module, name, real)


def _asked(refusals: Refusals, kind: str, real: Callable[..., Any], *, there: bool) -> Callable[..., Any]:
    """What is refused anyway, as it is not there (or is there already), is no operation."""

    def call(path: Any, *args: Any, **more: Any) -> Any:
        place = refusals.below(path, more.get("dir_fd", more.get("src_dir_fd")))
        if place is not None and os.path.lexists(refusals.folder / place) is there:
            refusals.ask(kind, place)
        return real(path, *args, **more)

    return call


def _linked(refusals: Refusals, real: Callable[..., Any]) -> Callable[..., Any]:
    def symlink(target: Any, path: Any, *args: Any, **more: Any) -> Any:
        place = refusals.below(path)
        if place is not None:
            refusals.ask("symlink", place)
        return real(target, path, *args, **more)

    return symlink


def _written(refusals: Refusals, real: Callable[..., int]) -> Callable[..., int]:
    def write(fd: int, data: bytes) -> int:
        place = refusals.below(fd)
        if place is not None and refusals.refuses("write", place):
            real(fd, data[: len(data) // 2])
            raise OSError(refusals.code, os.strerror(refusals.code))
        return real(fd, data)

    return write


def _descriptor(refusals: Refusals, real: Callable[..., int]) -> Callable[..., int]:
    def descriptor(path: Any, flags: int, *args: Any, **more: Any) -> int:
        place = refusals.below(path, more.get("dir_fd"))
        if place is not None:
            refusals.ask("open" if flags & os.O_CREAT and not os.path.lexists(path) else READS, place)
        return real(path, flags, *args, **more)

    return descriptor


def _opened(refusals: Refusals, real: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **more: Any) -> Any:
        place = refusals.below(file) if not isinstance(file, int) or file > 2 else None
        if place is None:
            return real(file, mode, buffering, *args, **more)
        writes = set(mode) & set("wax+")
        if not isinstance(file, int) and (writes or os.path.lexists(refusals.folder / place)):
            refusals.ask("open" if writes else READS, place)
        if not writes or "+" in mode:
            return real(file, mode, buffering, *args, **more)
        raw = _File(file, mode.replace("b", "").replace("t", ""), more.pop("closefd", True), more.pop("opener", None))
        raw.refusals, raw.place = refusals, place
        buffer = raw if buffering == 0 else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, *args, **more)

    return opened
