"""What a meter model is: a table, read from `hal/drivers/meters/NAME.toml`. The next model is a table and no code.

Rules this file upholds:
- A table that can't work is refused when it is loaded, with one sentence.
- `spare` lets the driver ask for up to so many registers more than it needs, in steps of `step`: RTU has no transaction
  number, so the count of registers is what tells an answer from a late one to an earlier question. Blocks of one
  model never ask for the same count. With `spare = 0`, where nobody knows what lies behind a block, only the silence
  after a time-out, the emptied input and the plausibility of the values stand against an old answer to that block.
- What would cost a question of its own and no charge needs (a frequency far from the rest) is left out of a table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, NamedTuple

import msgspec

from hal.settings import SettingsError, convert

_TABLES = files("hal.drivers") / "meters"

Address = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
Count = Annotated[int, msgspec.Meta(ge=1, le=125)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
RegisterType = Literal["f32", "f64", "i16", "u16", "i32", "u32", "i64", "u64"]

FORMATS = {"f32": "f", "f64": "d", "i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q"}


class ModelError(ValueError):
    """A meter that can't be used as it was chosen or described; the text is for the installer."""


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Registers that are read in one request."""

    at: Address
    count: Count
    spare: Annotated[int, msgspec.Meta(ge=0, le=124)] = 0

    def counts(self, step: int) -> range:
        """All counts that may be asked for."""
        return range(self.count, self.count + self.spare + 1, step)


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a quantity stands: one address, or one a phase. The register times `scale` is the unit of its name."""

    at: Annotated[tuple[Address, ...], msgspec.Meta(min_length=1, max_length=3)]
    scale: float = 1
    type: RegisterType | None = None


class Values(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The quantities of a `MeterReading`; register and power are what no meter may lack."""

    energy_wh: Value
    power_w: Value
    current_ma: Value | None = None
    voltage_mv: Value | None = None
    phase_power_w: Value | None = None
    frequency_mhz: Value | None = None
    power_factor_permille: Value | None = None
    export_wh: Value | None = None

    def present(self) -> Iterator[tuple[str, Value]]:
        """Those that the model has, by name."""
        for name in self.__struct_fields__:
            if (value := getattr(self, name)) is not None:
                yield name, value


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that the meter can truly show."""

    power_w: Positive
    current_ma: Positive
    voltage_mv: Positive


class Factory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the meter's serial line is set when it leaves the factory, as far as that is known."""

    baud: Annotated[int, msgspec.Meta(ge=1_200, le=115_200)] = 9_600
    parity: Literal["N", "E", "O"] = "N"


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number that is not measured: where it stands and how it is asked for."""

    at: Address
    type: RegisterType
    function: Literal[3, 4] = 3


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The register in which a meter tells its model, and the `codes` that are known to mean one with this table."""

    at: Address
    type: RegisterType
    codes: Annotated[tuple[int, ...], msgspec.Meta(min_length=1)]
    function: Literal[3, 4] = 3


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One meter model. `answer_ms`: silence that counts as no answer. `late_ms`: the latest that an answer may come
    after that. `gap_ms`: rest between two requests. `resolution_wh`: the smallest step of the register.

    `covers`: the meters of that maker with these registers. `beta`: the table rests on one source, or its sources
    disagree. `note`: what an installer should know. `address`: the holding register with the meter's own address.
    """

    name: str
    covers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    function: Literal[3, 4]
    type: RegisterType
    max_registers: Count
    gap_ms: Positive
    answer_ms: Positive
    late_ms: Positive
    blocks: Annotated[tuple[Block, ...], msgspec.Meta(min_length=1)]
    values: Values
    bounds: Bounds
    order: Literal["high-first", "low-first"] = "high-first"
    step: Positive = 1
    resolution_wh: Positive = 1
    beta: bool = False
    note: str = ""
    factory: Factory = Factory()
    identity: Identity | None = None
    serial_number: Register | None = None
    address: Register | None = None


class Place(NamedTuple):
    """The registers of one number: which of block number `block`."""

    block: int
    registers: slice
    kind: RegisterType


class Quantity(NamedTuple):
    """One field of a `MeterReading`: a number, or one a phase."""

    name: str
    places: tuple[Place, ...]
    scale: float


def quantities(model: Model) -> tuple[Quantity, ...]:
    """Where each number stands in the blocks. Raises ModelError for one that stands in none."""
    return tuple(
        Quantity(name, tuple(_place(model, name, address, value) for address in value.at), value.scale)
        for name, value in model.values.present()
    )


def words_of(kind: RegisterType) -> int:
    """How many registers a number of that type takes."""
    return int(kind[1:]) // 16


def _place(model: Model, name: str, address: int, value: Value) -> Place:
    kind = value.type or model.type
    words = words_of(kind)
    for index, block in enumerate(model.blocks):
        if block.at <= address and address + words <= block.at + block.count:
            return Place(index, slice(address - block.at, address - block.at + words), kind)
    raise ModelError(f"{name} at {address:#x} lies in none of the blocks; let a block include it")


def known_models() -> list[str]:
    """The names of all tables."""
    return sorted(entry.name.removesuffix(".toml") for entry in _TABLES.iterdir() if entry.name.endswith(".toml"))


@cache
def load_model(name: str) -> Model:
    """The model of that exact name. Raises ModelError."""
    if name not in known_models():
        raise ModelError(f"no meter model is called {name!r}; choose one of: {', '.join(known_models())}")
    return parse_model((_TABLES / f"{name}.toml").read_bytes(), name)


def parse_model(table: bytes, name: str) -> Model:
    """A model from the text of its table. Raises ModelError."""
    try:
        model = convert(tomllib.loads(table.decode()), Model)
        _check(model)
    except (ValueError, SettingsError, RecursionError) as wrong:  # TOML's own error is the first, and ModelError too
        raise ModelError(f"meter table {name}: {wrong!s:.300}") from None
    return model


def _check(model: Model) -> None:
    counts = [count for block in model.blocks for count in block.counts(model.step)]
    if max(counts) > model.max_registers:
        raise ModelError(f"a block of {max(counts)} registers, but the meter gives at most {model.max_registers}")
    if len(counts) != len(set(counts)):
        raise ModelError("two blocks may ask for the same count of registers; choose count and spare apart")
    if any(len(value.at) == 2 for _, value in model.values.present()):
        raise ModelError("a quantity has one address, or three")
    if len(model.values.energy_wh.at) != 1 or len(model.values.power_w.at) != 1:
        raise ModelError("energy_wh and power_w are totals: give one address")
    quantities(model)
