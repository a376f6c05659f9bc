"""Which readings are believed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.contract import MeterReading
from hal.drivers.meter_model import Bounds
from hal.drivers.protocols import NoReading
from hal.drivers.trust import STRANGE_AFTER_MS, Trust, implausible

BOUNDS = Bounds(power_w=75_000, current_ma=120_000, voltage_mv=450_000)
GOOD = MeterReading(
    at_ms=1_000_000,
    energy_wh=1_234_567,
    power_w=10_900,
    current_ma=(16_000, 16_000, 16_000),
    voltage_mv=(230_000, 229_000, 231_000),
    phase_power_w=(3_640, 3_630, 3_630),
    frequency_mhz=49_990,
    power_factor_permille=990,
    export_wh=0,
)


def but(**changes: Any) -> MeterReading:
    return msgspec.structs.replace(GOOD, **changes)


def trusting() -> Trust:
    trust = Trust(BOUNDS, resolution_wh=1)
    trust.believe(GOOD)
    return trust


@pytest.mark.parametrize(
    "reading",
    [
        GOOD,
        but(power_w=0, current_ma=(0, 0, 0), phase_power_w=(0, 0, 0), power_factor_permille=1_000),
        but(power_w=3_640, current_ma=(16_000, 0, 0), phase_power_w=(3_640, 0, 0)),
        but(voltage_mv=(230_000, 40_000, 130_000), power_w=3_640, current_ma=(16_000, 0, 0), phase_power_w=()),
        but(frequency_mhz=0),
        but(current_ma=(), voltage_mv=(), phase_power_w=(), frequency_mhz=None, export_wh=None),
    ],
)
def test_what_meters_truly_say(reading: MeterReading) -> None:
    assert implausible(reading, BOUNDS) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"energy_wh": -1}, "energy register"),
        ({"energy_wh": 10**15}, "energy register"),
        ({"export_wh": -5}, "energy register"),
        ({"power_w": 10_900_000}, "more than the meter can carry"),  # ×1000
        ({"power_w": 11, "phase_power_w": (4, 4, 3)}, "volts times amperes"),  # kW for W
        ({"power_w": -10_900}, "phases of"),  # sign
        ({"power_w": -10_900, "phase_power_w": ()}, "energy flows backwards"),
        ({"phase_power_w": (10**30, -(10**30), 10_900)}, "more than the meter can carry"),
        ({"current_ma": (16_000_000, 0, 0)}, "more than the meter can carry"),
        ({"current_ma": (0, 0, 0)}, "volts times amperes"),
        ({"voltage_mv": (2_300_000, 230_000, 230_000)}, "voltage"),
        ({"voltage_mv": (-230_000, 230_000, 230_000)}, "voltage"),
        ({"frequency_mhz": 499_900}, "frequency"),
        ({"power_factor_permille": 99_000}, "power factor"),
        ({"phase_power_w": (36, 36, 36)}, "phases of"),
    ],
)
def test_what_can_not_be(changes: dict[str, Any], why: str) -> None:
    assert why in (implausible(but(**changes), BOUNDS) or "")
    with pytest.raises(NoReading, match=why):
        trusting().check(but(**changes))


def test_a_register_never_goes_back() -> None:
    trust = trusting()
    for energy_wh in (0, 1_233_567, 1_234_566):
        with pytest.raises(NoReading, match="went back from 1234567"):
            trust.check(but(at_ms=1_001_000, energy_wh=energy_wh))
    trust.check(but(at_ms=1_001_000, energy_wh=1_234_567))
    with pytest.raises(NoReading, match="export register went back"):
        believed = trust.believe(but(at_ms=1_001_000, export_wh=7))
        trust.check(msgspec.structs.replace(believed, at_ms=1_002_000, export_wh=6))


@pytest.mark.parametrize(("after_ms", "most_wh"), [(1_000, 20), (60_000, 1_250), (3_600_000, 75_000)])
def test_a_register_jumps_no_further_than_time_and_power_allow(after_ms: int, most_wh: int) -> None:
    later = 1_000_000 + after_ms
    trusting().check(but(at_ms=later, energy_wh=1_234_567 + most_wh))
    with pytest.raises(NoReading, match="jumped"):
        trusting().check(but(at_ms=later, energy_wh=1_234_567 + most_wh + 50))


def test_a_meter_that_said_0_before_it_was_awake_is_believed_again_by_two_readings() -> None:
    trust = Trust(BOUNDS, resolution_wh=1)
    trust.believe(but(energy_wh=0))
    assert trust.is_stranger(1_001_000)
    first, second = but(at_ms=1_001_000), but(at_ms=1_002_000)
    trust.check(first)
    trust.check(second, first)
    with pytest.raises(NoReading, match="jumped"):
        trust.check(but(at_ms=1_002_000, energy_wh=2_000_000), first)
    trust.believe(second)
    assert not trust.is_stranger(1_003_000)


def test_a_coarse_register_may_move_by_its_step() -> None:
    coarse = Trust(BOUNDS, resolution_wh=100)  # tenths of a kWh
    coarse.believe(GOOD)
    coarse.check(but(at_ms=1_001_000, energy_wh=1_234_667))
    big = but(energy_wh=90_000_000_000)  # a 32-bit float moves by 8 kWh there
    huge = Trust(BOUNDS, resolution_wh=1)
    huge.believe(big)
    huge.check(msgspec.structs.replace(big, at_ms=1_001_000, energy_wh=90_000_008_192))


def test_a_register_that_stands_still_while_power_flows_is_not_believed() -> None:
    trust = trusting()
    now_ms = GOOD.at_ms
    with pytest.raises(NoReading, match="stands still at 1234567 Wh while 10900 W flow"):
        for _ in range(60):
            now_ms += 1_000
            trust.believe(but(at_ms=now_ms))
    assert 15_000 <= now_ms - GOOD.at_ms <= 20_000  # 50 Wh at 11 kW
    trust.believe(but(at_ms=now_ms + 1_000, energy_wh=1_234_570))
    trust.believe(but(at_ms=now_ms + 2_000, energy_wh=1_234_570))


def test_a_register_that_stands_still_without_load_is_well() -> None:
    idle = but(power_w=0, current_ma=(0, 0, 0), phase_power_w=(0, 0, 0))
    trust = trusting()
    trust.believe(idle)
    for hour in range(24):
        trust.believe(msgspec.structs.replace(idle, at_ms=idle.at_ms + hour * 3_600_000))


def test_a_load_that_ended_after_the_last_reading_is_not_held_against_the_register() -> None:
    trust = trusting()
    trust.believe(but(at_ms=GOOD.at_ms + 3_600_000, power_w=0, current_ma=(0, 0, 0), phase_power_w=(0, 0, 0)))


def test_a_stuck_meter_stays_unbelieved_however_long_it_lasts() -> None:
    trust = trusting()
    for after_ms in (30_000, 61_000, 3_600_000, 86_400_000):
        with pytest.raises(NoReading, match="stands still"):
            trust.believe(but(at_ms=GOOD.at_ms + after_ms))


def test_who_is_a_stranger() -> None:
    assert Trust(BOUNDS, 1).is_stranger(0)
    assert not trusting().is_stranger(GOOD.at_ms + STRANGE_AFTER_MS)
    assert trusting().is_stranger(GOOD.at_ms + STRANGE_AFTER_MS + 1)


INTEGERS = st.integers(min_value=-(2**70), max_value=2**70)


@given(st.lists(st.tuples(st.integers(0, 10_000), INTEGERS, INTEGERS), max_size=20))
def test_what_is_believed_never_falls_and_always_fits_the_contract(said: list[tuple[int, int, int]]) -> None:
    trust, now_ms, believed = Trust(BOUNDS, 1), 0, [0]
    for passed_ms, energy_wh, power_w in said:
        now_ms += passed_ms
        reading = MeterReading(now_ms, energy_wh, power_w)
        try:
            trust.check(reading)
            believed.append(trust.believe(reading).energy_wh)
        except NoReading:
            continue
        msgspec.msgpack.encode(reading)
    assert believed == sorted(believed)
