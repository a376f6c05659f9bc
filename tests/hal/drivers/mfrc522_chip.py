"""An MFRC522 as its data sheet has it, as far as a reader of UIDs can tell, and cards of ISO 14443 type A."""

from __future__ import annotations

import binascii
import errno
import os
from functools import reduce
from operator import xor


def crc_a(data: bytes) -> bytes:
    """By another way than the driver's: CRC-16/KERMIT of the standard library's CCITT with each byte mirrored."""
    mirrored = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)
    crc = binascii.crc_hqx(mirrored, 0xC6C6)  # 6363 mirrored
    return int(f"{crc:016b}"[::-1], 2).to_bytes(2, "little")


class Chip:
    def __init__(self) -> None:
        self.there = True
        self.cards: list[bytes] = []
        self.version = 0x92
        self.spoil: dict[str, bool] = {}
        self._reset()

    def _reset(self) -> None:
        self.registers = bytearray(64)
        self.fifo = bytearray()
        self.level: int | None = None  # how far the chosen card has come; None = asleep

    def spi_dev(self) -> Spi:
        return Spi(self)

    # --- registers -----------------------------------------------------------------------------------------------

    def read(self, register: int) -> int:
        match register:
            case 0x37:
                return self.version
            case 0x09:
                return self.fifo.pop(0) if self.fifo else 0
            case 0x0A:
                return len(self.fifo)
        return self.registers[register]

    def write(self, register: int, value: int) -> None:
        match register, value:
            case 0x01, 0x0F:
                self._reset()
            case 0x0A, 0x80:
                self.fifo.clear()
            case 0x09, _:
                self.fifo.append(value)
            case 0x04, 0x7F:
                self.registers[0x04] = 0
            case 0x0D, _ if value & 0x80 and self.registers[0x01] == 0x0C:
                self._transceive(value & 7)
            case _:
                self.registers[register] = value

    def _transceive(self, bits: int) -> None:
        sent, self.fifo = bytes(self.fifo), bytearray()
        ready = self.registers[0x14] & 3 == 3 and self.registers[0x2A] & 0x80 and self.registers[0x15] & 0x40
        answer = self._card(sent, bits) if ready else None
        self.registers[0x06] = 0
        if not ready and not self.registers[0x2A] & 0x80:
            return  # the timer was never set up
        if answer is None:
            self.registers[0x04] |= 0x01
            return
        if len(self.cards) > 1 and sent[1:2] == b"\x20":
            self.registers[0x06] = 0x08
        self.fifo += answer
        self.registers[0x04] |= 0x30

    # --- the card ------------------------------------------------------------------------------------------------

    def _card(self, sent: bytes, bits: int) -> bytes | None:
        if not self.cards:
            self.level = None
            return None
        uid = self.cards[0]
        blocks = _blocks(uid)
        if bits == 7:
            self.level = 0 if sent == b"\x52" else None
            return b"\x44\x00" if self.level == 0 else None
        if self.level is None:
            return None
        if sent[:1] == b"\x50":
            self.level = None
            return None
        block = blocks[self.level]
        block += bytes((reduce(xor, block),))
        if sent[0] != 0x93 + 2 * self.level and not self.spoil.get("level"):
            return None
        if sent[1] == 0x20:
            return bytes((block[0] ^ 0x10,)) + block[1:] if self.spoil.get("block") else block
        chosen = b"%c\x70%b" % (sent[0], block)
        if sent != chosen + crc_a(chosen) and not self.spoil.get("block"):  # one that believes whatever it hears
            return None
        last = self.level == len(blocks) - 1 and not (self.spoil.get("level") and sent[0] == 0x93)
        self.level = min(self.level + 1, len(blocks) - 1)
        sak = b"\x08" if last else b"\x04"
        return sak + (b"\x00\x00" if self.spoil.get("sak") else crc_a(sak))


def _blocks(uid: bytes) -> list[bytes]:
    """A UID of 4, 7 or 10 bytes in blocks of four."""
    if len(uid) == 4:
        return [uid]
    return [b"\x88" + uid[:3], *_blocks(uid[3:])]


class Spi:
    def __init__(self, chip: Chip) -> None:
        self._chip = chip

    def open(self, bus: int, device: int) -> None:
        if not self._chip.there:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def xfer2(self, sent: list[int]) -> list[int]:
        address, value = sent
        register = address >> 1 & 0x3F
        if not self._chip.there:
            return [0, 0]  # nobody drives the line
        if address & 0x80:
            return [0, self._chip.read(register)]
        self._chip.write(register, value)
        return [0, 0]

    def close(self) -> None:
        pass
