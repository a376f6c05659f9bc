"""A day with two charges, lived by a driver who looks at the box and does what a person would: whatever strikes the box
meanwhile, the day comes to its end, and then the books must be right.
"""

from __future__ import annotations

from itertools import pairwise

from evsed.core.words import Status
from tests.scenarios.conftest import judge
from tests.world.wallbox import TAG, Wallbox

PRESETS = {"SampledDataCtrlr.TxUpdatedInterval": "10", "SampledDataCtrlr.TxEndedMeasurands": "Current.Import"}
ENDED = (Status.FINISHING, Status.PREPARING)
PATIENCE_S = 30
TRIES = 10


def live(world: Wallbox) -> None:
    """Boot; a charge from beginning to end online; one that begins offline and ends online; the queue empties."""
    world.advance(3)
    charge(world, 22)
    world.lose_line()
    begin(world)
    world.advance(12)
    world.reconnect()
    world.advance(10)
    end(world)
    rest(world)


def charge(world: Wallbox, seconds: float) -> None:
    begin(world)
    world.advance(seconds)
    end(world)


def begin(world: Wallbox, tag: str = TAG, evse: int = 1) -> None:
    """Plug in and show the card until the car charges."""
    world.order("plug-in", "--cable", "20", evse=evse)
    world.advance(1)
    for _ in range(TRIES):
        if light(world, evse) in (Status.PREPARING, Status.FINISHING):
            world.swipe(tag, evse)
        if world.becomes(lambda: world.bay(evse).contactor.main, PATIENCE_S):
            return
    raise AssertionError("\n".join(["the charge did not begin", *world.lines[-60:]]))


def end(world: Wallbox, tag: str = TAG, evse: int = 1) -> None:
    """Wait until the box has come to itself, show the card until the charge is over, take the cable out."""
    for _ in range(TRIES):
        if world.becomes(lambda: light(world, evse) in (Status.CHARGING, *ENDED), PATIENCE_S):
            if light(world, evse) is Status.CHARGING:
                world.swipe(tag, evse)
            if world.becomes(lambda: light(world, evse) in ENDED and not world.held(evse), PATIENCE_S):
                world.unplug(evse)
                return
    raise AssertionError("\n".join(["the charge did not end", *world.lines[-60:]]))


def conclude(world: Wallbox) -> None:
    """Whatever was going on: bring it to its end, and take the cable out."""
    world.find_line()
    world.until(lambda: light(world) not in (None, Status.FAULTED))
    world.advance(10)
    if light(world) in (Status.CHARGING, Status.SUSPENDED_EV, Status.SUSPENDED_EVSE):
        end(world)
    elif world.bay().car.plugged:
        world.until(lambda: not world.held())
        world.unplug()
    rest(world)


def rest(world: Wallbox) -> None:
    """Nothing more happens but what the box still owes the central system."""
    world.until(lambda: owes(world) == 0, within=600)
    world.advance(5)


def light(world: Wallbox, evse: int = 1) -> Status | None:
    """What the box shows."""
    known = world.evsed is not None and evse in world.evsed.station.outlets
    return world.status(evse) if known else None


def owes(world: Wallbox) -> int:
    """How many transaction messages wait; not known while the box does not run."""
    online = world.evsed is not None and world.evsed.station.registration.online
    return len(world.evsed.station.box.outbox) if online and world.evsed is not None else -1


def books(world: Wallbox, start_wh: int) -> None:
    """I5 to I9 at the central system, which books each message by its id once, as good ones do."""
    judge(world)
    charges = list(world.csms.charges.values())
    assert world.csms.unbooked == []
    assert len(charges) == len(world.watch.begun), "each start that became durable is booked once"
    assert all(charge.stop is not None for charge in charges)
    assert sum(charge.energy_wh for charge in charges) == world.register() - start_wh, "no Wh is lost or sold twice"
    for before, after in pairwise(charges):
        assert before.stop is not None
        assert after.start.meterStart == before.stop.meterStop
