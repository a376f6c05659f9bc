"""1-wire thermometers, on a folder that looks like the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.drivers import w1
from hal.drivers.protocols import NoReading
from hal.drivers.w1 import PARTS, W1Config, parse
from hal.settings import SettingsError, convert

GOOD = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"


def sensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> w1.W1Thermometer:
    monkeypatch.setattr(w1, "DEVICES", str(tmp_path))
    folder = tmp_path / "28-01144a2b3caa"
    folder.mkdir()
    (folder / "w1_slave").write_text(said)
    return PARTS["thermometer"](W1Config("28-01144a2b3caa"))


def test_a_temperature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sensor(tmp_path, monkeypatch, GOOD).read() == 23_125


def test_below_zero() -> None:
    assert parse("5e ff 4b 46 7f ff 02 10 0a : crc=0a YES\n5e ff 4b 46 7f ff 02 10 0a t=-10125") == -10_125


@pytest.mark.parametrize(
    ("was", "becomes", "why"),
    [
        ("YES", "NO", "check sum"),
        ("t=23125", "t=85000", "before it has measured"),
        ("t=23125", "t=125001", "out of its range"),
        ("t=23125", "t=", "an answer that is none"),
        ("\n", "", "an answer that is none"),
        (GOOD, "", "an answer that is none"),
        ("72 01 4b 46 7f ff 0e 10 57", "00 00 00 00 00 00 00 00 00", "shorted"),
    ],
)
def test_what_is_no_reading(was: str, becomes: str, why: str) -> None:
    assert was in GOOD
    with pytest.raises(NoReading, match=why):
        parse(GOOD.replace(was, becomes).strip())


def test_a_sensor_that_is_not_there_is_no_reading_and_may_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thermometer = sensor(tmp_path, monkeypatch, GOOD)
    file = tmp_path / "28-01144a2b3caa" / "w1_slave"
    file.rename(tmp_path / "gone")
    with pytest.raises(NoReading, match="No such file"):
        thermometer.read()
    (tmp_path / "gone").rename(file)
    assert thermometer.read() == 23_125


@pytest.mark.parametrize("name", ["28-01144A2B3CAA", "../28-01144a2b3caa", "28-0114", ""])
def test_an_id_that_is_none(name: str) -> None:
    with pytest.raises(SettingsError):
        convert({"id": name}, W1Config)


def test_an_endless_number_is_no_temperature() -> None:
    with pytest.raises(NoReading, match="an answer that is none"):
        parse("4b 01 4b 46 7f ff 05 10 d8 : crc=d8 YES\n4b 01 4b 46 7f ff 05 10 d8 t=" + "9" * 5_000)
