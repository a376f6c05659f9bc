"""What only one part may have: whoever names it a second time is told who has it, in whichever words he names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.boards import HERE, BoardError, check_parts, load
from hal.drivers import iio, kernel_pwm
from hal.drivers.claims import clash
from hal.options import board_file, installation, meters, parse
from hal.settings import SettingsError
from tests.hal.drivers.kernel_tree import KernelTree

PEAKS = """
[outlet.pilot.in]
driver = "peaks"
device = "ads1115"
high = { channel = 2, first = { code = 300, volts = -1.0 }, second = { code = 2_900, volts = 13.0 } }
low = { channel = 3, first = { code = 300, volts = -13.0 }, second = { code = 2_900, volts = 0.0 } }
reset = "GPIO20"
"""
MCP = (HERE / "pi-reference.toml").read_text().partition("[outlet.pilot.in]")[2].partition("[outlet.contactor]")[0]
RFID = '[outlet.reader]\ndriver = "mfrc522"\ndevice = {}\n'
SERIAL = '[outlet.reader]\ndriver = "{}"\nport = "{}"\n'
TYPING = '[outlet.reader]\ndriver = "hid_reader"\ndevice = "{}"\n'
LEDS = '[outlet.lights]\ndriver = "leds"\nred = "{}"\ngreen = "{}"\n'
STRIP = '[outlet.lights]\ndriver = "ws281x"\ndevice = "/dev/spidev0.1"\npixels = 8\n'
PRESSED = '[[input]]\nmeans = "button"\ncontact = {{ driver = "gpiod", line = "{}", active_when = "made" }}\n'


def board(folder: Path, outlet: str, further: str = "", peaks: bool = True) -> Path:
    """pi-reference with more parts in its outlet, and `further` tables behind it."""
    text = (HERE / "pi-reference.toml").read_text()
    if peaks:
        text = text.replace("[outlet.pilot.in]" + MCP, PEAKS)
    path = folder / "more.toml"
    path.write_text(text.replace("[outlet.contactor]", f"{outlet}[outlet.contactor]") + further)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BoardError) as wrong:
        check_parts(load(str(path)))
    assert "\n" not in str(wrong.value)
    return str(wrong.value)


@pytest.mark.parametrize(
    ("outlet", "further", "sentence"),
    [
        ("", PRESSED.format("GPIO20"), "input[2].contact: line GPIO20 is taken by outlet 1: pilot.in"),
        ("", PRESSED.format("SDA1"), "input[2].contact: line GPIO2 is taken by thermometer[1].probe"),
        (RFID.format(0), PRESSED.format("GPIO10"), "line GPIO10 is taken by outlet 1: reader"),
        (RFID.format(1) + STRIP, "", "lights: SPI /dev/spidev0 is taken by outlet 1: reader"),
        (LEDS.format("a", "a"), "", "lights: LED a is taken by outlet 1: lights"),
        (LEDS.format("a", "b") + '[outlet.buzzer]\ndriver = "leds"\nname = "b"\n', "", "buzzer: LED b is taken by"),
    ],
)
def test_what_two_parts_name_is_refused(tmp_path: Path, outlet: str, further: str, sentence: str) -> None:
    assert sentence in refusal(board(tmp_path, outlet, further))


def test_a_reader_does_not_share_the_bus_of_a_pilot_s_converter(tmp_path: Path) -> None:
    path = board(tmp_path, RFID.format(1), peaks=False)
    assert "reader: SPI /dev/spidev0.1 is taken by outlet 1: pilot.in" in refusal(path)


def test_parts_that_have_what_they_need_are_taken(tmp_path: Path) -> None:
    more = RFID.format(1) + LEDS.format("a", "b") + '[outlet.buzzer]\ndriver = "leds"\nname = "c"\n'
    check_parts(load(str(board(tmp_path, more, PRESSED.format("GPIO21")))))


def test_two_readers_share_a_bus_but_no_chip_select() -> None:
    assert not clash("SPI /dev/spidev0.0", "SPI /dev/spidev0.1")
    assert clash("SPI /dev/spidev0.1", "SPI /dev/spidev0.1")
    assert clash("SPI /dev/spidev0", "SPI /dev/spidev0.1") and clash("SPI /dev/spidev0.1", "SPI /dev/spidev0")
    assert not clash("SPI /dev/spidev1", "SPI /dev/spidev10.0") and not clash("line GPIO2", "line GPIO20")
    assert clash("line GPIO9", "SPI /dev/spidev0.1") and not clash("line GPIO9", "SPI /dev/spidev1")
    assert not clash("line GPIO8", "SPI /dev/spidev0")  # chip selects may lie elsewhere


def test_a_converter_is_the_same_by_name_and_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iio, "DEVICES", str(tmp_path / "devices"))
    real = tmp_path / "1-0048" / "iio:device0"
    real.mkdir(parents=True)
    (real / "name").write_text("ads1115\n")
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "iio:device0").symlink_to(real)
    path = board(tmp_path, "")
    path.write_text(path.read_text().replace("channel = 2", "channel = 0"))
    assert "converter 1-0048 channel 0 is taken by outlet 1: pilot.in" in refusal(path)


@pytest.mark.parametrize(
    ("device", "channels", "pins", "sentence"),
    [
        ("3f20c000.pwm", 2, (12, 18), "PWM channel 0 of 3f20c000.pwm is taken by outlet 1: pilot.out"),
        ("fe20c000.pwm", 2, (19, 13), "PWM channel 1 of fe20c000.pwm is taken by outlet 1: pilot.out"),
        ("fe20c000.pwm", 2, (18, 13), ""),
        ("1f00098000.pwm", 4, (12, 18), ""),
        ("", 0, (12, 18), ""),  # not a Pi: the Pi will say it
    ],
)
def test_two_pilots_on_one_pwm_channel_are_refused_where_it_is_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    channels: int,
    pins: tuple[int, int],
    sentence: str,
) -> None:
    monkeypatch.setattr(kernel_pwm, "CLASS", str(tmp_path))
    if device:
        KernelTree(tmp_path, device, channels=channels).install(monkeypatch)
    text = (HERE / "pi-two.toml").read_text().replace('"GPIO18"', '"GPIO26"')
    for was, pin in zip(("gpio = 12", "gpio = 13"), pins, strict=True):
        text = text.replace(was, f"gpio = {pin} ")
    path = tmp_path / "two.toml"
    path.write_text(text.replace("/dev/spidev1.0", "/dev/spidev3.0"))
    if sentence:
        assert sentence in refusal(path)
    else:
        check_parts(load(str(path)))


METER = '[[meter]]\nmodel = "sdm120"\nport = "{}"\n'


@pytest.mark.parametrize("reader", [SERIAL.format("pn532", "{}"), SERIAL.format("serial_reader", "{}")])
def test_a_meter_and_a_reader_share_no_port_whatever_link_leads_there(tmp_path: Path, reader: str) -> None:
    (tmp_path / "tty").touch()
    (tmp_path / "serial0").symlink_to(tmp_path / "tty")
    path = board(tmp_path, reader.format(tmp_path / "serial0"))
    site = tmp_path / "site.toml"
    for port, fits in ((tmp_path / "tty", False), (tmp_path / "other", True)):
        site.write_text(f'[board]\nname = "{path}"\n' + METER.format(port))
        options = parse(["--site", str(site)])
        if fits:
            assert meters(installation(options), board_file(options))
            continue
        with pytest.raises(SettingsError, match=rf"meter\[1\]: {port} address 1 is taken by outlet 1: reader of"):
            meters(installation(options), board_file(options))


def test_a_controller_shares_its_line_but_not_its_address(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    wanted = '[board]\nname = "evse-din"\n' + METER.format("/dev/ttyUSB0")
    site.write_text(wanted + "address = 2\n")
    options = parse(["--site", str(site)])
    assert meters(installation(options), board_file(options))
    site.write_text(wanted)
    with pytest.raises(SettingsError, match="address 1 is taken by outlet 1: controller of board evse-din"):
        meters(installation(parse(["--site", str(site)])), board_file(options))
    text = (HERE / "evse-din.toml").read_text()
    two = text + text[text.index("[[outlet]]") :].replace("evse = 1", "evse = 2")
    path = tmp_path / "two.toml"
    path.write_text(two)
    assert "outlet 2: controller: /dev/ttyUSB0 address 1 is taken by outlet 1: controller" in refusal(path)
    path.write_text(text + TYPING.format("/dev/input/event0") + two[len(text) :].replace("address = 1", "address = 2"))
    check_parts(load(str(path)))
    path.write_text(path.read_text() + TYPING.format("/dev/input/event0"))
    assert "outlet 2: reader: /dev/input/event0 is taken by outlet 1: reader" in refusal(path)
