"""The PN532 card reader on a serial line (HSU): it is asked for a card by each poll.

    [outlet.reader]
    driver = "pn532"
    port = "/dev/serial0"

Rules this file upholds:
- A frame counts only with the right length, checksums and answer code; what came before the question is thrown away.
- The chip looks for a card only briefly, so that each poll ends; it is woken and set up anew after each failure.

Frames and commands after NXP's PN532 user manual (UM0701-02, §6.2.1, §7.2.10, §7.3.1, §7.3.5).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from hal.drivers.claims import file_claim
from hal.drivers.protocols import PartFailed
from hal.drivers.serial_port import SerialPort
from hal.drivers.tags import Presentations, uid_text

_WAKE = b"\x55\x55" + bytes(14)
_START = b"\x00\xff"
_ACK = b"\x00\x00\xff\x00\xff\x00"
_TO_CHIP, _FROM_CHIP = 0xD4, 0xD5
_SAM_CONFIGURATION, _RF_CONFIGURATION, _IN_LIST_PASSIVE_TARGET = 0x14, 0x32, 0x4A
_NORMAL_MODE = bytes((0x01, 0x14, 0x00))  # no SAM; the time-out counts in another mode only; no use of the IRQ pin
_TRY_TWICE = bytes((0x05, 0xFF, 0x01, 0x01))  # MxRtyATR, MxRtyPSL, MxRtyPassiveActivation
_ONE_CARD_TYPE_A = bytes((0x01, 0x00))
_ANSWER_MS = 300  # until it says anything
_LEFTOVERS = 20
_PIECE_MS = 200  # between two pieces of what it says: it looks for a card before the second


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`: the port, and its speed where the chip was set to another one."""

    port: Annotated[str, msgspec.Meta(pattern="^/")]
    baud: Annotated[int, msgspec.Meta(ge=9_600, le=460_800)] = 115_200

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (file_claim(self.port),)


class Pn532:
    """A `Reader`."""

    Config = Keys

    def __init__(self, config: Keys) -> None:
        self._name = f"reader {config.port}"
        self._port = SerialPort(config.port, config.baud)
        self._presentations = Presentations()
        self._awake = False

    def poll(self) -> str | None:
        """Look for a card. Raises PartFailed."""
        try:
            if not self._awake:
                self._wake()
            uid = _uid_in(self._ask(_IN_LIST_PASSIVE_TARGET, _ONE_CARD_TYPE_A))
        except PartFailed:
            self.close()
            raise
        return self._presentations.poll([uid_text(uid)] if uid else [])

    def close(self) -> None:
        """Let go of the port; the next poll wakes the chip anew."""
        self._awake = False
        self._port.close()

    def _wake(self) -> None:
        self._port.write(_WAKE)
        self._ask(_SAM_CONFIGURATION, _NORMAL_MODE)
        self._ask(_RF_CONFIGURATION, _TRY_TWICE)
        self._awake = True

    def _ask(self, command: int, data: bytes) -> bytes:
        """The data of the chip's answer. Raises PartFailed."""
        for _ in range(_LEFTOVERS):  # whatever is left over answers an older question
            if not self._port.waiting():
                break
        self._port.write(_frame(bytes((_TO_CHIP, command)) + data))
        heard = b""
        while piece := self._port.within(_PIECE_MS if heard else _ANSWER_MS):
            heard += piece
            answer = _answer_in(heard.removeprefix(_ACK)) if heard.startswith(_ACK) else None
            if answer is not None:
                if answer[:2] != bytes((_FROM_CHIP, command + 1)):
                    raise PartFailed(f"{self._name}: an answer to another question")
                return answer[2:]
            if len(heard) > 300:
                break
        raise PartFailed(f"{self._name}: {'a damaged answer' if heard else 'no answer'}")


def _frame(data: bytes) -> bytes:
    """A normal information frame (§6.2.1.1)."""
    length = len(data)
    head = bytes((0x00, *_START, length, -length & 0xFF))
    return head + data + bytes((-sum(data) & 0xFF, 0x00))


def _answer_in(raw: bytes) -> bytes | None:
    """The data of a whole, right frame, if there is one."""
    begin = raw.find(_START)
    if begin < 0 or len(raw) < begin + 4:
        return None
    length = raw[begin + 2]
    data, check = raw[begin + 4 : begin + 4 + length], raw[begin + 4 + length : begin + 5 + length]
    if (length + raw[begin + 3]) & 0xFF or length < 2 or not check or (sum(data) + check[0]) & 0xFF:
        return None
    return data


def _uid_in(answer: bytes) -> bytes | None:
    """The UID in an answer to InListPassiveTarget: count, number, SENS_RES (2), SEL_RES, length, UID (§7.3.5)."""
    if len(answer) < 6 or answer[0] != 1:
        return None
    uid = answer[6 : 6 + answer[5]]
    return uid if len(uid) == answer[5] and uid else None


PARTS = {"reader": Pn532}
