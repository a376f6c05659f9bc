"""Run the tests of a module over its mutants: which of them does a test notice?

A mutant inside a function is tried by `swap`, many in a second. What that leaves alive, and a mutant outside of
functions, meets all tests in a forked child that has never imported the module before: the child imports the mutated
source instead of the file and stops at the first test that fails. Only that says that a mutant survived.
A child that ended without a verdict of pytest, as on a machine that runs out of memory or disk, is asked once more;
the second time its last words are told.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TextIO

from tests.mutants.child import exit_code_of, run_tests
from tests.mutants.mutate import Mutant
from tests.mutants.swap import killed_by_swapping
from tests.mutants.targets import Target

SURVIVED, KILLED, INTERRUPTED = 0, 1, 2  # pytest's own codes; a module that cannot be imported interrupts it
TRIES = 2
_VERDICTS = {SURVIVED, KILLED, INTERRUPTED}


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


def survivors(target: Target, wanted: Sequence[Mutant], jobs: int) -> Iterator[Mutant]:
    """The mutants that no test of the target notices. Raises RuntimeError if a test fails without any."""
    killed = killed_by_swapping(target, wanted, jobs)
    left = [mutant for mutant in wanted if mutant.name not in killed]
    with ThreadPoolExecutor(jobs) as pool:
        noticed = pool.map(lambda mutant: is_killed(target, mutant.source), left)
        yield from (mutant for mutant, dead in zip(left, noticed, strict=True) if not dead)


def is_killed(target: Target, source: str) -> bool:
    """Whether any of its tests notices another source."""
    with tempfile.TemporaryFile("w+") as said:
        for _ in range(TRIES):
            code = exit_code_of(partial(_child, target, source, said))
            if code < 0 or code in _VERDICTS:  # below 0: a mutant that looped until its time was up
                return code != SURVIVED
        said.seek(0)
        last = "".join(said.readlines()[-20:])
    raise RuntimeError(f"pytest ended with {code} over {' '.join(target.tests)}:\n{last}")


def _child(target: Target, source: str, said: TextIO) -> int:
    sys.meta_path.insert(0, _Instead(target, source))
    return run_tests(target, said)
