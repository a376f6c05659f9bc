"""What the kernel really got: the lines of strace, as operations on the files of one folder.

strace is started with `OPTIONS`. Descriptors are followed by the paths that strace itself writes beside them (-y), data
comes whole and in hexadecimal (-xx). A call that failed changed nothing and is no operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CALLS = (
    "openat,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,rename,renameat,"
    "renameat2,unlink,unlinkat,rmdir,symlink,symlinkat,mkdir,mkdirat,link,linkat,sync,syncfs,sync_file_range,lseek,"
    "copy_file_range,sendfile,close"
)
OPTIONS = ("-f", "-qq", "-y", "-xx", "-s", "4000000", "-e", f"trace={CALLS}", "-e", "signal=none")
UNHEARD = ("writev", "pwritev", "pwritev2", "fallocate", "truncate", "link", "linkat", "copy_file_range", "sendfile")

_CALL = re.compile(r"^(?:\d+\s+)?(?:\[pid\s+\d+\] )?(\w+)\((.*)\)\s+= (-?\d+)(?:<(.*)>)?.*$")
_UNFINISHED = re.compile(r"^(\d+)\s+(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FD = re.compile(r"^(\d+)<((?:\\x[0-9a-f]{2})*|[^>]*)>")


class Operation(NamedTuple):
    """One thing that was asked of the disk, about a path below the folder."""

    kind: str
    path: str
    offset: int = 0
    data: bytes = b""
    target: str = ""


class NotUnderstood(Exception):
    """A call on our files that this reader has no operation for."""


def operations(lines: Iterator[str], folder: Path) -> list[Operation]:
    """All that happened below `folder`, in the order in which the kernel began it."""
    reader = _Reader(str(folder))
    for line in _whole(lines):
        found = _CALL.match(line)
        if found is not None and int(found[3]) >= 0:
            reader.hear(found[1], found[2], int(found[3]), found[4])
    return reader.found


def _whole(lines: Iterator[str]) -> Iterator[str]:
    """Calls that strace broke in two are joined where they ended."""
    begun: dict[str, str] = {}
    for raw in lines:
        line = raw.rstrip("\n")
        if (first := _UNFINISHED.match(line)) is not None:
            begun[first[1]] = first[2]
        elif (rest := _RESUMED.match(line)) is not None:
            yield begun.pop(rest[1], "") + rest[2]
        else:
            yield line


class _Reader:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._at: dict[int, int] = {}  # where each descriptor stands
        self._appends: set[int] = set()
        self._sizes: dict[str, int] = {}
        self.found: list[Operation] = []

    def hear(self, call: str, text: str, result: int, opened: str | None) -> None:
        if call == "openat":
            self._open(text, result, opened)
            return
        if call == "sync":
            self._add(Operation("sync-all", ""))
            return
        fd = _FD.match(text)
        if fd is not None:
            path = self._ours(_text(fd[2]))
            if path is not None:
                self._on_file(call, int(fd[1]), path, text[fd.end() :], result)
                return
        names = [self._ours(_text(raw)) for raw in _STRING.findall(text)]
        if any(names):
            self._on_names(call, text, names)

    def _ours(self, path: str) -> str | None:
        path = path.removesuffix("(deleted)")
        if path == self._folder:
            return "."
        return path.removeprefix(self._folder + "/") if path.startswith(self._folder + "/") else None

    def _open(self, text: str, fd: int, opened: str | None) -> None:
        path = self._ours(_text(opened or ""))
        if path is None:
            return
        self._at[fd] = 0
        (self._appends.add if "O_APPEND" in text else self._appends.discard)(fd)
        if "O_CREAT" in text and path not in self._sizes:
            self._sizes[path] = 0
            self._add(Operation("create", path))
        if "O_TRUNC" in text:
            self._sizes[path] = 0
            self._add(Operation("truncate", path, 0))

    def _on_file(self, call: str, fd: int, path: str, rest: str, result: int) -> None:
        if call in ("fsync", "fdatasync"):
            self._add(Operation("sync", path))
        elif call == "ftruncate":
            self._sizes[path] = int(rest.strip(", "))
            self._add(Operation("truncate", path, self._sizes[path]))
        elif call == "lseek":
            self._at[fd] = result
        elif call in ("write", "pwrite64"):
            self._write(call, fd, path, rest, result)
        elif call in ("unlinkat", "symlinkat", "renameat", "renameat2", "mkdirat") or call in UNHEARD:
            raise NotUnderstood(f"{call} of {path}: {rest[:80]}")

    def _write(self, call: str, fd: int, path: str, rest: str, size: int) -> None:
        string = _STRING.search(rest)
        assert string is not None
        data = bytes.fromhex(string[1].replace("\\x", ""))[:size]
        if call == "pwrite64":
            at = int(rest.rsplit(",", 1)[1])
        else:
            at = self._sizes.get(path, 0) if fd in self._appends else self._at.get(fd, 0)
            self._at[fd] = at + size
        self._sizes[path] = max(self._sizes.get(path, 0), at + size)
        self._add(Operation("write", path, at, data))

    def _on_names(self, call: str, text: str, names: list[str | None]) -> None:
        first = names[0]
        if call in ("unlink", "rmdir", "unlinkat") and first is not None:
            self._sizes.pop(first, None)
            self._add(Operation("remove", first))
        elif call in ("mkdir", "mkdirat") and first is not None:
            self._add(Operation("mkdir", first))
        elif call in ("symlink", "symlinkat"):
            last = names[-1]
            assert last is not None
            self._add(Operation("link", last, target=_text(_STRING.findall(text)[0])))
        elif call.startswith("rename") and first is not None and names[-1] is not None:
            if first in self._sizes:
                self._sizes[names[-1]] = self._sizes.pop(first)
            self._add(Operation("rename", first, target=names[-1]))
        else:
            raise NotUnderstood(f"{call}({text[:200]})")

    def _add(self, operation: Operation) -> None:
        self.found.append(operation)


def _text(raw: str) -> str:
    if "\\x" not in raw:
        return raw
    return bytes.fromhex(raw.replace("\\x", "")).decode(errors="replace")
