"""What each part of a board costs in a tick: the drivers of a reference board, over emulated lines, bus and files.

The emulation is Python too and counts here; a kernel's call for a line or a file takes its place on a Pi. So these are
upper bounds of our own code, and a comparison of the parts with each other. The pilot's figures over a bus that takes
its time are in `pilot.py`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.contacts import Contacts
from hal.sim.circuit import Load
from tests.bench.figures import Figure
from tests.hal.reference_pi import ReferencePi

B, C = Load(2_740.0), Load(882.0)


def costs(times: int) -> list[Figure]:
    """Each part of pi-socket in mid-charge, and a whole tick of its outlet."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        pi = ReferencePi("pi-socket", Path(folder), patch)
        _charge(pi)
        outlet, loop = pi.board.outlets[1], pi.tick._all[0]
        parts = outlet.parts
        assert parts.residual is not None and parts.lock is not None and parts.proximity is not None
        looks: dict[str, Callable[[], object]] = {
            "contactor": parts.contactor.closed,
            "residual": parts.residual.tripped,
            "lock": parts.lock.locked,
            "proximity": parts.proximity.ohms,
            "contacts": Contacts(outlet.contacts).look,
            "heartbeat": parts.enable.beat,
        }
        found = [Figure(f"tick_part_{name}_us", [_us(look) for _ in range(times)]) for name, look in looks.items()]
        whole = []
        for _ in range(times):
            pi.now_ms += 10
            pi.clock.ms = pi.now_ms
            pi.renew()
            for bay in pi.bays.values():
                bay.line.now_us = pi.now_ms * 1_000.0
            whole.append(_us(lambda: loop.run(pi.now_ms)))
        pi.board.close()
    return [*found, Figure("tick_part_all_with_the_emulated_bus_us", whole)]


def _charge(pi: ReferencePi) -> None:
    pi.cable(220.0)
    pi.hang(B)
    pi.allow(16_000)
    pi.run(3_000)
    pi.hang(C)
    pi.until(closed=True)
    pi.run(1_000)


def _us(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1e6
