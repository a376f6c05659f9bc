"""Card readers for tests: each with what lies behind it, and cards that come, stay and go."""

from __future__ import annotations

import os
import select
import struct
import sys
import tty
from functools import reduce
from operator import xor
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Protocol

import pytest

from hal.drivers import hid_reader
from hal.drivers.hid_reader import HidReader
from hal.drivers.mfrc522 import Mfrc522
from hal.drivers.pn532 import Pn532
from hal.drivers.protocols import Reader
from hal.drivers.serial_reader import SerialReader
from hal.sim.pty_line import PtyLine
from hal.sim.reader import SimReader
from hal.sim.rtu_slave import Utterance
from tests.hal.drivers.mfrc522_chip import Chip

SOON_S = 5


class World(Protocol):
    """A reader, and whoever shows it cards."""

    reader: Reader

    def show(self, uid: bytes) -> None:
        """Hold a card to it from now on."""

    def remove(self) -> None:
        """Take it away."""

    def poll(self) -> str | None:
        """Ask, after the reader had the time to do what it does by itself."""

    def pull_out(self) -> None:
        """The device is gone."""

    def plug_in(self) -> None:
        """It is back."""

    def close(self) -> None:
        """The end."""


class Shown:
    """A world as the rig of the contract: its two cards by number."""

    def __init__(self, world: World, cards: tuple[bytes, bytes]) -> None:
        self.world, self.reader, self._cards = world, world.reader, cards
        self.tags = [card.hex().upper() for card in cards]
        self.poll, self.remove = world.poll, world.remove
        self.pull_out, self.plug_in = world.pull_out, world.plug_in

    def show(self, card: int) -> None:
        self.world.show(self._cards[card])


class Simulated:
    def __init__(self) -> None:
        self.sim = SimReader()
        self.reader: Reader = self.sim

    def show(self, uid: bytes) -> None:
        self.sim.swipe(uid.hex().upper())

    def remove(self) -> None:
        pass

    def poll(self) -> str | None:
        return self.reader.poll()

    def pull_out(self) -> None:
        self.sim.vanish()

    def plug_in(self) -> None:
        self.sim.vanish(on=False)

    def close(self) -> None:
        self.reader.close()


class Keyboard:
    """A pipe that brings the kernel's input events; whoever grabs it has it for himself."""

    CODES = {  # noqa: RUF012
        **{str(n): code for n, code in zip(range(1, 10), range(2, 11), strict=True)},
        "0": 11,
        **dict(zip("abcdef", (30, 48, 46, 32, 18, 33), strict=True)),
    }

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **script: object) -> None:
        self.path = folder / "event-kbd"
        self.grabs: list[tuple[int, int]] = []
        monkeypatch.setattr(hid_reader.fcntl, "ioctl", self._ioctl)
        self.plug_in()
        self.reader: Reader = HidReader(HidReader.Config(device=str(self.path), **script))  # type: ignore[arg-type]

    def _ioctl(self, _: int, request: int, value: int) -> int:
        self.grabs.append((request, value))
        return 0

    def event(self, kind: int, code: int, value: int) -> None:
        os.write(self._far, struct.pack("@llHHi", 0, 0, kind, code, value))

    def stroke(self, code: int, shift: bool = False) -> None:
        if shift:
            self.event(1, 42, 1)
        for value in (1, 2, 0):  # pressed, repeated, released
            self.event(4, 4, code)
            self.event(1, code, value)
            self.event(0, 0, 0)
        if shift:
            self.event(1, 42, 0)

    def type(self, text: str) -> None:
        for character in text:
            self.stroke(self.CODES[character.lower()], shift=character.isupper())

    def enter(self) -> None:
        self.stroke(28)

    def show(self, uid: bytes) -> None:
        self.type(uid.hex().upper())
        self.enter()

    def remove(self) -> None:
        pass

    def poll(self) -> str | None:
        return self.reader.poll()

    def pull_out(self) -> None:
        self.path.unlink()
        os.close(self._far)

    def plug_in(self) -> None:
        os.mkfifo(self.path)
        self._far = os.open(self.path, os.O_RDWR)

    def close(self) -> None:
        self.reader.close()
        os.close(self._far)


