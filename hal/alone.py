"""One evse-hal at a time, for each state folder and each socket.

Rules this file upholds: a claim ends with the process that made it, however that ends; nothing is left to be cleaned.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

MARK = "lock"  # in the state folder; tells too that an evse-hal has lived there


def claim(path: Path) -> int | None:
    """Hold this file until the returned descriptor is closed; None = somebody else does. Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as failed:
        os.close(fd)
        if isinstance(failed, BlockingIOError):
            return None
        raise
    return fd
