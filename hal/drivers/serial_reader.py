"""Card readers on a serial line that send each card by themselves.

    [outlet.reader]
    driver = "serial_reader"
    port = "/dev/serial/by-id/…"
    baud = 9_600
    frame = "line"          # text that ends with CR or LF; "em4100" = STX, 10 digits, 2 of checksum, ETX
    form = "hex"            # for lines, see tags.py

Rules this file upholds: a card whose frame is damaged is nobody's card, and bytes that never become one are thrown
away. RDM6300, ID-12LA and their kin send "em4100" frames: five bytes of number and their exclusive or.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from typing import Annotated, Literal

import msgspec

from hal.drivers.claims import file_claim
from hal.drivers.serial_port import SerialPort
from hal.drivers.tags import Lines, Presentations, Script, uid_text

_FRAME = re.compile(rb"\x02([0-9A-Fa-f]{12})(?:\r\n)?\x03")
_LONGEST_FRAME = 16


class Keys(Script, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys beside `driver`: the port, its speed, and how the reader writes."""

    port: Annotated[str, msgspec.Meta(pattern="^/")]
    baud: Annotated[int, msgspec.Meta(ge=1_200, le=115_200)] = 9_600
    frame: Literal["line", "em4100"] = "line"

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (file_claim(self.port),)


class SerialReader:
    """A `Reader`."""

    Config = Keys

    def __init__(self, config: Keys) -> None:
        self._port = SerialPort(config.port, config.baud)
        self._presentations = Presentations()
        self._read = self._lines if config.frame == "line" else self._frames
        self._typed, self._rest = Lines(config), b""

    def poll(self) -> str | None:
        """Take what was sent. Raises PartFailed."""
        return self._presentations.poll(self._read(self._port.waiting()))

    def close(self) -> None:
        """Let go of the port; the next poll opens it again."""
        self._port.close()

    def _lines(self, sent: bytes) -> list[str]:
        return self._typed.put(sent.decode("latin-1"))

    def _frames(self, sent: bytes) -> list[str]:
        raw, end = self._rest + sent, 0
        tags = []
        for frame in _FRAME.finditer(raw):
            end = frame.end()
            *uid, check = bytes.fromhex(frame[1].decode())
            if reduce(xor, uid) == check:
                tags.append(uid_text(bytes(uid)))
        self._rest = raw[end:][-_LONGEST_FRAME:]
        return tags


PARTS = {"reader": SerialReader}
