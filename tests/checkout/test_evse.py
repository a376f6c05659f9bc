"""`./evse` in an empty machine: the few programs of Debian, a Python and a uv that do as they are told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DEBIAN = ("sh", "cat", "cksum", "cp", "date", "dirname", "env", "flock", "mkdir", "readlink", "rm", "tail")

UV = """#!/bin/sh
echo "uv $*" >>"{log}"
case "$*" in
    venv*) mkdir -p "{checkout}/.venv/bin" && cp "{programs}"/venv-* "{checkout}/.venv/bin/"
           cd "{checkout}/.venv/bin" && for name in python ruff mypy; do cp venv-any $name; done ;;
    *sync*) . "{programs}/on-sync" ;;
esac
"""
VENV_PROGRAM = """#!/bin/sh
echo "${{0##*/}} $*" >>"{log}"
echo "cwd=$PWD path=$PYTHONPATH"
[ ! -e "{programs}/fails-${{0##*/}}" ]
"""
PYTHON = """#!/bin/sh
[ "$1" != -V ] || {{ echo "Python {version}"; exit; }}
exec "{real}" -c 'import sys
sys.version_info, sys.maxsize, words = tuple(map(int, "{version}".split("."))), {maxsize}, sys.argv[2:]
for name in "{lacks}".split(): sys.modules[name] = None
exec(words[0])' "$@"
"""


class Machine:
    """A checkout and the programs that its PATH has."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.programs, self.log = folder / "a checkout", folder / "bin", folder / "log"
        self.checkout.mkdir()
        self.programs.mkdir()
        for name in ("evse", "requirements.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, self.checkout)
        for name in DEBIAN:
            (self.programs / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        self.put("venv-any", VENV_PROGRAM)
        self.on_sync("true")

    def put(self, name: str, text: str, **words: object) -> None:
        path = self.programs / name
        path.write_text(text.format(log=self.log, checkout=self.checkout, programs=self.programs, **words))
        path.chmod(0o755)

    def has_python(self, version: str = "3.11.2", maxsize: int = 2**63 - 1, lacks: str = "") -> None:
        self.put("python3", PYTHON, version=version, maxsize=maxsize, lacks=lacks, real=sys.executable)

    def has_uv(self) -> None:
        self.has_python()
        self.put("uv", UV)

    def on_sync(self, command: str) -> None:
        (self.programs / "on-sync").write_text(command + "\n")

    def evse(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.programs), "HOME": str(self.programs)}
        self.log.write_text("")
        command = [str(self.checkout / "evse"), *words]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=env, cwd=cwd)

    def calls(self, program: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.split()[0] == program]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_no_python(machine: Machine) -> None:
    done = machine.evse("demo")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Python is missing" in done.stderr and "apt install python3" in done.stderr


def test_an_old_python(machine: Machine) -> None:
    machine.has_python("3.9.2")
    done = machine.evse("demo")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Python 3.9.2 is too old, 3.11 or newer is needed" in done.stderr


def test_a_newer_python_beside_an_old_one(machine: Machine) -> None:
    machine.has_uv()
    shutil.move(machine.programs / "python3", machine.programs / "python3.12")
    machine.has_python("3.9.2")
    assert machine.evse("demo").returncode == 0
    assert "python3.12" in machine.calls("uv")[0]


def test_a_32_bit_python(machine: Machine) -> None:
    machine.has_python(maxsize=2**31 - 1)
    done = machine.evse("demo")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "32-bit" in done.stderr and "64-bit" in done.stderr


def test_debian_without_python3_venv(machine: Machine) -> None:
    machine.has_python(lacks="ensurepip")
    done = machine.evse("demo")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "apt install python3-venv" in done.stderr


def test_no_network_at_the_first_set_up(machine: Machine) -> None:
    machine.has_uv()
    machine.on_sync("echo 'dns error: Temporary failure in name resolution'; exit 2")
    done = machine.evse("demo")
    assert done.returncode == 1
    assert "needs a network" in last_line(done)
    machine.on_sync("true")
    assert machine.evse("demo").returncode == 0


