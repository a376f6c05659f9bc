"""The wallbox behind digital lines, for the contract suites: relays, gate, bolt, residual-current device, switches.

`board` is anything with `pull` and `high` by the name of a line. Contacts connect to ground.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.hal.drivers.gpio_bank import Bank


class Clock:
    """The rig's time, and what its motor's pulses wait for."""

    def __init__(self, bank: Any = None) -> None:
        self.ms = 1_000
        self._bank = bank
        self._due: list[tuple[int, Callable[[], None]]] = []

    def now_ms(self) -> int:
        return self.ms

    def later(self, delay_ms: int, then: Callable[[], None]) -> Callable[[], object]:
        entry = (self.ms + delay_ms, then)
        self._due.append(entry)
        return lambda: self._due.remove(entry) if entry in self._due else None

    def tick(self) -> None:
        self.ms += 10
        if hasattr(self._bank, "now_ms"):
            self._bank.now_ms = self.ms
        for entry in [entry for entry in self._due if entry[0] <= self.ms]:
            self._due.remove(entry)
            entry[1]()


class Rig:
    """The part, its clock, and `step`, what the world does every 10 ms."""

    def __init__(self, clock: Clock, bank: Bank) -> None:
        self.clock, self.bank = clock, bank
        self.part: Any = None

    def run(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.clock.tick()
            self.step()

    def step(self) -> None:
        """The world moves on."""

    def contact(self, name: str, made: bool) -> None:
        self.bank.pull(name, not made)


class RelayRig(Rig):
    """Relays whose contacts follow their coils; `mirror` tells which kind of feedback contact they have."""

    def __init__(self, clock: Clock, bank: Bank, wires: dict[str, str], mirror: bool = True) -> None:
        super().__init__(clock, bank)
        self._wires, self._mirror = wires, mirror
        self._closed = dict.fromkeys(wires, False)
        self._held = False
        self.feedback()

    def hold(self, held: bool) -> None:
        self._held = held

    def step(self) -> None:
        for coil in self._wires:
            if not self._held:
                self._closed[coil] = self.bank.high(coil)
        self.feedback()

    def feedback(self) -> None:
        for coil, name in self._wires.items():
            self.contact(name, self._closed[coil] != self._mirror)


class GateRig(Rig):
    """A charge pump: alive while the line has changed within 500 ms."""

    def __init__(self, clock: Clock, bank: Bank, line: str) -> None:
        super().__init__(clock, bank)
        self._line = line
        self._last, self._edge_ms = bank.high(line), -1_000

    def step(self) -> None:
        if (level := self.bank.high(self._line)) != self._last:
            self._last, self._edge_ms = level, self.clock.ms

    @property
    def alive(self) -> bool:
        return self.clock.ms - self._edge_ms < 500


class BoltRig(Rig):
    """A motor between two lines that moves a bolt from 0 to 200 ms of travel, and its feedback contact."""

    def __init__(self, clock: Clock, bank: Bank, lock: str, unlock: str, feedback: str) -> None:
        super().__init__(clock, bank)
        self._lock, self._unlock, self._feedback = lock, unlock, feedback
        self.travel_ms = 0
        self.jammed = False
        self.driven_ms, self.pulses = 0, 0
        self._driven = False
        self.step()

    def jam(self, on: bool) -> None:
        self.jammed = on

    def step(self) -> None:
        lock, unlock = self.bank.high(self._lock), self.bank.high(self._unlock)
        assert not (lock and unlock), "both sides of the bridge"
        self.driven_ms += 10 * (lock or unlock)
        self.pulses += (lock or unlock) and not self._driven
        self._driven = lock or unlock
        if not self.jammed:
            self.travel_ms = min(max(self.travel_ms + 10 * lock - 10 * unlock, 0), 200)
        self.contact(self._feedback, made=self.travel_ms == 200)
        if self.part is not None:
            self.part.locked()  # the tick asks all the time


class LeakRig(Rig):
    """A residual-current device with a closed output that opens when it trips."""

    def __init__(self, clock: Clock, bank: Bank, fault: str, test: str) -> None:
        super().__init__(clock, bank)
        self._fault, self._test = fault, test
        self.leaking = False

    def leak(self, on: bool) -> None:
        self.leaking = on
        self.step()

    def step(self) -> None:
        self.contact(self._fault, made=not (self.leaking or self.bank.high(self._test)))


class ButtonRig(Rig):
    """A switch to ground."""

    def __init__(self, clock: Clock, bank: Bank, line: str) -> None:
        super().__init__(clock, bank)
        self._line = line

    def press(self, on: bool) -> None:
        self.contact(self._line, made=on)
        if self.part is not None:
            self.part.active()

    def step(self) -> None:
        if self.part is not None:
            self.part.active()
