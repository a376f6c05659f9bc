"""Proximity and NTC by a converter of the kernel, on a folder that looks like its; the arithmetic by sweeps."""

from __future__ import annotations

from math import exp
from pathlib import Path
from typing import Any

import pytest

from hal.drivers import iio
from hal.drivers.background import STALE_MS, Background
from hal.drivers.iio import PARTS, plug_ohms
from hal.drivers.protocols import HUNG_MS, NoReading, PartFailed
from hal.drivers.resistors import Divider, NtcTable
from hal.iec61851 import cable_ma
from hal.settings import SettingsError, convert
from hal.sim.socket import PP_OHMS
from tests.hal.drivers.iio_world import Converter

PP = {"device": "ads1115", "channel": 1, "supply_mv": 5_000, "pull_ohms": 330}
NTC = {
    "device": "ads1115",
    "channel": 2,
    "supply_mv": 3_300,
    "pull_ohms": 10_000,
    "points": [[25, 10_000], [85, 1_070]],
}


RAIL = [0.95, 0.97, 0.994, 0.997, 1.0, 1.02, 1.05]
LEAK_OHMS = 6_000_000.0  # the input of an ADS1115 at ±4.096 V


def ntc_ohms(celsius: float, ohms_25: float, beta: float) -> float:
    """As a data sheet computes it."""
    return ohms_25 * exp(beta * (1 / (celsius + 273.15) - 1 / 298.15))


@pytest.fixture
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Converter:
    monkeypatch.setattr(iio, "DEVICES", str(tmp_path))
    return Converter(tmp_path)


def build(role: str, options: dict[str, Any], **more: Any) -> Any:
    return PARTS[role](convert(options, PARTS[role].Config), **more)


# --- proximity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ohms", "ma"),
    [(ohms, cable * 1_000) for cable, ohms in PP_OHMS.items()]
    + [(None, None), (0.0, 0), (1_100, 13_000), (2_460, 13_000), (400, 20_000), (164, 32_000), (80, 63_000)]
    + [(50_000, None), (6_000, None), (5_000, 0)],
)
def test_every_plug_is_known_by_its_resistor(converter: Converter, ohms: float | None, ma: int | None) -> None:
    converter.hang(1, ohms, PP)
    part = build("proximity", PP)
    assert cable_ma(part.ohms()) == ma
    part.close()


def test_the_arithmetic_is_exact_over_the_whole_range() -> None:
    divider = Divider(supply_mv=5_000, pull_ohms=330)
    for ohms in range(1, 5_600, 7):
        assert plug_ohms(divider, 5_000 * ohms / (ohms + 330)) == pytest.approx(ohms)


@pytest.mark.parametrize("divider", [PP, PP | {"supply_mv": 3_300, "pull_ohms": 1_000}])
@pytest.mark.parametrize("rail", RAIL)
def test_every_plug_and_none_is_known_though_the_supply_is_off(
    converter: Converter, divider: dict[str, Any], rail: float
) -> None:
    known = [(ohms, cable * 1_000) for cable, ohms in PP_OHMS.items()]
    for ohms, ma in [*known, (2_460.0, 13_000), (0.0, 0), (None, None), (LEAK_OHMS, None)]:
        converter.hang(1, ohms, divider | {"supply_mv": divider["supply_mv"] * rail})
        part = build("proximity", divider)
        assert cable_ma(part.ohms()) == ma, ohms
        part.close()


def test_looking_never_measures_and_a_value_that_grows_old_is_a_part_that_failed() -> None:
    now, answers = [0], [5.0, OSError("bus fault")]

    def measure() -> float:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    background = Background("proximity", measure, lambda: now[0])
    now[0] += STALE_MS
    assert background.look() == 5.0
    background.measure()
    now[0] += 1
    with pytest.raises(PartFailed, match="proximity: bus fault"):
        background.look()
    answers.append(7.0)
    background.measure()
    assert background.look() == 7.0


def test_a_measurement_that_does_not_end_is_told() -> None:
    now, told = [0], []

    def measure() -> float:
        told.append(background.hangs() if now[0] else "")
        now[0] += HUNG_MS
        told.append(background.hangs() if now[0] > HUNG_MS else "")
        return 5.0

    background = Background("proximity", measure, lambda: now[0])
    background.measure()
    assert told == ["", "", "", "proximity: a measurement does not end"] and background.hangs() == ""


def test_its_thread_measures_by_itself(converter: Converter) -> None:
    part = build("proximity", PP)
    for _ in range(1_000):
        converter.hang(1, 220.0, PP)
        if part.ohms() == pytest.approx(220.0, rel=0.01):
            break
        part.background._end.wait(0.01)
    assert part.ohms() == pytest.approx(220.0, rel=0.01)
    part.close()


# --- finding a converter -----------------------------------------------------------------------------------------


def test_two_of_a_kind_are_told_by_their_address(tmp_path: Path, converter: Converter) -> None:
    Converter(tmp_path, address="1-0049", number=1).hang(1, 680.0, PP)
    part = build("proximity", PP | {"device": "1-0049"})
    assert part.ohms() == pytest.approx(680.0, rel=0.01)
    part.close()
    with pytest.raises(
        PartFailed, match="2 converters are called `ads1115`; there is ads1115 at 1-0048, ads1115 at 1-"
    ):
        build("proximity", PP)


