"""Figures of the real daemons: how soon, how large, how quiet; the tick beside a flood, a busy disk, slow meters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Figure, quantile
from tests.stand import Wallbox, site_toml

STARTS = 7
IDLE_S = 60
DISK_CHUNK = 1_000_000


class Central:
    """The central system's process. `url`, and the times of boots as they come."""

    def __init__(self, flood: bool, port: int, messages: int) -> None:
        command = [sys.executable, "-m", "tests.bench.central", *(["--flood"] if flood else [])]
        command += ["--port", str(port), "--messages", str(messages)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"ws://127.0.0.1:{self._line()}"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def boot_s(self) -> float:
        """The monotonic time of the next BootNotification, or of the last of the messages that were to be counted."""
        return float(self._line())

    def close(self) -> None:
        self._process.communicate(timeout=10)


@contextmanager
def central(flood: bool = False, port: int = 0, messages: int = 0) -> Iterator[Central]:
    one = Central(flood, port, messages)
    try:
        yield one
    finally:
        one.close()


def pss_mib(*pids: int) -> float:
    """Proportional set size of processes."""
    rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    lines = (line for rollup in rollups for line in rollup.splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_s(*pids: int) -> float:
    """CPU time so far, in nanoseconds from the scheduler: clock ticks are too coarse for an idle process."""
    threads = (path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(path.read_text().split()[0]) for path in threads) / 1e9


def quiet(seconds: float) -> list[Figure]:
    """Memory and CPU of both processes, registered, no car."""
    with central() as system, Wallbox(system.url) as box:
        box.wait("registered", lambda status: status["registration"] == "Accepted")
        pids = box.hal.pid, box.evsed.pid
        time.sleep(5)
        before = [cpu_s(pid) for pid in pids]
        time.sleep(seconds)
        hal_s, evsed_s = (cpu_s(pid) - was for pid, was in zip(pids, before, strict=True))
        scale = 60 / seconds
        return [
            Figure("pss_both_mib", [pss_mib(*pids)], 50),
            Figure("pss_hal_mib", [pss_mib(pids[0])]),
            Figure("pss_evsed_mib", [pss_mib(pids[1])]),
            Figure("idle_cpu_both_s_per_min", [(hal_s + evsed_s) * scale], 0.6),
            Figure("idle_cpu_hal_with_its_plant_s_per_min", [hal_s * scale]),
            Figure("idle_cpu_evsed_s_per_min", [evsed_s * scale]),
        ]


BARE_STATION = """
import asyncio, sys, websockets
from ocpp.v16 import ChargePoint, call
async def main():
    async with websockets.connect(sys.argv[1] + "/bare", subprotocols=["ocpp1.6"]) as connection:
        station = ChargePoint("bare", connection)
        listening = asyncio.create_task(station.start())
        await station.call(call.BootNotification("model", "vendor"))
        listening.cancel()
asyncio.run(main())
"""


def starts(times: int) -> list[Figure]:
    """From the start of the process to its BootNotification at the central system, beside a running evse-hal; and the
    same of the smallest station on the `ocpp` package, in turns.
    """
    ours, bare = [], []
    with central() as system, Wallbox(system.url) as box:
        system.boot_s()
        for _ in range(times):
            with tempfile.TemporaryDirectory() as folder:
                env = os.environ | box.env | {"EVSED_STATE": f"{folder}/state", "EVSED_CONTROL": f"{folder}/control"}
                ours.append(_until_boot(system, [sys.executable, "-m", "evsed"], env))
            bare.append(_until_boot(system, [sys.executable, "-c", BARE_STATION, system.url], dict(os.environ)))
    return [
        Figure("start_to_boot_notification_s", ours, 0.4),
        Figure("start_to_boot_notification_bare_ocpp_s", bare),
        Figure("start_to_boot_notification_ratio", [our / their for our, their in zip(ours, bare, strict=True)]),
    ]


def _until_boot(system: Central, command: list[str], env: dict[str, str]) -> float:
    began = time.monotonic()
    station = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    took = system.boot_s() - began
    station.terminate()
    station.wait()
    return took


def rig(*words: str) -> object:
    """What a rig process measured."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.rig", *words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@contextmanager
def busy_disk(folder: Path, seconds: float) -> Iterator[None]:
    """Another process that writes and syncs, for a bounded time."""
    code = (
        "import os,sys,time\n"
        f"end=time.monotonic()+{seconds}\n"
        f"with open({str(folder / 'busy')!r},'wb') as f:\n"
        " while time.monotonic()<end:\n"
        f"  f.seek(0); f.write(os.urandom({DISK_CHUNK})); f.flush(); os.fsync(f.fileno())\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        writer.kill()
        writer.wait()


@contextmanager
def slow_meter() -> Iterator[str]:
    """A simulated meter on a pseudo-terminal with the pace of 9600 baud, in a process of its own."""
    command = [sys.executable, "-m", "hal.sim.meter_slave", "--model", "sdm630", "--baud", "9600"]
    slave = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert slave.stdout is not None
        yield slave.stdout.readline().strip()
    finally:
        slave.communicate()  # it ends with its stdin


def openings(count: int) -> list[Figure]:
    """Pilot edge to coil released, while evsed is flooded, the meter is polled and the disk is busy; 200 ms pulses."""
    found, load = _attached("edges", count)
    pulses, _ = _attached("pulses", max(80, count // 20))
    assert isinstance(found, list) and isinstance(pulses, dict)
    seen = [ms for ms in found if ms is not None]
    return [
        Figure("edge_to_coil_off_ms", seen, 15),
        Figure("edge_to_coil_off_p99_ms", [quantile(seen, 0.99)]),
        Figure("edge_to_coil_off_p999_ms", [quantile(seen, 0.999)], 50),
        Figure("edge_to_coil_off_missed_count", [len(found) - len(seen)], 0),
        Figure("evsed_cpu_share_under_the_flood", [load]),
        Figure("short_c_pulses_given_count", [pulses["given"]]),
        Figure("short_c_pulses_not_reported_count", [pulses["given"] - pulses["reported"]], 0),
        Figure("short_c_pulses_that_closed_count", [pulses["closings"]], 0),
    ]


def _attached(what: str, count: int) -> tuple[object, float]:
    """What a rig with a flooded evsed at its socket measures beside a busy disk, and the CPU share of that evsed."""
    with (
        central(flood=True) as system,
        tempfile.TemporaryDirectory(prefix="evse-") as sockets,
        tempfile.TemporaryDirectory(prefix=".bench-", dir=".") as disk,
        busy_disk(Path(disk), 60 + count / 20),
        slow_meter() as port,
    ):
        site = Path(sockets) / "site.toml"
        site.write_text(site_toml(system.url, "RIG"))
        env = os.environ | {
            "EVSE_SITE": str(site),
            "EVSE_HAL_SOCKET": f"{sockets}/hal",
            "EVSED_CONTROL": f"{sockets}/control",
            "EVSED_STATE": f"{disk}/state",
        }
        command = [sys.executable, "-m", "tests.bench.rig", what, "--count", str(count), "--meter", port]
        rig = subprocess.Popen([*command, "--socket", f"{sockets}/hal"], stdout=subprocess.PIPE, text=True)
        assert rig.stdout is not None
        rig.stdout.readline()
        evsed = subprocess.Popen([sys.executable, "-m", "evsed"], env=env, stderr=subprocess.DEVNULL)
        try:
            system.boot_s()
            before, began = cpu_s(evsed.pid), time.monotonic()
            said, _ = rig.communicate()
            load = (cpu_s(evsed.pid) - before) / (time.monotonic() - began)
        finally:
            evsed.terminate()
            evsed.wait()
        if rig.returncode:
            raise SystemExit(f"the rig failed at {what}")
        return json.loads(said), load


def ticks(seconds: float) -> list[Figure]:
    """How late the tick begins, without and with a meter that is polled at 9600 baud."""
    alone = rig("lateness", "--seconds", str(seconds))
    with slow_meter() as port:
        beside = rig("lateness", "--seconds", str(seconds), "--meter", port)
    assert isinstance(alone, list) and isinstance(beside, list)
    figures = []
    for name, late in (("without_bus", alone), ("with_meter_at_9600_baud", beside)):
        figures += [
            Figure(f"tick_late_{name}_ms", late),
            Figure(f"tick_late_{name}_p99_ms", [quantile(late, 0.99)]),
        ]
    cost = max(0.0, quantile(beside, 0.99) - quantile(alone, 0.99))
    return [*figures, Figure("tick_late_cost_of_the_bus_p99_ms", [cost], 5)]
