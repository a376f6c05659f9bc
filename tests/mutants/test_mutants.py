"""The mutator makes what it says, the hunt tells killed from alive, and the list of equivalents is of today."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.mutants.equivalents import equivalents
from tests.mutants.hunt import ROOT, TARGETS, is_killed
from tests.mutants.mutate import mutants

SOURCE = '''
"""Words are left alone."""
LIMIT = 7

def enough(have: int, locked: bool | None) -> bool:
    """Words here too."""
    return have >= LIMIT and not locked
'''


def test_each_change_is_one_keystroke_of_one_line() -> None:
    assert [mutant.name for mutant in mutants(SOURCE)] == [
        "module: LIMIT = 7 → LIMIT = 8",
        "module: LIMIT = 7 → LIMIT = (6)",
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


def test_what_is_changed() -> None:
    assert one("a.append(b)") == ["pass"]
    assert one("return a if b else c") == ["return (a)", "return (c)"]
    assert one("return a._replace(b=b, c=c)") == ["return a._replace(c=c)", "return a._replace(b=b)"]
    assert one("if a: return b") == ["if True: return b", "if False: return b"]
    assert one("return min(a, b)") == ["return max(a, b)"]
    assert one("return [a, b]") == ["return [b]", "return [a]"]
    assert one("return a + b / c") == ["return (a - b / c)", "return a + (b * c)"]
    assert one("return 2.0") == ["return 2.01", "return (1.99)"]
    assert one("return a and b or c")[:3] == ["return ((a and b) and c)", "return (c)", "return (a and b)"]


@pytest.mark.parametrize("name", TARGETS)
def test_all_mutants_have_names_of_their_own_and_can_be_compiled(name: str) -> None:
    found = list(mutants(TARGETS[name].path.read_text()))
    assert len({mutant.name for mutant in found}) == len(found) > 80
    for mutant in found:
        ast.parse(mutant.source)


@pytest.mark.parametrize("name", TARGETS)
def test_an_equivalent_is_a_mutant_of_today_and_has_a_reason(name: str) -> None:
    names = {mutant.name for mutant in mutants(TARGETS[name].path.read_text())}
    listed = equivalents(name)
    assert listed.keys() <= names
    assert all(len(why.split()) >= 4 for why in listed.values())


def hunt(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.mutants", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_mutant_that_a_test_notices_is_killed() -> None:
    ran = hunt("guard", "--only", "if v.fault: → if False", "--jobs", "1")
    assert (ran.returncode, ran.stdout) == (0, "killed 1 of 1\n"), ran.stderr


def test_a_child_that_gives_no_verdict_is_asked_once_more_and_then_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = iter([3, 0, 3, 70, 1, 0])
    monkeypatch.setattr("tests.mutants.hunt._end_of", lambda job: next(codes))
    assert not is_killed(TARGETS["guard"]._replace(far=()), "")
    with pytest.raises(RuntimeError, match=r"pytest ended with 70 over tests/hal/test_guard.py"):
        is_killed(TARGETS["guard"], "")
    assert is_killed(TARGETS["guard"], "") and next(codes) == 0
