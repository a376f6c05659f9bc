"""`evsectl bringup` and `evsectl selftest` as programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hal.alone import MARK, claim

Result = subprocess.CompletedProcess[str]


def evsectl(state: Path, *words: str) -> Result:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVSE")}
    command = [sys.executable, "-m", "evsed.ctl", words[0], "--state", str(state), *words[1:]]
    return subprocess.run(
        command,
        env=environment,
        cwd=state,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_the_self_test_of_a_sound_board_ends_with_0_and_writes_nothing(tmp_path: Path) -> None:
    done = evsectl(tmp_path, "selftest", "--board", "sim")
    assert done.returncode == 0 and done.stderr == ""
    assert " passed, 0 failed, " in done.stdout.splitlines()[-1]
    assert not list(tmp_path.glob("*.txt")) and not list(tmp_path.glob("*.html"))


def test_the_bring_up_of_a_broken_board_ends_with_1_and_a_protocol(tmp_path: Path) -> None:
    done = evsectl(
        tmp_path, "bringup", "--board", "sim2", "--sim", "fault gate-stuck", "--protocol", str(tmp_path / "mine")
    )
    assert done.returncode == 1 and done.stderr == ""
    text, page = (tmp_path / "mine.txt").read_text(), (tmp_path / "mine.html").read_text()
    for form in (text, page):
        assert "sim2" in form and "bridged or stuck" in form and ", 1 failed, " in form


def test_a_self_test_writes_a_protocol_where_it_is_asked_to(tmp_path: Path) -> None:
    done = evsectl(tmp_path, "selftest", "--board", "sim", "--protocol", str(tmp_path / "night"))
    assert done.returncode == 0
    assert (tmp_path / "night.txt").read_text().startswith("Self-test\n") and (tmp_path / "night.html").exists()


def test_nothing_moves_while_another_process_has_the_board(tmp_path: Path) -> None:
    held = claim(tmp_path / MARK)
    assert held is not None
    try:
        done = evsectl(tmp_path, "selftest", "--board", "sim")
    finally:
        os.close(held)
    assert (done.returncode, done.stdout) == (2, "")
    assert "another evse-hal uses it; stop that one" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("bringup", "--board", "nope"), "no board `nope`"),
        (("selftest",), "no site and no board"),
        (("bringup", "--board", "sim", "--sim", "fault boredom"), "--sim 'fault boredom'"),
        (("bringup", "--board", "sim", "--protocol", "/nowhere/at/all"), "name another with --protocol"),
        (("bringup", "--bored", "sim"), "--bored"),
    ],
)
def test_what_cannot_be_obeyed_is_one_sentence(words: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    done = evsectl(tmp_path, *words)
    assert done.returncode == 2 and sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_the_mark_that_root_makes_belongs_to_the_folder_s_owner(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(tmp_path, 4321, 4321)
    assert evsectl(tmp_path, "selftest", "--board", "sim").returncode == 0
    assert (tmp_path / MARK).stat().st_uid == 4321
