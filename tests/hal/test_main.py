"""The process itself: it starts, obeys, ends as it should, and says in one sentence why it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

import hal.__main__ as hal_main
from hal.bus import monotonic_ms
from hal.contract import MAX_DATAGRAM, Ceiling, Lease, Outlet, Owner, SimOrder, Snapshot, Update, decode_update, encode
from hal.faults import Name
from hal.latches import FILE, LatchFile

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """One evse-hal with a notify socket of ours in the place of systemd."""

    def __init__(self, folder: Path, *arguments: str, program: str = "") -> None:
        self.folder = folder
        self.path = folder / "hal.sock"
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.systemd.settimeout(20)
        notify = folder / "notify"
        notify.unlink(missing_ok=True)
        self.systemd.bind(str(notify))
        given = ("--board", "sim", "--socket", str(self.path), "--state", str(folder / "state"), *arguments)
        env = {**os.environ, "NOTIFY_SOCKET": str(notify), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, *(["-c", program] if program else ["-m", "hal"]), *given]
        self.process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, cwd=folder)

    def told(self, word: str) -> None:
        """Wait until systemd has heard a word."""
        while self.systemd.recv(100) != word.encode():
            pass

    def peer(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.settimeout(20)
        peer.connect(str(self.path))
        return peer

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; the exit code and what stderr said."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        self.systemd.close()
        return self.process.returncode, said


def run(*arguments: str, **env: str) -> tuple[int, str, str]:
    """An evse-hal that ends by itself, in this process: (exit code, stdout, stderr)."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name in [name for name in os.environ if name.startswith("EVSE_")]:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr(hal_main, "start_log", lambda level: SimpleNamespace(stop=lambda: None))
        code = hal_main.main(arguments)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(*arguments: str) -> Process:
        started.append(Process(tmp_path, *arguments))
        return started[-1]

    yield begin
    for process in started:
        process.end(signal.SIGKILL)


def wait_for(peer: socket.socket, is_so: Callable[[Outlet], bool], lease_ma: int | None = None) -> Outlet:
    """Read snapshots, renewing a lease, until the first outlet is as wanted."""
    while True:
        update: Update = decode_update(peer.recv(MAX_DATAGRAM))
        if lease_ma is not None:
            peer.send(encode(Lease(1, lease_ma, True, True, monotonic_ms() + 3_000)))
        if isinstance(update, Snapshot) and is_so(update.outlets[0]):
            return update.outlets[0]


def test_a_whole_life(start: Callable[..., Process]) -> None:
    process = start()
    process.told("READY=1")
    process.told("WATCHDOG=1")
    with closing(process.peer()) as peer:
        peer.send(encode(SimOrder(1, ("plug-in", "--cable", "20"))))
        charging = wait_for(peer, lambda outlet: outlet.closed and outlet.meter is not None, lease_ma=16_000)
        assert charging.offered_ma == 16_000 and charging.cable_ma == 20_000
        code, said = process.end()
    assert code == 0 and not process.path.exists()
    order = ["permissions are taken back", "pilot +12 V", "C→B", "contactor open"]
    places = [said.rindex(words) for words in order]
    assert places == sorted(places), said


