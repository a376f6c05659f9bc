"""Lights over a file tree that stands for the LED class, and over an SPI device that keeps what is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.drivers import ws281x
from hal.drivers.leds import BuzzerConfig, LedBuzzer, LedLights, LightsConfig
from hal.drivers.protocols import PartFailed
from hal.drivers.ws281x import MOST_PIXELS, StripConfig, StripLights, stretched
from hal.settings import SettingsError, convert


@pytest.fixture
def leds(tmp_path: Path) -> Path:
    for name, most in (("red", 255), ("green", 1), ("blue", 255), ("buzzer", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "max_brightness").write_text(f"{most}\n")
        (tmp_path / name / "brightness").write_text("0\n")
    return tmp_path


def lit(leds: Path, name: str) -> int:
    return int((leds / name / "brightness").read_text().split()[0])


def test_each_colour_gets_what_its_led_can(leds: Path) -> None:
    lights = LedLights(LightsConfig("red", "green", "blue", str(leds)))
    lights.show(1_000, 200, 500)
    assert [lit(leds, name) for name in ("red", "green", "blue")] == [255, 1, 128]
    lights.show(0, 0, 1)
    assert [lit(leds, name) for name in ("red", "green", "blue")] == [0, 0, 1]


def test_a_colour_that_is_missing_is_left_out(leds: Path) -> None:
    LedLights(LightsConfig(green="green", folder=str(leds))).show(1_000, 1_000, 1_000)
    assert [lit(leds, name) for name in ("red", "green", "blue")] == [0, 1, 0]


def test_lights_without_any_led_are_refused(leds: Path) -> None:
    with pytest.raises(PartFailed, match="none of red, green and blue is named"):
        LedLights(LightsConfig(folder=str(leds)))


def test_a_buzzer_is_loud_or_silent(leds: Path) -> None:
    buzzer = LedBuzzer(BuzzerConfig("buzzer", str(leds)))
    buzzer.sound(True)
    assert lit(leds, "buzzer") == 1
    buzzer.sound(False)
    assert lit(leds, "buzzer") == 0


def test_an_led_that_is_not_there_or_goes_is_said(leds: Path) -> None:
    with pytest.raises(PartFailed, match="LED pink: No such file or directory"):
        LedLights(LightsConfig("pink", folder=str(leds)))
    lights = LedLights(LightsConfig("red", folder=str(leds)))
    (leds / "red" / "brightness").unlink()
    with pytest.raises(PartFailed, match="LED red: No such file or directory"):
        lights.show(1, 0, 0)


def test_a_name_is_no_path() -> None:
    with pytest.raises(SettingsError):
        convert({"name": "../etc"}, BuzzerConfig)


class Strip:
    """The far end of an SPI bus: decodes what a strip would see at 2.4 MHz."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.set: list[int] = []
        path.touch()
        monkeypatch.setattr(ws281x, "ioctl", lambda fd, request, value: self.set.append(request))

    def pixels(self) -> list[tuple[int, ...]]:
        """Of the last picture: the bytes of each pixel, in the order of the wire."""
        wire = self.path.read_bytes()
        assert wire.startswith(bytes(90)) and wire.endswith(bytes(90))  # 300 µs of silence
        bits = "".join(f"{byte:08b}" for byte in wire[90:-90])
        symbols = [bits[at : at + 3] for at in range(0, len(bits), 3)]
        assert set(symbols) <= {"110", "100"}
        data = "".join("1" if symbol == "110" else "0" for symbol in symbols)
        whole = [int(data[at : at + 8], 2) for at in range(0, len(data), 8)]
        return [tuple(whole[at : at + 3]) for at in range(0, len(whole), 3)]


@pytest.mark.parametrize(("order", "seen"), [("grb", (127, 255, 0)), ("rgb", (255, 127, 0))])
def test_a_strip_sees_each_pixel_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, seen: tuple[int, ...]
) -> None:
    strip = Strip(tmp_path / "spidev0.0", monkeypatch)
    lights = StripLights(StripConfig(str(strip.path), 4, order))
    lights.show(1_000, 500, 0)
    assert strip.pixels() == [seen] * 4 and strip.set == [0x4001_6B01, 0x4004_6B04]
    lights.close()
    with pytest.raises(PartFailed, match=r"lights on .*: Bad file descriptor"):
        lights.show(0, 0, 0)


def test_the_longest_strip_fits_into_one_write() -> None:
    assert 2 * 90 + 9 * MOST_PIXELS <= 4_096


def test_a_byte_is_stretched_to_three() -> None:
    assert stretched(0) == bytes((0b10010010, 0b01001001, 0b00100100))
    assert stretched(255) == bytes((0b11011011, 0b01101101, 0b10110110))


def test_a_bus_that_is_not_there_keeps_it_from_being_built(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        StripLights(StripConfig(str(tmp_path / "none"), 1))
