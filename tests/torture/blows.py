"""What is done to the two daemons in the middle of a charge, each with what must be so afterwards."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.stand import Daemon
    from tests.torture.rounds import Torture


MOST_BUSY = 0.25  # of a core; a tick takes some hundredths
PIECES_LEFT = (64, 4_096, 262_144)
"""Bytes. evse-hal ends where it finds no 64 KiB for a datagram, and goes on where it does."""


class Blow(NamedTuple):
    """`ends`: the charge ends by it, since the simulated car lives in evse-hal; None = where evse-hal ends by it.
    `spares`: both processes outlive it.
    """

    name: str
    strike: Callable[[Torture, Random], None]
    ends: bool | None
    spares: bool = False


def _killed(torture: Torture, *daemons: Daemon) -> None:
    restarts = [daemon.restarts for daemon in daemons]
    for daemon in daemons:
        torture.strike(daemon, signal.SIGKILL)
    for daemon, before in zip(daemons, restarts, strict=True):
        torture.box.wait_ready(daemon, restarts=before + 1)


def kill_evsed(torture: Torture, dice: Random) -> None:
    _killed(torture, torture.box.evsed)


def kill_evsed_again(torture: Torture, dice: Random) -> None:
    for _ in range(3):
        _killed(torture, torture.box.evsed)


def kill_hal(torture: Torture, dice: Random) -> None:
    _killed(torture, torture.box.hal)


def power_cut(torture: Torture, dice: Random) -> None:
    _killed(torture, torture.box.evsed, torture.box.hal)


def stop_evsed(torture: Torture, dice: Random) -> None:
    """For longer than a lease: the fallback holds the charge meanwhile."""
    torture.box.evsed.signal(signal.SIGSTOP)
    torture.passes(dice.uniform(3.5, 6))
    torture.box.evsed.signal(signal.SIGCONT)


def stop_hal(torture: Torture, dice: Random) -> None:
    """For longer than its watchdog allows: it is aborted and comes back."""
    before = torture.box.hal.restarts
    torture.strike(torture.box.hal, signal.SIGSTOP)
    torture.box.wait_ready(torture.box.hal, restarts=before + 1)


def no_memory(torture: Torture, dice: Random) -> None:
    """evsed gets no more memory than it has, and is asked for a lot."""
    pid, before = torture.box.evsed.pid, torture.box.evsed.restarts
    resource.prlimit(pid, resource.RLIMIT_AS, (_address_space(pid),) * 2)
    torture.burden()
    if torture.box.evsed.restarts == before:  # it could do without
        _killed(torture, torture.box.evsed)


def no_memory_for_hal(torture: Torture, dice: Random) -> None:
    """evse-hal uses up all memory that it may have, and is kept busy: it goes on, or ends and comes back."""
    hal, pid, before = torture.box.hal, torture.box.hal.pid, torture.box.hal.restarts
    was = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (_address_space(pid), was[1]))
    torture.left.write_text(str(dice.choice(PIECES_LEFT)))
    torture.strike(hal, signal.SIGUSR2)
    for _ in range(dice.randint(1, 3)):
        torture.passes(dice.uniform(0.2, 1))
        torture.meter.unplug()
        torture.meter.plug()
    if hal.restarts == before and hal.process is not None:
        resource.prlimit(pid, resource.RLIMIT_AS, was)
        torture.strike(hal, signal.SIGUSR1)


def _address_space(pid: int) -> int:
    """What a process has now, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def no_descriptors(torture: Torture, dice: Random) -> None:
    """evsed can open nothing more, and its connection breaks."""
    pid = torture.box.evsed.pid
    was = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")), was[1]))
    torture.line.cut()
    torture.passes(dice.uniform(1, 3))
    if torture.box.evsed.process is not None and torture.box.evsed.pid == pid:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, was)


def no_descriptors_for_hal(torture: Torture, dice: Random) -> None:
    """evse-hal can open nothing more while somebody wants to speak to it and its meter's adapter goes and comes."""
    pid = torture.box.hal.pid
    was, before_s, seconds = resource.prlimit(pid, resource.RLIMIT_NOFILE), _cpu_s(pid), dice.uniform(2, 4)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, was[1]))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as newcomer:
        newcomer.connect(torture.box.env["EVSE_HAL_SOCKET"])
        torture.meter.unplug()
        torture.meter.plug()
        torture.passes(seconds)
    busy = (_cpu_s(pid) - before_s) / seconds
    resource.prlimit(pid, resource.RLIMIT_NOFILE, was)
    assert busy < MOST_BUSY, f"evse-hal takes {busy:.0%} of a core while it can open no file"


def _cpu_s(pid: int) -> float:
    """What a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def unplug_adapter(torture: Torture, dice: Random) -> None:
    torture.meter.unplug()
    torture.passes(dice.uniform(1, 4))
    torture.meter.plug()


def half_open(torture: Torture, dice: Random) -> None:
    torture.line.hang(True)
    torture.passes(dice.uniform(1, 5))
    if dice.random() < 0.5:
        torture.line.cut()
    torture.line.hang(False)


def line_cut(torture: Torture, dice: Random) -> None:
    torture.line.cut()


def clock_steps(torture: Torture, dice: Random) -> None:
    """The wall clock goes wrong, and right again."""
    for _ in range(3):
        torture.clock.step(dice.choice((-7_200, -60, 3_600, 86_400, 10**8)))
        torture.passes(dice.uniform(0.3, 1.5))
    torture.clock.step(0)


def slow_disk(torture: Torture, dice: Random) -> None:
    """Each sync of both takes seconds, while settings are to be kept; nobody is ended for it."""
    daemons = (torture.box.hal, torture.box.evsed)
    before = [daemon.restarts for daemon in daemons]
    slowness = f"inject=fsync,fdatasync:delay_enter={dice.randint(1_500_000, 4_000_000)}"
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=fsync,fdatasync", "-e", slowness, "-p"]
    traced = [subprocess.Popen([*command, str(daemon.pid)]) for daemon in daemons]
    try:
        while any("TracerPid:\t0\n" in Path(f"/proc/{daemon.pid}/status").read_text() for daemon in daemons):
            torture.passes(0.05)
        for value in ("301", "302", "300"):
            torture.box.ask("set", name="HeartbeatInterval", value=value)
    finally:
        for tracer in traced:
            tracer.terminate()
            tracer.wait()
    assert [daemon.restarts for daemon in daemons] == before, "a daemon was ended because its disk is slow"


BLOWS = (
    Blow("evsed is killed", kill_evsed, False),
    Blow("both are killed, as by a power cut", power_cut, True),
    Blow("the line hangs half-open", half_open, False, spares=True),
    Blow("evse-hal is killed", kill_hal, True),
    Blow("the meter's adapter is pulled out and put back", unplug_adapter, False, spares=True),
    Blow("evsed stands still", stop_evsed, False, spares=True),
    Blow("evse-hal stands still", stop_hal, True),
    Blow("evsed gets no more memory", no_memory, False),
    Blow("evse-hal gets no more memory", no_memory_for_hal, None),
    Blow("evsed can open no more files", no_descriptors, False),
    Blow("evse-hal can open no more files", no_descriptors_for_hal, False, spares=True),
    Blow("evsed is killed three times", kill_evsed_again, False),
    Blow("the line is cut", line_cut, False, spares=True),
)
SLOW_DISK = (Blow("each sync of the disk takes seconds", slow_disk, False, spares=True),)
"""Only where strace is installed."""
CLOCK_STEPS = (Blow("the clock is set wrong and right again", clock_steps, False, spares=True),)
"""Only where libfaketime is installed."""
