"""The gate before the coil, seen from another process: a file in memory tells of each heartbeat and each drop.

The gate is hardware that no dying process can hold. Here it is its rule: open for `GATE_MS` after a beat, shut by a
drop. So when it was shut is known to the nanosecond, also long after its feeder has died, and nobody has to look in
time.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path

from hal.sim.power import GATE_MS, OPEN_MS, SimGate

_NOTE = struct.Struct("qqq")  # the last beat, the longest pause between two, the first drop since; all in ns


class Beacon:
    """Notes the beats of a gate in a file."""

    def __init__(self, path: Path, gate: SimGate) -> None:
        self._map = _mapped(path)
        self._beat, self._drop = gate.beat, gate.drop
        self._last_ns = self._longest_ns = 0
        gate.beat, gate.drop = self.beat, self.drop  # type: ignore[method-assign]

    def beat(self) -> None:
        """Feed the gate and note the time."""
        self._beat()
        now_ns = time.monotonic_ns()
        if self._last_ns:
            self._longest_ns = max(self._longest_ns, now_ns - self._last_ns)
        self._last_ns = now_ns
        _NOTE.pack_into(self._map, 0, now_ns, self._longest_ns, 0)

    def drop(self) -> None:
        """Shut the gate and note it; the gate of a process that has died may be open still."""
        self._drop()
        last_ns, longest_ns, drop_ns = _NOTE.unpack_from(self._map)
        self._last_ns = 0
        _NOTE.pack_into(self._map, 0, last_ns, longest_ns, drop_ns or time.monotonic_ns())


class Watch:
    """What the file tells. Makes it; close it."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_NOTE.size))
        self._map = _mapped(path)

    @property
    def fed(self) -> bool:
        """Whether there was a beat."""
        return bool(_NOTE.unpack_from(self._map)[0])

    @property
    def shut_ns(self) -> int:
        """When it was, or will be, shut, if no other beat comes; on the monotonic clock."""
        last_ns, _, drop_ns = _NOTE.unpack_from(self._map)
        starved_ns = int(last_ns) + GATE_MS * 1_000_000
        return min(int(drop_ns), starved_ns) if drop_ns else starved_ns

    @property
    def open_ns(self) -> int:
        """When the contacts behind it had parted."""
        return self.shut_ns + OPEN_MS * 1_000_000

    @property
    def longest_pause_ms(self) -> float:
        """Between two beats of one process, since its start."""
        return float(_NOTE.unpack_from(self._map)[1]) / 1e6

    def close(self) -> None:
        """Look no more."""
        self._map.close()


def _mapped(path: Path) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR)
    try:
        return mmap.mmap(fd, _NOTE.size)
    finally:
        os.close(fd)
