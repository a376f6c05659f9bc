"""The sampled pilot over an emulated SPI bus: what it sees of each car at each duty, and what it makes of faults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from hal.contract import Cp
from hal.drivers import mcp3xxx
from hal.drivers.mcp3xxx import McpConfig
from hal.drivers.pilot import TwoHalves
from hal.drivers.protocols import PartFailed
from hal.iec61851 import Level, classify
from hal.sim.circuit import Load
from tests.hal.drivers import pilot_world
from tests.hal.drivers.pilot_world import EIO, SpiBench, points

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
TICKS = 1_000 if LONG else 60
PHASES = (0.0, 11.0, 23.0) if LONG else (11.0,)
DUTIES = (50.0, 80.0, 100.0, 160.0, 266.66, 533.32, 850.0, 900.0, 960.0)
CARS = ((Cp.A, None), (Cp.B, 2_740.0), (Cp.C, 882.0))


class Tally(NamedTuple):
    """Over many ticks: those without a new measurement, how many in a row, and measurements of another letter."""

    missed: int
    longest: int
    wrong: int


def tally(bench: SpiBench, permille: float, cp: Cp, ticks: int = TICKS) -> Tally:
    """What the tick sees of a car that does not move; PartFailed counts as wrong."""
    pilot = bench.build()
    pilot.offer(permille)
    count, run, longest, missed, wrong = -1, 0, 0, 0, 0
    was = Level(cp, diode=True)
    for tick in range(1, ticks + 3):
        bench.to(10 * tick)
        try:
            high, low, counted = pilot.volts()
        except PartFailed:
            wrong += 1
            continue
        new, count = counted != count, counted
        if tick >= 3:
            run = 0 if new else run + 1
            missed, longest = missed + (not new), max(longest, run)
            wrong += new and classify(high, low, True, was) != was
    return Tally(missed, longest, wrong)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpiBench:
    return SpiBench(tmp_path, monkeypatch)


def run(bench: SpiBench, pilot: TwoHalves, from_ms: int, ticks: int) -> tuple[float, float, int]:
    seen = (0.0, 0.0, 0)
    for tick in range(ticks):
        bench.to(from_ms + 10 * tick)
        seen = pilot.volts()
    return seen


@pytest.mark.parametrize("permille", DUTIES)
@pytest.mark.parametrize("phase_us", PHASES)
def test_no_plateau_is_missed_nor_misread_from_5_to_96_percent(
    bench: SpiBench, permille: float, phase_us: float
) -> None:
    for cp, ohms in CARS if LONG else CARS[2:]:
        bench.line.hang(Load(ohms))
        bench.line.noise_v, bench.line.phase_us = 0.1, phase_us
        found = tally(bench, permille, cp)
        assert found.wrong == 0 and found.longest <= 1 and found.missed <= TICKS // 50, (permille, found)


@pytest.mark.parametrize("permille", [50.0, 266.66, 960.0])
def test_sample_clock_and_tick_locked_to_the_pwm_do_no_harm(
    bench: SpiBench, permille: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pilot_world, "MESSAGE_US", 0.0)
    monkeypatch.setattr(pilot_world, "GAP_US", (0.0, 0.0))
    bench.line.hang(Load(882.0))
    assert tally(bench, permille, Cp.C) == (0, 0, 0)


def test_without_its_dither_a_locked_clock_would_misread(bench: SpiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Regular:
        def __init__(self, seed: int) -> None:
            """No chance here."""

        def randint(self, low: int, high: int) -> int:
            return 3  # 24 + 13 + 3 µs: 25 samples a period

        def random(self) -> float:
            return 0.0

    monkeypatch.setattr(mcp3xxx, "Random", Regular)
    monkeypatch.setattr(pilot_world, "MESSAGE_US", 0.0)
    monkeypatch.setattr(pilot_world, "GAP_US", (0.0, 0.0))
    bench.bus.jitter_us = 0.0
    bench.line.hang(Load(882.0))
    found = []
    for bench.line.phase_us in range(0, 40, 8):
        bench.line.now_us = 0.0
        found.append(max(tally(bench, 960.0, Cp.C, ticks=10)))
    assert max(found) > 0


@pytest.mark.parametrize("chip", ["mcp3004", "mcp3008", "mcp3204", "mcp3208"])
@pytest.mark.parametrize("ohms", [1_870.0, 2_740.0, 4_610.0])
def test_each_chip_shows_the_volts_of_the_wire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chip: str, ohms: float
) -> None:
    bench = SpiBench(tmp_path, monkeypatch, chip)
    bench.line.hang(Load(ohms))
    pilot = bench.build()
    pilot.offer(266.66)
    high, low, _ = run(bench, pilot, 10, 3)
    assert high == pytest.approx(0.7 + 11.3 * ohms / (ohms + 1_000), abs=0.06)
    assert low == pytest.approx(-12.0, abs=0.06)


def test_at_a_constant_level_both_plateaus_are_it(bench: SpiBench) -> None:
    pilot = bench.build()
    for permille, volts in ((1_000.0, 12.0), (0.0, -12.0)):
        pilot.offer(permille)
        high, low, _ = run(bench, pilot, int(bench.line.now_us / 1_000) + 10, 2)
        assert (high, low) == (pytest.approx(volts, abs=0.1), pytest.approx(volts, abs=0.1))


def test_the_count_moves_with_each_whole_burst_only(bench: SpiBench) -> None:
    pilot = bench.build()
    counts = [run(bench, pilot, 10 * tick, 1)[2] for tick in range(1, 6)]
    assert counts == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("stuck", [1_000.0, 0.0])
def test_a_pwm_that_does_not_run_is_one_level_in_the_next_tick(bench: SpiBench, stuck: float) -> None:
    pilot = bench.build()
    pilot.offer(266.66)
    before = run(bench, pilot, 10, 5)
    bench.line.stuck = stuck
    high, low, count = run(bench, pilot, 100, 2)
    assert high == low == pytest.approx(12.0 if stuck else -12.0, abs=0.1) and count == before[2] + 2


@pytest.mark.parametrize("gap_us", [(0.0, 400.0), (400.0, 400.0)], ids=str)
@pytest.mark.parametrize("permille", DUTIES if LONG else (533.32,))
def test_no_gap_between_messages_makes_a_running_pwm_a_stuck_one(
    bench: SpiBench, monkeypatch: pytest.MonkeyPatch, permille: float, gap_us: tuple[float, float]
) -> None:
    monkeypatch.setattr(pilot_world, "GAP_US", gap_us)
    bench.line.hang(Load(882.0))
    assert tally(bench, permille, Cp.C, ticks=10_000 if LONG else 1_000).wrong == 0


def test_a_pwm_with_another_duty_is_a_failed_part_within_a_second(bench: SpiBench) -> None:
    pilot = bench.build()
    bench.line.hang(Load(882.0))
    pilot.offer(266.66)
    run(bench, pilot, 10, 40)
    bench.line.stuck = 320.0
    with pytest.raises(PartFailed, match=r"high for \d+ ‰ of the time, but driven for 267 ‰"):
        run(bench, pilot, 500, 100)
    bench.line.stuck = None
    pilot.offer(266.66)
    run(bench, pilot, 1_000, 1)
    assert run(bench, pilot, 1_010, 40)


def test_a_pulse_of_c_of_200_ms_is_seen_with_both_its_edges(bench: SpiBench) -> None:
    pilot = bench.build()
    bench.line.hang(Load(2_740.0))
    pilot.offer(100.0)
    bench.line.hang(Load(882.0), at_us=503_300)
    bench.line.hang(Load(2_740.0), at_us=703_300)
    in_c = [tick for tick in range(1, 100) if run(bench, pilot, 10 * tick, 1)[0] < 7.0]
    assert 52 <= in_c[0] <= 53 and 70 <= in_c[-1] <= 72 and len(in_c) == in_c[-1] - in_c[0] + 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"stuck": 0}, "shows nothing but 0, the end of its scale"),
        ({"stuck": 4_095}, "shows nothing but 4095, the end of its scale"),
        ({"deaf": True}, "no answer: the bit before the number is not 0"),
        ({"refuses": EIO}, "Input/output error"),
    ],
)
def test_a_converter_that_is_not_there_is_a_failed_part_and_comes_back(
    bench: SpiBench, fault: dict[str, int], said: str
) -> None:
    pilot = bench.build()
    count = run(bench, pilot, 10, 3)[2]
    before = {name: getattr(bench.bus, name) for name in fault}
    for name, value in fault.items():
        setattr(bench.bus, name, value)
    run(bench, pilot, 50, 1)
    with pytest.raises(PartFailed, match=f"^pilot: mcp3208 on .*spidev0.0: .*{said}"):
        run(bench, pilot, 60, 1)
    for name, value in before.items():
        setattr(bench.bus, name, value)
    with pytest.raises(PartFailed):
        run(bench, pilot, 70, 1)
    assert run(bench, pilot, 80, 2)[2] > count


def test_a_missing_bus_keeps_it_from_being_built(bench: SpiBench) -> None:
    bench.device.unlink()
    with pytest.raises(OSError, match="No such file"):
        bench.build()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chip": "mcp3204", "channel": 4}, "channel must be at most 3: the mcp3204 has no more"),
        ({"first": {"code": 3_000.0, "volts": -12.0}}, "must lie further apart"),
        ({"first": {"code": 372.0, "volts": float("nan")}}, "neither nan nor inf"),
        ({"second": {"code": 5_000.0, "volts": 12.0}}, "must lie between 0 and 4095"),
        (
            {"first": {"code": 100.0, "volts": -12.0}},
            r"the scale is -12.7 V to 14.7 V; it must reach from -13.0 V to 13.0 V",
        ),
        (
            {"chip": "mcp3008", "first": {"code": 300, "volts": -12}, "second": {"code": 560, "volts": 16}},
            "a step is 0.11",
        ),
        ({"hz": 100_000}, "hz|800000"),
        ({"hz": 2_000_001}, "hz must be at most 2000000: the mcp3208 bears no more, and that at 5 V"),
    ],
)
def test_a_calibration_without_sense_is_refused(change: dict[str, object], said: str) -> None:
    keys = {"chip": "mcp3208", **points("mcp3208"), **change}
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(keys, McpConfig)
