"""The frames of Modbus RTU, as a master says and hears them. Pure.

Rules this file upholds:
- A frame counts only with its checksum; bytes before it, a glitch as an adapter turns around, are passed over.
- Only the answer to the question is an answer: the right device, function, count, and for a write the right place.
- What an adapter hears of our own question is no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack, unpack
from typing import NamedTuple

from hal.drivers.protocols import NoReading

WRITE = 16
_EXCEPTIONS = {1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure"}
_HEAD, _CHECKSUM = 2, 2
_EXCEPTION_BYTES, _WRITTEN_BYTES = 5, 8


def _remainders() -> tuple[int, ...]:
    """The checksum of each single byte."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_REMAINDERS = _remainders()


def checksum(data: bytes) -> bytes:
    """CRC-16 as it goes on the wire."""  # Modbus over serial line §2.5.1.2
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _REMAINDERS[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


class Question(NamedTuple):
    """What was asked: `frame` goes on the wire, and the right answer has `expected` bytes."""

    frame: bytes
    expected: int

    @property
    def device(self) -> int:
        """Who is asked."""
        return self.frame[0]

    @property
    def function(self) -> int:
        """What for."""
        return self.frame[1]


def to_read(device: int, function: int, address: int, count: int) -> Question:
    """Ask for `count` registers."""
    body = pack(">BBHH", device, function, address, count)
    return Question(body + checksum(body), _HEAD + 1 + 2 * count + _CHECKSUM)


def to_write(device: int, address: int, words: Sequence[int]) -> Question:
    """Ask to set registers."""
    body = pack(f">BBHHB{len(words)}H", device, WRITE, address, len(words), 2 * len(words), *words)
    return Question(body + checksum(body), _WRITTEN_BYTES)


def without_echo(heard: bytes, question: Question) -> bytes:
    """What was heard after our own question, if that was heard too."""
    before, echo, after = heard.partition(question.frame)
    return after if echo else before


def answer_in(heard: bytes, question: Question) -> Sequence[int] | None:
    """The registers that the answer has, none for a write; None = no whole frame is there yet.

    `heard` is without echo. Raises NoReading for a whole frame that is not the answer.
    """
    for start in range(len(heard) - _HEAD - _CHECKSUM):
        if start and heard[start] != question.device:
            continue
        length = _length(heard, start)
        frame = heard[start : start + length]
        if length and len(frame) == length and checksum(frame[:-_CHECKSUM]) == frame[-_CHECKSUM:]:
            return _registers(frame, question)
    return None


def _length(heard: bytes, start: int) -> int:
    """How many bytes a frame has that begins there; 0 = none can."""
    function = heard[start + 1]
    if function & 0x80:
        return _EXCEPTION_BYTES
    if function in (3, 4):
        return _HEAD + 1 + heard[start + 2] + _CHECKSUM
    return _WRITTEN_BYTES if function == WRITE else 0


def _registers(frame: bytes, question: Question) -> Sequence[int]:
    """What a frame with a good checksum says, if it is the answer."""
    device, function = frame[0], frame[1]
    if device != question.device:
        raise NoReading(f"device {device} answers instead of {question.device}")
    if function & 0x80:
        code = frame[2]
        raise NoReading(f"the meter refuses with exception {code} ({_EXCEPTIONS.get(code, 'unknown')})")
    if function != question.function:
        raise NoReading(f"an answer to another question: function {function} instead of {question.function}")
    if function == WRITE:
        if frame[:6] != question.frame[:6]:
            raise NoReading("an answer to another question: other registers were written")
        return ()
    count = (question.expected - _HEAD - 1 - _CHECKSUM) // 2
    if frame[2] != 2 * count:
        raise NoReading(f"an answer to another question: {frame[2] / 2:g} registers instead of {count}")
    return unpack(f">{count}H", frame[3:-2])


def why_none(heard: bytes, question: Question) -> str:
    """What was wrong where no whole frame came."""
    if not heard:
        return "no answer"
    if heard[0] != question.device:
        return f"device {heard[0]} answers instead of {question.device}, or noise"
    return f"a damaged or short answer of {len(heard)} bytes"
