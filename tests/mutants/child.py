"""Forked children that run pytest: what they share with each other, and what they must not."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import TextIO

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutants.targets import ROOT, Target

FAILED = 70  # not one of pytest's
MOST_CPU_S = 60  # a mutant may loop for ever
MOST_BYTES = 2 << 30  # or hoard


class _NoShrinking:
    """A property that fails has killed the mutant; nobody wants its smallest example, nor to hear that it is slow."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        phases, slow = [Phase.explicit, Phase.generate], [HealthCheck.too_slow]
        ours = settings(phases=phases, suppress_health_check=slow, derandomize=True, database=None)
        settings.register_profile("mutants", ours)
        settings.load_profile("mutants")


def fork(job: Callable[[], int]) -> int:
    """The process id of a child that does the job and ends with its code; one that fails ends with FAILED."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(job())
        finally:
            os._exit(FAILED)
    return child


def exit_code_of(job: Callable[[], int]) -> int:
    """Do it in a child, and wait; below 0 = ended by that signal."""
    child = fork(job)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise


def limit() -> None:
    """Bounds for whatever a mutant does from now on."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))


def run_tests(target: Target, said: TextIO, *plugins: object) -> int:
    """Run pytest in this child over the tests of a target until the first that fails; all words go to `said`."""
    home = target.module.partition(".")[0]
    assert not any(name.partition(".")[0] == home for name in sys.modules), "the parent knows the module already"
    if not plugins:
        limit()
    sys.dont_write_bytecode = True
    arguments = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(ROOT),
        *(str(ROOT / one) for one in target.tests),
    ]
    said.truncate(0)
    said.seek(0)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            return int(pytest.main(arguments, plugins=[_NoShrinking(), *plugins]))
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            said.flush()
