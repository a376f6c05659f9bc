"""A story is walked through under a hardship, brought to its end, and judged by what must be so whatever happens.

- No rule of the world was broken: contactor, offer, bolt, journal order, frames, statuses (tests/world/watch.py).
- The link lives: when all is well again a question is answered, and the queue is empty.
- Each call is tried as often and at the times that it must be, and one after the other (tests/world/calls.py).
- Every start and stop that became durable is booked once and in order, and every Wh is sold once, but for what the
  central system goes on refusing until it is given up.
- No register falls.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hal.sim.commands import _broken
from tests.hardship.story import Story
from tests.scenarios import day
from tests.scenarios.conftest import judge
from tests.world.csms import Csms
from tests.world.messages import Charge, Message, Question
from tests.world.wallbox import Wallbox

ATTEMPTS = 3
QUICK = {
    "OCPPCommCtrlr.MessageTimeout": "10",
    "OCPPCommCtrlr.MessageAttempts": str(ATTEMPTS),
    "OCPPCommCtrlr.MessageAttemptInterval": "20",
}
START_WH = 1_234_567
NEVER_NUMBERED = -1


class Walk:
    """One story in one world; `befall` says what befalls its central system."""

    def __init__(self, story: Story, folder: Path, befall: Callable[[Walk, Csms], None]) -> None:
        self.worlds: list[Wallbox] = []
        self.refused: Message | None = None
        self.asked: list[tuple[Csms, Question, int]] = []
        self._befall, self._folder = befall, folder
        self.astray = story.walk(self._make, folder)
        self.calls = max(len(world.csms.received) for world in self.worlds)
        for world in self.worlds:
            conclude(world)
            self._judge(world)

    def _make(self, presets: dict[str, str] | None = None, **options: Any) -> Wallbox:
        world = Wallbox(
            self._folder / f"state-{len(self.worlds)}", presets=QUICK | (presets or {}), leaps=True, **options
        )
        self.worlds.append(world)
        self._befall(self, world.csms)
        return world

    def _judge(self, world: Wallbox) -> None:
        csms, refused = world.csms, self.refused if self.refused in world.csms.received else None
        if refused is not None:  # a stop that never arrived leaves its transaction open there
            csms.breaches = [breach for breach in csms.breaches if " began before " not in breach]
        judge(world)
        assert world.calls.owed() is None
        for asker, question, connection in self.asked:
            answered = question.answer is not None or question.error is not None
            assert answered or asker is not csms or csms.connections > connection, f"no answer to {question}"
        charges, begun = list(csms.charges.values()), len(world.watch.begun)
        assert all(_in_order(charge) for charge in charges)
        if refused is not None and refused.action in ("StartTransaction", "StopTransaction"):
            assert {message.transactionId for message in csms.unbooked} <= {NEVER_NUMBERED}  # errata 3.18
            assert begun - 1 <= len(charges) <= begun
            assert [charge.stop for charge in charges].count(None) <= 1
            return
        assert csms.unbooked == []
        assert len(charges) == begun, "each start that became durable is booked once"
        assert all(charge.stop is not None for charge in charges)
        counted = sum(world.register(evse) - START_WH for evse in world.plant.bays)
        assert sum(charge.energy_wh for charge in charges) == counted, "a Wh is lost or sold twice"


def conclude(world: Wallbox) -> None:
    """All is well again, the cars leave, what is owed arrives."""
    _mend(world)
    world.until(lambda: day.owes(world) >= 0, within=700)
    for evse, bay in world.plant.bays.items():
        world.csms.call("UnlockConnector", {"connectorId": evse})
        world.advance(8)
        if bay.car.plugged:
            world.order("unplug", "--force", evse=evse)
    world.advance(10)
    world.until(lambda: day.owes(world) == 0, within=900)
    asked = world.csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
    world.advance(1)
    assert asked.answer is not None, "the link is dead"
    world.close()


def _in_order(charge: Charge) -> bool:
    ends_ms = charge.stop.at_ms if charge.stop is not None else None
    return all(charge.start.at_ms <= sample.at_ms <= (ends_ms or sample.at_ms) for sample in charge.samples)


def _mend(world: Wallbox) -> None:
    """The central system is a good one but for what it goes on refusing, the network is there, nothing is broken."""
    fate = world.csms.fate
    world.csms.behaves()
    world.csms.fate = fate
    world.find_line()
    world.admits = lambda target: ""
    world.disk_full = False
    if world.tick is None:
        world.start_hal()
    for evse, bay in world.plant.bays.items():
        for name in list(_broken(bay)):
            world.clear(name, evse)


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder, in memory where the machine has such."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def walked(story: Story, befall: Callable[[Walk, Csms], None], what: str = "nothing") -> Walk:
    """Walk in a folder of its own; a failure names what befell."""
    with in_memory() as folder:
        try:
            return Walk(story, folder, befall)
        except BaseException as failed:
            failed.add_note(f"hardship: {what}")
            raise
