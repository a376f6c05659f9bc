"""The arrows between the rooms, read from the syntax trees: who may import whom, and what the core may not name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PURE_HAL = ("hal/iec61851.py", "hal/guard.py", "hal/faults.py")
LONGEST_FILE = 400
LONGEST_FUNCTION = 40


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def test_hal_imports_nothing_of_evsed() -> None:
    assert [name(p) for p in sources("hal") for m in imports(p) if within(m, "evsed")] == []


def test_in_evsed_only_the_hal_link_imports_hal_and_only_its_contract() -> None:
    # edges.py turns its snapshots into events; site.py reads the installer's tables, which are part of the contract.
    allowed = {"evsed/hal_link.py", "evsed/edges.py", "evsed/site.py"}
    guests = {name(p): m for p in sources("evsed") for m in imports(p) if within(m, "hal")}
    assert set(guests) <= allowed
    assert all(within(m, "hal.contract") or m == "hal" for m in guests.values())


def test_core_is_pure() -> None:
    stdlib = {
        "__future__",
        "enum",
        "collections",
        "collections.abc",
        "typing",
        "bisect",
        "functools",
        "re",
    }
    # A value class of the standard library takes 0.8 ms to make, and there are 120 of them: see the README's rooms.
    values = {"msgspec", "msgspec.Struct", "msgspec.field", "msgspec.structs", "msgspec.structs.replace"}
    for path in sources("evsed/core"):
        for module in imports(path):
            allowed = within(module, "evsed.core") or any(within(module, m) for m in stdlib) or module in values
            assert allowed, f"{name(path)}: {module}"
        text = path.read_text()
        for word in (
            "import msgspec",
            "datetime.now",
            "import time",
            "import random",
            "import json",
            "uuid",
            "ocpp1",
            "v16",
            "v201",
        ):
            assert word not in text, f"{name(path)} names {word}"


@pytest.mark.parametrize("path", PURE_HAL)
def test_pilot_and_guard_know_no_driver_no_network_no_clock(path: str) -> None:
    allowed = (
        "__future__",
        "dataclasses",
        "enum",
        "collections",
        "typing",
        "hal.contract",
        "hal.iec61851",
        "hal.faults",
    )
    for module in imports(ROOT / path):
        assert any(within(module, m) for m in allowed), f"{path}: {module}"


def test_the_ocpp_package_is_named_only_below_the_dialects() -> None:
    guests = [name(p) for p in sources("evsed", "hal") for m in imports(p) if m == "ocpp" or m.startswith("ocpp.")]
    assert all(g.startswith(("evsed/ocpp/v16/", "evsed/ocpp/v201/", "evsed/ocpp/v21/")) for g in guests)


def test_dialects_do_not_reach_into_store_or_web_and_store_not_into_ocpp() -> None:
    for room, forbidden in (("evsed/ocpp", ("evsed.store", "evsed.web")), ("evsed/store", ("evsed.ocpp", "evsed.web"))):
        for path in sources(room):
            for module in imports(path):
                assert not any(within(module, f) for f in forbidden), f"{name(path)}: {module}"


def test_no_version_is_asked_for_by_if() -> None:
    for path in sources("evsed/core", "evsed/ocpp"):
        for node in nodes(path):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                assert "version ==" not in text and "version !=" not in text, f"{name(path)}: {text}"


def test_files_and_functions_stay_readable() -> None:
    for path in sources("evsed", "hal"):
        text = path.read_text()
        assert text.count("\n") <= LONGEST_FILE, f"{name(path)} has {text.count(chr(10))} lines"
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= LONGEST_FUNCTION, f"{name(path)}: {node.name} has {length} lines"


def test_time_is_read_in_few_places() -> None:
    allowed = {"evsed/clock.py", "hal/tick.py", "hal/__main__.py", "hal/bus.py", "hal/bringup/bench.py"}
    readers = {
        name(p)
        for p in sources("evsed", "hal")
        if any(w in p.read_text() for w in ("time.monotonic", "time.time(", "datetime.now"))
    }
    assert readers <= allowed