def test_stopped_in_mid_charge_it_does_not_close_again_by_itself(start: Callable[..., Process]) -> None:
    process = start()
    process.told("READY=1")
    with closing(process.peer()) as peer:
        peer.send(encode(SimOrder(1, ("plug-in",))))
        wait_for(peer, lambda outlet: outlet.closed, lease_ma=16_000)
        process.process.send_signal(signal.SIGSTOP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.process.wait(0.7)  # the gate of the board drops after 0.5 s of the real clock
        process.process.send_signal(signal.SIGCONT)
        late = wait_for(peer, lambda outlet: outlet.interruptions > 0, lease_ma=16_000)
        assert late.reason == "LATE_BEAT"
        told = decode_update(peer.recv(MAX_DATAGRAM))
        assert isinstance(told, Snapshot) and told.tick.overruns >= 50
        resting = wait_for(peer, lambda outlet: outlet.reason == "RELAY_REST", lease_ma=16_000)
        assert (resting.closed, resting.closings) == (False, 1)
    assert "! outlet 1 interrupted: LATE_BEAT" in process.end(signal.SIGKILL)[1]


def test_its_tick_has_real_time_priority_and_its_memory_is_locked_or_the_log_says_why_not(
    start: Callable[..., Process],
) -> None:
    process = start()
    process.told("READY=1")
    pid = process.process.pid
    fifo = [int(t) for t in os.listdir(f"/proc/{pid}/task") if os.sched_getscheduler(int(t)) == os.SCHED_FIFO]
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    said = process.end()[1]
    if "no SCHED_FIFO (" in said:
        assert fifo == []
    else:
        assert "= tick: SCHED_FIFO 20;" in said and len(fifo) == 1 and pid not in fifo  # the tick's thread alone
    locked_kb = int(status["VmLck"].split()[0])
    assert ("; memory locked" in said and locked_kb > 0) or "; memory not locked (" in said


def test_a_contactor_found_closed_is_open_before_the_first_tick(tmp_path: Path) -> None:
    """With a board whose pins are files: they outlive a killed process, as pins do."""
    pins = tmp_path / "pins"
    pins.mkdir()
    for pin, value in {"coil": "1", "beat": "1", "mirror": "1", "plateaus": "6.0 -12.0 1"}.items():
        (pins / pin).write_text(value)
    parts = "".join(
        f'[outlet.{role}]\ndriver = "files"\nfolder = "{pins}"\n' for role in ("pilot", "contactor", "enable")
    )
    board = tmp_path / "bench.toml"
    head = 'name = "bench"\nkind = "pi"\ntiming.gate_ms = 500\n'
    board.write_text(f"{head}[[outlet]]\nevse = 1\nmax_ma = 16000\nsocket = false\n{parts}")
    program = (
        "import sys; from hal import drivers; from hal.__main__ import main;"
        "drivers.FAMILIES['files'] = 'tests.hal.drivers.file_tree'; sys.exit(main())"
    )
    process = Process(tmp_path, "--board", str(board), program=program)
    process.told("READY=1")
    process.end()
    touched = (pins / "trace").read_text().splitlines()
    assert touched[:3] == ["coil = 0", "beat = 0", "duty = 1000.0"]
    assert "plateaus" in touched[3:] and "coil = 1" not in touched


def test_killed_it_leaves_a_socket_that_the_next_one_replaces(start: Callable[..., Process]) -> None:
    first = start()
    first.told("READY=1")
    first.end(signal.SIGKILL)
    assert first.path.exists()
    second = start()
    second.told("READY=1")
    assert second.end()[0] == 0


def test_latched_faults_outlive_it_until_service_clears_them(start: Callable[..., Process], tmp_path: Path) -> None:
    first = start()
    first.told("READY=1")
    with closing(first.peer()) as peer:
        peer.send(encode(SimOrder(1, ("fault", "aux-closed"))))
        wait_for(peer, lambda outlet: bool(outlet.faults))
    first.end(signal.SIGINT)
    assert LatchFile(tmp_path / "state", (1,), lambda: None).recall(1) == (Name.WELDED,)
    code, out, err = run("--service-clear", "--state", str(tmp_path / "state"))
    assert (code, out, err) == (0, f"{tmp_path}/state: outlet 1 WELDED is forgotten.\n", "")
    assert LatchFile(tmp_path / "state", (1,), lambda: None).recall(1) == ()


def test_the_life_of_a_contactor_outlives_it_until_it_is_replaced(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    first, state = start(), str(tmp_path / "state")
    first.told("READY=1")
    with closing(first.peer()) as peer:
        peer.send(encode(SimOrder(1, ("fault", "aux-closed"))))
        wait_for(peer, lambda outlet: outlet.contactor.closings == 1)
    first.end(signal.SIGTERM)
    code, out, err = run("--contactor-replaced", "1", "--state", state)
    assert (code, err) == (0, "")
    assert out == f"{state}: closings of outlet 1 are counted from zero, after 1 and 0 h closed.\n"
    assert run("--contactor-replaced", "1", "--state", state)[1].endswith("after 0 and 0 h closed.\n")
    sentence = f"evse-hal: state {state}: nothing was counted of outlet 7\n"
    assert run("--contactor-replaced", "7", "--state", state) == (2, "", sentence)


def test_a_second_one_on_the_same_state_is_refused_before_it_touches_the_board(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    first = start()
    first.told("READY=1")
    state = str(tmp_path / "state")
    sentence = f"evse-hal: state {state}: another evse-hal uses it; stop that one, or name another with --state\n"
    assert run("--board", "sim", "--socket", str(tmp_path / "2"), "--state", state) == (2, "", sentence)
    assert run("--service-clear", "--state", state) == (2, "", sentence)
    first.end(signal.SIGKILL)
    second = start()
    second.told("READY=1")  # a killed process holds nothing


def test_service_clear_needs_a_folder_that_an_evse_hal_has_used(tmp_path: Path) -> None:
    code, out, err = run("--service-clear", "--state", str(tmp_path))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"evse-hal: state {tmp_path}: no evse-hal has ever kept anything there; name its folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "lock").touch()
    code, out, err = run("--service-clear", "--state", str(tmp_path))
    assert (code, out, err) == (0, f"{tmp_path}: no fault was latched, so nothing is forgotten.\n", "")


def test_two_outlets_of_one_board(start: Callable[..., Process]) -> None:
    process = start("--evses", "2")
    process.told("READY=1")
    with closing(process.peer()) as peer:
        update = decode_update(peer.recv(MAX_DATAGRAM))
        assert isinstance(update, Snapshot) and [outlet.evse for outlet in update.outlets] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--board", "none"], "evse-hal: no board `none`; known are evse-din, "),
        (["--site", "none.toml"], "evse-hal: none.toml: cannot be read: No such file or directory"),
        (["--state", "/proc/x"], "evse-hal: state /proc/x: No such file or directory; name another with --state"),
        (["--socket", "/nowhere/s"], "evse-hal: socket /nowhere/s: No such file or directory; name another with"),
        (["--allow-user", "nobody-at-all"], "evse-hal: --allow-user nobody-at-all: there is no such user"),
    ],
)
def test_what_cannot_be_obeyed_is_one_sentence_and_exit_2(
    start: Callable[..., Process], arguments: list[str], sentence: str
) -> None:
    process = start(*arguments)
    assert process.process.wait(20) == 2
    said = process.end()[1]
    assert said.startswith(sentence) and said.count("\n") == 1


SIM = '[board]\nname = "sim"\n'
METER = '[[meter]]\nmodel = "sdm630"\nport = "/dev/ttyUSB0"\n'


def checked(tmp_path: Path, text: str, *arguments: str, **env: str) -> tuple[int, str, str]:
    """What `evse-hal --check` says of a site."""
    (tmp_path / "site.toml").write_text(text)
    return run("--check", str(tmp_path / "site.toml"), *arguments, **env)


def test_a_check_starts_nothing_and_says_that_all_is_well(tmp_path: Path) -> None:
    said = checked(tmp_path, SIM + METER)
    assert said == (0, f"{tmp_path}/site.toml is valid for evse-hal.\n", "")
    two = checked(tmp_path, SIM + METER + "evse = 2\n", EVSE_EVSES="2", EVSE_HAL_STATE=str(tmp_path / "state"))
    assert two[0] == 0 and not (tmp_path / "state").exists()


def test_a_check_says_that_a_table_of_a_meter_is_not_sure(tmp_path: Path) -> None:
    code, said, worry = checked(tmp_path, SIM + METER.replace("sdm630", "orno-516"))
    assert (code, said.split()[-1]) == (0, "evse-hal.")
    assert worry == "outlet 1: meter orno-516 is beta: compare what it reads with its display\n"


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        (
            SIM.replace("sim", "esp"),
            [],
            "evse-hal: no board `esp`; known are evse-din, ",
        ),
        (
            SIM,
            ["--board", "none"],
            "evse-hal: no board `none`; known are evse-din, ",
        ),
        (SIM + METER.replace("sdm630", "abacus"), [], "evse-hal: meter[1].model: no meter model is called 'abacus'"),
        (SIM + METER + "evse = 2\n", [], "evse-hal: meter[1].evse: board sim has no outlet 2"),
        (
            SIM.replace("sim", "pi-reference") + "[limits]\nswitch_phases = true\n",
            [],
            "evse-hal: limits.switch_phases: board pi-reference can't choose phases; leave it false",
        ),
        (SIM + "[limits]\nmax_ma = 1\n", [], "evse-hal: {site}: limits.max_ma must be at least 6000"),
        (SIM, ["--allow-user", "nobody-at-all"], "evse-hal: --allow-user nobody-at-all: there is no such user"),
    ],
)
def test_a_check_says_in_one_sentence_what_a_start_would_refuse(
    tmp_path: Path, text: str, arguments: list[str], sentence: str
) -> None:
    code, out, err = checked(tmp_path, text, *arguments)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert err.startswith(sentence.format(site=tmp_path / "site.toml"))


