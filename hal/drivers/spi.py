"""Many conversions in one call of the kernel: SPI_IOC_MESSAGE(N) of spidev, with the chip select released between.

The package spidev gives each conversion a call of its own. That is no slower on the wire, but each call gives the
interpreter away and must get it back; beside a busy thread that costs more than the conversion (see ./evse bench).

Rules this file upholds:
- What the kernel reads and fills stays where it is: the buffers are made once and live as long as the device.
- The interpreter is free while the bus works. An answer that is too short is an OSError.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Sequence
from fcntl import ioctl
from itertools import cycle
from struct import calcsize, pack, pack_into, unpack

_MODE = 0x4001_6B01  # SPI_IOC_WR_MODE
_TRANSFER = "=QQIIHBBBBBB"  # struct spi_ioc_transfer
_BYTES = 3

TRANSFERS = 32
"""In one message. On 64-bit ARM the kernel gives each transfer 128 bytes of its 4096 (`bufsiz`), and CPython lets other
threads run during an ioctl only where its argument has at most 1024 bytes."""

_REQUEST = 0x4000_6B00 | TRANSFERS * calcsize(_TRANSFER) << 16  # SPI_IOC_MESSAGE(N)
_LAST_PAUSE = (TRANSFERS - 1) * calcsize(_TRANSFER) + calcsize("=QQII")


class SpiDevice:
    """One device on the bus, such as /dev/spidev0.0, that answers three bytes to three bytes. Raises OSError."""

    def __init__(self, path: str, hz: int, question: bytes, pauses_us: Sequence[Sequence[int]]) -> None:
        """`pauses_us`: for each message, which take turns, the pauses after its conversions; longer ones than 10 µs the
        kernel sleeps, and then the rate is gone."""
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            ioctl(self._fd, _MODE, b"\0")
        except OSError:
            os.close(self._fd)
            raise
        self._ask, self._answer = array("B", question), array("B", bytes(4 * TRANSFERS))
        self._messages = cycle([self._message(hz, pauses) for pauses in pauses_us])

    def _message(self, hz: int, pauses_us: Sequence[int]) -> bytearray:
        ask, answer = self._ask.buffer_info()[0], self._answer.buffer_info()[0]
        transfers = (
            # Each answer ends a word of four bytes. cs_change in the last one would keep the chip selected.
            pack(_TRANSFER, ask, answer + 4 * n + 1, _BYTES, hz, pause, 8, n < TRANSFERS - 1, 0, 0, 0, 0)
            for n, pause in zip(range(TRANSFERS), pauses_us, strict=True)
        )
        return bytearray(b"".join(transfers))

    def convert(self, rest_us: int) -> tuple[int, ...]:
        """TRANSFERS conversions, and a rest; each answer as a number of 24 bits. Raises OSError."""
        message = next(self._messages)
        pack_into("=H", message, _LAST_PAUSE, rest_us)
        if ioctl(self._fd, _REQUEST, message) != _BYTES * TRANSFERS:
            raise OSError(errno.EIO, "the SPI bus gave a short answer")
        return unpack(f">{TRANSFERS}I", self._answer)

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)
