"""How much of the disk files may still take. What is kept free is the journal's: transactions come before files."""

from __future__ import annotations

import os
from pathlib import Path

RESERVE = 32 * 1024 * 1024
"""Bytes that no file may take: many times what the journal and its log grow by while files come and go."""
FULL = "the disk has no room for it"
UNKNOWN_ROOM = "the disk does not say how much room it has"


def room(folder: Path) -> int:
    """Bytes that files may still take there; below 0 where the reserve is touched. Raises OSError."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize - RESERVE
