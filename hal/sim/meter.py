"""The simulated energy meter: what it truly measures, and the registers in which it says so.

Rules this file upholds:
- The register is the exact integral of the power since the meter was made; it never starts at zero.
- Registers are laid out by the same model tables that the driver reads, encoded by code of its own.
- What is wrong with the values is wrong here; what is wrong on the wire is wrong in `rtu_slave`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from math import isnan
from struct import pack, unpack
from typing import NamedTuple

from hal.drivers.meter_model import FORMATS, Model
from hal.sim.battery import PJ_PER_WH

START_WH = 1_234_567
POWER_FACTOR_PERMILLE = 990


class Flow(NamedTuple):
    """What goes through the meter: energy so far, and volts and amperes since that moment."""

    energy_pj: int = START_WH * PJ_PER_WH
    voltage_mv: tuple[int, int, int] = (230_000, 230_000, 230_000)
    current_ma: tuple[int, int, int] = (0, 0, 0)


class MeterFault(StrEnum):
    """How a meter or its line lies. The first group is on the wire, the second in the values."""

    SILENT = "silent"
    LATE = "late"
    SHORT = "short"
    DAMAGED = "damaged"
    FOREIGN = "foreign"
    ECHO = "echo"
    STALE = "stale"
    REFUSING = "refusing"
    OTHER_FUNCTION = "other-function"
    WRONG_LENGTH = "wrong-length"

    NAN = "nan"
    BACKWARDS = "backwards"
    ZERO = "zero"
    SCALED = "scaled"
    SWAPPED = "swapped"
    NEGATIVE = "negative"
    STUCK = "stuck"


WIRE_FAULTS = frozenset(list(MeterFault)[:10])


class SimMeter:
    """One meter of a model; `flow` tells what goes through it now, with the energy up to now."""

    def __init__(self, flow: Callable[[], Flow]) -> None:
        self._flow = flow
        self._frozen: Flow | None = None
        self.faults: set[MeterFault] = set()

    def fault(self, name: MeterFault, on: bool) -> None:
        """Break or repair."""
        (self.faults.add if on else self.faults.discard)(name)
        if name is MeterFault.STUCK:
            self._frozen = self._flow() if on else None

    def registers(self, model: Model) -> dict[int, int]:
        """All registers of a meter of that model, by address."""
        truth = _truth(self._frozen or self._flow(), _phases(model))
        if MeterFault.BACKWARDS in self.faults:
            truth["energy_wh"] = (truth["energy_wh"][0] - 1_000,)
        if MeterFault.ZERO in self.faults:
            truth["energy_wh"] = (0,)
        if MeterFault.NEGATIVE in self.faults:
            truth["power_w"] = tuple(-watts for watts in truth["power_w"])
        factor = 1_000 if MeterFault.SCALED in self.faults else 1
        high_first = (model.order == "high-first") != (MeterFault.SWAPPED in self.faults)
        image: dict[int, int] = {}
        for name, value in model.values.present():
            for address, number in zip(value.at, truth[name], strict=False):
                raw = float("nan") if MeterFault.NAN in self.faults else number * factor / value.scale
                for offset, word in enumerate(_words(raw, value.type or model.type, high_first)):
                    image[address + offset] = word
        return image


def _phases(model: Model) -> int:
    """How many phases such a meter measures; one that shows none of them apart measures all three."""
    by_phase = model.values.voltage_mv or model.values.current_ma or model.values.phase_power_w
    return len(by_phase.at) if by_phase else 3


def _truth(flow: Flow, phases: int) -> dict[str, tuple[float, ...]]:
    """The true values, in the units of a `MeterReading`."""
    volts, amps = flow.voltage_mv[:phases], flow.current_ma[:phases]
    watts = tuple(power_uw(mv, ma) / 1e6 for mv, ma in zip(volts, amps, strict=True))
    return {
        "energy_wh": (flow.energy_pj / PJ_PER_WH,),
        "power_w": (sum(watts),),
        "phase_power_w": watts,
        "current_ma": amps,
        "voltage_mv": volts,
        "frequency_mhz": (49_990,),
        "power_factor_permille": (POWER_FACTOR_PERMILLE if sum(amps) else 1_000,),
        "export_wh": (0,),
    }


def power_uw(mv: int, ma: int) -> int:
    """Active power of one phase: mV · mA = µW."""
    return mv * ma * POWER_FACTOR_PERMILLE // 1_000


def _words(number: float, kind: str, high_first: bool) -> tuple[int, ...]:
    """The registers of a number; an integer that can't hold it wraps round, one that has no value is marked."""
    bits = int(kind[1:])
    if kind[0] == "f":
        data = pack(f">{FORMATS[kind]}", number)
    else:
        nothing = (1 << bits) - 1 if kind[0] == "u" else (1 << (bits - 1)) - 1
        data = (nothing if isnan(number) else round(number) % (1 << bits)).to_bytes(bits // 8)
    words: tuple[int, ...] = unpack(f">{len(data) // 2}H", data)
    return words if high_first else words[::-1]
