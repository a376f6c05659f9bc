"""Families of drivers from packages that are really installed on the path; the first one is the page's own example."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from hal.boards import BoardError, assemble, check_parts, load
from hal.drivers import FAMILIES
from hal.drivers.families import FamilyError, parts_of
from hal.drivers.protocols import PartFailed

PAGE = Path(__file__).resolve().parents[3] / "docs" / "drivers.md"
BOARD = """
name = "bench"
kind = "pi"
timing.gate_ms = 500
[[outlet]]
evse = 1
max_ma = 16_000
socket = true
pilot = { driver = "files", folder = "." }
contactor = { driver = "files", folder = "." }
enable = { driver = "files", folder = "." }
lock = { driver = "bolt" }
"""
BOLT = """
import msgspec

class Bolt:
    class Config(msgspec.Struct): pass
    def __init__(self, config): pass
    def order(self, locked): pass
    def locked(self): return False

PARTS = {"lock": Bolt}
NO_CONFIG = {"lock": object}
NO_TABLE = [Bolt]
"""
Install = Callable[[str, str, str], None]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "files", "tests.hal.drivers.file_tree")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with one module and these entry points on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def package(module: str, code: str, points: str) -> None:
        monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / f"{module}.py").write_text(dedent(code))
        name = f"{module}{len(list(tmp_path.iterdir()))}"
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[evse.drivers]\n{points}\n")

    return package


def test_the_driver_of_the_page_reads_a_cable(install: Install, tmp_path: Path) -> None:
    project, board = blocks("toml")
    (code,) = blocks("python")
    assert code.count("\n") <= 50
    ((name, value),) = tomllib.loads(project)["project"]["entry-points"]["evse.drivers"].items()
    install(value.partition(":")[0], code, f"{name} = {value}")
    install("bolt_package", BOLT, "bolt = bolt_package:PARTS")
    raw = tmp_path / "in_voltage1_raw"
    raw.write_text("739\n")
    pins = tmp_path / "pins"
    pins.mkdir()
    text = BOARD.replace('folder = "."', f'folder = "{pins}"')
    text += re.sub(r'file = ".*"', f'file = "{raw}"', board)
    (tmp_path / "bench.toml").write_text(text)
    built = assemble(load(str(tmp_path / "bench.toml")))
    cable = built.outlets[1].parts.proximity
    assert cable is not None and cable.ohms() == pytest.approx(220, abs=1)
    raw.write_text("4095\n")
    cable.background.measure()  # type: ignore[attr-defined]
    assert cable.ohms() is None
    raw.write_text("")
    with pytest.raises(PartFailed, match=r"proximity: .*in_voltage1_raw"):
        cable._measure()  # type: ignore[attr-defined]
    built.close()


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ("bolt = nowhere_to_be_found:PARTS", "driver `bolt`: nowhere_to_be_found:PARTS cannot be loaded"),
        ("bolt = bolt_package:MISSING", "AttributeError"),
        ("bolt = bolt_package:NO_CONFIG", "is no table of roles and classes with a Config"),
        ("bolt = bolt_package:NO_TABLE", "is no table of roles and classes with a Config"),
        ("other = bolt_package:PARTS", "no driver `bolt`; known are .*files.*, other"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence_of_the_board(
    install: Install, tmp_path: Path, points: str, said: str
) -> None:
    install("bolt_package", BOLT, points)
    (tmp_path / "bench.toml").write_text(BOARD)
    with pytest.raises(BoardError, match=said) as refused:
        check_parts(load(str(tmp_path / "bench.toml")))
    assert str(refused.value).startswith("board bench: outlet 1: lock: ") and "\n" not in str(refused.value)


def test_a_package_that_breaks_while_it_loads_is_one_sentence(install: Install) -> None:
    install("broken_package", "raise RuntimeError('no\\nchip')", "bolt = broken_package:PARTS")
    with pytest.raises(FamilyError, match=r"cannot be loaded \(RuntimeError: no chip\); mend or remove its package$"):
        parts_of("bolt")


def test_a_name_is_one_package_s_and_never_one_of_ours(install: Install) -> None:
    install("bolt_package", BOLT, "bolt = bolt_package:PARTS\nfiles = bolt_package:PARTS")
    assert "pilot" in parts_of("files")
    assert set(parts_of("bolt")) == {"lock"}
    install("bolt_package", BOLT, "bolt = bolt_package:PARTS")
    with pytest.raises(FamilyError, match="comes with 2 packages; remove all but one"):
        parts_of("bolt")


@pytest.mark.parametrize("name", [None, 5, ["files"]])
def test_what_is_no_name_is_no_driver(name: object) -> None:
    with pytest.raises(FamilyError, match="no driver"):
        parts_of(name)


def test_without_a_foreign_name_no_package_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)
    assert parts_of("files")
