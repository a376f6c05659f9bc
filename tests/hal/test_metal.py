"""Boards of metal, with a family of drivers whose pins are files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal import drivers
from hal.boards import Board, BoardError, assemble, check_parts, load, metal, with_outlets
from hal.bus import Bus, Mailbox
from hal.contract import Cp, MeterChoice
from hal.make_safe import main as make_safe
from tests.hal.box import Box
from tests.hal.drivers import file_tree

BOARD = """
name = "bench"
kind = "pi"
[timing]
gate_ms = 300
[[outlet]]
evse = 1
max_ma = 16_000
socket = false
wake_up = true
[outlet.pilot]
driver = "files"
folder = "{pins}"
[outlet.contactor]
driver = "files"
folder = "{pins}"
[outlet.enable]
driver = "files"
folder = "{pins}"
[outlet.reader]
driver = "files"
folder = "{pins}"
"""
AT_REST = {"plateaus": "12.0 12.0 1", "mirror": "0", "beat": "0", "coil": "1"}


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drivers.FAMILIES, "files", "tests.hal.drivers.file_tree")
    for name in ("EVSE_SITE", "EVSE_BOARD", "EVSE_EVSES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    folder = tmp_path / "pins"
    folder.mkdir()
    for pin, value in AT_REST.items():
        (folder / pin).write_text(value)
    return folder


def written(pins: Path, was: str = "", becomes: str = "") -> str:
    """The path of the board file."""
    path = pins.parent / "bench.toml"
    assert was in BOARD
    path.write_text(BOARD.replace(was, becomes, 1).format(pins=pins))
    return str(path)


class Wallbox:
    """The other side of the files: a car that asks for energy, and a contactor that follows its coil."""

    def __init__(self, pins: Path, board: Board) -> None:
        self.pins = pins
        self.volts = 12.0
        self.count = 1
        self.box = Box(board)

    def run(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.count += 1
            duty = float((self.pins / "duty").read_text())
            low = -12.0 if 0 < duty < 1_000 else self.volts
            (self.pins / "plateaus").write_text(f"{self.volts} {low} {self.count}")
            self.box.tick_once()
            (self.pins / "mirror").write_text((self.pins / "coil").read_text())


def test_a_charge_over_files(pins: Path) -> None:
    board = assemble(load(written(pins)))
    (pins / "duty").write_text("1000")
    wallbox = Wallbox(pins, board)
    assert (pins / "coil").read_text() == "0"  # found closed, ordered open
    wallbox.box.allow(16_000)
    wallbox.volts = 9.0
    wallbox.run(100)
    assert float((pins / "duty").read_text()) == pytest.approx(266.7, abs=0.1)
    wallbox.volts = 6.0
    wallbox.run(600)
    outlet = wallbox.box.outlet()
    assert (outlet.closed, outlet.cp, outlet.board_ma) == (True, Cp.C, 16_000)
    beat = (pins / "beat").read_text()
    wallbox.run(10)
    assert (pins / "beat").read_text() != beat
    wallbox.volts = 9.0
    wallbox.run(20)
    assert (pins / "coil").read_text() == "0" and (pins / "beat").read_text() == "0"


def test_wake_up_and_gate_of_the_board_file_reach_the_rules(pins: Path) -> None:
    outlet = assemble(load(written(pins))).outlets[1]
    assert (outlet.wake_up, outlet.timing.gate_ms) == (True, 300)


def test_its_reader_is_asked_by_the_bus_and_closed(pins: Path) -> None:
    board = assemble(load(written(pins)))
    readers = board.readers()
    assert list(readers) == [1] and readers[1].poll() is None
    (pins / "card").write_text("04A2")
    mailbox = Mailbox()
    bus = Bus({}, readers, mailbox)
    bus._reader(1, readers[1])()
    assert (tag := mailbox.tag(1)) is not None and tag.tag == "04A2"
    bus.stop()
    assert (pins / "closed").exists()


PROBE = '[[thermometer]]\nplace = "plug"\nprobe = {{ driver = "files", folder = "{pins}" }}\n'


def test_its_thermometers_are_built_by_their_drivers(pins: Path) -> None:
    path = written(pins, "[[outlet]]", PROBE + "[[outlet]]")
    (pins / "temperature").write_text("41500")
    board = assemble(load(path))
    assert {sensor: one.read() for sensor, one in board.thermometers().items()} == {0: 41_500}
    assert [spot.sensor for spot in board.outlets[1].spots] == [0]


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("probe = ", "# ", "thermometer[1].probe: is missing; name its driver"),
        ('"files"', '"fiels"', "thermometer[1].probe: no driver `fiels`; known are evse_din, files"),
        ("folder", "path", "thermometer[1].probe: unknown key `path`; known are folder"),
    ],
)
def test_what_is_wrong_with_a_probe_is_said(pins: Path, was: str, becomes: str, sentence: str) -> None:
    file = load(written(pins, "[[outlet]]", PROBE.replace(was, becomes, 1) + "[[outlet]]"))
    with pytest.raises(BoardError) as wrong:
        check_parts(file)
    assert str(wrong.value).startswith(f"board bench: {sentence}")


CONTACT = '[[input]]\nmeans = "earth-lost"\ncontact = {{ driver = "files", folder = "{pins}" }}\n'


def test_its_contacts_open_the_contactor(pins: Path) -> None:
    board = assemble(load(written(pins, "[[outlet]]", CONTACT + "[[outlet]]")))
    (pins / "contact").write_text("1")
    box = Box(board)
    assert box.faults() == ["EARTH_LOST"]
    (pins / "contact").unlink()
    assert "earth-lost: contact: No such file" in [fault.text for fault in box.run(50).faults][1]


def test_a_contact_that_is_not_there_keeps_it_from_starting_but_not_from_being_safe(pins: Path) -> None:
    gone = CONTACT.replace("{pins}", "{pins}/gone")
    path = written(pins, "[[outlet]]", gone + "[[outlet]]")
    with pytest.raises(BoardError, match=r"^board bench: input\[1\]: .*No such file or directory"):
        assemble(load(path))
    assert make_safe(["--board", path]) == 0


def test_a_board_without_a_reader_has_none(pins: Path) -> None:
    text = BOARD.split("[outlet.reader]")[0].format(pins=pins)
    (pins.parent / "bench.toml").write_text(text)
    assert assemble(load(str(pins.parent / "bench.toml"))).readers() == {}


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ('"files"', '"fiels"', "outlet 1: pilot: no driver `fiels`; known are evse_din, files"),
        ('driver = "files"', "", "outlet 1: pilot: no driver `None`; known are evse_din, files"),
        ("folder =", "foldre =", "outlet 1: pilot: unknown key `foldre`; known are folder"),
        ("socket = false", "socket = true", "outlet 1: lock: is missing; such an outlet needs pilot, contactor, en"),
        ("[outlet.reader]", "[outlet.lock]", "outlet 1: lock: driver `files` has no lock; it has contactor, enable"),
    ],
)
def test_what_is_wrong_is_said_before_any_part_is_built(pins: Path, was: str, becomes: str, sentence: str) -> None:
    file = load(written(pins, was, becomes))
    for build in (check_parts, assemble):
        with pytest.raises(BoardError) as wrong:
            build(file)
        assert str(wrong.value).startswith(f"board bench: {sentence}") and "\n" not in str(wrong.value)


def test_a_family_whose_library_is_missing_is_said(pins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(drivers.FAMILIES, "files", "tests.hal.drivers.nothing")
    with pytest.raises(BoardError, match=r"pilot: driver `files` cannot be loaded: No module named"):
        check_parts(load(written(pins)))


def test_a_part_that_is_not_there_keeps_it_from_starting(pins: Path) -> None:
    file = load(written(pins, "{pins}", "{pins}/gone"))
    check_parts(file)
    with pytest.raises(BoardError, match=r"^board bench: outlet 1: pilot: .*No such file or directory"):
        assemble(file)


def test_making_safe_reaches_the_parts_that_are_there(pins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pins / "beat").write_text("1")
    board = written(pins, "{pins}", "{pins}/gone")
    assert make_safe(["--board", board]) == 1
    assert (pins / "coil").read_text() == "0" and (pins / "beat").read_text() == "0"
    said = capsys.readouterr().err
    assert said.startswith("outlet 1: pilot: board bench: outlet 1: pilot: ") and said.count("\n") == 1
    assert not (pins / "closed").exists()  # the reader is none of its business


def test_a_real_board_takes_no_orders_and_has_no_simulated_meter(pins: Path) -> None:
    board = assemble(load(written(pins)))
    board.advance(0)
    assert board.next_change_ms(0) is None
    assert board.order(1, ("unplug",)) == (False, "board bench is real: only a simulated board takes orders")
    with pytest.raises(BoardError, match="exists on a simulated board only"):
        board.meter_port(MeterChoice(model="sdm630", port="sim"))
    with pytest.raises(BoardError, match="only a board of kind sim"):
        with_outlets(load(written(pins)), 2)


PHASES = '[outlet.phases]\ndriver = "files"\nfolder = "{pins}"\n'


@pytest.mark.parametrize(("becomes", "dropped"), [("0", [3]), ("1", []), (None, [])])
def test_a_phase_relay_is_let_go_once_the_contactor_is_open_and_never_behind_a_weld(
    pins: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    becomes: str | None,
    dropped: list[int],
) -> None:
    slept: list[float] = []
    dropped_after: list[int] = []

    class Phases:
        Config = file_tree.PARTS["contactor"].Config

        def __init__(self, config: object) -> None:
            pass

        def close(self) -> None:
            dropped_after.append(len(slept))

    def passes(s: float) -> None:
        slept.append(s)
        if len(slept) == 3:
            (pins / "mirror").unlink() if becomes is None else (pins / "mirror").write_text(becomes)

    monkeypatch.setitem(file_tree.PARTS, "phases", Phases)
    monkeypatch.setattr(metal, "sleep", passes)
    board = assemble(load(written(pins, "[outlet.reader]", PHASES + "[outlet.reader]")))
    (pins / "coil").write_text("1")
    (pins / "mirror").write_text("1")
    board.close()
    assert (pins / "coil").read_text() == "0" and dropped_after == dropped
    assert ("its phase relay is left as it is" in caplog.text) is (not dropped)
