"""A pseudo-terminal with a Modbus slave at its far end: for the driver it is a serial port like any other."""

from __future__ import annotations

import os
import select
import tty
from collections.abc import Callable

from hal.sim.rtu_slave import Utterance

_SILENT_CHARACTERS = 3.5  # Modbus over serial line §2.5.1.1: ends a frame
_CHARACTER_BITS = 10
_CHUNK = 256


class PtyLine:
    """`path` is the port; `hear` is what sits at the far end: bytes in, answers out.

    With a `baud`, bytes come one by one and no faster than such a line carries them.
    """

    def __init__(self, hear: Callable[[bytes], list[Utterance]], baud: int | None = None) -> None:
        self._hear = hear
        self._character_s = _CHARACTER_BITS / baud if baud else 0.0
        self._here, self._there = os.openpty()
        tty.setraw(self._there)
        self.path = os.ttyname(self._there)
        self._ended, self._end = os.pipe()
        self._open = True

    def serve(self) -> None:
        """Answer until `stop`; then the port is gone."""
        while self._open and self._wait(None):
            heard = os.read(self._here, _CHUNK)
            self._pause(len(heard) * self._character_s)
            for utterance in self._hear(heard):
                self._say(utterance)
        for fd in (self._here, self._there, self._ended):
            os.close(fd)

    def stop(self) -> None:
        """Let `serve` end, from any thread; once."""
        if self._open:
            self._open = False
            os.close(self._end)

    def _say(self, utterance: Utterance) -> None:
        self._pause(utterance.delay_ms / 1_000 + _SILENT_CHARACTERS * self._character_s)
        if not self._character_s:
            os.write(self._here, utterance.data)
            return
        for byte in utterance.data:
            self._pause(self._character_s)
            os.write(self._here, bytes((byte,)))

    def _pause(self, seconds: float) -> None:
        """Let time pass on the line; the end of all cuts it short."""
        if seconds:
            select.select([self._ended], [], [], seconds)

    def _wait(self, seconds: float | None) -> bool:
        """Wait for bytes; False when it is over."""
        ready, _, _ = select.select([self._here, self._ended], [], [], seconds)
        return self._ended not in ready
