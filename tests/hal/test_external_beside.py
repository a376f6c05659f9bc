"""What the Pi beside a controller has of its own: contacts, thermometers and lights count there as on any board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gpiod
import pytest

from hal.boards import HERE, BoardError, OutletBoard, check_parts, load
from hal.boards.external import ExternalBoard
from hal.contacts import Contact, Means
from hal.contract import Owner
from hal.drivers import gpiod_lines
from hal.heat import HeatSteps, Spot, Warmth
from hal.sim.contact import SimInput
from tests.hal.drivers.gpio_bank import NAMES, FakeBank
from tests.hal.test_external import Bay

BESIDE = """
[outlet.reader]
driver = "mfrc522"
[outlet.lights]
driver = "leds"
folder = "{leds}"
red = "evse:red"
[[input]]
means = "emergency-stop"
contact = {{ driver = "gpiod", line = "GPIO16", active_when = "open" }}
[[thermometer]]
place = "enclosure"
probe = {{ driver = "w1", id = "28-0316a2794bff" }}
"""


class Wired(Bay):
    """With one contact of each meaning, and a thermometer in the plug."""

    def __init__(self) -> None:
        self.inputs = {means: SimInput() for means in Means}
        super().__init__()

    def board(self) -> OutletBoard:
        contacts = tuple(Contact(means, part) for means, part in self.inputs.items())
        return replace(super().board(), contacts=contacts, spots=(Spot(0, "plug", HeatSteps()),))

    def warms(self, celsius: int) -> None:
        self.desk.warmth = {0: Warmth(celsius * 1_000, self.now_ms)}

    def heats(self, celsius: int, seconds: int) -> None:
        for _ in range(seconds):
            self.warms(celsius)
            self.passes(1)

    def owner(self) -> Owner:
        assert self.loop.outlet is not None
        return self.loop.outlet.limits[0].owner


@pytest.fixture
def bay() -> Wired:
    bay = Wired()
    bay.warms(25)
    bay.charge()
    return bay


def test_an_emergency_stop_opens_until_somebody_acknowledges_it(bay: Wired) -> None:
    bay.inputs[Means.EMERGENCY_STOP].on = True
    outlet = bay.passes(1)
    assert (outlet.closed, outlet.offered_ma, outlet.reason) == (False, 0, "FAULT")
    bay.inputs[Means.EMERGENCY_STOP].on = False
    bay.passes(3)
    assert bay.fault() == ["EMERGENCY_STOP"] and not bay.din.closed
    bay.loop.acknowledge()
    bay.heats(25, 10)
    assert bay.fault() == [] and bay.din.closed


def test_a_contact_that_cannot_be_read_is_as_if_it_were_pressed(bay: Wired) -> None:
    bay.inputs[Means.EARTH_LOST].vanish()
    bay.passes(1)
    assert set(bay.fault()) == {"EARTH_LOST", "INPUT_FAILED"} and not bay.din.closed


def test_a_grid_operator_who_dims_leaves_4_2_kw(bay: Wired) -> None:
    bay.inputs[Means.GRID_DIM].on = True
    bay.heats(25, 6)
    assert bay.din.set == 6 and bay.owner() is Owner.GRID and bay.din.closed


def test_a_switch_pauses_and_a_button_is_counted(bay: Wired) -> None:
    bay.inputs[Means.BUTTON].on = True
    assert bay.passes(1).presses == 1
    bay.inputs[Means.SWITCHED_OFF].on = True
    bay.passes(1)
    assert bay.din.set == 0 and bay.owner() is Owner.SWITCH and bay.fault() == []


def test_heat_takes_current_and_then_the_contactor(bay: Wired) -> None:
    bay.heats(66, 6)
    assert bay.din.set == 8 and bay.owner() is Owner.HEAT
    bay.heats(72, 1)
    assert bay.fault() == ["OVER_TEMPERATURE"] and not bay.din.closed
    assert bay.loop.outlet is not None and [at.mc for at in bay.loop.outlet.temperatures] == [72_000]


def test_a_thermometer_that_falls_silent_leaves_a_quarter_and_is_a_fault_later(bay: Wired) -> None:
    bay.passes(30)
    assert bay.din.set == 6 and bay.owner() is Owner.HEAT
    bay.passes(60)
    assert "THERMOMETER_SILENT" in bay.fault()


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> FakeBank:
    bank = FakeBank(gpiochip0=NAMES)
    monkeypatch.setattr(gpiod, "Chip", bank.open)
    monkeypatch.setattr(gpiod_lines, "glob", lambda _: list(bank.chips))
    return bank


def written(folder: Path) -> Path:
    led = folder / "evse:red"
    led.mkdir()
    (led / "max_brightness").write_text("1")
    (led / "brightness").write_text("0")
    path = folder / "beside.toml"
    path.write_text((HERE / "evse-din.toml").read_text() + BESIDE.format(leds=folder))
    return path


def test_a_board_file_names_them_and_the_board_gives_them_to_who_asks(tmp_path: Path, bank: FakeBank) -> None:
    board = ExternalBoard(load(str(written(tmp_path))))
    [contact] = board.outlets[1].contacts
    assert contact.means is Means.EMERGENCY_STOP and contact.part.active() is True  # its wire is open
    bank.pull("GPIO16", False)
    assert contact.part.active() is False
    assert list(board.thermometers()) == [0] and list(board.readers()) == [1]
    lights = board.signals()[1].lights
    assert lights is not None
    lights.show(1_000, 0, 0)
    assert (tmp_path / "evse:red" / "brightness").read_text().strip() == "1"
    board.close()
    assert bank.line("GPIO16").settings is None


def test_to_make_it_safe_takes_its_controllers_and_nothing_else(tmp_path: Path, bank: FakeBank) -> None:
    bank.line("GPIO16").settings = gpiod.LineSettings()  # another program has it
    path = written(tmp_path)
    with pytest.raises(BoardError, match=r"board evse-din: input\[1\]: .*Device or resource busy"):
        ExternalBoard(load(str(path)))
    ExternalBoard(load(str(path)), bare=True).close()


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ('contact = { driver = "gpiod", line', 'contact = { driver = "gpio", line', "input[1].contact: no driver"),
        ('probe = { driver = "w1", id = "28-0316a2794bff" }', "", "thermometer[1].probe: is missing"),
        ("[outlet.lights]", "[outlet.lock]", "lock: a board of kind external names controller, reader, lights, buzzer"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_touched(
    tmp_path: Path, was: str, becomes: str, sentence: str
) -> None:
    path = written(tmp_path)
    assert was in path.read_text()
    path.write_text(path.read_text().replace(was, becomes))
    with pytest.raises(BoardError) as refused:
        check_parts(load(str(path)))
    assert sentence in str(refused.value)
