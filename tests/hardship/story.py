"""The certification's scenarios as stories: the same steps, of which nothing is expected.

Each step of a scenario is tried, whatever became of those before; what it asserts is evaluated, since it may be a step
too, and not judged. So every scenario that is added to tests/scenarios/test_cert_* is a story, and one that a hardship
leads astray goes on to its end. A crash of the product is no failed step: the world notes it as a breach.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from types import SimpleNamespace
from typing import Any

from tests.world.wallbox import Wallbox

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"

Make = Callable[..., Wallbox]


class _Soft(ast.NodeTransformer):
    """Every step of every function is tried, an assertion becomes its condition; `astray` takes what failed."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.body = [_tried(self.visit(step)) for step in node.body]
        return node

    def visit_For(self, node: ast.For) -> ast.For:
        node.body = [_tried(self.visit(step)) for step in node.body]
        return node

    def visit_If(self, node: ast.If) -> ast.If:
        node.body = [_tried(self.visit(step)) for step in node.body]
        node.orelse = [_tried(self.visit(step)) for step in node.orelse]
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.Expr:
        return ast.copy_location(ast.Expr(node.test), node)


def _tried(step: ast.stmt) -> ast.stmt:
    (tried,) = ast.parse("try: pass\nexcept Exception as failed: astray.append(repr(failed))").body
    assert isinstance(tried, ast.Try)
    tried.body = [step]
    return ast.copy_location(tried, step)


def softened(source: str, name: str) -> dict[str, Any]:
    """The names of a module whose steps may fail."""
    names: dict[str, Any] = {"__name__": name, "astray": []}
    tree = ast.fix_missing_locations(_Soft().visit(ast.parse(source)))
    exec(compile(tree, name, "exec"), names)
    return names


@dataclass(frozen=True, eq=False)
class Story:
    """One scenario with one choice of its parameters."""

    name: str
    function: Callable[..., None]
    chosen: Mapping[str, Any]
    fixtures: Mapping[str, Any]
    astray: list[str]
    shared: dict[str, Any]

    def walk(self, make: Make, folder: Path) -> list[str]:
        """From its first step to its last, in the world that `make` makes; returns why steps failed."""
        self.astray.clear()
        given = {"make": make, "tmp_path": folder}
        self.function(**{each: self._part(each, given) for each in inspect.signature(self.function).parameters})
        return list(self.astray)

    def _part(self, name: str, given: dict[str, Any]) -> Any:
        if name not in given:
            given[name] = self.chosen[name] if name in self.chosen else self._fixture(name, given)
        return given[name]

    def _fixture(self, name: str, given: dict[str, Any]) -> Any:
        if name in self.shared:
            return self.shared[name]
        if name not in self.fixtures:
            assert name == "box", f"a story has no {name}"
            box = given["make"]()
            box.advance(5)
            return box
        fixture = self.fixtures[name]
        parts = inspect.signature(fixture.__wrapped__).parameters
        given["request"] = SimpleNamespace(param=(fixture._fixture_function_marker.params or (None,))[0])
        made = fixture.__wrapped__(**{each: self._part(each, given) for each in parts})
        made = next(made) if inspect.isgenerator(made) else made
        if fixture._fixture_function_marker.scope != "function":
            self.shared[name] = made
        return made


class _Folders:
    """As pytest's `tmp_path_factory`, for what the stories of one file share."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="evsed-")

    def mktemp(self, name: str) -> Path:
        return Path(mkdtemp(prefix=name, dir=self._folder.name))


@cache
def stories() -> tuple[Story, ...]:
    """All that the certification walks through, in the order of their files."""
    return tuple(story for path in sorted(SCENARIOS.glob("test_cert_*.py")) for story in _of(path))


def _of(path: Path) -> Iterator[Story]:
    names = softened(path.read_text(), f"{path.stem} as stories")
    fixtures = {name: value for name, value in names.items() if hasattr(value, "_fixture_function_marker")}
    shared: dict[str, Any] = {"tmp_path_factory": _Folders()}
    for name, function in names.items():
        # What cuts at every moment is a sweep of its own, and no story.
        if name.startswith("test_") and "at_any_moment" not in name and inspect.isfunction(function):
            for label, chosen in _choices(function):
                # Under a name that bears no case: it is no proof of one.
                plain = name.removeprefix("test_").replace("tc_", "")
                told = f"{path.stem.removeprefix('test_cert_')}-{plain}{label}"
                yield Story(told, function, chosen, fixtures, names["astray"], shared)


def _choices(function: Callable[..., None]) -> Iterator[tuple[str, dict[str, Any]]]:
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
    tables = [[(mark.args[0], value) for value in mark.args[1]] for mark in marks]
    for number, row in enumerate(product(*tables)):
        chosen: dict[str, Any] = {}
        for names, value in row:
            each = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
            values = getattr(value, "values", value)
            plain = len(each) == 1 and not hasattr(value, "values")
            chosen |= dict(zip(each, (values,) if plain else values, strict=True))
        yield (f"-{number + 1}" if tables else ""), chosen
