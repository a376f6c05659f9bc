"""The quick way: pytest collects once, and each mutant is tried in a fork of it with the code of one function swapped.

Before that all tests run once without any mutant, watched: which test walks through which function. A mutant meets
those of its function only, the quickest first. One that is not killed here has not survived yet: another way asks all
tests, since code that ran at import was not swapped.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType

import pytest

from tests.mutants.child import exit_code_of, fork, limit, run_tests
from tests.mutants.mutate import Mutant
from tests.mutants.targets import Target

ALIVE, DEAD = 0, 1


def killed_by_swapping(target: Target, wanted: Sequence[Mutant], jobs: int) -> set[str]:
    """The names of those that die. Raises RuntimeError if a test fails without any mutant."""
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryDirectory() as folder:
        dead = Path(folder) / "dead"
        code = exit_code_of(lambda: run_tests(target, said, _Swapper(target, wanted, jobs, dead)))
        if code == 0:
            return set(dead.read_text().splitlines())
        said.seek(0)
        last = "".join(said.readlines()[-20:])
    raise RuntimeError(f"the tests of {target.module} fail without any mutant; mend that first:\n{last}")


class _Swapper:
    """A plugin of pytest that runs the tests in its own way."""

    def __init__(self, target: Target, wanted: Sequence[Mutant], jobs: int, dead: Path) -> None:
        self._target, self._wanted, self._jobs, self._dead = target, wanted, jobs, dead
        self._failed = False
        self._seconds: dict[pytest.Item, float] = {}
        self._walks: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        self._running: dict[int, Mutant] = {}
        self._killed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed |= report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Failed("the tests cannot be collected")
        self._watch(session.items)
        if self._failed:
            raise session.Failed("a test fails without any mutant")
        try:
            self._hunt()
        except KeyboardInterrupt:
            for child in self._running:
                os.kill(child, signal.SIGKILL)
            raise
        self._dead.write_text("\n".join(self._killed))
        return True

    def _hunt(self) -> None:
        for mutant in self._wanted:
            if self._walks[mutant.place]:
                while len(self._running) >= self._jobs:
                    self._reap()
                self._running[fork(partial(self._try, mutant))] = mutant
        while self._running:
            self._reap()

    def _watch(self, items: Sequence[pytest.Item]) -> None:
        """Run all; learn how long each takes, and which functions of the module it walks through."""
        for item, after in zip(items, [*items[1:], None], strict=True):
            began = time.process_time()
            with _walked(str(self._target.path)) as places:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            self._seconds[item] = time.process_time() - began
            for place in places:
                self._walks[place].append(item)
        for walking in self._walks.values():
            walking.sort(key=lambda item: self._seconds[item])

    def _try(self, mutant: Mutant) -> int:
        limit()
        if not _swapped(sys.modules[self._target.module], self._target.path, mutant):
            return ALIVE
        items = self._walks[mutant.place]
        for item, after in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self._failed:
                return DEAD
        return ALIVE

    def _reap(self) -> None:
        child, status = os.wait()
        mutant, code = self._running.pop(child), os.waitstatus_to_exitcode(status)
        if code == DEAD:
            self._killed.append(mutant.name)


@contextmanager
def _walked(path: str) -> Iterator[set[str]]:
    """The functions of a file that are called meanwhile; what is nested in one counts as the one."""
    places: set[str] = set()

    def called(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == path:
            places.add(frame.f_code.co_qualname.partition(".<locals>")[0])

    sys.setprofile(called)
    try:
        yield places
    finally:
        sys.setprofile(None)


def _swapped(module: ModuleType, path: Path, mutant: Mutant) -> bool:
    """Whether the mutant was put in place of a function that everybody has imported already."""
    found: object = module
    for name in mutant.place.split("."):
        found = vars(found).get(name)
        found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    if not isinstance(found, FunctionType):
        return False
    code = _code(compile(mutant.source, str(path), "exec"), mutant.place)
    if code is None or code.co_freevars != found.__code__.co_freevars:
        return False
    found.__code__ = code
    return True


def _code(within: CodeType, place: str) -> CodeType | None:
    """The code of a function, by its qualified name."""
    for inner in within.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_qualname == place:
                return inner
            if place.startswith(f"{inner.co_qualname}."):
                return _code(inner, place)
    return None
