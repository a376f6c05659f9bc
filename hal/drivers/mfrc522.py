"""The MFRC522 card reader on SPI: it is asked for a card by each poll.

    [outlet.reader]
    driver = "mfrc522"
    bus = 0                 # /dev/spidev0.0
    device = 0

Rules this file upholds:
- A UID counts only when each of its blocks has the right check byte and the card acknowledged its selection.
- Two cards at once collide: neither is read.
- A chip that does not answer with a known version is no reader; it is set up anew after each failure.

Registers and commands after NXP's data sheet MFRC522 (§9, §10). Wire it to 3.3 V: SDA→CE, SCK, MOSI, MISO, RST→3.3 V.
"""

from __future__ import annotations

import select
from typing import Annotated, Any

import msgspec

from hal.drivers.claims import spi_device
from hal.drivers.nfc import (
    ANTICOLLISION,
    CASCADE_TAG,
    HALT,
    MORE,
    SELECT,
    WHOLE,
    WUPA,
    block_is_whole,
    crc_a,
)
from hal.drivers.protocols import PartFailed
from hal.drivers.tags import Presentations, uid_text

COMMAND, COM_IRQ, ERROR, FIFO_DATA, FIFO_LEVEL, BIT_FRAMING, COLLISION = 0x01, 0x04, 0x06, 0x09, 0x0A, 0x0D, 0x0E
MODE, TX_CONTROL, TX_ASK, T_MODE, T_PRESCALER, T_RELOAD_H, T_RELOAD_L, VERSION = (
    0x11,
    0x14,
    0x15,
    0x2A,
    0x2B,
    0x2C,
    0x2D,
    0x37,
)
IDLE, TRANSCEIVE, SOFT_RESET = 0x00, 0x0C, 0x0F
_RECEIVED, _IDLE_IRQ, _TIMED_OUT = 0x20, 0x10, 0x01
_BROKEN = 0x1B  # buffer overflow, collision, parity, protocol
_START, _FLUSH, _CLEAR = 0x80, 0x80, 0x7F
_SHORT_FRAME = 7  # bits
_MOST_LOOKS = 200  # at the interrupt flags; the chip's own timer ends the wait after 25 ms
_VERSIONS = (0x88, 0x90, 0x91, 0x92, 0xB2)
# 13.56 MHz / (2 · 169 + 1) = 25 µs a step, 1000 steps; 100 % ASK; CRC_A begins with 6363.
_SET_UP = (
    (T_MODE, 0x80),
    (T_PRESCALER, 0xA9),
    (T_RELOAD_H, 0x03),
    (T_RELOAD_L, 0xE8),
    (TX_ASK, 0x40),
    (MODE, 0x3D),
    (COLLISION, 0x00),
)
_ANTENNA = 0x03
_RESET_MS = 50
_SPEED_HZ = 1_000_000


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`: /dev/spidevBUS.DEVICE."""

    bus: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    device: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (spi_device(f"/dev/spidev{self.bus}.{self.device}"),)


class Mfrc522:
    """A `Reader`."""

    Config = Keys

    def __init__(self, config: Keys) -> None:
        self._config = config
        self._name = f"reader spidev{config.bus}.{config.device}"
        self._presentations = Presentations()
        self._spi: Any = None

    def poll(self) -> str | None:
        """Look for a card. Raises PartFailed."""
        try:
            if self._spi is None:
                self._set_up()
            uid = self._look()
        except OSError as broken:
            self.close()
            raise PartFailed(f"{self._name}: {broken.strerror or broken}") from None
        except PartFailed:
            self.close()
            raise
        return self._presentations.poll([uid_text(uid)] if uid else [])

    def close(self) -> None:
        """Let go of the bus; the next poll sets the chip up anew."""
        if self._spi is not None:
            self._spi.close()
            self._spi = None

    # --- the card ------------------------------------------------------------------------------------------------

    def _look(self) -> bytes | None:
        """The UID of the card in the field."""
        self._know_chip()
        if self._exchange(WUPA, last_bits=_SHORT_FRAME) is None:
            return None
        uid = b""
        for level in SELECT:
            block = self._exchange(bytes((level, ANTICOLLISION)))
            if block is None or not block_is_whole(block):
                return None
            chosen = bytes((level, WHOLE)) + block
            sak = self._exchange(chosen + crc_a(chosen))
            if sak is None or len(sak) != 3 or crc_a(sak[:1]) != sak[1:]:
                return None
            if not sak[0] & MORE:
                self._exchange(HALT + crc_a(HALT))  # a card answers to this by silence
                return uid + block[:4]
            if block[0] != CASCADE_TAG:
                return None
            uid += block[1:4]
        return None

    # --- the chip ------------------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        try:
            from spidev import SpiDev  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            raise PartFailed(f"{self._name}: the package spidev is missing; install evsed with its pi extra") from None
        spi = self._spi = SpiDev()
        spi.open(self._config.bus, self._config.device)
        spi.max_speed_hz, spi.mode = _SPEED_HZ, 0
        self._write(COMMAND, SOFT_RESET)
        select.select([], [], [], _RESET_MS / 1_000)
        self._know_chip()
        for register, value in _SET_UP:
            self._write(register, value)
        self._write(TX_CONTROL, self._read(TX_CONTROL) | _ANTENNA)

    def _know_chip(self) -> None:
        """Raises PartFailed where no such chip answers, or one that has lost its settings."""
        version = self._read(VERSION)
        if version not in _VERSIONS:
            raise PartFailed(f"{self._name}: no MFRC522 answers (version {version:#04x})")

    def _exchange(self, data: bytes, last_bits: int = 0) -> bytes | None:
        """Send to the card and hear its answer; None = nothing, or nothing whole."""
        self._write(COMMAND, IDLE)
        self._write(COM_IRQ, _CLEAR)
        self._write(FIFO_LEVEL, _FLUSH)
        for byte in data:
            self._write(FIFO_DATA, byte)
        self._write(COMMAND, TRANSCEIVE)
        self._write(BIT_FRAMING, last_bits | _START)
        for _ in range(_MOST_LOOKS):
            flags = self._read(COM_IRQ)
            if flags & (_RECEIVED | _IDLE_IRQ | _TIMED_OUT):
                break
        else:
            raise PartFailed(f"{self._name}: its timer does not run")
        self._write(BIT_FRAMING, 0)
        if not flags & _RECEIVED or self._read(ERROR) & _BROKEN:
            return None
        return bytes(self._read(FIFO_DATA) for _ in range(self._read(FIFO_LEVEL)))

    def _read(self, register: int) -> int:
        return int(self._spi.xfer2([register << 1 | 0x80, 0])[1])

    def _write(self, register: int, value: int) -> None:
        self._spi.xfer2([register << 1, value])


PARTS = {"reader": Mfrc522}
