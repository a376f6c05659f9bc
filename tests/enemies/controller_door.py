"""The door of a controller that makes the pilot and closes the contactor by itself: the serial line to it.

Two bytes say what befalls each answer of an honest controller; the line goes in virtual time.

Rules this file upholds:
- The real driver, link and loop talk over the real line. What an accident does to a frame is never believed.
- Of a controller that lies with good checksums our orders stay within all limits, a fault takes them back, and what
  evsed is told is a message of the contract.
- When all is well again and nobody allows a charge any more, the honest controller is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from hal.boards import OutletBoard, Timing
from hal.contract import (
    LEASE_MS,
    Lease,
    Limits,
    Retry,
    Snapshot,
    TickFigures,
    Voltage,
    decode_update,
    encode,
)
from hal.controller import ControllerLink, Seen
from hal.drivers import rtu_line
from hal.drivers.evse_din import ANSWER_MS, GAP_MS, LATE_MS, SET, DinConfig, EvseDin, seen
from hal.drivers.protocols import Parts
from hal.drivers.rtu_frames import checksum
from hal.external import ExternalLoop
from hal.iec61851 import STOP_WAIT_MS
from hal.wear import Worn
from tests.enemies.hunt import OURS, Door
from tests.hal.box import Memory
from tests.hal.din import Din

GRACE_S = 6
FOLLOWS_MS = 5_100  # changes of an offer are 5 s apart
LIMITS = Limits(max_ma=13_000, fallback_ma=6_000, grace_s=GRACE_S)
MOST_ANSWERS = 60
TICK_MS = 100
BOOT_A = 13
_, HAL = OURS


class Accident(NamedTuple):
    """What befalls an answer: it is `known` for what it is, or looks like a good one."""

    known: bool
    happens: Any


def _sealed(frame: bytes) -> bytes:
    return frame + checksum(frame)


def _word(frame: bytes, place: int, word: bytes) -> bytes:
    """Another register in a frame that looks good."""
    body = bytearray(frame[:-2])
    at = 3 + 2 * (place % max(1, (len(body) - 3) // 2))
    body[at : at + 2] = word
    return _sealed(bytes(body))


def _bit(frame: bytes, place: int) -> bytes:
    at = place % (8 * len(frame))
    return frame[: at // 8] + bytes((frame[at // 8] ^ 1 << at % 8,)) + frame[at // 8 + 1 :]


ACCIDENTS = (
    Accident(True, lambda frame, n: frame),
    Accident(True, _bit),
    Accident(True, lambda frame, n: b""),
    Accident(True, lambda frame, n: frame[: n % len(frame)]),
    Accident(True, lambda frame, n: bytes((n,)) * (n % 9) + frame),
    Accident(True, lambda frame, n: frame + frame),
    Accident(True, lambda frame, n: _sealed(bytes((n,)) + frame[1:-2]) if n != frame[0] else b""),
    Accident(True, lambda frame, n: _sealed(bytes((frame[0], frame[1] | 0x80, n)))),
    Accident(False, lambda frame, n: _word(frame, n >> 4, bytes((0, n & 15)))),
    Accident(False, lambda frame, n: _word(frame, n >> 4, bytes((n & 15, 255)))),
    Accident(False, lambda frame, n: _word(frame, n, b"\xff\xff")),
)
LATE, LOST, DEEDS = len(ACCIDENTS), len(ACCIDENTS) + 1, len(ACCIDENTS) + 2
"""The answer comes later; the question does not arrive."""


class Street:
    """The far end of the line as pyserial shows it, in virtual time; what is late comes with the next answer."""

    def __init__(self, din: Din, given: bytes) -> None:
        self.din, self._given = din, given[: 2 * MOST_ANSWERS]
        self.now_ms = 1_000_000
        self._coming: list[tuple[int, bytes]] = []
        self.honest = True
        self.truth: Seen | None = None

    def wait(self, tty: object, seconds: float) -> bool:
        """Until something can be read, or so long; as `rtu_line._wait`."""
        until_ms = self.now_ms + max(0, round(seconds * 1_000))
        due_ms = min((at_ms for at_ms, _ in self._coming), default=until_ms + 1)
        come = tty is not None and due_ms <= until_ms
        self.now_ms = max(self.now_ms, due_ms) if come else until_ms
        return come

    def reset_input_buffer(self) -> None:
        self._coming = [(at_ms, data) for at_ms, data in self._coming if at_ms > self.now_ms]

    def read(self, most: int) -> bytes:
        heard = b"".join(data for at_ms, data in self._coming if at_ms <= self.now_ms)
        self.reset_input_buffer()
        return heard[:most]

    def write(self, question: bytes) -> None:
        """The controller answers, and something befalls that."""
        (manner, number), self._given = (self._given[:2].ljust(2, b"\0")), self._given[2:]
        manner %= DEEDS
        if question[1] == 3 and int.from_bytes(question[2:4]) == SET:
            now = self.din.registers()
            self.truth = seen([now[SET + at] for at in range(8)], 0)
        for utterance in self.din.hear(question) if manner != LOST else ():
            if manner == LATE:
                self._coming.append((self.now_ms + 8 * number, utterance.data))
            else:
                self.honest &= ACCIDENTS[manner].known
                self._coming.append((self.now_ms + 5, ACCIDENTS[manner].happens(utterance.data, number)))

    def close(self) -> None:
        pass

    @property
    def over(self) -> bool:
        return not self._given


class Bay:
    """The controller with its car, the driver on the real line, its link and the loop."""

    def __init__(self, given: bytes) -> None:
        self.din = Din()
        self.street = Street(self.din, given)
        line = rtu_line.Line("/dev/line", 9_600, "N")
        line._tty = self.street
        registers = rtu_line.LineMeter(line, 1, rtu_line.Patience(ANSWER_MS, LATE_MS, GAP_MS))
        driver = EvseDin(DinConfig(port="/dev/line"), registers, lambda: self.street.now_ms)
        self.driver, self.link = driver, ControllerLink(driver, "controller")
        nobody: Any = SimpleNamespace(
            meter=lambda evse: None, silence=lambda evse: "", tag=lambda evse: None, mute=lambda evse: "", warmths=dict
        )
        parts = Parts(None, None, None, None, None, None)  # type: ignore[arg-type]
        board = OutletBoard(parts, 32_000, False, False, False, Timing(), controller=self.link)
        told = (LIMITS, Voltage(), Retry(), nobody, Memory(), Worn())
        self.loop = ExternalLoop(1, board, *told, False, self.street.now_ms)
        self.allowed_ma = 0
        self._at_ms = self._renewed_ms = self.street.now_ms
        self._last: Seen | None = None

    def turn(self) -> None:
        """A round of talk, and the ticks of the time that it took."""
        self.link.turn()
        self.street.now_ms += 100
        while self._at_ms < self.street.now_ms:
            self._at_ms += TICK_MS
            if self.allowed_ma:
                self._renewed_ms = self._at_ms
                lease = Lease(1, self.allowed_ma, True, False, self._at_ms + LEASE_MS)
                self.loop.permit.grant(lease, self._at_ms)
            self.loop.run(self._at_ms)
        self._judge()

    def _judge(self) -> None:
        outlet, street, told = self.loop.outlet, self.street, self.link.seen
        assert outlet is not None
        snapshot = Snapshot(1, self._at_ms, 0, "x", (outlet,), TickFigures(0, 0, 0), 0)
        assert decode_update(encode(snapshot)) == snapshot
        if street.honest and told is not None and told is not self._last:
            assert told._replace(at_ms=0) == street.truth, f"{told} is believed, and so is {street.truth}"
        self._last = told
        ordered_ma, at_once = self.link._wanted
        if self.allowed_ma or self._at_ms >= self._renewed_ms + LEASE_MS + FOLLOWS_MS:
            assert ordered_ma <= (self.allowed_ma or LIMITS.fallback_ma), f"{ordered_ma} mA ordered"
        if any(fault.opens for fault in outlet.faults):
            assert ordered_ma == 0 and at_once, f"{ordered_ma} mA ordered with a fault"


def controlled(given: bytes) -> None:
    """A charge on a line to which all this happens; then the end of the permission on a good line."""
    bay = Bay(given)
    line: Any = rtu_line
    real = line._wait, line.monotonic_ms
    line._wait, line.monotonic_ms = bay.street.wait, lambda: bay.street.now_ms
    try:
        bay.din.plugged = bay.din.wants = True
        bay.allowed_ma = 11_000
        while not bay.street.over:
            bay.turn()
            obeys = bay.din.set == BOOT_A or bay.din.set * 1_000 <= bay.allowed_ma
            assert obeys or not bay.street.honest, f"it was told {bay.din.set} A"
        bay.allowed_ma, bay.din.stubborn = 0, True
        began_ms = bay.street.now_ms
        while bay.street.now_ms < began_ms + LEASE_MS + GRACE_S * 1_000 + STOP_WAIT_MS + 5_000:
            bay.turn()
        assert not bay.din.closed and not bay.din.set, f"the controller stays on, with {bay.din.set} A"
    finally:
        line._wait, line.monotonic_ms = real


def _street(*manners: int, of: Sequence[int] = range(0, 250, 50)) -> bytes:
    return b"".join(bytes((0, 0)) * 4 + bytes((manner, number)) for number in of for manner in manners)


CONTROLLER_DOOR = Door(
    "controller",
    (b"\0\0" * 60, _street(1, 2, 3, 4), _street(5, 6, 7), _street(8, 9, 10), _street(1, 8, LATE, LOST)),
    controlled,
    (),
    tuple(bytes((manner,)) for manner in range(DEEDS)),
    tuple(f"{HAL}{name}" for name in ("controller", "external", "drivers/evse_din", "drivers/rtu_line", "faults")),
    dear=5,
)
