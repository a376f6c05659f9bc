"""The simulated registers, at the addresses that the makers print, and each way in which values lie."""

from __future__ import annotations

from math import isnan
from struct import pack, unpack

import pytest

from hal.drivers.meter_model import load_model, parse_model
from hal.sim.battery import PJ_PER_WH
from hal.sim.meter import WIRE_FAULTS, Flow, MeterFault, SimMeter

FLOW = Flow(2_000_500 * PJ_PER_WH, (231_000, 229_000, 230_000), (16_000, 8_000, 0))

TINY = b"""
name = "tiny"
covers = ["tiny"]
function = 3
type = "u32"
order = "low-first"
max_registers = 10
gap_ms = 1
answer_ms = 1
late_ms = 1
blocks = [{ at = 0, count = 5 }]
values = { energy_wh = { at = [0] }, power_w = { at = [2], type = "i16" }, frequency_mhz = { at = [3], type = "i32" } }
bounds = { power_w = 1, current_ma = 1, voltage_mv = 1 }
"""


def floats(meter: SimMeter, model: str, *addresses: int) -> list[float]:
    image = meter.registers(load_model(model))
    return [unpack(">f", pack(">2H", image[at], image[at + 1]))[0] for at in addresses]


def test_sdm630() -> None:
    meter = SimMeter(lambda: FLOW)
    assert floats(meter, "sdm630", 0x00, 0x02, 0x04) == [231.0, 229.0, 230.0]
    assert floats(meter, "sdm630", 0x06, 0x08, 0x0A) == [16.0, 8.0, 0.0]
    assert floats(meter, "sdm630", 0x0C, 0x0E, 0x10) == pytest.approx([3659.0, 1813.7, 0.0], abs=0.1)
    assert floats(meter, "sdm630", 0x34) == pytest.approx([5472.7], abs=0.1)
    assert floats(meter, "sdm630", 0x3E, 0x46, 0x48, 0x4A) == pytest.approx([0.99, 49.99, 2000.5, 0.0])


def test_sdm120_sees_the_first_phase_only() -> None:
    meter = SimMeter(lambda: FLOW)
    assert floats(meter, "sdm120", 0x00, 0x06, 0x0C, 0x1E) == pytest.approx([231.0, 16.0, 3659.0, 0.99], abs=0.1)
    assert floats(meter, "sdm120", 0x46, 0x48, 0x4A) == pytest.approx([49.99, 2000.5, 0.0])


def test_integers_with_the_low_word_first() -> None:
    image = SimMeter(lambda: FLOW).registers(parse_model(TINY, "tiny"))
    assert (image[1] << 16) + image[0] == 2_000_500
    assert image[2] == 5_472 or image[2] == 5_473
    assert (image[4] << 16) + image[3] == 49_990


def test_integers_without_a_value_are_marked_and_too_big_ones_wrap() -> None:
    meter = SimMeter(lambda: FLOW)
    meter.fault(MeterFault.NAN, on=True)
    image = meter.registers(parse_model(TINY, "tiny"))
    assert [image[at] for at in range(5)] == [0xFFFF, 0xFFFF, 0x7FFF, 0xFFFF, 0x7FFF]
    meter.fault(MeterFault.NAN, on=False)
    meter.fault(MeterFault.SCALED, on=True)
    assert meter.registers(parse_model(TINY, "tiny"))[2] == round(5_472.72 * 1_000) % 65_536


def lying(fault: MeterFault) -> SimMeter:
    meter = SimMeter(lambda: FLOW)
    meter.fault(fault, on=True)
    return meter


def test_lies_in_the_values() -> None:
    assert isnan(floats(lying(MeterFault.NAN), "sdm630", 0x48)[0])
    assert floats(lying(MeterFault.BACKWARDS), "sdm630", 0x48) == [1999.5]
    assert floats(lying(MeterFault.ZERO), "sdm630", 0x48) == [0.0]
    assert floats(lying(MeterFault.SCALED), "sdm630", 0x00, 0x48) == [231_000.0, 2_000_500.0]
    assert floats(lying(MeterFault.NEGATIVE), "sdm630", 0x34)[0] == pytest.approx(-5472.7, abs=0.1)
    image = lying(MeterFault.SWAPPED).registers(load_model("sdm630"))
    assert unpack(">f", pack(">2H", image[1], image[0]))[0] == 231.0


def test_a_stuck_meter_repeats_the_moment_in_which_it_stuck() -> None:
    flows = [FLOW._replace(energy_pj=n * 1_000 * PJ_PER_WH) for n in (9, 8, 7, 6)]
    meter = SimMeter(flows.pop)
    meter.fault(MeterFault.STUCK, on=True)
    assert floats(meter, "sdm630", 0x48) == floats(meter, "sdm630", 0x48) == [6.0]
    meter.fault(MeterFault.STUCK, on=False)
    assert floats(meter, "sdm630", 0x48) == [7.0]


def test_the_faults_of_the_wire_are_not_those_of_the_values() -> None:
    assert set(MeterFault) - WIRE_FAULTS == {
        MeterFault.NAN,
        MeterFault.BACKWARDS,
        MeterFault.ZERO,
        MeterFault.SCALED,
        MeterFault.SWAPPED,
        MeterFault.NEGATIVE,
        MeterFault.STUCK,
    }
