"""Whether a killed process would leave the coil energised, on a fake /sys/module."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from hal import drivers
from hal.boards import assemble, assemble_bare, load
from hal.drivers import kept_levels as module
from hal.drivers.kept_levels import kept_levels
from tests.hal.test_metal import AT_REST, BOARD


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "MODULES", tmp_path)
    return tmp_path


def parameter(modules: Path, controller: str, value: str) -> None:
    folder = modules / controller / "parameters"
    folder.mkdir(parents=True)
    (folder / "persist_gpio_outputs").write_text(f"{value}\n")


@pytest.mark.parametrize("controller", ["pinctrl_bcm2835", "pinctrl_rp1"])
def test_a_pi_that_keeps_levels_is_said_with_the_remedy(modules: Path, controller: str) -> None:
    parameter(modules, controller, "Y")
    said = kept_levels()
    assert said is not None and "dtparam=strict_gpiod" in said and "\n" not in said


def test_a_strict_pi_and_another_machine_are_silent(modules: Path) -> None:
    assert kept_levels() is None
    parameter(modules, "pinctrl_bcm2835", "N")
    parameter(modules, "pinctrl_rp1", "N")
    assert kept_levels() is None


def test_of_two_controllers_either_counts(modules: Path) -> None:
    parameter(modules, "pinctrl_bcm2835", "N")
    parameter(modules, "pinctrl_rp1", "Y")
    assert kept_levels() is not None


def test_a_board_says_it_once_at_start_and_not_when_it_is_only_made_safe(
    modules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from hal.drivers import gpiozero_parts

    parameter(modules, "pinctrl_bcm2835", "Y")
    monkeypatch.setitem(drivers.FAMILIES, "files", "tests.hal.drivers.file_tree")
    monkeypatch.setitem(gpiozero_parts.FACTORIES, "mock", "gpiozero.pins.mock:MockFactory")
    pins = tmp_path / "pins"
    pins.mkdir()
    for pin, value in AT_REST.items():
        (pins / pin).write_text(value)
    board = BOARD
    for role, keys in (
        ("contactor", "coil = 23\nfeedback = 24\ncontact = 'mirror'"),
        ("enable", "pin = 22"),
    ):
        files = f'[outlet.{role}]\ndriver = "files"\nfolder = "{{pins}}"'
        board = board.replace(files, f'[outlet.{role}]\ndriver = "gpiozero"\nfactory = "mock"\n{keys}')
    path = tmp_path / "bench.toml"
    path.write_text(board.format(pins=pins))
    with caplog.at_level(logging.WARNING):
        assemble_bare(load(str(path))).close()
        assert caplog.messages == []
        assemble(load(str(path))).close()
    assert caplog.messages == [f"! board bench: {module.WARNING}"]
