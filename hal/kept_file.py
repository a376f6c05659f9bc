"""A small file of lines that is old or new after a power cut, never half, and tells when it is damaged."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

_MOST_BYTES = 10_000


def read_lines(path: Path, head: str) -> list[str]:
    """What `write_lines` wrote. Raises OSError, and ValueError at anything else."""
    with path.open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    body, mark, crc = raw.decode("ascii").rpartition("crc ")
    lines = body.splitlines()
    if not mark or f"{zlib.crc32(body.encode()):08x}\n" != crc or lines[:1] != [head]:
        raise ValueError("is damaged")
    return lines[1:]


def write_lines(path: Path, head: str, lines: Iterable[str]) -> None:
    """New file, fsync, rename, fsync. Raises OSError."""
    body = "".join(f"{line}\n" for line in (head, *lines))
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(f"{body}crc {zlib.crc32(body.encode()):08x}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    keep_names_of(path.parent)


def keep_names_of(folder: Path) -> None:
    """What was renamed or removed there outlives a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
