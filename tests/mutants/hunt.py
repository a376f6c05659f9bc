"""Run the nearest tests over one mutant, in a forked child that has never imported the module before.

The child imports the mutated source instead of the file and stops at the first test that fails. Only the parent's
imports are shared, so nothing of one mutant lives on in the next. A child that ended without a verdict of pytest, as
on a machine that runs out of memory or disk, is asked once more; the second time its last words are told.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TextIO

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parents[2]
SURVIVED, KILLED, INTERRUPTED = 0, 1, 2  # pytest's own codes; a module that cannot be imported interrupts it
FAILED = 70  # not one of pytest's
MOST_CPU_S = 60  # a mutant may loop for ever
TRIES = 2
_VERDICTS = {SURVIVED, KILLED, INTERRUPTED}


class Target(NamedTuple):
    """A module, its nearest tests, and those further away that are asked only if the nearest see nothing."""

    module: str
    near: tuple[str, ...]
    far: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Its source."""
        return ROOT / f"{self.module.replace('.', '/')}.py"


TARGETS = {
    "guard": Target("hal.guard", ("tests/hal/test_guard.py",), ("tests/hal/test_outlet.py", "tests/hal/test_judge.py")),
    "iec61851": Target(
        "hal.iec61851",
        ("tests/hal/test_iec61851_steps.py", "tests/hal/test_iec61851.py", "tests/hal/test_iec61851_sequences.py"),
        ("tests/hal/test_guard.py", "tests/hal/test_outlet.py", "tests/hal/test_judge.py"),
    ),
}


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives another source for one module."""

    def __init__(self, target: Target, source: str) -> None:
        self._target, self._source = target, source

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self._target.module:
            return None
        return importlib.util.spec_from_file_location(name, self._target.path, loader=self)  # type: ignore[arg-type]

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._target.path), "exec"), module.__dict__)


class _NoShrinking:
    """A property that fails has killed the mutant; nobody wants its smallest example."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        settings.register_profile("mutants", settings(phases=[Phase.explicit, Phase.generate]))
        settings.load_profile("mutants")


def is_killed(target: Target, source: str) -> bool:
    """Whether any of its tests notices."""
    return any(_run(target, source, tests) for tests in (target.near, target.far) if tests)


def _run(target: Target, source: str, tests: Sequence[str]) -> bool:
    with tempfile.TemporaryFile("w+") as said:
        for _ in range(TRIES):
            code = _end_of(partial(_child, target, source, tests, said))
            if code < 0 or code in _VERDICTS:  # below 0: a mutant that looped until its time was up
                return code != SURVIVED
        said.seek(0)
        last = "".join(said.readlines()[-20:])
    raise RuntimeError(f"pytest ended with {code} over {' '.join(tests)}:\n{last}")


def _end_of(job: Callable[[], int]) -> int:
    """The exit code of a forked child that does the job; one that fails says so, and ends with a code of its own."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(job())
        finally:
            os._exit(FAILED)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _child(target: Target, source: str, tests: Iterable[str], said: TextIO) -> int:
    assert not any(name.partition(".")[0] == "hal" for name in sys.modules), "the parent knows the module already"
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    sys.meta_path.insert(0, _Instead(target, source))
    sys.dont_write_bytecode = True
    arguments = ["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *(str(ROOT / test) for test in tests)]
    said.truncate(0)
    said.seek(0)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            return int(pytest.main(arguments, plugins=[_NoShrinking()]))
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            said.flush()
