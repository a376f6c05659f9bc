"""The kernel's attribute files: one value each, read and written whole.

Rules this file upholds: a file is opened anew for each access, so that a device which has gone is noticed at once, and
nothing blocks longer than the device's own driver does. What the kernel refuses is an OSError.
"""

from __future__ import annotations

import os


def read(path: str) -> str:
    """The value, without the line's end. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4_096).decode("ascii", "replace").strip()
    finally:
        os.close(fd)


def write(path: str, value: object) -> None:
    """Set it, in one write. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, f"{value}\n".encode())
    finally:
        os.close(fd)
