"""What a poll of a meter costs: the CPU time of the thread that asks, over a pseudo-terminal as fast as it can."""

from __future__ import annotations

import time

import msgspec

from hal.bus import monotonic_ms
from hal.drivers.meter_model import load_model
from hal.drivers.register_meter import RegisterMeter
from hal.drivers.rtu_line import LineMeter, Patience, line_at
from tests.bench.figures import Figure
from tests.hal.drivers.ptys import Meter, served

MODELS = ("sdm630", "sdm120", "schneider-iem3000")  # one question, two, three
PATIENCE = Patience(answer_ms=5_000, late_ms=5_000, gap_ms=1)


def polls(count: int) -> list[Figure]:
    """A whole reading, believed, of each model."""
    return [Figure(f"meter_poll_{name.replace('-', '_')}_cpu_us", _costs_us(name, count)) for name in MODELS]


def _costs_us(name: str, count: int) -> list[float]:
    model = msgspec.structs.replace(load_model(name), gap_ms=1)
    far = Meter(model=model)
    with served(far.slave.hear) as port:
        meter = RegisterMeter(model, LineMeter(line_at(port, 115_200, "N"), 1, PATIENCE), monotonic_ms)
        meter.read()
        costs = []
        for _ in range(count):
            far.wh += 1  # else the register would stand still under load
            began_ns = time.thread_time_ns()
            meter.read()
            costs.append((time.thread_time_ns() - began_ns) / 1_000)
        meter.close()
    return costs
