"""A serial line with Modbus RTU meters on it: pyserial moves the bytes, pymodbus frames them.

Rules this file upholds:
- Only an answer of the right device, function, count and checksum is given back. All else is `NoReading`.
- After a question that was not answered well the line stays silent for as long as an answer may be late, and what
  arrives meanwhile is thrown away: RTU has no transaction number (see `meter_model` for the second defence).
- Nothing is polled: the thread sleeps until the first bytes are there, then for as long as the rest needs on the wire.
- The time-out is silence, counted by the kernel, so that no step of a clock can lengthen it.
- An adapter that was pulled out is opened again by the next question.

pymodbus' own client is not used: it looks at the tty every four characters, measures its time-out with the wall clock
and gives a late answer to the previous request back as a success.
"""

from __future__ import annotations

import logging
import select
import termios
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import serial  # type: ignore[import-untyped]
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from hal.drivers.meter_model import ModelError
from hal.drivers.protocols import NoReading

_QUESTIONS = {3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}
_OVERHEAD = 5  # device, function, byte count, checksum
_LONGEST = 512  # bytes after which a line that never falls silent is given up
_LEFTOVERS = 20
_EXCEPTIONS = {1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure"}

# It would log each failure as an error; ours are told once, by the bus.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)


class Patience(NamedTuple):
    """How long to wait for a meter, in ms: see `Model`."""

    answer_ms: int
    late_ms: int
    gap_ms: int


class Line:
    """One serial port, shared by the meters on it. `settings` are (baud, parity)."""

    def __init__(self, port: str, baud: int, parity: str) -> None:
        self.port = port
        self.settings = (baud, parity)
        self.users = 0
        self._character_s = (10 if parity == "N" else 11) / baud
        self._lock = Lock()
        self._framer = FramerRTU(DecodePDU(False))
        self._tty: serial.Serial | None = None

    def ask(self, device: int, function: int, address: int, count: int, patience: Patience) -> Sequence[int]:
        """`count` registers. Raises NoReading with the reason."""
        question = self._framer.buildFrame(_QUESTIONS[function](dev_id=device, address=address, count=count))
        with self._lock:
            try:
                tty = self._open()
                tty.reset_input_buffer()
                tty.write(question)
                answer = self._receive(tty, question, _OVERHEAD + 2 * count, patience.answer_ms / 1_000)
                try:
                    registers = self._registers(answer, device, function, count)
                except NoReading:
                    self._hush(tty, patience.late_ms / 1_000)
                    raise
                _wait(None, patience.gap_ms / 1_000)
            # pyserial lets errors of termios through.
            except (OSError, termios.error) as broken:
                self.close()
                raise NoReading(f"{self.port}: {broken}") from None
        return registers

    def close(self) -> None:
        """Let go of the port; the next question opens it again."""
        if self._tty is not None:
            self._tty.close()
            self._tty = None

    def _open(self) -> serial.Serial:
        if self._tty is None:
            baud, parity = self.settings
            self._tty = serial.Serial(self.port, baud, parity=parity, timeout=0, write_timeout=1, exclusive=True)
        return self._tty

    def _receive(self, tty: serial.Serial, question: bytes, expected: int, silence_s: float) -> bytes:
        """All bytes until `expected` are there or nothing comes for `silence_s`; our own echo is left out."""
        answer = b""
        while len(answer) < expected and _wait(tty, silence_s):
            # An adapter may hear itself.
            answer = (answer + tty.read(_LONGEST)).removeprefix(question)
            if len(answer) > 1 and answer[1] & 0x80:
                expected = _OVERHEAD
            if len(answer) < expected:
                _wait(None, (expected - len(answer)) * self._character_s)
        return answer

    def _registers(self, answer: bytes, device: int, function: int, count: int) -> Sequence[int]:
        """What the answer says, if it is the answer."""
        try:
            _, pdu = self._framer.handleFrame(answer, device, 0)
        except ModbusException as broken:
            raise NoReading(f"an answer that can't be decoded: {broken}") from None
        if pdu is None:
            raise NoReading(_why_none(answer, device))
        if pdu.isError():
            meaning = _EXCEPTIONS.get(pdu.exception_code, "unknown")
            raise NoReading(f"the meter refuses with exception {pdu.exception_code} ({meaning})")
        if pdu.function_code != function:
            raise NoReading(f"an answer to another question: function {pdu.function_code} instead of {function}")
        if answer[2] != 2 * count:
            raise NoReading(f"an answer to another question: {answer[2] / 2:g} registers instead of {count}")
        return pdu.registers

    def _hush(self, tty: serial.Serial, silence_s: float) -> None:
        """Throw away what comes until nothing has come for `silence_s`."""
        for _ in range(_LEFTOVERS):
            if not _wait(tty, silence_s):
                return
            tty.read(_LONGEST)


class LineMeter:
    """The `Registers` of one meter on a line."""

    def __init__(self, line: Line, device: int, patience: Patience) -> None:
        self._line = line
        self._device = device
        self._patience = patience

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """Ask over the line. Raises NoReading."""
        return self._line.ask(self._device, function, address, count, self._patience)

    def close(self) -> None:
        """Leave the line; the last one closes the port."""
        self._line.users -= 1
        if self._line.users == 0:
            self._line.close()
            del _lines[self._line.port]


_lines: dict[str, Line] = {}


def line_at(port: str, baud: int, parity: str) -> Line:
    """The line of that port, one for all meters on it. Raises ModelError when they don't agree on its speed."""
    line = _lines.setdefault(port, Line(port, baud, parity))
    if line.settings != (baud, parity):
        raise ModelError(f"meters on {port} have different baud or parity; set the same for all on one line")
    line.users += 1
    return line


def _why_none(answer: bytes, device: int) -> str:
    if not answer:
        return "no answer"
    if answer[0] != device:
        return f"device {answer[0]} answers instead of {device}"
    return f"a damaged or short answer of {len(answer)} bytes"


def _wait(tty: serial.Serial | None, seconds: float) -> bool:
    """Sleep for so long, or until the tty has something to read."""
    ready, _, _ = select.select([tty] if tty is not None else [], [], [], seconds)
    return bool(ready)