def test_any_other_failure_is_shown(machine: Machine) -> None:
    machine.has_uv()
    machine.on_sync("echo 'hash mismatch of websockets'; exit 2")
    done = machine.evse("demo")
    assert done.returncode == 1
    assert "hash mismatch of websockets" in done.stderr
    assert "set-up failed" in last_line(done)


def test_the_second_run_sets_nothing_up(machine: Machine) -> None:
    machine.has_uv()
    assert machine.evse("demo").returncode == 0
    assert len(machine.calls("uv")) == 3
    done = machine.evse("demo")
    assert (done.returncode, machine.calls("uv"), done.stderr) == (0, [], "")


def test_what_changed_is_done_again(machine: Machine) -> None:
    machine.has_uv()
    machine.evse("demo")
    (machine.checkout / "pyproject.toml").write_text("[project]\n")
    machine.evse("demo")
    assert [call.split()[1:3] for call in machine.calls("uv")] == [["pip", "install"]]
    (machine.checkout / "requirements.lock").write_text("")
    machine.evse("demo")
    assert [call.split()[1] for call in machine.calls("uv")] == ["venv", "pip", "pip"]


def test_a_moved_checkout_is_set_up_again(machine: Machine) -> None:
    machine.has_uv()
    machine.evse("demo")
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    machine.put("uv", UV)
    assert machine.evse("demo").returncode == 0
    assert [call.split()[1] for call in machine.calls("uv")] == ["venv", "pip", "pip"]


def test_an_interrupted_set_up_starts_anew(machine: Machine) -> None:
    machine.has_uv()
    machine.on_sync('kill -9 "$PPID"')
    assert machine.evse("demo").returncode == -signal.SIGKILL
    half = machine.checkout / ".venv/half-written"
    half.write_text("")
    machine.on_sync("true")
    assert machine.evse("demo").returncode == 0
    assert not half.exists()


def test_a_python_that_vanished_is_replaced(machine: Machine) -> None:
    machine.has_uv()
    machine.evse("demo")
    (machine.checkout / ".venv/bin/python").unlink()
    assert machine.evse("demo").returncode == 0


def test_commands_run_where_the_caller_stands_and_import_from_the_checkout(machine: Machine, tmp_path: Path) -> None:
    machine.has_uv()
    done = machine.evse("demo", "--serve", "--state", "a b", cwd=tmp_path)
    assert done.stdout == f"cwd={tmp_path} path={machine.checkout}\n"
    assert machine.calls("python") == ["python -m tests.demo --serve --state a b"]


def test_a_failed_step_fails_the_whole_and_is_named_last(machine: Machine) -> None:
    machine.has_uv()
    done = machine.evse("check")
    assert done.returncode == 0
    assert "check passed" in last_line(done)
    (machine.programs / "fails-mypy").touch()
    done = machine.evse("test")
    assert done.returncode == 1
    assert last_line(done) == "evse: test FAILED: types"
    assert [call.split()[2] for call in machine.calls("python")] == ["pytest", "tests.systemd"]  # the rest was run


def test_help_names_what_the_demo_can_do(machine: Machine) -> None:
    done = machine.evse("help")
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--plain", "--fast", "--serve", "--csms", "--state"))


def test_an_unknown_command(machine: Machine) -> None:
    done = machine.evse("dmeo")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    commands = (
        "demo, test, check, bench, peers, cases, mutants, matrix, lab, cuts, lab-kernel, torture, enemies and help"
    )
    assert f"unknown command: dmeo; there are {commands}" in done.stderr
    assert not (machine.checkout / ".venv").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_checkout_of_somebody_else(machine: Machine) -> None:
    machine.has_uv()
    machine.checkout.chmod(0o555)
    done = machine.evse("demo")
    machine.checkout.chmod(0o755)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "is not writable" in done.stderr
