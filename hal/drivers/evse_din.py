"""EVSE-DIN and EVSE-WB: pilot controllers on Modbus RTU, 9600 8N1, which switch their contactor themselves.

    [outlet.controller]
    driver = "evse_din"
    port = "/dev/ttyUSB0"
    address = 1

Rules this file upholds:
- Firmware 16 or newer: older ones do not tell their relay (register 1007). 9 and older are known to be faulty.
- The current that it would offer after a power cut by itself (register 2000) is made 0, once: it waits for our order.
- Each look asks for another count of registers than the one before, see meter_model.py.
- It has no register that ends an order when its master falls silent: docs/evse-din.md says what follows from that.

Not yet read from real hardware by us: registers as three open projects and the maker's paper have them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

import msgspec

from hal.bus import monotonic_ms
from hal.contract import Cp
from hal.controller import Seen
from hal.drivers.claims import file_claim
from hal.drivers.protocols import NoReading
from hal.faults import Name

log = logging.getLogger("hal.evse_din")

SET, COMMAND, FIRMWARE, SETTINGS = 1000, 1004, 1005, 2000
TURN_OFF, CLEAR_RCD = 1, 4
OLDEST_FIRMWARE, FINE_FIRMWARE = 16, 17
FINE_BIT = 0x80  # of register 2005: currents in 0.01 A
PWM_MODE = 2
FAILURE = 5
MOST_A = 80
STATES = {1: Cp.A, 2: Cp.B, 3: Cp.C, 4: Cp.D, FAILURE: Cp.E}
RELAY = 1
TROUBLES = {
    2: (Name.DIODE_MISSING, "the controller says so"),
    4: (Name.D_REFUSED, "the controller says so"),
    32: (Name.RESIDUAL_CURRENT, "the controller's RCD input"),
}
GAP_MS, ANSWER_MS, LATE_MS = 100, 300, 700


class DinConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`: the serial line, which meters may share, and the controller's address there."""

    port: Annotated[str, msgspec.Meta(pattern="^/")]
    address: Annotated[int, msgspec.Meta(ge=1, le=247)] = 1
    baud: Annotated[int, msgspec.Meta(ge=1_200, le=115_200)] = 9_600

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (f"{file_claim(self.port)} address {self.address}",)


class Registers(Protocol):
    """The registers of one device."""

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """`count` registers. Raises NoReading."""

    def write(self, address: int, words: Sequence[int]) -> None:
        """Set them. Raises NoReading."""

    def close(self) -> None:
        """Give the line back."""


class EvseDin:
    """A `Controller`."""

    Config = DinConfig

    def __init__(
        self, config: DinConfig, registers: Registers | None = None, now_ms: Callable[[], int] = monotonic_ms
    ) -> None:
        self._registers = registers or _on_line(config)
        self._now_ms = now_ms
        self._step_ma: int | None = None  # None: it is not known yet who is there
        self._looks = 0

    def exactly(self, ma: int) -> int:
        """Whole amperes, or hundredths where it can."""
        step_ma = self._step_ma or 1_000
        return ma // step_ma * step_ma

    def look(self) -> Seen:
        """One block of registers. Raises NoReading."""
        self._looks += 1
        at_ms = self._now_ms()
        try:
            if self._step_ma is None:
                self._step_ma = self._meet()
            words = self._registers.read(3, SET, 8 + self._looks % 3)
        except NoReading:
            self._step_ma = None  # whoever answers next may be another one, or restarted
            raise
        return seen(words, at_ms)

    def offer(self, ma: int) -> None:
        """Register 1000. Raises NoReading."""
        step_ma = self._step_ma or 1_000
        self._registers.write(SET, (ma // step_ma,))

    def open(self) -> None:
        """Raises NoReading."""
        self._registers.write(COMMAND, (TURN_OFF,))

    def clear(self) -> None:
        """Raises NoReading."""
        self._registers.write(COMMAND, (CLEAR_RCD,))

    def close(self) -> None:
        """Leave the line."""
        self._registers.close()

    def _meet(self) -> int:
        """Who is there: the step of its currents in mA. Raises NoReading."""
        (firmware,) = self._registers.read(3, FIRMWARE, 1)
        if firmware < OLDEST_FIRMWARE:
            raise NoReading(f"its firmware {firmware} does not tell its relay; it needs {OLDEST_FIRMWARE} or newer")
        settings = self._registers.read(3, SETTINGS, 6)
        if settings[0]:
            self._stay_off_after_boot(settings[0])
        return 10 if firmware >= FINE_FIRMWARE and settings[5] & FINE_BIT else 1_000

    def _stay_off_after_boot(self, amps: int) -> None:
        log.warning("= EVSE-DIN would offer %d A after a power cut; from now on it waits for an order", amps)
        try:
            self._registers.write(SETTINGS, (0,))
        except NoReading as refused:
            log.warning("! EVSE-DIN keeps its %d A after a power cut: %s", amps, refused)


def seen(words: Sequence[int], at_ms: int) -> Seen:
    """What registers 1000 to 1007 say. Raises NoReading for what no controller says."""
    state, status = words[2], words[7]
    if state not in STATES:
        raise NoReading(f"its vehicle state is {state}; there are 1 to {FAILURE}")
    pwm = words[6] == PWM_MODE
    faults = tuple(trouble for bit, trouble in TROUBLES.items() if status & bit)
    if state == FAILURE and not faults:
        faults = ((Name.PILOT_FAULT, "the controller says so"),)
    offered_ma = _ma(words[1]) if pwm else 0
    return Seen(at_ms, STATES[state], pwm, offered_ma, _ma(words[0]), bool(status & RELAY), faults)


def _ma(number: int) -> int:
    """A current in whole amperes or in hundredths: no controller offers as little as 0.8 A. Raises NoReading."""
    ma = number * (1_000 if number <= MOST_A else 10)
    if ma > MOST_A * 1_000:
        raise NoReading(f"a current of {ma / 1_000:g} A")
    return ma


def _on_line(config: DinConfig) -> Registers:
    from hal.drivers.rtu_line import LineMeter, Patience, line_at  # pyserial, which tests of registers do not need

    line = line_at(config.port, config.baud, "N")
    return LineMeter(line, config.address, Patience(ANSWER_MS, LATE_MS, GAP_MS))


PARTS = {"controller": EvseDin}
