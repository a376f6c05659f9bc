"""The contract of a pilot, over everything that is one here; test_bench.py has it on metal."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from hal.drivers.protocols import Pilot
from hal.sim.agenda import MS, Agenda
from hal.sim.circuit import Load
from hal.sim.pilot import SimPilot
from tests.hal.drivers.peaks_world import PeaksBench
from tests.hal.drivers.pilot_contract import Bench, PilotContract
from tests.hal.drivers.pilot_world import SpiBench


class TestSimulated(PilotContract):
    """The pilot of the simulated board."""

    @pytest.fixture
    def bench(self) -> Bench:
        class Simulated:
            def __init__(self) -> None:
                self._agenda = Agenda()
                self.pilot: Pilot = SimPilot(self._agenda, Random(1), lambda permille: None)
                self.hang = self.pilot.carry

            def pass_ms(self, ms: int) -> None:
                self._agenda.run(self._agenda.now_us + ms * MS)

        return Simulated()


class Emulated:
    """A bench of both halves on emulated buses."""

    def __init__(self, world: SpiBench | PeaksBench) -> None:
        self._world, self._now_ms = world, 0
        self.pilot: Pilot = world.build()

    def hang(self, load: Load) -> None:
        self._world.line.hang(load)

    def pass_ms(self, ms: int) -> None:
        self._now_ms += ms
        self._world.to(self._now_ms)


@pytest.mark.parametrize("chip", ["mcp3208", "mcp3008"], scope="class")
class TestSampled(PilotContract):
    """Kernel PWM and a converter on SPI, emulated down to files and ioctls."""

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chip: str) -> Bench:
        return Emulated(SpiBench(tmp_path, monkeypatch, chip))


@pytest.mark.parametrize("reset", [True, False], scope="class")
class TestPeaks(PilotContract):
    """Kernel PWM and peak detectors behind a converter of the kernel."""

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reset: bool) -> Bench:
        return Emulated(PeaksBench(tmp_path, monkeypatch, reset))
