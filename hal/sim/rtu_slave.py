"""A Modbus RTU slave as a function of bytes: questions in, answers out. Shares no code with the driver's framing."""

from __future__ import annotations

from typing import NamedTuple

from hal.drivers.meter_model import Model
from hal.sim.meter import MeterFault, SimMeter

_QUESTION = 8
_ILLEGAL_ADDRESS = 2
_ILLEGAL_FUNCTION = 1
_FAILURE = 4


class Utterance(NamedTuple):
    """Bytes to say, after a delay."""

    delay_ms: int
    data: bytes


def checksum(data: bytes) -> bytes:
    """CRC-16 of Modbus, bit by bit, as it goes on the wire."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def sealed(data: bytes) -> bytes:
    """A frame: data with its checksum."""
    return data + checksum(data)


class RtuSlave:
    """One device on a line, with the registers of `meter`. `late_ms` is how late its late answers are."""

    def __init__(self, meter: SimMeter, model: Model, address: int, late_ms: int | None = None) -> None:
        self._meter = meter
        self._model = model
        self._address = address
        self._late_ms = model.answer_ms + model.late_ms // 2 if late_ms is None else late_ms
        self._heard = b""
        self._said = b""

    def hear(self, data: bytes) -> list[Utterance]:
        """Take bytes from the line; what it has to say to them."""
        self._heard += data
        answers = []
        while len(self._heard) >= _QUESTION:
            question, rest = self._heard[:_QUESTION], self._heard[_QUESTION:]
            if checksum(question[:-2]) != question[-2:]:
                self._heard = self._heard[1:]
                continue
            self._heard = rest
            if question[0] == self._address:
                answers += self._misbehave(question, self._answer(question))
        return answers

    def _answer(self, question: bytes) -> bytes:
        """The right answer."""
        function = question[1]
        at, count = int.from_bytes(question[2:4]), int.from_bytes(question[4:6])
        if function != self._model.function:
            return self._refusal(function, _ILLEGAL_FUNCTION)
        if not 1 <= count <= self._model.max_registers:
            return self._refusal(function, _ILLEGAL_ADDRESS)
        image = self._meter.registers(self._model)
        words = b"".join(image.get(at + n, 0).to_bytes(2) for n in range(count))
        return sealed(bytes((self._address, function, len(words))) + words)

    def _refusal(self, function: int, code: int) -> bytes:
        return sealed(bytes((self._address, function | 0x80, code)))

    def _misbehave(self, question: bytes, answer: bytes) -> list[Utterance]:
        """The answer as the faults of the meter let it out."""
        before, self._said = self._said, answer
        faults = self._meter.faults
        body = answer[:-2]
        spoilt = {
            MeterFault.SILENT: b"",
            MeterFault.SHORT: answer[: len(answer) // 2],
            MeterFault.DAMAGED: body + bytes(b ^ 0x40 for b in answer[-2:]),
            MeterFault.FOREIGN: sealed(bytes((self._address % 247 + 1,)) + body[1:]),
            MeterFault.ECHO: question,
            MeterFault.STALE: before,
            MeterFault.REFUSING: self._refusal(question[1], _FAILURE),
            MeterFault.OTHER_FUNCTION: sealed(bytes((body[0], body[1] ^ 7)) + body[2:]),
            MeterFault.WRONG_LENGTH: sealed(body[:-2]),
        }
        data = next((spoilt[fault] for fault in spoilt if fault in faults), answer)
        return [Utterance(self._late_ms if MeterFault.LATE in faults else 0, data)] if data else []
