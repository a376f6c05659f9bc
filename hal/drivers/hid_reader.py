"""Card readers that pretend to be a USB keyboard: they type the card's number and Enter.

    [outlet.reader]
    driver = "hid_reader"
    device = "/dev/input/by-id/usb-….-event-kbd"
    form = "decimal"        # what it types, see tags.py
    size = 4

Rules this file upholds:
- The device is taken for us alone (EVIOCGRAB): what it types never reaches a console.
- A key that no number has, or events that the kernel dropped, spoil the line in hand: a card is read whole or not.
- A reader that was pulled out is looked for again by the next poll.

The kernel's struct and one ioctl are all that is needed here; the package evdev would have to be compiled on the Pi.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Annotated

import msgspec

from hal.drivers.claims import file_claim
from hal.drivers.protocols import PartFailed
from hal.drivers.tags import Lines, Presentations, Script

_EVENT = struct.Struct("@llHHi")  # struct input_event: seconds, microseconds, type, code, value
_EV_SYN, _EV_KEY, _SYN_DROPPED, _PRESSED, _RELEASED = 0, 1, 3, 1, 0
_EVIOCGRAB = 0x40044590
_MOST_EVENTS = 512
_SHIFTS = (42, 54)
# Codes of linux/input-event-codes.h in the order of a keyboard.
_KEYS = {
    **dict(zip(range(2, 12), "1234567890", strict=True)),
    **dict(zip(range(16, 26), "qwertyuiop", strict=True)),
    **dict(zip(range(30, 39), "asdfghjkl", strict=True)),
    **dict(zip(range(44, 51), "zxcvbnm", strict=True)),
    **dict(zip((71, 72, 73, 75, 76, 77, 79, 80, 81, 82), "7894561230", strict=True)),
    12: "-",
    28: "\n",
    52: ".",
    96: "\n",
}
_SHIFTED = {"-": "_"}


class Keys(Script, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Keys beside `driver`: the event device of the reader, and how it writes."""

    device: Annotated[str, msgspec.Meta(pattern="^/")]

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (file_claim(self.device),)


class HidReader:
    """A `Reader`."""

    Config = Keys

    def __init__(self, config: Keys) -> None:
        self._path, self._script = Path(config.device), config
        self._presentations = Presentations()
        self._fd: int | None = None
        self._fresh()

    def poll(self) -> str | None:
        """Take what was typed. Raises PartFailed."""
        try:
            fd = self._open() if self._fd is None else self._fd
            typed = _read(fd)
        except OSError as broken:
            self.close()
            raise PartFailed(f"reader {self._path}: {broken.strerror}") from None
        return self._presentations.poll(self._listen(typed))

    def close(self) -> None:
        """Let go of the device; the next poll opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._fresh()

    def _fresh(self) -> None:
        """What was typed to nobody belongs to no card."""
        self._lines = Lines(self._script)
        self._shift = False

    def _open(self) -> int:
        fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, _EVIOCGRAB, 1)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        return fd

    def _listen(self, typed: bytes) -> list[str]:
        """The cards in a run of whole events."""
        tags = []
        for _, _, kind, code, value in _EVENT.iter_unpack(typed):
            if (kind, code) == (_EV_SYN, _SYN_DROPPED):
                self._lines.spoil("keys were lost")
            elif kind == _EV_KEY and code in _SHIFTS:
                self._shift = value != _RELEASED
            elif kind == _EV_KEY and value == _PRESSED:
                tags += self._key(code)
        return tags

    def _key(self, code: int) -> list[str]:
        key = _KEYS.get(code)
        if key is None:
            self._lines.spoil("a key that no number has")
            return []
        return self._lines.put(_SHIFTED.get(key, key.upper()) if self._shift else key)


def _read(fd: int) -> bytes:
    """All events that wait; the kernel gives whole ones. Raises OSError, also for a device that has gone."""
    try:
        typed = os.read(fd, _EVENT.size * _MOST_EVENTS)
    except BlockingIOError:
        return b""
    if not typed or len(typed) % _EVENT.size:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return typed


PARTS = {"reader": HidReader}
