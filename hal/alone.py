"""One process at a time that drives a board, for each state folder and each socket.

Rules this file upholds: a claim ends with the process that made it, however that ends; nothing is left to be cleaned.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hal.settings import SettingsError

MARK = "lock"  # in the state folder; tells too that an evse-hal has lived there


def claim(path: Path) -> int | None:
    """Hold this file until the returned descriptor is closed; None = somebody else does. Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.geteuid() == 0:  # a tool that a person runs must not lock the service out for ever
            owner = os.stat(path.parent)
            os.fchown(fd, owner.st_uid, owner.st_gid)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as failed:
        os.close(fd)
        if isinstance(failed, BlockingIOError):
            return None
        raise
    return fd


def folder_of(path: str) -> Path:
    """The folder of what outlives the process, made where it is missing. Raises SettingsError."""
    folder = Path(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as failed:
        raise SettingsError(f"state {folder}: {failed.strerror}; name another with --state") from None
    return folder


@contextmanager
def claimed(state: Path) -> Iterator[None]:
    """The state folder for us alone. Raises SettingsError."""
    try:
        held = claim(state / MARK)
    except OSError as failed:
        raise SettingsError(f"state {state}: {failed.strerror}; name another with --state") from None
    if held is None:
        raise SettingsError(f"state {state}: another evse-hal uses it; stop that one, or name another with --state")
    try:
        yield
    finally:
        os.close(held)
