"""How the life before this one ended, as the next one hears it; the program that systemd runs, as it runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evsed.farewell import ENDS, UNKNOWN, greet, part


def systemd_says(runtime: Path, result: str) -> None:
    """ExecStopPost of the unit."""
    command = [sys.executable, "-I", "-m", "evsed.farewell", str(runtime)]
    subprocess.run(command, check=True, env={**os.environ, "SERVICE_RESULT": result})


def test_a_life_that_was_meant_to_end_leaves_nothing_to_say(tmp_path: Path) -> None:
    assert greet(tmp_path) == ""
    part(tmp_path)
    systemd_says(tmp_path, "success")
    assert greet(tmp_path) == ""


@pytest.mark.parametrize(("result", "said"), [("watchdog", ENDS["watchdog"]), ("a new word", UNKNOWN)])
def test_a_life_that_broke_off_is_told_as_what_it_was_once(tmp_path: Path, result: str, said: str) -> None:
    greet(tmp_path)
    systemd_says(tmp_path, result)
    assert greet(tmp_path) == said
    part(tmp_path)
    assert greet(tmp_path) == ""


def test_without_systemd_it_is_told_that_it_broke_off(tmp_path: Path) -> None:
    greet(tmp_path)
    assert greet(tmp_path) == UNKNOWN


def test_without_a_runtime_folder_nothing_is_said_and_nothing_fails(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert greet(gone) == greet(gone) == ""
    part(gone)
