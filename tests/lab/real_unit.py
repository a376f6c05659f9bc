"""evse-hal as systemd runs it, from the units that we install, on real GPIO lines: it hangs, and it is killed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from time import monotonic_ns

import pytest

from hal.contract import Lease, encode
from tests.hal.drivers.gpio_bank import SimBank
from tests.lab.real_lines import until

LAB = Path("/run/lab")
BOARD = """
name = "lab"
kind = "pi"
timing.gate_ms = 500
[[outlet]]
evse = 1
max_ma = 16_000
socket = false
[outlet.pilot.out]
driver = "lab"
[outlet.pilot.in]
driver = "lab"
[outlet.contactor]
driver = "gpiod"
coil = "GPIO23"
feedback = "GPIO24"
contact = "mirror"
[outlet.enable]
driver = "gpiod"
line = "GPIO22"
"""
SITE = """
[station]
identity = "lab"
[board]
name = "/etc/evse/lab.toml"
[limits]
max_ma = 16000
[access]
mode = "free"
"""


def systemctl(*words: str) -> str:
    done = subprocess.run(["systemctl", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + (LAB / "log").read_text()
    return done.stdout.strip()


class World:
    """The relay behind the coil, and an evsed that always allows a charge."""

    def __init__(self) -> None:
        self.bank = SimBank()
        self.end = Event()
        self._threads = [Thread(target=work, daemon=True) for work in (self._relay, self._lease)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.end.set()
        for thread in self._threads:
            thread.join()

    def _relay(self) -> None:
        while not self.end.wait(0.01):
            self.bank.pull("GPIO24", self.bank.high("GPIO23"))  # a mirror contact opens when the coil pulls

    def _lease(self) -> None:
        while not self.end.wait(0.5):
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
                    door.connect("/run/evse-hal/hal.sock")
                    door.send(encode(Lease(1, 16_000, True, True, monotonic_ns() // 1_000_000 + 3_000)))
            except OSError:
                continue


@pytest.fixture
def world() -> Iterator[World]:
    LAB.mkdir(exist_ok=True)
    (LAB / "volts").write_text("12")
    Path("/etc/evse/lab.toml").write_text(BOARD)
    Path("/etc/evse/site.toml").write_text(SITE)
    subprocess.run(["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/evse.conf"], check=True)
    world = World()
    for chip in Path("/dev").glob("gpiochip*"):  # udev's part
        shutil.chown(chip, group="gpio")
        chip.chmod(0o660)
    drop_in = Path("/run/systemd/system/evse-hal.service.d/log.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("[Service]\nStandardError=append:/run/lab/log\n")  # there is no journal here
    systemctl("daemon-reload")
    systemctl("start", "evse-hal")
    yield world
    for file in ("hang", "stuck"):
        (LAB / file).unlink(missing_ok=True)
    systemctl("stop", "evse-hal")
    world.stop()


def charge(world: World, within_s: float = 30) -> None:
    """The car asks for energy until the contactor is closed."""
    for volts in ("12", "9", "6"):
        (LAB / "volts.new").write_text(volts)
        os.replace(LAB / "volts.new", LAB / "volts")
        Event().wait(0.3)
    until(lambda: world.bank.high("GPIO23"), within_s=within_s)


def restarts() -> int:
    return int(systemctl("show", "--property=NRestarts", "--value", "evse-hal"))


def test_a_hang_is_ended_by_systemd_and_the_contactor_opens(world: World) -> None:
    charge(world)
    before = restarts()
    (LAB / "hang").touch()
    took_s = until(lambda: not world.bank.high("GPIO23"))
    print(f"the coil was off {took_s:.1f} s after the hang")
    (LAB / "hang").unlink()
    until(lambda: restarts() > before)
    charge(world)  # and it comes back without a person


def test_a_measurement_that_hangs_in_its_thread_is_ended_by_a_new_process(world: World) -> None:
    charge(world)
    before = restarts()
    (LAB / "stuck").touch()
    took_s = until(lambda: not world.bank.high("GPIO23"))
    print(f"the coil was off {took_s:.1f} s after the measuring hung")
    until(lambda: restarts() > before, within_s=60)
    (LAB / "stuck").unlink()
    assert "pilot: lab: a measurement does not end: evse-hal ends" in (LAB / "log").read_text()
    charge(world, within_s=60)  # where the new process met the file too, the one after it


def test_a_killed_process_leaves_the_contactor_open_and_comes_back(world: World) -> None:
    charge(world)
    before = restarts()
    systemctl("kill", "--signal=KILL", "evse-hal")
    until(lambda: not world.bank.high("GPIO23"))
    until(lambda: restarts() > before)
    charge(world)
