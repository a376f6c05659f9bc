"""A pilot of two halves, and the page that shows how they are named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from hal.drivers.families import parts_of
from hal.drivers.pilot import HALVES, TwoHalves
from hal.drivers.protocols import PartFailed

PAGE = Path(__file__).resolve().parents[3] / "docs" / "pilot.md"
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_what_the_page_shows_is_understood(block: str) -> None:
    ((half, keys),) = tomllib.loads(block)["outlet"]["pilot"].items()
    part = parts_of(keys.pop("driver"))[HALVES[half]]
    msgspec.convert(keys, part.Config)


class Half:
    """Both halves at once; `log` is what they were told."""

    def __init__(self) -> None:
        self.log: list[object] = []
        self.sound = True

    def drive(self, permille: float) -> None:
        self.log.append(("drive", permille))
        if not self.sound:
            raise PartFailed("pilot: gone")

    def expect(self, permille: float) -> None:
        self.log.append(("expect", permille))

    def verify(self) -> None:
        if not self.sound:
            raise PartFailed("pilot: gone")

    def volts(self) -> tuple[float, float, int]:
        return 12.0, 12.0, 1

    def age_ms(self) -> int:
        return 12

    def close(self) -> None:
        self.log.append("close")


def test_the_converter_hears_of_a_drive_only_once_it_is_on_the_line() -> None:
    half = Half()
    pilot = TwoHalves(half, half)
    pilot.offer(500.0)
    assert half.log == [("drive", 500.0), ("expect", 500.0)]
    half.sound = False
    with pytest.raises(PartFailed):
        pilot.offer(600.0)
    assert half.log[2:] == [("drive", 600.0)]


def test_a_generator_that_lost_its_setting_is_worse_than_any_voltage() -> None:
    half = Half()
    pilot = TwoHalves(half, half)
    assert pilot.volts() == (12.0, 12.0, 1) and pilot.age_ms() == 12
    half.sound = False
    with pytest.raises(PartFailed, match="gone"):
        pilot.volts()


def test_closing_gives_both_back() -> None:
    out, sense = Half(), Half()
    TwoHalves(out, sense).close()
    assert out.log == sense.log == ["close"]
