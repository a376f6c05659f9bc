"""A meter that is a table of registers: ask block after block, decode, doubt, date.

Rules this file upholds:
- A reading carries the time at which it was asked for.
- Every request of a block asks for another count of registers than the one before (see `meter_model`).
- NaN, infinity and the "not available" marks of integers are no values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from struct import pack, unpack
from typing import Any, Protocol

from hal.contract import MeterReading
from hal.drivers.meter_model import FORMATS, Model, Quantity, RegisterType, quantities, words_of
from hal.drivers.protocols import NoReading
from hal.drivers.trust import Trust

_BY_PHASE = frozenset({"current_ma", "voltage_mv", "phase_power_w"})
_NEEDED = frozenset({"energy_wh", "power_w"})
_ABSENT = {"u16": 0xFFFF, "i16": 0x7FFF, "u32": 0xFFFF_FFFF, "i32": 0x7FFF_FFFF, "u64": 2**64 - 1, "i64": 2**63 - 1}


class Registers(Protocol):
    """Where the registers of one meter can be read."""

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """`count` registers from `address`. Raises NoReading."""

    def close(self) -> None:
        """Give the line back."""


class RegisterMeter:
    """A `Meter`."""

    def __init__(self, model: Model, registers: Registers, now_ms: Callable[[], int]) -> None:
        self._model = model
        self._quantities = quantities(model)
        self._registers = registers
        self._now_ms = now_ms
        self._trust = Trust(model.bounds, model.resolution_wh)
        self._asked = 0

    def read(self) -> MeterReading:
        """One whole, believed set of values. Raises NoReading."""
        first = self._ask()
        if not self._trust.is_stranger(first.at_ms):
            self._trust.check(first)
            return self._trust.believe(first)
        second = self._ask()
        self._trust.check(first)
        self._trust.check(second, before=first)
        return self._trust.believe(second)

    def close(self) -> None:
        """Give the line back."""
        self._registers.close()

    def _ask(self) -> MeterReading:
        """What the meter says now."""
        at_ms = self._now_ms()
        self._asked += 1
        blocks = fetch(self._model, self._registers, self._asked)
        return interpret(self._quantities, blocks, self._model.order, at_ms)


def fetch(model: Model, registers: Registers, turn: int) -> list[Sequence[int]]:
    """The registers of all blocks; with another `turn` other counts are asked for. Raises NoReading."""
    blocks = []
    for block in model.blocks:
        counts = block.counts(model.step)
        blocks.append(registers.read(model.function, block.at, counts[turn % len(counts)]))
    return blocks


def interpret(wanted: Iterable[Quantity], blocks: Sequence[Sequence[int]], order: str, at_ms: int) -> MeterReading:
    """What the registers say, believed or not. Raises NoReading where a needed value is none."""
    found: dict[str, Any] = {}
    for name, places, scale in wanted:
        numbers = [decode(blocks[p.block][p.registers], p.kind, order) for p in places]
        whole = [round(number * scale) for number in numbers if number is not None]
        if len(whole) == len(places):
            found[name] = tuple(whole) if name in _BY_PHASE else whole[0]
        elif name in _NEEDED:
            raise NoReading(f"the meter gives no value for {name}")
    return MeterReading(at_ms, **found)


def encode(number: int, kind: RegisterType, order: str) -> tuple[int, ...]:
    """The registers that hold a whole number."""
    data = pack(f">{FORMATS[kind]}", number)
    words: tuple[int, ...] = unpack(f">{words_of(kind)}H", data)
    return words[::-1] if order == "low-first" else words


def decode(words: Sequence[int], kind: str, order: str) -> float | None:
    """The number that the registers hold; None = not available. Raises NoReading for NaN and infinity."""
    if order == "low-first":
        words = words[::-1]
    number: float = unpack(f">{FORMATS[kind]}", pack(f">{len(words)}H", *words))[0]
    if not isfinite(number):
        raise NoReading(f"a register holds {number}")
    return None if number == _ABSENT.get(kind) else number
