"""Plateaus from peak detectors behind a converter of the kernel; what each pilot must do is in the contract."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hal.drivers.peaks import PeaksConfig
from hal.drivers.protocols import PartFailed
from hal.sim.circuit import Load
from tests.hal.drivers.peaks_world import KEYS, PeaksBench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PeaksBench:
    return PeaksBench(tmp_path, monkeypatch, reset=True)


def test_the_detectors_are_reset_before_each_round_and_a_round_ends_within_a_tick(bench: PeaksBench) -> None:
    pilot = bench.build()
    pilot.offer(266.66)
    for tick in range(2, 12):
        bench.to(10 * tick)
        before = bench.line.now_us, bench.resets
        pilot.volts()
        assert bench.resets == before[1] + 1 and bench.line.now_us - before[0] < 8_000


def test_at_x1_a_pwm_that_runs_on_shows(bench: PeaksBench) -> None:
    bench.line.stuck = 266.66
    bench.line.hang(Load(2_740.0))
    pilot = bench.build()
    for tick in range(1, 4):
        bench.to(10 * tick)
        high, low, _ = pilot.volts()
    assert high == pytest.approx(9.0, abs=0.1) and low == pytest.approx(-12.0, abs=0.1)


def test_a_converter_that_does_not_answer_is_a_failed_part_and_comes_back(bench: PeaksBench) -> None:
    pilot = bench.build()
    bench.to(10)
    count = pilot.volts()[2]
    bench.broken = True
    pilot.volts()
    with pytest.raises(PartFailed, match=r"^pilot: ads1115: Remote I/O error"):
        pilot.volts()
    bench.broken = False
    with pytest.raises(PartFailed):
        pilot.volts()
    assert pilot.volts()[2] > count


@pytest.mark.parametrize(
    ("half", "channel", "volts", "said"),
    [
        ("high", 1, 13.0, "high and low are two channels"),
        ("high", 0, 9.0, r"the scale is -2.2 V to 10.5 V; it must reach from -1.0 V to 13.0 V"),
        ("low", 1, 14.0, r"it must reach from -13.0 V to -1.0 V"),
    ],
)
def test_keys_without_sense_are_refused(half: str, channel: int, volts: float, said: str) -> None:
    keys: dict[str, object] = dict(KEYS)
    first = {"code": 300, "volts": -1.0 if half == "high" else 13.0}
    keys[half] = {"channel": channel, "first": first, "second": {"code": 2_900, "volts": volts}}
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(keys, PeaksConfig)
