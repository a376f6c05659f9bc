"""The reference boards: strict, wired so that nothing is active by itself, and whole charges over their own pins."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from math import ceil, exp, log
from pathlib import Path
from typing import Any

import pytest

from hal.boards import HERE, BoardError, check_parts, load
from hal.contract import Cp
from hal.drivers.lines import stirs_at_boot
from hal.make_safe import make_safe
from hal.sim.circuit import Load
from tests.hal.reference_pi import ReferencePi

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ("pi-reference", "pi-socket", "pi-two")
A, B, C = Load(), Load(2_740.0), Load(882.0)
TAKEN = {2, 3, 8, 9, 10, 11}  # I²C and the first SPI bus


@pytest.fixture
def pi(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReferencePi]:
    pi = ReferencePi(request.param, tmp_path, monkeypatch)
    yield pi
    pi.board.close()


every = pytest.mark.parametrize("pi", BOARDS, indirect=True)
cable = pytest.mark.parametrize("pi", ["pi-reference"], indirect=True)
socket = pytest.mark.parametrize("pi", ["pi-socket"], indirect=True)


def pins(table: object) -> Iterator[str]:
    """Every GPIO that a table names."""
    if isinstance(table, dict):
        yield from (f"GPIO{number}" for key, number in table.items() if key == "gpio")
        yield from itertools.chain.from_iterable(map(pins, table.values()))
    elif isinstance(table, str) and table.startswith("GPIO"):
        yield table


@pytest.mark.parametrize("name", BOARDS)
def test_each_is_understood_and_takes_no_pin_twice(name: str) -> None:
    board = load(name)
    check_parts(board)
    tables = [getattr(o, role) for o in board.outlet for role in o.__struct_fields__] + [i.contact for i in board.input]
    used = [pin for table in tables for pin in pins(table)]
    second_bus = {16, 19, 20, 21} if name == "pi-two" else set()
    assert len(used) == len(set(used)) and not {f"GPIO{n}" for n in TAKEN | second_bus} & set(used)


@pytest.mark.parametrize(
    ("name", "was", "becomes", "sentence"),
    [
        (
            "pi-two",
            "spidev1.0",
            "spidev0.0",
            "outlet 2: pilot.in: SPI /dev/spidev0 is taken by outlet 1: pilot.in",
        ),
        (
            "pi-two",
            "spidev1.0",
            "spidev0.1",
            "outlet 2: pilot.in: SPI /dev/spidev0 is taken by outlet 1: pilot.in",
        ),
        (
            "pi-reference",
            "[outlet.contactor]",
            '[outlet.lights]\ndriver = "ws281x"\ndevice = "/dev/spidev0.1"\npixels = 8\n[outlet.contactor]',
            "lights: SPI /dev/spidev0 is taken by outlet 1: pilot.in",
        ),
        ("pi-two", "gpio = 13", "gpio = 12", "outlet 2: pilot.out: line GPIO12 is taken by outlet 1: pilot.out"),
        ("pi-two", '"GPIO17"', '"GPIO23"', "outlet 2: contactor: line GPIO23 is taken by outlet 1: contactor"),
        (
            "pi-two",
            '"GPIO17"',
            '{ line = 23, chip = "/dev/gpiochip0" }',
            "outlet 2: contactor: line GPIO23 is taken by",
        ),
        ("pi-two", '"GPIO17"', '"GPIO13"', "outlet 2: contactor: line GPIO13 is taken by outlet 2: pilot.out"),
        ("pi-two", '"GPIO4"', '"GPIO24"', "input[1].contact: line GPIO24 is taken by outlet 1: contactor"),
        (
            "pi-two",
            "channel = 1\ns",
            "channel = 0\ns",
            "thermometer[2].probe: converter 1-0048 channel 0 is taken by the",
        ),
        (
            "pi-reference",
            'contact = "mirror"',
            'contact = "voltage"',
            "outlet 1: contactor: timing.feedback_ms must be at least 400 for this feedback, not 250",
        ),
        ("pi-socket", '"GPIO17"', '"GPIO5"', "GPIO5 is pulled up while the Pi boots"),
        ("pi-socket", '"GPIO27"', '"GPIO6"', "GPIO6 is pulled up while the Pi boots"),
        ("pi-socket", '"GPIO26"', '"GPIO14"', "GPIO14 belongs to the serial console"),
        ("pi-socket", '"GPIO23"', '{ line = 5, chip = "gpiochip0" }', "GPIO5 is pulled up while the Pi boots"),
        ("pi-socket", '"GPIO23"', '{ line = 5, chip = "/dev/gpiochip4" }', "GPIO5 is pulled up while the Pi boots"),
        ("pi-socket", '"GPIO23"', '"ID_SDA"', "GPIO0 is pulled up while the Pi boots"),
    ],
)
def test_a_line_or_channel_for_two_one_that_stirs_or_a_feedback_that_is_too_slow_is_refused(
    tmp_path: Path, name: str, was: str, becomes: str, sentence: str
) -> None:
    text = (HERE / f"{name}.toml").read_text()
    assert was in text
    path = tmp_path / "doubled.toml"
    path.write_text(text.replace(was, becomes))
    with pytest.raises(BoardError) as wrong:
        check_parts(load(str(path)))
    assert sentence in str(wrong.value) and "\n" not in str(wrong.value)


@pytest.mark.parametrize("name", BOARDS)
def test_the_builders_page_names_every_pin(name: str) -> None:
    page = (ROOT / "docs/builder.md").read_text()
    board = load(name)
    for outlet in board.outlet:
        for role in outlet.__struct_fields__:
            for pin in pins(getattr(outlet, role)):
                assert f" {pin.removeprefix('GPIO')} (" in page, pin


@pytest.mark.parametrize("name", BOARDS)
def test_each_power_pin_is_low_until_we_run(name: str) -> None:
    for outlet in load(name).outlet:
        assert outlet.contactor is not None and outlet.enable is not None
        for pin in (outlet.contactor["coil"], outlet.enable["line"]):
            assert stirs_at_boot(int(pin.removeprefix("GPIO"))) is None


def test_the_pin_of_1_wire_is_no_boards() -> None:
    (pin,) = re.findall(r"dtoverlay=w1-gpio,gpiopin=(\d+)", (ROOT / "deploy/config.txt").read_text())
    tables = [getattr(o, role) for name in BOARDS for o in load(name).outlet for role in o.__struct_fields__]
    tables += [one.contact for name in BOARDS for one in load(name).input]
    taken = {used for table in tables for used in pins(table)} | {f"GPIO{n}" for n in TAKEN | {7, 16, 19, 20, 21}}
    assert f"GPIO{pin}" not in taken


@pytest.mark.parametrize(
    "claim",
    [
        "[ emergency stop ]──[ RDC-DD: its own contact ]──[ K1: heartbeat ]──[ K2: GPIO23 ]──( coil of Q1 )",
        "**0 V of the pilot's supply is bonded to PE**",
        "▯ 820 Ω ──[ mirror contact of Q1 ]",
        "| 12 V supply of the relays |",
    ],
)
def test_the_builders_page_keeps_what_a_gate_needs_beside_pins(claim: str) -> None:
    assert claim in (ROOT / "docs/builder.md").read_text()


def pumped(volts: float, diode: float, c1: float, c2: float, r1: float) -> float:
    """What stands at T1 after a rise of the heartbeat, one in 20 ms."""
    share, kept = c1 / (c1 + c2), exp(-0.020 / (r1 * c2))
    return share * (volts - 2 * diode) / (1 - kept * (1 - share))


def holds_ms(part: tuple[float, float, float], volts: float, diode: float, threshold: float) -> float:
    _, c2, r1 = part
    return r1 * c2 * log(pumped(volts, diode, *part) / threshold) * 1_000


def test_the_charge_pump_of_the_builders_page_holds_as_long_as_its_boards_say_and_lets_go_in_time() -> None:
    page = (ROOT / "docs/builder.md").read_text()
    assert "C1 1µ" in page and "3.3µ │  │ 97.6k" in page
    corners = list(itertools.product((0.95e-6, 1.05e-6), (3.135e-6, 3.465e-6), (96_624.0, 98_576.0)))
    shortest = min(holds_ms(corner, 3.3 * 0.95, 0.25, 1.45) for corner in corners) - 10
    longest = max(holds_ms(corner, 3.3 * 1.05, 0.15, 0.65) for corner in corners)
    assert max(load(name).timing.gate_ms for name in BOARDS) < shortest and longest < 500  # the dead man's half second
    assert f"within {int(shortest)} to {ceil(longest)} ms" in page


@every
def test_a_whole_charge(pi: ReferencePi) -> None:
    for evse, bay in pi.bays.items():
        pi.cable(220.0)
        pi.hang(B, evse)
        pi.allow(16_000, evse=evse)
        pi.run(700)
        assert (pi.outlet(evse).cp, pi.outlet(evse).offered_ma, bay.closed) == (Cp.B, 16_000, False)
        pi.hang(C, evse)
        pi.until(closed=True, evse=evse)
        pi.run(300)
        assert bay.closed and pi.faults(evse) == [] and pi.outlet(evse).interruptions == 0
    for evse, bay in pi.bays.items():
        pi.hang(B, evse)
        pi.run(50)
        assert not bay.closed  # IEC 61851-1 A.6 seq. 8.1: within 100 ms
        pi.run(300)
        assert pi.faults(evse) == []


def charging(pi: ReferencePi) -> None:
    pi.cable(220.0)
    pi.hang(B)
    pi.allow(16_000)
    pi.run(700 if pi.bays[1].lock else 100)
    pi.hang(C)
    pi.until(closed=True)


@cable
def test_a_leak_opens_in_hardware_and_is_told(pi: ReferencePi) -> None:
    charging(pi)
    pi.bays[1].leaking = True
    pi.run(50)
    assert not pi.bays[1].closed and not pi.bank.high("GPIO23") and "RESIDUAL_CURRENT" in pi.faults()


@cable
def test_a_trip_between_two_looks_opens_and_is_told(pi: ReferencePi) -> None:
    charging(pi)
    for tripped in (True, False):
        pi.bank.pull("GPIO25", tripped)
    pi.run(20)
    assert not pi.bank.high("GPIO23") and pi.faults() == ["RESIDUAL_CURRENT"]


@cable
@pytest.mark.parametrize("deaf", [False, True])
def test_the_residual_current_device_is_tried_over_its_pin(pi: ReferencePi, deaf: bool) -> None:
    pi.bays[1].deaf = deaf
    pi.run(3_000)
    assert True in pi.bank.line("GPIO26").levels and not pi.bank.high("GPIO26")
    assert pi.faults() == (["RESIDUAL_TEST_FAILED"] if deaf else [])


@cable
def test_a_weld_is_told(pi: ReferencePi) -> None:
    charging(pi)
    pi.bays[1].welded = True
    pi.hang(B)
    pi.run(500)
    assert "WELDED" in pi.faults() and not pi.bank.high("GPIO23")


@cable
@pytest.mark.parametrize("line", ["GPIO24", "GPIO25", "GPIO16"])
def test_a_broken_wire_of_each_contact_is_the_unsafe_answer(pi: ReferencePi, line: str) -> None:
    pull = pi.bank.pull
    pi.bank.pull = lambda name, high: pull(name, high or name == line)  # type: ignore[method-assign]
    pi.bank.pull(line, True)
    charging_would_need = {"GPIO24": "WELDED", "GPIO25": "RESIDUAL_CURRENT", "GPIO16": "EMERGENCY_STOP"}[line]
    pi.hang(C)
    pi.allow(16_000)
    pi.run(800)
    assert charging_would_need in pi.faults() and not pi.bank.high("GPIO23")


@cable
def test_a_tick_that_hangs_starves_the_gate(pi: ReferencePi) -> None:
    charging(pi)
    for _ in range(30):  # time goes on without us
        pi.clock.tick()
        pi._step(pi.bays[1])
    assert pi.bank.high("GPIO23") and not pi.bays[1].closed


@socket
def test_made_safe_everything_is_low_and_the_pilot_at_12_v(pi: ReferencePi) -> None:
    charging(pi)
    assert make_safe(pi.board) == []
    assert not any(pi.bank.high(bay.coil) or pi.bank.high(bay.enable) for bay in pi.bays.values())
    assert pi.kernel.state(0)[:2] == (1_000_000, 0)  # the comparator inverts


@socket
def test_the_plug_is_locked_before_the_contactor_closes_and_the_cable_limits(pi: ReferencePi) -> None:
    pi.cable(1_500.0)
    pi.hang(B)
    pi.allow(32_000)
    pi.run(800)
    assert pi.bays[1].travel_ms == 200 and pi.outlet().locked is True
    assert (pi.outlet().cable_ma, pi.outlet().offered_ma) == (13_000, 13_000)
    pi.hang(C)
    pi.until(closed=True)
    pi.hang(A)
    pi.cable(None)
    pi.allow(32_000, closes=False, holds_cable=False)
    pi.run(1_000)
    assert pi.bays[1].travel_ms == 0 and pi.outlet().locked is False


@cable
def test_its_thermometer_reads(pi: ReferencePi) -> None:
    (thermometer,) = pi.board.thermometers().values()
    assert thermometer.read() == pytest.approx(25_000, abs=100)