class Wire:
    """A pseudo-terminal behind a path that stays when the device goes."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "ttyreader"
        self.plug_in()

    def plug_in(self) -> None:
        self._here, self._there = os.openpty()
        tty.setraw(self._there)
        self.link.symlink_to(os.ttyname(self._there))

    def send(self, data: bytes) -> None:
        os.write(self._here, data)
        assert select.select([self._there], [], [], SOON_S)[0]  # the kernel hands it over in its own time

    def pull_out(self) -> None:
        self.link.unlink()
        os.close(self._here)
        os.close(self._there)


class Sending:
    """A reader that sends a card by itself, again and again while it is held."""

    def __init__(self, folder: Path, frame: str, **script: object) -> None:
        self._folder = folder
        self.wire = Wire(folder)
        self._frame = frame
        self._held: bytes | None = None
        self.reader: Reader = SerialReader(
            SerialReader.Config(port=str(self.wire.link), frame=frame, **script)  # type: ignore[arg-type]
        )
        self.reader.poll()  # a terminal keeps nothing for whoever opens it later

    def frame(self, uid: bytes) -> bytes:
        if self._frame == "line":
            return uid.hex().encode() + b"\r\n"
        check = reduce(xor, uid)
        return b"\x02" + (uid + bytes((check,))).hex().upper().encode() + b"\r\n\x03"

    def show(self, uid: bytes) -> None:
        self._held = uid

    def remove(self) -> None:
        self._held = None

    def poll(self) -> str | None:
        if self._held is not None:
            self.wire.send(self.frame(self._held))
        return self.reader.poll()

    def pull_out(self) -> None:
        self._held = None
        self.wire.pull_out()

    def plug_in(self) -> None:
        self.wire.plug_in()
        self.reader.poll()

    def close(self) -> None:
        self.reader.close()
        self.wire.pull_out()


class OnSpi:
    """The MFRC522's registers behind the interface of spidev."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chip = Chip()
        module = ModuleType("spidev")
        module.SpiDev = self.chip.spi_dev  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "spidev", module)
        self.reader: Reader = Mfrc522(Mfrc522.Config())

    def show(self, uid: bytes) -> None:
        self.chip.cards = [uid]

    def remove(self) -> None:
        self.chip.cards = []

    def poll(self) -> str | None:
        return self.reader.poll()

    def pull_out(self) -> None:
        self.chip.there = False

    def plug_in(self) -> None:
        self.chip.there = True

    def close(self) -> None:
        self.reader.close()


class OnHsu:
    """A PN532 at the far end of a pseudo-terminal."""

    ACK = bytes.fromhex("0000ff00ff00")

    def __init__(self, folder: Path) -> None:
        self.link = folder / "ttypn532"
        self.cards: list[bytes] = []
        self.asleep = True
        self.spoil = lambda frame: frame
        self.plug_in()
        self.reader: Reader = Pn532(Pn532.Config(port=str(self.link)))

    def plug_in(self) -> None:
        self._line = PtyLine(self.hear)
        self._thread = Thread(target=self._line.serve, daemon=True)
        self._thread.start()
        self.asleep = True
        self.link.symlink_to(self._line.path)

    def pull_out(self) -> None:
        self.link.unlink()
        self._line.stop()
        self._thread.join()

    def hear(self, data: bytes) -> list[Utterance]:
        if b"\x55\x55" in data:
            self.asleep = False
        begin = data.find(b"\x00\x00\xff")
        if self.asleep or begin < 0:
            return []
        length = data[begin + 3]
        said = data[begin + 5 : begin + 5 + length]
        assert said[0] == 0xD4 and (sum(said) + data[begin + 5 + length]) % 256 == 0
        return [Utterance(0, self.ACK + self.spoil(self.framed(bytes((0xD5, said[1] + 1)) + self.answer(said[1:]))))]

    def answer(self, said: bytes) -> bytes:
        match said[0], said[1:].hex():
            case (0x14, "011400") | (0x32, "05ff0101"):
                return b""
            case 0x4A, "0100":
                if not self.cards:
                    return b"\x00"
                uid = self.cards[0]
                return bytes((1, 1, 0x00, 0x04, 0x08, len(uid))) + uid
        raise AssertionError(said)

    def framed(self, data: bytes) -> bytes:
        n = len(data)
        return bytes((0, 0, 255, n, (256 - n) % 256)) + data + bytes(((256 - sum(data) % 256) % 256, 0))

    def show(self, uid: bytes) -> None:
        self.cards = [uid]

    def remove(self) -> None:
        self.cards = []

    def poll(self) -> str | None:
        return self.reader.poll()

    def close(self) -> None:
        self.reader.close()
        self._line.stop()
        self._thread.join()
