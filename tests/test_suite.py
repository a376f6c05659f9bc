"""A long suite that is interrupted ends with a sentence, without a process or a folder of it left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import os, signal, sys, tempfile
from tests.suite import Crew

def wait(number):
    with tempfile.TemporaryDirectory(dir=sys.argv[1]):
        os.write(1, f"begun {number}\\n".encode())
        signal.pause()

def main():
    with Crew(2) as crew:
        list(crew.map(wait, range(8)))
"""


@pytest.mark.parametrize("to_all", [False, True], ids=["SIGTERM to the parent", "Ctrl-C"])
def test_an_interrupted_suite_leaves_nothing(to_all: bool, tmp_path: Path) -> None:
    package, worlds = tmp_path / "patience", tmp_path / "worlds"
    package.mkdir()
    worlds.mkdir()
    (package / "__main__.py").write_text(SUITE)
    command = sys.executable, "-m", "tests.suite", "patience", str(worlds)
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command, text=True, start_new_session=True, env={**os.environ, "PYTHONPATH": paths}, **pipes
    ) as suite:
        assert suite.stdout is not None
        begun = {suite.stdout.readline(), suite.stdout.readline()}
        if to_all:
            os.killpg(suite.pid, signal.SIGINT)
        else:
            suite.terminate()
        more, said = suite.communicate()  # ends when no process of it holds the pipes
    assert begun == {"begun 0\n", "begun 1\n"} and more == ""
    assert suite.returncode == 130 and list(worlds.iterdir()) == []
    assert said == "\ninterrupted: what is told above is all that was found until then\n"
