"""Figures of the whole wallbox on the virtual clock: how fast it runs, and what it writes to the disk."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure
from tests.world.wallbox import Wallbox

MB = 1_000_000


def written() -> int:
    """Bytes that this process sent to the block layer, by the kernel's own count."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def hours(idle_h: int, charging_h: int) -> list[Figure]:
    """A registered wallbox with the factory's intervals: idle for a while, then charging."""
    with tempfile.TemporaryDirectory(
        prefix=".bench-", dir="."
    ) as folder:  # on the disk of the checkout: /tmp may be memory
        box = Wallbox(Path(folder))
        box.advance(60)
        began, before = time.perf_counter(), written()
        box.advance(idle_h * 3_600)
        idle_s, idle_bytes = time.perf_counter() - began, written() - before
        box.charge(5)
        began, before = time.perf_counter(), written()
        box.advance(charging_h * 3_600)
        charging_s, charging_bytes = time.perf_counter() - began, written() - before
        box.kill_evsed()
    return [
        Figure("simulated_idle_hours_per_s", [idle_h / idle_s]),
        Figure("simulated_charging_hours_per_s", [charging_h / charging_s]),
        Figure("disk_written_per_idle_day_mb", [idle_bytes / MB * 24 / idle_h], 1),
        Figure("disk_written_per_charging_hour_mb", [charging_bytes / MB / charging_h], 1),
    ]


def messages() -> list[Figure]:
    """CPU of a heartbeat and of a validated MeterValues, beside a plain station on the `ocpp` package."""
    done = subprocess.run([sys.executable, "-m", "tests.bench.ocpp_cost"], check=True, capture_output=True, text=True)
    goals = {"heartbeat_cpu_ratio": 0.5, "meter_values_20_cpu_ratio": 0.1}
    return [Figure(key, [value], goals.get(key)) for key, value in json.loads(done.stdout).items()]
