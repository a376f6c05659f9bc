"""The pilot of a Pi against models of its buses: samples a second, what a tick pays, and from the edge to the coil.

The model of the bus takes as long as a conversion would, and other threads of Python run meanwhile. Its figures: a
transfer is its bits and 13 µs (10 of them the kernel's pause with the chip released), a call 15 µs.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Thread

import msgspec
import pytest

from hal.drivers import mcp3xxx, rounds, spi
from hal.drivers.kernel_pwm import KernelPwm, PwmConfig
from hal.drivers.mcp3xxx import McpConfig, McpPilot
from hal.drivers.pilot import TwoHalves
from hal.drivers.spi import TRANSFERS, SpiDevice
from hal.sim.circuit import Load
from tests.bench.figures import Figure
from tests.hal.drivers.kernel_tree import KernelTree
from tests.hal.drivers.pilot_box import B, Pi
from tests.hal.drivers.pilot_world import MESSAGE_US, TRANSFER_US, AtOnce, SpiBench, points

HZ = 1_000_000
SWITCH_S = 0.0005  # as evse-hal sets it
_PR_SET_TIMERSLACK = 29  # wake when it is time, not 50 µs later


class BusTime:
    """An ioctl that takes as long as the transfers would, and lets others run."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)

    def ioctl(self, fd: int, request: int, argument: bytes | bytearray) -> int:
        count = len(argument) // 32
        if count:
            ns = int(count * (24e9 / HZ + TRANSFER_US * 1e3) + MESSAGE_US * 1e3)
            self._libc.nanosleep((ctypes.c_long * 2)(0, ns), None)  # ctypes lets others run
        return 3 * count


@contextmanager
def busy(threads: int) -> Iterator[None]:
    """So many threads of Python that never rest."""
    ended = False

    def work() -> None:
        while not ended:
            sum(range(100))

    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    workers = [Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        ended = True
        for worker in workers:
            worker.join()
        sys.setswitchinterval(before)


def rates(seconds: float) -> list[Figure]:
    """Samples a second: many conversions in a call, or one, alone and beside a busy thread."""
    bus, found = BusTime(), []
    question = b"\x06\0\0"
    with tempfile.NamedTemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(spi, "ioctl", bus.ioctl)
        for ways, transfers in (("batched", TRANSFERS), ("one_a_call", 1)):
            patch.setattr(spi, "TRANSFERS", transfers)
            patch.setattr(spi, "_LAST_PAUSE", (transfers - 1) * 32 + 24)
            device = SpiDevice(file.name, HZ, question, [[0] * transfers])
            for threads, beside in ((0, ""), (1, "_beside_a_busy_thread")):
                with busy(threads):
                    counts = [_count(device, transfers, seconds / 5) for _ in range(5)]
                found.append(Figure(f"adc_samples_per_s_{ways}{beside}", counts))
            device.close()
    return found


def _count(device: SpiDevice, transfers: int, seconds: float) -> float:
    began, taken = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        device.convert(0)
        taken += transfers
    return taken / passed


_ANSWERS = array("B", b"".join((410 if n % 4 else 2_866).to_bytes(4, "big") for n in range(TRANSFERS)))
"""What the converter says of a car in C at 25 %."""


def costs(ticks: int) -> list[Figure]:
    """What the tick pays for the pilot: sampled beside it, and if it were sampled within it."""
    bus, found = BusTime(), []
    for how, beside in (("beside", rounds.Beside), ("within", AtOnce)):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            kernel = KernelTree(Path(folder))
            kernel.install(patch)
            patch.setattr(spi, "ioctl", bus.ioctl)
            patch.setattr(rounds, "Beside", beside)
            patch.setattr(mcp3xxx, "sleep", time.sleep)
            (Path(folder) / "spidev0.0").touch()
            keys = {"chip": "mcp3208", "device": f"{folder}/spidev0.0", **points("mcp3208")}
            sense = McpPilot(msgspec.convert(keys, McpConfig))
            sense._spi._answer[:] = _ANSWERS
            pilot = TwoHalves(KernelPwm(PwmConfig(gpio=18)), sense)
            pilot.offer(250.0)
            time.sleep(0.05)
            took = [_timed(pilot.volts) for _ in range(ticks)]
            found.append(Figure(f"tick_pilot_sampled_{how}_us", took))
            pilot.close()
    return found


def _timed(act: Callable[[], object]) -> float:
    time.sleep(0.01)
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e6


def edges(count: int) -> list[Figure]:
    """From an edge on the wire to the open contactor, through the real drivers and the real tick, in virtual time."""
    random, late_ms = Random(3), []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            pi = Pi(SpiBench(Path(folder), patch), Path(folder))
            pi.begin()
            edge_us = pi.hang_in(random.uniform(0, 10_000), (B, Load())[number % 2])
            pi.until(closed=False, within_ms=1_000)
            late_ms.append(pi.now_ms - edge_us / 1_000)
    return [Figure("pilot_edge_to_off_over_the_adc_virtual_ms", late_ms, 50)]


def figures(quick: bool) -> list[Figure]:
    """All of the above."""
    return [*rates(0.5 if quick else 5), *costs(20 if quick else 300), *edges(4 if quick else 100)]
