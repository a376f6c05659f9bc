"""Board files: strict, and built from drivers by exact name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal import boards
from hal.boards import BoardError, assemble, load, with_outlets
from hal.contract import MeterChoice

GOOD = """
name = "bench"
kind = "pi"
[timing]
gate_ms = 300
[[outlet]]
evse = 1
max_ma = 16_000
socket = false
[outlet.pilot]
driver = "wire"
channel = 0
[outlet.contactor]
driver = "coil"
[outlet.enable]
driver = "gate"
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "bench.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(("name", "outlets"), [("sim", [1]), ("sim2", [1, 2])])
def test_the_boards_of_this_folder_load_and_assemble(name: str, outlets: list[int]) -> None:
    board = assemble(load(name))
    assert board.name == name and sorted(board.outlets) == outlets
    assert all(outlet.board_ma == 32_000 and outlet.parts.lock is not None for outlet in board.outlets.values())
    assert sorted(board.readers()) == outlets
    assert board.order(1, ("plug-in",))[0]
    assert Path(board.meter_port(MeterChoice(model="sdm630", port="sim"))).exists()
    board.close()


def test_every_file_of_the_folder_is_called_like_its_board() -> None:
    for path in boards.HERE.glob("*.toml"):
        assert load(path.stem).name == path.stem


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BoardError, match=r"^no board `bench`; known are .*sim.*, or a path that ends in .toml$"):
        load("bench")


@pytest.mark.parametrize(
    ("change", "to", "sentence"),
    [
        ("evse = 1", "evse = 2", "outlet.evse: [2] must be 1 to 1, each once"),
        ("max_ma = 16_000", "max_ma = 5_999", "outlet[1].max_ma must be at least 6000"),
        ("max_ma = 16_000", 'max_ma = "16 A"', "outlet[1].max_ma must be a whole number, not text"),
        ("max_ma = 16_000", "", "outlet[1].max_ma is missing"),
        ("socket = false", "sockets = false", "unknown key `sockets` in outlet[1]; known are evse, max_ma, socket"),
        ('kind = "pi"', 'kind = "esp"', "kind must be one of 'sim', 'pi', 'external', not 'esp'"),
        ("gate_ms = 300", "lock = 3", "unknown key `lock` in timing; known are close_spacing_ms"),
        ("gate_ms = 300", "lock_ms = 3_000", "timing.gate_ms is missing; for how long does the gate surely hold"),
        ("[timing]\ngate_ms = 300\n", "", "timing.gate_ms is missing; for how long does the gate surely hold"),
        ('name = "bench"', "name = ", "is not TOML"),
        ('name = "bench"', "colour = 1", "unknown key `colour`; known are name, kind, outlet"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, change: str, to: str, sentence: str) -> None:
    path = written(tmp_path, GOOD.replace(change, to))
    with pytest.raises(BoardError) as wrong:
        load(path)
    assert str(wrong.value).startswith(f"{path}: ") and sentence in str(wrong.value)
    assert "\n" not in str(wrong.value).strip()


INPUT = '\n[[input]]\nmeans = "earth-lost"\n'
HEAT = '\n[[thermometer]]\nplace = "plug"\n'


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (HEAT + "half_c = 70\n", "thermometer[1]: back_c, half_c, quarter_c and stop_c must rise in this order"),
        (HEAT + "evses = [2]\n", "thermometer[1]: evses: there is no outlet 2"),
        (
            INPUT.replace("earth", "mirth"),
            "input[1].means must be one of 'emergency-stop', 'earth-lost', 'enclosure-open'",
        ),
        (HEAT.replace("plug", "roof"), "thermometer[1].place must be one of 'plug', 'cable', 'terminals', 'enclosure'"),
        (HEAT + HEAT, "thermometer[2]: place: plug of outlet 1 has one already"),
        (HEAT + "max_c = 70\n", "unknown key `max_c` in thermometer[1]; known are half_c, quarter_c, stop_c, back_c"),
    ],
)
def test_what_is_wrong_with_thermometers_and_inputs_is_said(tmp_path: Path, table: str, sentence: str) -> None:
    with pytest.raises(BoardError) as wrong:
        load(written(tmp_path, GOOD + table))
    assert sentence in str(wrong.value)


def test_the_steps_of_a_thermometer_reach_its_outlets() -> None:
    one, two = (load("sim2").outlet[n].evse for n in (0, 1))
    outlets = assemble(load("sim2")).outlets
    assert [(spot.sensor, spot.place) for spot in outlets[one].spots] == [(0, "plug")]
    assert [(spot.sensor, spot.steps.stop_c) for spot in outlets[two].spots] == [(1, 71)]


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="cannot be read: No such file"):
        load(str(tmp_path / "none.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BoardError, match="is not UTF-8 text at byte 0"):
        load(str(tmp_path / "bytes.toml"))
    (tmp_path / "huge.toml").write_bytes(b"#" * 65_537)
    with pytest.raises(BoardError, match="is larger than"):
        load(str(tmp_path / "huge.toml"))


def test_a_simulated_board_names_no_drivers(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="outlet 1: pilot: a board of kind sim names no drivers"):
        load(written(tmp_path, GOOD.replace('"pi"', '"sim"')))


def test_the_simulated_board_is_given_any_number_of_outlets() -> None:
    assert sorted(assemble(with_outlets(load("sim"), 8)).outlets) == list(range(1, 9))
