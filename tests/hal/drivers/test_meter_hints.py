"""Wires the wrong way round, made in a world of phasors: voltages and currents, and which the meter pairs."""

from __future__ import annotations

from math import cos, pi

import pytest

from hal.contract import MeterReading
from hal.drivers.meter_hints import wiring
from hal.drivers.meter_model import load_model
from hal.drivers.protocols import NoReading
from hal.drivers.trust import Trust, implausible

VOLTS = 230.0


def measured(*wires: tuple[int, int], amps: float = 16.0, factor: float = 1.0) -> MeterReading:
    """What a meter shows whose current input n sees the current of phase `wires[n][0]`, turned round where the second
    is −1, beside the voltage of phase n.
    """
    watts = [VOLTS * amps * factor * turn * cos((phase - n) * 2 * pi / 3) for n, (phase, turn) in enumerate(wires)]
    whole = tuple(round(w) for w in watts)
    return MeterReading(
        0, 1_000_000, sum(whole), (round(amps * 1_000),) * len(wires), (230_000,) * len(wires), phase_power_w=whole
    )


@pytest.mark.parametrize("factor", [1.0, 0.95, 0.6])
def test_nothing_is_said_of_good_wiring(factor: float) -> None:
    reading = measured((0, 1), (1, 1), (2, 1), factor=factor)
    assert wiring(reading) is None
    assert implausible(reading, load_model("sdm630").bounds) is None


@pytest.mark.parametrize(
    ("wires", "sentence"),
    [
        ([(0, -1), (1, -1), (2, -1)], "energy flows backwards"),
        ([(0, -1)], "energy flows backwards"),
        ([(0, 1), (1, -1), (2, 1)], "phase 2 runs backwards"),
        ([(0, -1), (1, 1), (2, -1)], "phase 1 and 3 runs backwards"),
        ([(1, 1), (0, 1), (2, 1)], "currents of phases 1 and 2 are exchanged"),
        ([(0, 1), (2, 1), (1, 1)], "currents of phases 2 and 3 are exchanged"),
        ([(1, 1), (2, 1), (0, 1)], "another phase's voltage"),
        ([(2, 1), (0, 1), (1, 1)], "another phase's voltage"),
    ],
)
@pytest.mark.parametrize("factor", [1.0, 0.95])
def test_wrong_wiring_is_named_and_not_believed(wires: list[tuple[int, int]], sentence: str, factor: float) -> None:
    reading = measured(*wires, factor=factor)
    assert sentence in (wiring(reading) or "")
    with pytest.raises(NoReading, match=sentence):
        Trust(load_model("sdm630").bounds, 1).check(reading)


def test_without_current_nothing_can_be_said() -> None:
    assert wiring(measured((1, 1), (0, 1), (2, 1), amps=0.2)) is None


def test_a_voltage_tap_that_is_off() -> None:
    reading = MeterReading(0, 0, 7_360, (16_000,) * 3, (230_000, 400, 230_000), (3_680, 0, 3_680))
    assert wiring(reading) == "current but no voltage on phase 2: check its voltage tap"
