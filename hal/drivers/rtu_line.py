"""A serial line with Modbus RTU devices on it: pyserial moves the bytes, rtu_frames.py frames them.

Rules this file upholds:
- Only an answer of the right device, function, count and checksum is given back. All else is `NoReading`.
- After a question that was not answered well the line stays silent for as long as an answer may be late, and what
  arrives meanwhile is thrown away: RTU has no transaction number (see `meter_model` for the second defence).
- Nothing is polled: the thread sleeps until the first bytes are there, then for as long as the rest needs on the wire.
- The time-out is silence. A device that drips bytes or never falls silent keeps the line no longer than one that is
  silent: each question has its end, by a clock that no one sets.
- Whoever shares the line gets it in the order of asking.
- A port is ours alone, and an adapter that was pulled out is opened again by the next question.

pymodbus is not used: its client looks at the tty every four characters, measures its time-out with the wall clock and
gives a late answer to the previous request back as a success; and it costs 8 MiB and 50 ms.
"""

from __future__ import annotations

import select
import termios
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock
from typing import NamedTuple

import serial  # type: ignore[import-untyped]

from hal.bus import monotonic_ms
from hal.drivers.meter_model import ModelError
from hal.drivers.protocols import NoReading
from hal.drivers.rtu_frames import Question, answer_in, to_read, to_write, why_none, without_echo

_REST_MS = 200  # how long an answer that has begun may pause: adapters on USB hand bytes on in lumps
_LONGEST = 512  # bytes after which a line that never falls silent is given up


class Patience(NamedTuple):
    """How long to wait for a device, in ms: see `Model`."""

    answer_ms: int
    late_ms: int
    gap_ms: int


class _Queue:
    """A lock that is given in the order of asking: a device that is asked often does not keep the others waiting."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken = False
        self._waiting: deque[Event] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and have it."""
        with self._lock:
            mine = Event()
            if self._taken:
                self._waiting.append(mine)
            else:
                self._taken = True
                mine.set()
        mine.wait()
        try:
            yield
        finally:
            with self._lock:
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._taken = False


class Line:
    """One serial port, shared by the devices on it. `settings` are (baud, parity)."""

    def __init__(self, port: str, baud: int, parity: str) -> None:
        self.port = port
        self.settings = (baud, parity)
        self.users = 0
        self._character_s = (10 if parity == "N" else 11) / baud
        self._queue = _Queue()
        self._tty: serial.Serial | None = None

    def ask(self, device: int, function: int, address: int, count: int, patience: Patience) -> Sequence[int]:
        """`count` registers. Raises NoReading with the reason."""
        return self._exchange(to_read(device, function, address, count), patience)

    def write(self, device: int, address: int, words: Sequence[int], patience: Patience) -> None:
        """Set registers. Raises NoReading: the device may have set them all the same."""
        self._exchange(to_write(device, address, words), patience)

    def close(self) -> None:
        """Let go of the port; the next question opens it again."""
        if self._tty is not None:
            self._tty.close()
            self._tty = None

    def _exchange(self, question: Question, patience: Patience) -> Sequence[int]:
        with self._queue.turn():
            try:
                tty = self._open()
                tty.reset_input_buffer()
                tty.write(question.frame)
                try:
                    registers = self._receive(tty, question, patience.answer_ms)
                except NoReading:
                    self._hush(tty, patience)
                    raise
                _wait(None, patience.gap_ms / 1_000)
            # pyserial lets errors of termios through.
            except (OSError, termios.error) as broken:
                self.close()
                raise NoReading(f"{self.port}: {broken}") from None
        return registers

    def _open(self) -> serial.Serial:
        if self._tty is None:
            baud, parity = self.settings
            self._tty = serial.Serial(self.port, baud, parity=parity, timeout=0, write_timeout=1, exclusive=True)
        return self._tty

    def _receive(self, tty: serial.Serial, question: Question, silence_ms: int) -> Sequence[int]:
        """The answer, within the silence that counts as none and the time of its bytes. Raises NoReading."""
        wire_s = (len(question.frame) * 2 + question.expected) * self._character_s
        end_ms = monotonic_ms() + silence_ms + int(2_000 * wire_s)
        heard = answer = b""
        while len(heard) < _LONGEST and _wait(tty, min(silence_ms, end_ms - monotonic_ms()) / 1_000):
            silence_ms = min(silence_ms, _REST_MS)
            heard += tty.read(_LONGEST)
            answer = without_echo(heard, question)
            if (registers := answer_in(answer, question)) is not None:
                return registers
            if 0 < (missing := question.expected - len(answer)) < question.expected:
                _wait(None, missing * self._character_s)
        raise NoReading(why_none(answer, question))

    def _hush(self, tty: serial.Serial, patience: Patience) -> None:
        """Throw away what comes until nothing has come for as long as an answer may be late, or twice that is over."""
        end_ms = monotonic_ms() + 2 * patience.late_ms
        while (left_ms := end_ms - monotonic_ms()) > 0 and _wait(tty, min(patience.late_ms, left_ms) / 1_000):
            tty.read(_LONGEST)


class LineMeter:
    """The `Registers` of one device on a line."""

    def __init__(self, line: Line, device: int, patience: Patience) -> None:
        self._line = line
        self._device = device
        self._patience = patience

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """Ask over the line. Raises NoReading."""
        return self._line.ask(self._device, function, address, count, self._patience)

    def write(self, address: int, words: Sequence[int]) -> None:
        """Set registers over the line. Raises NoReading."""
        self._line.write(self._device, address, words, self._patience)

    def close(self) -> None:
        """Leave the line; the last one closes the port."""
        self._line.users -= 1
        if self._line.users == 0:
            self._line.close()
            del _lines[self._line.port]


_lines: dict[str, Line] = {}


def line_at(port: str, baud: int, parity: str) -> Line:
    """The line of that port, one for all devices on it. Raises ModelError when they don't agree on its speed."""
    line = _lines.setdefault(port, Line(port, baud, parity))
    if line.settings != (baud, parity):
        raise ModelError(f"devices on {port} have different baud or parity; set the same for all on one line")
    line.users += 1
    return line


def _wait(tty: serial.Serial | None, seconds: float) -> bool:
    """Sleep for so long, or until the tty has something to read."""
    ready, _, _ = select.select([tty] if tty is not None else [], [], [], max(0.0, seconds))
    return bool(ready)
