"""The mutator makes what it says, the hunt tells killed from alive, and the list of equivalents is of today."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mutants import hunt
from tests.mutants.equivalents import equivalents
from tests.mutants.hunt import is_killed
from tests.mutants.mutate import mutants
from tests.mutants.swap import killed_by_swapping
from tests.mutants.targets import ROOT, TARGETS, Target

SOURCE = '''
"""Words are left alone."""
LIMIT = 7

def enough(have: int, locked: bool | None) -> bool:
    """Words here too."""
    return have >= LIMIT and not locked
'''


def test_each_change_is_one_keystroke_of_one_line() -> None:
    assert [mutant.name for mutant in mutants(SOURCE)] == [
        "module: LIMIT = 7 → pass",
        "module: LIMIT = 7 → LIMIT = 8",
        "module: LIMIT = 7 → LIMIT = (6)",
        "enough: return have >= LIMIT and not locked → return None",
        "enough: return have >= LIMIT and not locked → return (have >= LIMIT or not locked)",
        "enough: return have >= LIMIT and not locked → return (not locked)",
        "enough: return have >= LIMIT and not locked → return (have >= LIMIT)",
        "enough: return have >= LIMIT and not locked → return have > LIMIT and not locked",
        "enough: return have >= LIMIT and not locked → return have < LIMIT and not locked",
        "enough: return have >= LIMIT and not locked → return have >= LIMIT and (locked)",
    ]


def one(body: str) -> list[str]:
    """The new texts of a function of one line."""
    return [mutant.source.splitlines()[1].strip() for mutant in mutants(f"def f(a, b, c):\n    {body}\n")]


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("a.append(b)", ["pass"]),
        ("raise a", ["pass"]),
        ("a = b", ["pass"]),
        ("return False", ["return True"]),
        ("return None", []),
        ("return a if b else c", ["return None", "return (a)", "return (c)"]),
        ("return a._replace(b=b, c=c)", ["return None", "return a._replace(c=c)", "return a._replace(b=b)"]),
        ("if a: return None", ["if True: return None", "if False: return None"]),
        ("for a in b: c(a)", ["for a in (): c(a)", "for a in b: pass"]),
        ("b([a for a in b if c])", ["pass", "b([a for a in b if True])", "b([a for a in b if False])"]),
        ("return min(a, b)", ["return None", "return max(a, b)"]),
        ("return any(a)", ["return None", "return all(a)"]),
        ("return abs(a)", ["return None", "return (a)"]),
        ("return a(b, c)", ["return None", "return a(c, b)"]),
        ("return a(b, b)", ["return None"]),
        ("return [a, b]", ["return None", "return [b]", "return [a]"]),
        ("return {a}", ["return None"]),
        ("return {a: b}", ["return None", "return {}"]),
        ("return a in (b, c)", ["return None", "return a not in (b, c)", "return a in (c,)", "return a in (b,)"]),
        ("return a + b / c", ["return None", "return (a - b / c)", "return a + (b * c)"]),
        ("return a | b", ["return None", "return (a & b)"]),
        ("return 2.0", ["return None", "return 2.01", "return (1.99)"]),
        ("return f'{a + 1}'", ["return None"]),
    ],
)
def test_what_is_changed(body: str, texts: list[str]) -> None:
    assert one(body) == texts


KIN = """
class Way(StrEnum):
    IN = "in"
    OUT = "out"
class Door(NamedTuple):
    open_ms: int
    way: Way
    shut_ms: int
def f(door):
    return door.shut_ms if door.way is Way.IN else Way.OUT
