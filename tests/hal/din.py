"""An EVSE-DIN as its paper has it, with a car: registers that live, for a driver or at the far end of a serial line.

It makes its pilot and switches its relay itself. A car that is told to stop obeys at once, unless it is stubborn.
"""

from __future__ import annotations

from collections.abc import Sequence

from hal.drivers.protocols import NoReading
from hal.sim.rtu_slave import Utterance, sealed


class Din:
    """One controller at Modbus address `address`."""

    def __init__(self, address: int = 1, firmware: int = 17) -> None:
        self.address = address
        self.set = 13  # what it offers after a power cut, before anybody speaks
        self.boot_amps, self.firmware, self.config = 13, firmware, 0
        self.plugged = self.wants = self.stubborn = self.ventilation = False
        self.diode_missing = self.rcd_error = self.broken = self.held = False
        self.offers_too_much = False
        self.silent = False
        self.closed = False
        self.written: list[tuple[int, tuple[int, ...]]] = []
        self.asked: list[int] = []

    # --- what it does --------------------------------------------------------------------------------------

    def reboot(self) -> None:
        self.set, self.closed = self.boot_amps, False

    @property
    def pwm(self) -> bool:
        return self.plugged and self.set > 0 and not (self.rcd_error or self.broken or self.diode_missing)

    def _live(self) -> None:
        if not (self.plugged and self.wants) or self.rcd_error or self.broken or self.diode_missing:
            self.closed = False
        elif self.pwm:
            self.closed = True
        elif not self.stubborn:
            self.closed = False

    @property
    def state(self) -> int:
        if self.broken or self.rcd_error or self.diode_missing:
            return 5
        if not self.plugged:
            return 1
        return (4 if self.ventilation else 3) if self.wants and (self.pwm or self.stubborn) else 2

    def registers(self) -> dict[int, int]:
        self._live()
        status = self.closed + 2 * self.diode_missing + 32 * self.rcd_error
        says = 32 if self.offers_too_much else self.set
        now = {1000: self.set, 1001: says if self.pwm else 0, 1002: self.state, 1003: 32, 1004: 0}
        now |= {1005: self.firmware, 1006: 2 if self.pwm else 1, 1007: status, 1008: 0, 1009: 0}
        return now | {2000: self.boot_amps, 2001: self.address, 2002: 5, 2003: 0, 2004: 0, 2005: self.config}

    # --- as the registers of a driver ------------------------------------------------------------------------

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        self.asked.append(count)
        if self.silent:
            raise NoReading("no answer")
        now = self.registers()
        assert function == 3
        return [now[at] for at in range(address, address + count)]

    def write(self, address: int, words: Sequence[int]) -> None:
        if self.silent:
            raise NoReading("no answer")
        self.written.append((address, tuple(words)))
        if address == 1000 and not self.held:
            self.set = words[0]
        elif address == 1004 and words[0] & 1:
            self.closed = self.stubborn = False
        elif address == 1004 and words[0] & 4:
            self.rcd_error = False
        elif address == 2000:
            self.boot_amps = words[0]

    def close(self) -> None:
        pass

    # --- at the far end of a line ----------------------------------------------------------------------------

    def hear(self, data: bytes) -> list[Utterance]:
        """One whole question at a time, as a pseudo-terminal brings it."""
        if not data or data[0] != self.address or sealed(data[:-2]) != data or self.silent:
            return []
        at, count = int.from_bytes(data[2:4]), int.from_bytes(data[4:6])
        if data[1] == 16:
            self.write(at, [int.from_bytes(data[7 + 2 * n : 9 + 2 * n]) for n in range(count)])
            return [Utterance(0, sealed(data[:6]))]
        if data[1] != 3 or not self.registers().keys() >= set(range(at, at + count)):
            return [Utterance(0, sealed(bytes((self.address, data[1] | 0x80, 1 if data[1] != 3 else 2))))]
        words = b"".join(word.to_bytes(2) for word in self.read(data[1], at, count))
        return [Utterance(0, sealed(bytes((self.address, data[1], len(words))) + words))]
