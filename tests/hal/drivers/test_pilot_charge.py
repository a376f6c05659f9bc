"""A whole charge over the drivers of a Pi's pilot: real tick, real guard, real halves, an emulated wire."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import pytest

from hal.contract import Cp
from hal.sim.circuit import Load
from tests.hal.drivers.pilot_box import B, Pi
from tests.hal.drivers.pilot_world import EIO, SpiBench

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pi:
    return Pi(SpiBench(tmp_path, monkeypatch), tmp_path)


def test_the_car_gets_its_duty_and_the_contactor_closes(pi: Pi) -> None:
    pi.begin()
    assert pi.bench.kernel.state()[1] == 266_660
    assert (pi.outlet().cp, pi.outlet().offered_ma, pi.faults()) == (Cp.C, 16_000, [])
    pi.run(1_000)
    assert (pi.outlet().closed, pi.outlet().interruptions, pi.faults()) == (True, 0, [])


@pytest.mark.parametrize("load", [B, Load()], ids=["C→B", "C→A"])
def test_from_the_edge_on_the_wire_to_the_open_contactor_it_is_30_ms_at_most(pi: Pi, load: Load) -> None:
    random = Random(7)
    for _ in range(100 if LONG else 1):
        pi.begin()
        edge_us = pi.hang_in(random.uniform(100, 10_000), load)
        pi.until(closed=False, within_ms=100)
        assert pi.now_ms * 1_000 - edge_us <= 30_000
        pi.run(1_500 if LONG else 0)


def lost(pi: Pi) -> None:
    shutil.rmtree(pi.bench.kernel.chip / "pwm0")


def stopped(pi: Pi) -> None:
    pi.bench.line.stuck = 1_000.0


def silent(pi: Pi) -> None:
    pi.bench.bus.refuses = EIO


def all_zero(pi: Pi) -> None:
    pi.bench.bus.stuck = 0


def all_one(pi: Pi) -> None:
    pi.bench.bus.stuck = 4_095


def loud(pi: Pi) -> None:
    pi.bench.line.noise_v = 3.0


@pytest.mark.parametrize("breaks", [lost, stopped, silent, all_zero, all_one, loud])
def test_what_breaks_opens_within_50_ms_and_is_a_fault(pi: Pi, breaks: object) -> None:
    pi.begin()
    assert callable(breaks)
    breaks(pi)
    assert pi.until(closed=False, within_ms=1_000) <= 50
    pi.run(300)
    assert set(pi.faults()) & {"PILOT_DRIVER", "PILOT_FAULT"}


def test_a_stuck_duty_is_a_fault_within_a_second(pi: Pi) -> None:
    pi.begin()
    pi.run(1_000)
    pi.bench.line.stuck = 320.0
    assert pi.until(closed=False, within_ms=1_000) <= 1_000
    assert pi.faults() == ["PILOT_DRIVER"]


def test_noise_that_a_board_may_have_opens_nothing(pi: Pi) -> None:
    pi.begin()
    pi.bench.line.noise_v = 0.15
    pi.run(100_000 if LONG else 2_000)
    assert (pi.outlet().closed, pi.outlet().interruptions, pi.faults()) == (True, 0, [])
