"""A serial port of a card reader: opened when it is needed, let go when it fails."""

from __future__ import annotations

import select
import termios
from collections.abc import Callable
from typing import TypeVar

import serial  # type: ignore[import-untyped]

from hal.drivers.protocols import PartFailed

_T = TypeVar("_T")
_CHUNK = 512


class SerialPort:
    """One port for us alone."""

    def __init__(self, path: str, baud: int) -> None:
        self._path, self._baud = path, baud
        self._tty: serial.Serial | None = None

    def waiting(self) -> bytes:
        """What has come. Raises PartFailed."""
        return self._do(lambda tty: bytes(tty.read(_CHUNK)))

    def write(self, data: bytes) -> None:
        """Send it. Raises PartFailed."""
        self._do(lambda tty: tty.write(data))

    def within(self, ms: int) -> bytes:
        """What comes first within `ms`; empty when nothing does. Raises PartFailed."""

        def wait(tty: serial.Serial) -> bytes:
            return bytes(tty.read(_CHUNK)) if select.select([tty], [], [], ms / 1_000)[0] else b""

        return self._do(wait)

    def close(self) -> None:
        """Let go of the port; the next use opens it again."""
        if self._tty is not None:
            self._tty.close()
            self._tty = None

    def _do(self, work: Callable[[serial.Serial], _T]) -> _T:
        try:
            if self._tty is None:
                self._tty = serial.Serial(self._path, self._baud, timeout=0, write_timeout=1, exclusive=True)
            return work(self._tty)
        # pyserial lets errors of termios through.
        except (OSError, termios.error) as broken:
            self.close()
            raise PartFailed(f"reader {self._path}: {getattr(broken, 'strerror', None) or broken}") from None
