"""The simulated parts keep the contracts that real ones must keep."""

from __future__ import annotations

from typing import Any

import pytest

from hal.sim.contact import SimInput
from hal.sim.plant import Plant
from hal.sim.power import ContactorFault
from tests.hal.drivers.contracts import (
    ContactorContract,
    EnableContract,
    InputContract,
    LockContract,
    PhasesContract,
    ResidualContract,
)


class SimRig:
    """A simulated outlet; its gate is fed while `feeding`."""

    def __init__(self, feeding: bool) -> None:
        self.plant = Plant(evses=1, socket=True)
        self.bay = self.plant.bays[1]
        self.feeding = feeding
        self.ms = 0
        self.part: Any = None

    def run(self, ms: int) -> None:
        for _ in range(ms // 10):
            if self.feeding:
                self.bay.gate.beat()
            self.ms += 10
            self.plant.advance(self.ms)

    def hold(self, on: bool) -> None:
        self.bay.contactor.fault(ContactorFault.WELDED, on)
        self.bay.contactor.fault(ContactorFault.DEAD, on)

    @property
    def alive(self) -> bool:
        return self.bay.gate.alive

    def jam(self, on: bool) -> None:
        assert self.bay.lock is not None
        self.bay.lock.jam(on)

    def leak(self, on: bool) -> None:
        self.bay.residual.trip(on)

    def press(self, on: bool) -> None:
        self.part.on = on


class TestSimContactor(ContactorContract):
    @pytest.fixture
    def rig(self) -> SimRig:
        rig = SimRig(feeding=True)
        rig.part = rig.bay.contactor
        return rig


class TestSimGate(EnableContract):
    @pytest.fixture
    def rig(self) -> SimRig:
        rig = SimRig(feeding=False)
        rig.part = rig.bay.gate
        return rig


class TestSimLock(LockContract):
    @pytest.fixture
    def rig(self) -> SimRig:
        rig = SimRig(feeding=True)
        rig.part = rig.bay.lock
        return rig


class TestSimResidual(ResidualContract):
    @pytest.fixture
    def rig(self) -> SimRig:
        rig = SimRig(feeding=True)
        rig.part = rig.bay.residual
        return rig


class TestSimInput(InputContract):
    @pytest.fixture
    def rig(self) -> SimRig:
        rig = SimRig(feeding=True)
        rig.part = SimInput()
        return rig


class TestSimPhases(PhasesContract):
    @pytest.fixture
    def rig(self) -> SimRig:
        rig = SimRig(feeding=True)
        rig.part = rig.bay.phases
        return rig