def test_a_converter_that_is_not_there(converter: Converter) -> None:
    with pytest.raises(PartFailed, match="no converter is called `mcp3208`; there is ads1115 at 1-0048"):
        build("proximity", PP | {"device": "mcp3208"})
    with pytest.raises(OSError, match="in_voltage9_raw"):
        build("proximity", PP | {"channel": 9})


# --- temperature -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("celsius", [-20, 0, 25, 40, 71, 85, 110])
def test_a_temperature(converter: Converter, celsius: int) -> None:
    converter.hang(2, ntc_ohms(celsius, 10_000, 3_977), NTC)
    points = [[25, 10_000], [85, round(ntc_ohms(85, 10_000, 3_977))]]
    assert build("thermometer", NTC | {"points": points}).read() == pytest.approx(celsius * 1_000, abs=300)


def test_between_the_points_of_a_long_table_no_degree_is_off() -> None:
    table = NtcTable([(c, round(ntc_ohms(c, 10_000, 3_435))) for c in (-20, 0, 25, 50, 85, 105)])
    for celsius in range(-40, 120):
        assert table.mc(ntc_ohms(celsius, 10_000, 3_435)) == pytest.approx(celsius * 1_000, abs=300)


@pytest.mark.parametrize("ohms", [None, 0.0, 1.0, 9_000_000.0])
def test_a_broken_or_shorted_wire_is_no_reading(converter: Converter, ohms: float | None) -> None:
    converter.hang(2, ohms, NTC)
    with pytest.raises(NoReading, match="broken or shorted"):
        build("thermometer", NTC).read()


@pytest.mark.parametrize("rail", RAIL)
@pytest.mark.parametrize("pull_ohms", [2_200, 10_000, 100_000])
def test_a_broken_or_shorted_wire_is_none_though_the_supply_is_off(
    converter: Converter, rail: float, pull_ohms: int
) -> None:
    board = NTC | {"pull_ohms": pull_ohms, "points": [[-40, 336_500], [0, 33_900], [25, 10_000], [85, 1_070]]}
    if pull_ohms == 2_200:
        board["points"] = [[0, 9_000], [25, 2_700], [85, 300]]
    thermometer = build("thermometer", board)
    for ohms in (None, LEAK_OHMS, 0.0, 2.0):
        converter.hang(2, ohms, board | {"supply_mv": 3_300 * rail})
        with pytest.raises(NoReading, match="broken or shorted"):
            thermometer.read()


@pytest.mark.parametrize("rail", RAIL)
def test_a_temperature_stays_one_though_the_supply_is_off(converter: Converter, rail: float) -> None:
    for celsius, off in ((-15, 11_000), (0, 5_000), (25, 2_500), (60, 2_000), (85, 2_000)):
        converter.hang(2, ntc_ohms(celsius, 10_000, 3_977), NTC | {"supply_mv": 3_300 * rail})
        assert build("thermometer", NTC).read() == pytest.approx(celsius * 1_000, abs=off), celsius


def test_a_converter_against_the_same_supply_may_tell_colder(converter: Converter) -> None:
    converter.hang(2, ntc_ohms(-34, 10_000, 3_977), NTC)
    with pytest.raises(NoReading, match="broken or shorted"):
        build("thermometer", NTC).read()
    assert build("thermometer", NTC | {"supply_percent": 1}).read() == pytest.approx(-34_000, abs=1_000)


def test_a_converter_that_goes_is_no_reading(converter: Converter) -> None:
    converter.hang(2, 10_000, NTC)
    thermometer = build("thermometer", NTC)
    (converter.folder / "in_voltage2_raw").unlink()
    with pytest.raises(NoReading, match="the converter gave nothing"):
        thermometer.read()


@pytest.mark.parametrize(
    ("role", "options", "sentence"),
    [
        ("thermometer", NTC | {"points": [[25, 10_000], [85, 20_000]]}, "less ohms at each higher one"),
        ("thermometer", NTC | {"points": [[25, 10_000], [25, 9_000]]}, "two or more temperatures"),
        ("thermometer", NTC | {"points": [[25, 10_000]]}, "points must have at least 2 items"),
        ("thermometer", NTC | {"pull_ohms": 1_000}, "too little to tell 0 °C from a broken wire"),
        (
            "proximity",
            PP | {"pull_ohms": 220},
            "too little to tell a plug of 13 A from none while supply_mv may be 5 %",
        ),
        ("proximity", PP | {"pull_ohms": 0}, "pull_ohms must be at least 50"),
        ("proximity", {"device": "ads1115"}, "is missing"),
    ],
)
def test_a_table_that_cannot_be_obeyed(role: str, options: Any, sentence: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        convert(options, PARTS[role].Config)
    assert sentence in str(wrong.value) and "\n" not in str(wrong.value)


def test_a_file_that_says_nothing_is_a_part_that_failed(converter: Converter) -> None:
    (converter.folder / "in_voltage1_raw").write_text("\n")
    with pytest.raises(PartFailed, match="channel 1 says ''"):
        build("proximity", PP)


def test_a_thermometer_whose_converter_comes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iio, "DEVICES", str(tmp_path))
    thermometer = build("thermometer", NTC)
    with pytest.raises(NoReading, match="no converter is called `ads1115`; there is none"):
        thermometer.read()
    Converter(tmp_path).hang(2, 10_000, NTC)
    assert thermometer.read() == pytest.approx(25_000, abs=100)