"""


def test_what_looks_alike_is_taken_for_each_other() -> None:
    names = [mutant.name for mutant in mutants(KIN)]
    line = "return door.shut_ms if door.way is Way.IN else Way.OUT"
    for other in ("door.open_ms if door.way is Way.IN", "door.shut_ms if door.way is Way.OUT"):
        assert f"f: {line} → return {other} else Way.OUT" in names
    assert "Way: IN = \"in\" → IN = 'inx'" in names


@pytest.mark.parametrize("name", TARGETS)
def test_all_mutants_have_names_of_their_own_and_can_be_compiled(name: str) -> None:
    found = list(mutants(TARGETS[name].path.read_text()))
    assert len({mutant.name for mutant in found}) == len(found) > 40
    for mutant in found[::10]:
        ast.parse(mutant.source)


@pytest.mark.parametrize("name", TARGETS)
def test_an_equivalent_is_a_mutant_of_today_and_has_a_reason(name: str) -> None:
    names = {mutant.name for mutant in mutants(TARGETS[name].path.read_text())}
    listed = equivalents(name)
    assert listed.keys() <= names
    assert all(len(why.split()) >= 4 for why in listed.values())


# --- the hunt, in a little house of its own --------------------------------------------------------------------

HOUSE = """
LIMIT = 7
class Door:
    @property
    def open(self) -> bool:
        return LIMIT > 6
def enough(have):
    return have >= LIMIT
def never(have):
    return have + 1
"""
TESTS = """
from house import LIMIT, Door, enough
def test_limit():
    assert LIMIT == 7 and Door().open
def test_enough():
    assert enough(8) and not enough(6)
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Target]:
    """A target of a module and tests that it is given."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Target, "path", tmp_path / "house.py")
    (tmp_path / "house.py").write_text(HOUSE)

    def target(tests: str) -> Target:
        (tmp_path / "test_house.py").write_text(tests)
        return Target("house", (str(tmp_path / "test_house.py"),))

    return target


def test_what_no_test_notices_survives_in_a_function_or_not(house: Callable[[str], Target]) -> None:
    wanted = [mutant for mutant in mutants(HOUSE) if mutant.place != "module"]
    target = house(TESTS)
    swapped = killed_by_swapping(target, wanted, jobs=2)
    assert [mutant.name for mutant in wanted if mutant.name not in swapped] == [
        "Door.open: return LIMIT > 6 → return LIMIT >= 6",
        "Door.open: return LIMIT > 6 → return LIMIT > (5)",
        "enough: return have >= LIMIT → return have > LIMIT",
        "never: return have + 1 → return None",
        "never: return have + 1 → return (have - 1)",
        "never: return have + 1 → return have + 2",
        "never: return have + 1 → return have + (0)",
    ]


def test_the_whole_module_is_asked_about_what_a_swap_cannot_show(
    house: Callable[[str], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [mutant for mutant in mutants(HOUSE) if mutant.place in ("module", "enough")]
    target = house(TESTS)
    monkeypatch.setattr(hunt, "killed_by_swapping", lambda *_: {wanted[-1].name})
    assert [mutant.name for mutant in hunt.survivors(target, wanted, jobs=1)] == [
        "enough: return have >= LIMIT → return have > LIMIT",
    ]


def test_tests_that_fail_without_any_mutant_are_mended_first(house: Callable[[str], Target]) -> None:
    with pytest.raises(RuntimeError, match="the tests of house fail without any mutant"):
        killed_by_swapping(house(TESTS.replace("== 7", "== 8")), [], jobs=1)


def test_the_last_line_says_how_many_were_killed() -> None:
    command = [sys.executable, "-m", "tests.mutants", "guard", "--only", "if v.fault: → if False"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "killed 1 of 1"), ran.stderr


def test_a_child_that_gives_no_verdict_is_asked_once_more_and_then_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter([3, 0, 3, 70, 1, 0])
    monkeypatch.setattr("tests.mutants.hunt.exit_code_of", lambda job: next(codes))
    assert not is_killed(TARGETS["guard"], "")
    with pytest.raises(RuntimeError, match=r"pytest ended with 70 over tests/hal/test_guard.py"):
        is_killed(TARGETS["guard"], "")
    assert is_killed(TARGETS["guard"], "") and next(codes) == 0
