"""The parts of a whole board as the rigs of their contracts: of metal with `-m bench`, and of an emulated one.

Rules this file upholds:
- Only `ContactorRig` and `GateRig` order a contactor closed, and `LockRig` moves a bolt: each needs `Metal.closes`.
- They give no beat while anything hangs on the pilot, a contact or the residual-current device objects.
- What takes hands is asked of the person; what he leaves out is skipped, and so is a part that the board has not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hal.boards import Board
from hal.bringup.bench import Bench, Time
from hal.bringup.person import Person, Words
from hal.contacts import Means
from hal.drivers.protocols import Contactor, Meter, Reader
from hal.sim.circuit import Load
from tests.hal.drivers.contracts import (
    ContactorContract,
    EnableContract,
    InputContract,
    LockContract,
    MeterContract,
    PhasesContract,
    ReaderContract,
    ResidualContract,
)
from tests.hal.drivers.pilot_contract import PilotContract

NOTHING = Load()
STEP_MS = 10
POLL_MS = 200
PUMP_BEATS = 60  # until a charge pump and the relays behind it have come up


@dataclass
class Metal:
    """Outlet 1 of a board. `closes`: the power side is off, so its contactor may be closed and its bolt moved."""

    board: Board
    time: Time
    person: Person
    closes: bool
    meter: Meter | None = None
    reader: Reader | None = None
    inputs: tuple[Means, ...] = ()
    wired: Load = NOTHING  # what hangs on the pilot while nobody changes it

    def hand(self, what: str, *orders: Words) -> None:
        """Something that only a person can do."""
        if not self.person.do(what, *orders):
            pytest.skip(f"nobody is there to {what}")

    def has(self, part: Any, what: str) -> Any:
        if part is None:
            pytest.skip(f"this board has no {what}")
        return part

    def leave(self) -> None:
        if not self.closes:
            pytest.skip("it closes a contactor or moves a bolt: EVSE_BENCH_CLOSES=yes, with the power side off")


class Rig:
    """`part` is looked at while time passes, as the tick does."""

    def __init__(self, metal: Metal, part: Any) -> None:
        self.metal, self.part = metal, part
        self.outlet = metal.board.outlets[1]
        self.bench = Bench(1, self.outlet, metal.time)

    def run(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self.look()
            self.metal.time.pass_ms(STEP_MS)

    def look(self) -> None:
        """What the tick asks."""

    def hold(self, on: bool) -> None:
        pytest.skip("nobody welds a contactor here")

    def jam(self, on: bool) -> None:
        pytest.skip("nobody holds the bolt here")


class PilotRig:
    """The bench of a pilot: another load than the one that is wired takes hands."""

    def __init__(self, metal: Metal) -> None:
        self.metal, self.pilot = metal, metal.board.outlets[1].parts.pilot
        self.pass_ms, self.hung = metal.time.pass_ms, metal.wired

    def hang(self, load: Load) -> None:
        if load != self.hung:
            what = (
                "nothing" if load.ohms is None else f"{load.ohms:g} Ω {'behind' if load.diode else 'without'} a diode"
            )
            order = ("load", "none" if load.ohms is None else f"{load.ohms}", "diode" if load.diode else "plain")
            self.metal.hand(f"hang {what} on the pilot", order)
            self.hung = load


class ContactorRig(Rig):
    """The gate is fed all the time."""

    def __init__(self, metal: Metal) -> None:
        metal.leave()
        super().__init__(metal, metal.board.outlets[1].parts.contactor)
        metal.time.pass_ms(STEP_MS)

    def look(self) -> None:
        self.bench._look()  # the walk's own rule
        self.outlet.parts.enable.beat()
        self.part.closed()


class GateRig(Rig):
    """Alive is a gate behind which an ordered contactor is closed."""

    def __init__(self, metal: Metal) -> None:
        metal.leave()
        super().__init__(metal, self)
        metal.time.pass_ms(STEP_MS)
        self.bench._look()
        self.outlet.parts.contactor.order(True)

    def beat(self) -> None:
        self.bench._look()
        self.outlet.parts.enable.beat()

    def drop(self) -> None:
        self.outlet.parts.enable.drop()

    @property
    def alive(self) -> bool:
        return self.outlet.parts.contactor.closed()

    def look(self) -> None:
        self.outlet.parts.pilot.volts()


class LockRig(Rig):
    def __init__(self, metal: Metal) -> None:
        metal.leave()
        super().__init__(metal, metal.has(metal.board.outlets[1].parts.lock, "lock"))

    def look(self) -> None:
        self.part.locked()


class ResidualRig(Rig):
    """It trips by its test input, or by the hand at its test button."""

    def __init__(self, metal: Metal) -> None:
        super().__init__(metal, metal.has(metal.board.outlets[1].parts.residual, "residual-current device"))
        self._leaks = False

    def leak(self, on: bool) -> None:
        if on is self._leaks:
            return
        self._leaks, timing = on, self.outlet.timing
        if hasattr(self.part, "test"):
            self.part.test(on)
            self.run(timing.residual_trip_ms if on else timing.residual_clear_ms)
        elif on:
            self.metal.hand("press the test button of the residual-current device", ("leak", "on"))
        else:
            self.metal.hand("reset the residual-current device", ("leak", "off"))


class InputRig(Rig):
    def __init__(self, metal: Metal, number: int) -> None:
        super().__init__(metal, self.input_of(metal, number))
        self._means, self._number, self._pressed = metal.inputs[number], str(number), False

    @staticmethod
    def input_of(metal: Metal, number: int) -> Any:
        contacts = metal.board.outlets[1].contacts
        return metal.has(contacts[number].part if number < len(contacts) else None, f"input {number + 1}")

    def press(self, on: bool) -> None:
        if on is self._pressed:
            return
        self._pressed = on
        wanted = "let the contact say" if on else "let the contact no longer say"
        self.metal.hand(f"{wanted} {self._means}", ("contact", self._number, "on" if on else "off"))

    def look(self) -> None:
        self.part.active()


class OpenOnly:
    """A choice of phases that is not moved under load, in whatever order a contract asks."""

    def __init__(self, part: Any, contactor: Contactor) -> None:
        self._part, self._contactor, self.three = part, contactor, part.three

    def use(self, three: bool) -> None:
        assert not self._contactor.closed(), "the contactor is closed"
        self._part.use(three)


class PhasesRig(Rig):
    def __init__(self, metal: Metal) -> None:
        parts = metal.board.outlets[1].parts
        super().__init__(metal, OpenOnly(metal.has(parts.phases, "choice of phases"), parts.contactor))

    def look(self) -> None:
        self.part.three()


class MeterRig(Rig):
    def __init__(self, metal: Metal) -> None:
        super().__init__(metal, metal.has(metal.meter, "meter in EVSE_BENCH_SITE"))
        self.now_ms = metal.time.now_ms

    def cut(self, on: bool) -> None:
        wanted = "take the meter's line out" if on else "put the meter's line back"
        self.metal.hand(wanted, ("meter", "away" if on else "back"))


class ReaderRig(Rig):
    """Two cards of which nobody knows the numbers."""

    tags = ("", "")

    def __init__(self, metal: Metal) -> None:
        super().__init__(metal, metal.has(metal.reader, "reader"))
        self.reader = self.part

    def show(self, card: int) -> None:
        self.metal.hand(f"hold card {card + 1} to the reader, and leave it there", ("card", str(card)))

    def remove(self) -> None:
        self.metal.hand("take the card away", ("card", "away"))

    def pull_out(self) -> None:
        self.metal.hand("take the reader's plug out", ("reader", "away"))

    def plug_in(self) -> None:
        self.metal.hand("put the reader's plug back", ("reader", "back"))

    def poll(self) -> str | None:
        self.metal.time.pass_ms(POLL_MS)
        return self.reader.poll()


class OnPilot(PilotContract):
    @pytest.fixture
    def bench(self, metal: Metal) -> Iterator[PilotRig]:
        rig = PilotRig(metal)
        yield rig
        rig.hang(metal.wired)


class OnContactor(ContactorContract):
    @pytest.fixture
    def rig(self, metal: Metal) -> ContactorRig:
        return ContactorRig(metal)


class OnEnable(EnableContract):
    beats = PUMP_BEATS

    @pytest.fixture
    def rig(self, metal: Metal) -> GateRig:
        return GateRig(metal)


class OnLock(LockContract):
    @pytest.fixture
    def rig(self, metal: Metal) -> LockRig:
        return LockRig(metal)


class OnResidual(ResidualContract):
    @pytest.fixture
    def rig(self, metal: Metal) -> ResidualRig:
        return ResidualRig(metal)


class OnInputs(InputContract):
    @pytest.fixture
    def rig(self, metal: Metal, number: int) -> InputRig:
        return InputRig(metal, number)


class OnPhases(PhasesContract):
    @pytest.fixture
    def rig(self, metal: Metal) -> PhasesRig:
        return PhasesRig(metal)


class OnMeter(MeterContract):
    @pytest.fixture
    def rig(self, metal: Metal) -> MeterRig:
        return MeterRig(metal)


class OnReader(ReaderContract):
    @pytest.fixture
    def rig(self, metal: Metal) -> ReaderRig:
        return ReaderRig(metal)
