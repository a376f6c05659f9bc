"""What a simulated meter keeps without power: its register, so that a killed process loses no simulated energy.

Rules this file upholds:
- The file is mapped into memory: a kill loses nothing, and counting costs no write to the disk by itself.
"""

from __future__ import annotations

import mmap
from pathlib import Path

_BYTES = 16


class Eeprom:
    """One number of picojoules. Without a path it lives as long as its owner."""

    def __init__(self, path: Path | None, start: int) -> None:
        self._cells: bytearray | mmap.mmap = bytearray(_BYTES)
        if path is not None:
            if not path.exists() or path.stat().st_size != _BYTES:
                path.write_bytes(bytes(_BYTES))
            with path.open("r+b") as file:
                self._cells = mmap.mmap(file.fileno(), _BYTES)
        if self.value < start:
            self.value = start

    @property
    def value(self) -> int:
        """The number."""
        return int.from_bytes(self._cells[:_BYTES], "big")

    @value.setter
    def value(self, number: int) -> None:
        self._cells[:_BYTES] = number.to_bytes(_BYTES, "big")
