"""Options and the installer's file: what hal reads of it, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.contract import Limits, MeterChoice
from hal.options import board_file, installation, meters, parse
from hal.settings import SettingsError

SITE = """
[identity]
id = "somebody else's table"
[board]
name = "sim"
[limits]
max_ma = 20_000
fallback_ma = 0
"""
METER = '\n[[meter]]\nmodel = "sdm120"\nport = "/dev/ttyUSB0"\n'


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SITE", "BOARD", "EVSES", "HAL_SOCKET", "HAL_STATE", "HAL_ALLOW_USER", "HAL_LOG_LEVEL"):
        monkeypatch.delenv(f"EVSE_{name}", raising=False)


def site(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "site.toml"
    path.write_text(text)
    return ["--site", str(path)]


def test_three_tables_are_read_and_the_others_are_somebody_elses(tmp_path: Path) -> None:
    found = installation(parse("t", site(tmp_path, SITE + METER)))
    assert found.board.name == "sim" and found.limits == Limits(max_ma=20_000, fallback_ma=0)
    assert found.meter == (MeterChoice(model="sdm120", port="/dev/ttyUSB0"),)


def test_the_board_of_the_command_line_wins(tmp_path: Path) -> None:
    options = parse("t", [*site(tmp_path, SITE), "--board", "sim2"])
    assert board_file(options).name == "sim2"
    assert installation(options).limits.max_ma == 20_000


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("[limits]\nmax_ma = 20_000", "missing required field `board`"),
        ('[board]\nname = "sim"\n[limits]\nmax_a = 16', "unknown key `max_a` in limits; known are max_ma, fallback_ma"),
        ('[board]\nname = "sim"\n[limits]\nmax_ma = 1', "limits.max_ma: Expected `int` >= 6000"),
        ('[board]\nname = "sim"\n[[meter]]\nport = "a"', "meter[0]: Object missing required field `model`"),
        ('[board]\nname = "sim"\n[[meter]]\nmodle = "a"', "unknown key `modle` in meter[0]; known are model, port"),
        ("board = 3", "board: Expected `object`, got `int`"),
    ],
)
def test_a_site_that_cannot_be_obeyed_is_said_in_one_sentence(tmp_path: Path, wrong: str, sentence: str) -> None:
    arguments = site(tmp_path, wrong)
    with pytest.raises(SettingsError) as error:
        installation(parse("t", arguments))
    assert str(error.value).startswith(arguments[1]) and sentence in str(error.value)


def test_without_site_and_board_there_is_nothing_to_do() -> None:
    with pytest.raises(SettingsError, match="give --site FILE"):
        installation(parse("t", []))


def test_every_option_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SITE": "s", "BOARD": "b", "EVSES": "2", "HAL_SOCKET": "k", "HAL_STATE": "d", "HAL_ALLOW_USER": "u v"}
    for name, value in {**given, "HAL_LOG_LEVEL": "debug"}.items():
        monkeypatch.setenv(f"EVSE_{name}", value)
    options = parse("t", [])
    assert (options.site, options.board, options.evses, options.socket, options.state) == ("s", "b", 2, "k", "d")
    assert (options.allow_user, options.log_level) == (["u", "v"], "DEBUG")


@pytest.mark.parametrize(
    "arguments", [["--evses", "0"], ["--evses", "9"], ["--evses", "two"], ["--log-level", "loud"], ["--bord", "sim"]]
)
def test_an_option_that_is_not_understood_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("t", arguments)
    assert ended.value.code == 2 and "error" in capsys.readouterr().err


def test_a_wrong_number_of_outlets_in_the_environment_is_noticed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVSE_EVSES", "99")
    with pytest.raises(SystemExit):
        parse("t", [])


def test_the_simulated_board_brings_a_meter_for_each_outlet() -> None:
    options = parse("t", ["--board", "sim", "--evses", "2"])
    chosen = meters(installation(options), board_file(options))
    assert [(meter.model, meter.port, meter.evse) for meter in chosen] == [("sdm630", "sim", 1), ("sdm630", "sim", 2)]


def test_the_installers_meters_replace_it(tmp_path: Path) -> None:
    options = parse("t", site(tmp_path, SITE + METER))
    assert meters(installation(options), board_file(options))[0].model == "sdm120"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [(METER + "evse = 2", "board sim has no outlet 2"), (METER + METER, "outlet 1 has two meters")],
)
def test_meters_that_do_not_fit_the_board_are_said(tmp_path: Path, more: str, sentence: str) -> None:
    options = parse("t", site(tmp_path, SITE + more))
    with pytest.raises(SettingsError, match=sentence):
        meters(installation(options), board_file(options))
