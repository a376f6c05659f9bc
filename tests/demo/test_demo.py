"""The demo itself, with the real daemons: told without a terminal, served by hand, used wrongly, interrupted."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo.show import main
from tests.stand import site_toml

ROOT = Path(__file__).resolve().parents[2]
DEMO = (sys.executable, "-m", "tests.demo")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *words], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)


def test_the_story_is_told_without_a_terminal() -> None:
    told = run("--fast")
    assert (told.returncode, told.stderr) == (0, "")
    assert "\x1b" not in told.stdout
    for telling in (
        "▶ A car is plugged in, with a cable for 20 A.",
        "→ Authorize idTag=04A1B2C3",
        "contactor CLOSED, offered 20.0 A",
        "Charging at 16.0 A, limited by the car; 20.0 A are offered",
        "→ TriggerMessage answered status=Accepted",
        "central system: Offline for",
        "central system: evsed is starting",
        "breaches of the protocol: none",
    ):
        assert telling in told.stdout
    assert re.search(r"energy   \d+ Wh, \d+ meter samples on the way", told.stdout)
    assert "Available → Preparing → Charging" in told.stdout


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """The demo at `--serve`, and the environment that it tells people to copy; ended by two Ctrl-C."""
    demo = subprocess.Popen([*DEMO, "--serve", *words], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    try:
        assert demo.stdout is not None and demo.stderr is not None
        told = [demo.stdout.readline().strip() for _ in range(4)]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in told if line.startswith("export "))
        assert exported.keys() == {"EVSED_CONTROL", "EVSE_HAL_SOCKET"}, f"{told} {demo.stderr.read()}"
        yield demo, exported
        demo.send_signal(signal.SIGINT)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 130
        assert demo.stderr.read() == "demo: stopped\n"
        assert not any(Path(path).exists() for path in exported.values())
    finally:
        demo.kill()
        demo.communicate()


def until(demo: subprocess.Popen[str], pattern: str) -> str:
    """The first line of the demo that has it."""
    assert demo.stdout is not None
    return next(line for line in iter(demo.stdout.readline, "") if re.search(pattern, line))


def test_by_hand_it_serves_until_ctrl_c() -> None:
    with serving() as (demo, exported):

        def evsectl(*words: str) -> str:
            command = [sys.executable, "-m", "evsed.ctl", *words]
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | exported, check=True, capture_output=True, text=True
            )
            return done.stdout

        until(demo, "= central system says Accepted")
        assert evsectl("sim", "plug-in", "--cable", "13") == "plugged in with a 13 A cable\n"
        until(demo, "> CALL .* StatusNotification connectorId=1 status=Preparing")
        evsectl("sim", "swipe", "ABCD")
        until(demo, "contactor CLOSED, offered 13.0 A")
        assert json.loads(evsectl("status", "--json"))["outlets"][0]["token"] == "…CD"


def test_with_an_own_central_system_it_keeps_its_state(tmp_path: Path) -> None:
    state = tmp_path / "s"
    with serving("--csms", "ws://127.0.0.1:9", "--id", "CP7", "--state", str(state)) as (demo, _):
        until(demo, "no connection to ws://127.0.0.1:9/CP7")
    assert (state / "evsed").is_dir()
    other = run("--serve", "--csms", "ws://127.0.0.1:9", "--id", "CP8", "--state", str(state))
    assert other.returncode == 2
    assert "is of an earlier time and says CP7 at ws://127.0.0.1:9" in other.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--csms", "ws://127.0.0.1:9"), "--csms goes with --serve"),
        (("--serve", "--id", "CP7"), "--id and --state go with --csms"),
        (("--serve", "--state", "x"), "--id and --state go with --csms"),
        (("--serve", "--fast"), "--fast is for the story"),
        (("--serve", "--csms="), "--csms must be ws://HOST"),
        (("--serve", "--csms", "http://127.0.0.1"), "--csms must be ws://HOST"),
        (("--serve", "--csms", "ws://127.0.0.1:9", "--id", "a:b"), "--id must not contain a colon"),
        (("--serve", "--csms", "ws://127.0.0.1:9", "--id="), "--id must be text of 1 to 48 characters"),
        (("--serve", "--csms", "ws://127.0.0.1:9", "--state", __file__), "can't be used (File exists)"),
        (("--serve", "--csms", "ws://127.0.0.1:9", "--state", "/proc/x"), "can't be used (No such file or directory)"),
        (("--frob",), "unrecognized arguments"),
    ],
)
def test_wrong_usage_exits_with_2(
    words: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evse demo", *words])
    with pytest.raises(SystemExit, match=r"^2$"):
        main()
    told = capsys.readouterr()
    assert told.out == "" and sentence in told.err


def test_an_unusable_site_is_told_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(site_toml("ws://127.0.0.1:9", "CP7", "frob = 1\n"))
    done = run("--serve", "--csms", "ws://127.0.0.1:9", "--id", "CP7", "--state", str(tmp_path))
    assert done.returncode == 2
    assert "frob" in done.stderr
    assert "frob" in (tmp_path / "site.toml").read_text()


def gone(folder: Path) -> bool:
    """Whether the undertaker, who is nobody's child, does its last deed in time."""
    until_s = time.monotonic() + 20
    while folder.exists() and time.monotonic() < until_s:
        os.sched_yield()
    return not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_nothing_stays_behind_a_demo_that_was_ended_roughly(number: signal.Signals) -> None:
    demo = subprocess.Popen([*DEMO, "--serve"], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    control = Path(until(demo, "export EVSED_CONTROL=").strip().partition("=")[2])
    until(demo, "= central system says Accepted")
    daemons = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _is_of(pid, control)]
    assert len(daemons) == 2
    demo.send_signal(number)
    said = demo.communicate()[1]
    assert (demo.returncode, said) == ((130, "demo: stopped\n") if number is signal.SIGHUP else (-number, ""))
    assert gone(control.parent)
    assert not any(_is_of(str(pid), control) for pid in daemons)


def _is_of(pid: str, control: Path) -> bool:
    """Whether it is a daemon of the stand with this control socket."""
    try:
        return f"EVSED_CONTROL={control}".encode() in Path("/proc", pid, "environ").read_bytes().split(b"\0")
    except OSError:
        return False
