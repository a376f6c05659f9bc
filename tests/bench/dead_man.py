"""How long the gate before the coil stays open when the process that feeds it is killed, stopped, hogged or starved.

    python -m tests.bench.dead_man FILE       the victim: a charge on the simulated board, each heartbeat noted in FILE

The gate is hardware: here it is its rule, see tests/gate.py. What is measured is when the last beat came in a process
of its own that really gets the signal.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import NamedTemporaryFile
from types import FrameType

from hal.bus import Mailbox
from hal.sim.power import GATE_MS
from tests.bench.figures import Figure
from tests.bench.rig import SWITCH_S, Rig
from tests.gate import Beacon, Watch

LATE_MS = 50  # of the signal's handler, and of our own looking
STARVED_S = 3.0
MOST_S = 10.0
SPARE_BYTES = 4 << 20


def victim(path: str) -> None:
    """Charge until somebody ends it. SIGUSR1 holds the interpreter's lock, SIGUSR2 uses up all memory."""
    sys.setswitchinterval(SWITCH_S)
    rig = Rig(1, Mailbox())
    Beacon(Path(path), rig.plant.bays[1].gate)
    signal.signal(signal.SIGUSR1, _hold_the_lock)
    signal.signal(signal.SIGUSR2, _use_up_memory)
    thread = rig.plugged()
    rig.plant.bays[1].car.move_s2(True, after_us=100_000)  # it has nothing to wait for
    while thread.failure is None:
        rig.lease_all()
        time.sleep(0.5)


_ROUNDS = 60_000_000  # about a second, never less than the gate's time


def _hold_the_lock(_: int, __: FrameType | None) -> None:
    """One call of C that never lets go, as a bad extension would."""
    sum(range(_ROUNDS))


_hoard: list[bytearray] = []


def _use_up_memory(_: int, __: FrameType | None) -> None:
    size = 1 << 20
    while size > 64:
        try:
            _hoard.append(bytearray(size))
        except MemoryError:
            size //= 2


class Watched:
    """A victim in mid-charge. Use it in a `with` block."""

    def __init__(self) -> None:
        self._file = NamedTemporaryFile()  # noqa: SIM115  closed with the victim
        self._gate = Watch(Path(self._file.name))
        self._process = subprocess.Popen([sys.executable, "-m", "tests.bench.dead_man", self._file.name])

    def __enter__(self) -> Watched:
        until_s = time.monotonic() + MOST_S
        while not self._gate.fed:
            if time.monotonic() > until_s or self._process.poll() is not None:
                self.__exit__()
                raise RuntimeError("the charge on the bench did not begin")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._gate.close()
        self._file.close()

    def send(self, number: int) -> None:
        """Do it to the victim."""
        self._process.send_signal(number)

    def starve(self) -> None:
        """Leave it nearly no memory beyond what it has, and let it use that up."""
        with open(f"/proc/{self._process.pid}/statm", encoding="ascii") as statm:
            bytes_now = int(statm.read().split()[0]) * resource.getpagesize()
        most = bytes_now + SPARE_BYTES
        resource.prlimit(self._process.pid, resource.RLIMIT_AS, (most, most))
        self.send(signal.SIGUSR2)

    def ms_until_shut(self) -> float:
        """From now until the gate is shut, whatever its feeder still does."""
        began_ns = time.monotonic_ns()
        while (now_ns := time.monotonic_ns()) - began_ns < MOST_S * 1e9:
            if now_ns >= self._gate.shut_ns:
                return (self._gate.shut_ns - began_ns) / 1e6
            time.sleep(0.000_5)
        return MOST_S * 1e3

    @property
    def longest_pause_ms(self) -> float:
        """Between two beats, since the start."""
        return self._gate.longest_pause_ms


def figures(times: int) -> list[Figure]:
    """From each blow to the shut gate; and the longest pause between beats while there is no memory."""
    found = []
    blows = {"sigkill": signal.SIGKILL, "sigstop": signal.SIGSTOP, "interpreter_held": signal.SIGUSR1}
    for name, number in blows.items():
        found.append(Figure(f"dead_man_{name}_to_gate_shut_ms", _struck(number, times), GATE_MS + LATE_MS))
    pauses = []
    for _ in range(max(1, times // 5)):
        with Watched() as watched:
            watched.starve()
            time.sleep(STARVED_S)
            pauses.append(watched.longest_pause_ms)
    return [*found, Figure("dead_man_no_memory_longest_pause_of_beats_ms", pauses, GATE_MS)]


def _struck(number: int, times: int) -> Sequence[float]:
    random, took_ms = Random(1), []
    for _ in range(times):
        with Watched() as watched:
            time.sleep(0.3 + random.uniform(0, 0.02))
            watched.send(number)
            took_ms.append(watched.ms_until_shut())
    return took_ms


if __name__ == "__main__":
    victim(sys.argv[1])
