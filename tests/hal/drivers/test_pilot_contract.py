"""The contract of a pilot, over everything that is one here; on metal with `-m bench`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import sleep

import pytest

from hal.boards import assemble, load
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


@pytest.mark.bench
@pytest.mark.skipif("EVSE_BENCH_BOARD" not in os.environ, reason="EVSE_BENCH_BOARD names no board of metal")
class TestMetal(PilotContract):
    """A real board; EVSE_BENCH_OHMS says what hangs behind a diode at the plug of outlet 1, if anything does."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        board = assemble(load(os.environ["EVSE_BENCH_BOARD"]))

        class Metal:
            pilot = board.outlets[1].parts.pilot
            wired = Load(float(os.environ["EVSE_BENCH_OHMS"])) if "EVSE_BENCH_OHMS" in os.environ else Load()

            def hang(self, load: Load) -> None:
                if load != self.wired:
                    pytest.skip(f"needs {load.ohms} Ω at the plug, diode: {load.diode}")

            def pass_ms(self, ms: int) -> None:
                sleep(ms / 1_000)

        yield Metal()
        board.close()
