"""ISO 14443-3 type A as far as a card's UID needs it: checksum, cascade levels, what a block of a UID must be."""

from __future__ import annotations

from functools import reduce
from operator import xor

WUPA = b"\x52"  # wakes halted cards too, so that a held card is seen again (§6.4.1)
SELECT = (0x93, 0x95, 0x97)  # one code each cascade level (§6.5.3)
ANTICOLLISION, WHOLE = 0x20, 0x70
CASCADE_TAG = 0x88
MORE = 0x04  # bit 3 of SAK: the UID is not complete yet (§6.5.3.4)
HALT = b"\x50\x00"


def crc_a(data: bytes) -> bytes:
    """CRC_A, low byte first (§6.2.4, annex B)."""
    crc = 0x6363
    for byte in data:
        low = byte ^ crc & 0xFF
        low = (low ^ low << 4) & 0xFF
        crc = crc >> 8 ^ low << 8 ^ low << 3 ^ low >> 4
    return crc.to_bytes(2, "little")


def block_is_whole(block: bytes) -> bool:
    """Whether four bytes of a UID and their check byte belong together."""
    return len(block) == 5 and reduce(xor, block) == 0