def test_a_meter_model_that_does_not_exist_is_one_sentence(start: Callable[..., Process], tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[board]\nname = "sim"\n[[meter]]\nmodel = "abacus"\nport = "sim"\n')
    process = start("--site", str(site))
    assert process.process.wait(20) == 2
    said = process.end()[1]
    assert said.startswith("evse-hal: meter[1].model: ") and "abacus" in said and said.count("\n") == 1


def test_a_damaged_memory_of_faults_keeps_it_open(start: Callable[..., Process], tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / FILE).write_text("garbage")
    process = start()
    process.told("READY=1")
    with closing(process.peer()) as peer:
        outlet = wait_for(peer, lambda outlet: True)
    assert [fault.name for fault in outlet.faults] == ["MEMORY_DAMAGED"] and outlet.reason == "FAULT"


SLOW_DISK = """
import os, sys
from pathlib import Path
from hal.__main__ import main

real = os.fsync

def fsync(fd):
    if Path("slow").exists():
        Path("slow").read_bytes()  # a pipe, at which somebody lets go
    real(fd)

os.fsync = fsync
sys.exit(main(sys.argv[1:]))
"""


def test_leases_are_heard_while_the_disk_is_at_a_sync(tmp_path: Path) -> None:
    process = Process(tmp_path, program=SLOW_DISK)
    try:
        process.told("READY=1")
        os.mkfifo(tmp_path / "slow")
        with closing(process.peer()) as peer:
            peer.send(encode(SimOrder(1, ("fault", "residual"))))
            wait_for(peer, lambda outlet: any(fault.latched for fault in outlet.faults))
            for ma in (7_000, 9_000):
                said = (wait_for(peer, lambda outlet: True, lease_ma=ma).limits for _ in range(50))
                assert any(Ceiling(Owner.LEASE, ma) in limits for limits in said)
        with (tmp_path / "slow").open("wb"):
            (tmp_path / "slow").unlink()
        assert process.end()[0] == 0
        assert "RESIDUAL_CURRENT" in (tmp_path / "state" / FILE).read_text()
    finally:
        process.end(signal.SIGKILL)
