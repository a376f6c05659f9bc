"""Lines for tests: a pseudo-terminal with simulated meters on it, served by a thread until the test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

from hal.drivers.meter_model import Model, load_model
from hal.sim.battery import PJ_PER_WH
from hal.sim.meter import Flow, SimMeter
from hal.sim.pty_line import PtyLine
from hal.sim.rtu_slave import RtuSlave, Utterance

Hear = Callable[[bytes], list[Utterance]]


class Meter:
    """A simulated sdm630 with a load of 16 A and a register that a test may move."""

    def __init__(self, address: int = 1, model: Model | None = None, late_ms: int | None = None) -> None:
        self.wh = 1_234_567
        self.sim = SimMeter(self.flow)
        self.slave = RtuSlave(self.sim, model or load_model("sdm630"), address, late_ms)

    def flow(self) -> Flow:
        return Flow(self.wh * PJ_PER_WH, (230_000,) * 3, (16_000,) * 3)


def together(*meters: Meter) -> Hear:
    """Several meters on one line."""
    return lambda data: [said for meter in meters for said in meter.slave.hear(data)]


@contextmanager
def served(hear: Hear, baud: int | None = None) -> Iterator[str]:
    """The path of a port with that at its far end."""
    line = PtyLine(hear, baud)
    thread = Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line.path
    finally:
        line.stop()
        thread.join()
