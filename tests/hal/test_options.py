"""Options and the installer's file: what hal reads of it, and what it says when it cannot."""

from __future__ import annotations

from argparse import Namespace
from importlib.metadata import version
from pathlib import Path

import pytest

from hal.contract import Limits, MeterChoice
from hal.options import board_file, installation, meters, parse
from hal.settings import SettingsError

VARIABLES = [
    *["EVSE_SITE", "EVSE_BOARD", "EVSE_EVSES"],
    *["EVSE_HAL_SOCKET", "EVSE_HAL_STATE", "EVSE_HAL_ALLOW_USER", "EVSE_HAL_LOG_LEVEL"],
]
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
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def site(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "site.toml"
    path.write_text(text)
    return ["--site", str(path)]


def test_three_tables_are_read_and_the_others_are_somebody_elses(tmp_path: Path) -> None:
    found = installation(parse(site(tmp_path, SITE + METER)))
    assert found.board.name == "sim" and found.limits == Limits(max_ma=20_000, fallback_ma=0)
    assert found.meter == (MeterChoice(model="sdm120", port="/dev/ttyUSB0"),)


def test_the_board_of_the_command_line_wins(tmp_path: Path) -> None:
    options = parse([*site(tmp_path, SITE), "--board", "sim2"])
    assert board_file(options).name == "sim2"
    assert installation(options).limits.max_ma == 20_000


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("[limits]\nmax_ma = 20_000", ": board is missing"),
        ('[board]\nname = "sim"\n[limits]\nmax_a = 16', "unknown key `max_a` in limits; known are max_ma, fallback_ma"),
        ('[board]\nname = "sim"\n[limits]\nmax_ma = 1', "limits.max_ma must be at least 6000"),
        ('[board]\nname = "sim"\n[[meter]]\nport = "a"', "meter[1].model is missing"),
        ('[board]\nname = "sim"\n[[meter]]\nmodle = "a"', "unknown key `modle` in meter[1]; known are model, port"),
        ("board = 3", "board must be a table, not a whole number"),
        (SITE + METER + 'parity = "X"', "meter[1].parity must be one of 'N', 'E', 'O', not 'X'"),
        (SITE + METER + METER, ": meter[2].evse must be another outlet: 1 has a meter already."),
        ('[board]\nname = ""', ": board.name must be the name of a board or a path that ends in .toml."),
        (SITE.replace("= 0", "= 5_999"), ": limits.fallback_ma must be 0 or from 6000 to max_ma, here 20000."),
        (SITE + METER.replace("/dev/ttyUSB0", "ttyUSB0"), "serial device, or \"sim\", not 'ttyUSB0'."),
        (SITE + METER + METER + "evse = 2", "meter[2].address must be another one: a meter on /dev/ttyUSB0 has 1"),
        (SITE + METER + METER + "evse = 2\naddress = 2\nbaud = 2_400", "meter[2]: meters on /dev/ttyUSB0 have diff"),
    ],
)
def test_a_site_that_cannot_be_obeyed_is_said_in_one_sentence(tmp_path: Path, wrong: str, sentence: str) -> None:
    arguments = site(tmp_path, wrong)
    with pytest.raises(SettingsError) as error:
        installation(parse(arguments))
    assert str(error.value).startswith(arguments[1]) and sentence in str(error.value)


def test_without_site_and_board_there_is_nothing_to_do() -> None:
    with pytest.raises(SettingsError, match="give --site FILE"):
        installation(parse([]))


def test_every_option_has_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"SITE": "s", "BOARD": "b", "EVSES": "2", "HAL_SOCKET": "k", "HAL_STATE": "d", "HAL_ALLOW_USER": "u v"}
    for name, value in {**given, "HAL_LOG_LEVEL": "debug"}.items():
        monkeypatch.setenv(f"EVSE_{name}", value)
    options = parse([])
    assert (options.site, options.board, options.evses, options.socket, options.state) == ("s", "b", 2, "k", "d")
    assert (options.allow_user, options.log_level) == (["u", "v"], "DEBUG")


@pytest.mark.parametrize(
    "arguments",
    [["--evses", "0"], ["--evses", "9"], ["--evses", "two"], ["--log-level", "loud"], ["--bord", "sim"], ["--check"]],
)
def test_an_option_that_is_not_understood_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("evse-hal: ") and said.count("\n") == 1


@pytest.mark.parametrize(("name", "value"), [("EVSE_EVSES", "99"), ("EVSE_HAL_LOG_LEVEL", "foo")])
def test_a_wrong_value_in_the_environment_is_noticed_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        parse([])
    said = capsys.readouterr().err
    assert name in said and value in said and said.count("\n") == 1


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert vars(parse([])) == vars(without_variables(monkeypatch))


def without_variables(monkeypatch: pytest.MonkeyPatch) -> Namespace:
    for name in VARIABLES:
        monkeypatch.delenv(name)
    return parse([])


def test_the_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0 and all(f"[{name}" in " ".join(text.split()) for name in VARIABLES)


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"evse-hal {version('evsed')}\n"


def test_the_simulated_board_brings_a_meter_for_each_outlet() -> None:
    options = parse(["--board", "sim", "--evses", "2"])
    chosen = meters(installation(options), board_file(options))
    assert [(meter.model, meter.port, meter.evse) for meter in chosen] == [("sdm630", "sim", 1), ("sdm630", "sim", 2)]


def test_the_installers_meters_replace_it(tmp_path: Path) -> None:
    options = parse(site(tmp_path, SITE + METER))
    assert meters(installation(options), board_file(options))[0].model == "sdm120"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (METER + "evse = 2", r"meter\[1\].evse: board sim has no outlet 2"),
        (
            METER.replace("sdm120", "abacus"),
            r"meter\[1\].model: no meter model is called 'abacus'; choose one of: abb-b21, ",
        ),
    ],
)
def test_meters_that_do_not_fit_the_board_are_said(tmp_path: Path, more: str, sentence: str) -> None:
    options = parse(site(tmp_path, SITE + more))
    with pytest.raises(SettingsError, match=sentence):
        meters(installation(options), board_file(options))
