"""Short stories that many tests begin with: how an outlet gets into each state, and what leads away from it."""

from __future__ import annotations

from collections.abc import Callable

from evsed.core import events as ev
from evsed.core.overview import Surroundings, overview
from evsed.core.records import KnownToken
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.status import HalStatus, LinkStatus
from evsed.core.words import Stamp, TokenStatus
from tests.evsed.core.box_world import WALL0, World
from tests.evsed.core.plant import HOT

TOO_LITTLE_MA = 5_000
LONG_AGO = Stamp("boot0", 1, WALL0 - 10**9)


# --- how the states are reached ----------------------------------------------------------------------------------


def available() -> World:
    return World().online()


def preparing() -> World:
    world = available()
    world.plug_in()
    return world


def charging(world: World | None = None, evse: int = 1) -> World:
    """A car charges; the newest reading is older than what follows."""
    world = (world or World().online()).charging(evse)
    world.advance(0.5)
    return world


def suspended_ev() -> World:
    world = charging()
    world.stops_drawing()
    return world


def refused(car_asks: bool = True, socket: bool = True) -> World:
    """The central system refuses the card of the running transaction, which may stay."""
    world = World(socket=socket).online().set("StopTransactionOnInvalidId", False)
    world.plug_in()
    world.swipe()
    world.wants()
    world.verdicts[TransactionStarted] = ev.TokenAnswer(TokenStatus.BLOCKED)
    world.until(TransactionStarted)
    if not car_asks:
        world.stops_drawing()
    world.answer_all()
    world.advance(0.5)
    return world


def finishing() -> World:
    return ends(charging())


def unavailable() -> World:
    return inoperative(available())


# --- what leads away from them -----------------------------------------------------------------------------------


def plugs_in(world: World) -> World:
    world.plug_in()
    return world


def unplugs(world: World) -> World:
    world.unplug()
    return world


def asks(world: World) -> World:
    world.wants()
    return world


def stops_asking(world: World) -> World:
    world.stops_drawing()
    return world


def card(world: World) -> World:
    world.swipe()
    world.answer_all()
    return world


def ends(world: World) -> World:
    """The card that started it ends it; the next reading lets it be written."""
    world.swipe()
    world.advance(2)
    return world


def ends_without_car(world: World) -> World:
    """The car leaves between the card and the reading."""
    world.swipe()
    world.unplug()
    world.advance(2)
    return world


def fails(world: World) -> World:
    world.fault(HOT)
    return world


def recovers(world: World) -> World:
    world.fault(HOT)
    world.advance(3)
    world.fault()
    world.advance(6)
    return world


def inoperative(world: World) -> World:
    world.asks(ev.AvailabilityRequested(world.ref(), 1, False))
    return world


def operative(world: World) -> World:
    world.asks(ev.AvailabilityRequested(world.ref(), 1, True))
    return world


def lifts(world: World) -> World:
    """The restriction of a refused card is lifted; a car has some seconds to answer the offer."""
    world.set("MaxEnergyOnInvalidId", 100_000)
    world.advance(6)
    return world


def gone_for_good(world: World) -> World:
    """The car leaves a transaction that outlives it, then the card is shown."""
    world.set("StopTransactionOnEVSideDisconnect", False)
    world.unplug()
    world.advance(0.5)
    return ends(world)


def waits(seconds: int) -> Callable[[World], World]:
    def wait(world: World) -> World:
        world.advance(seconds)
        return world

    return wait


def told(*steps: Callable[[World], World]) -> Callable[[World], World]:
    def story(world: World) -> World:
        for step in steps:
            world = step(world)
        return world

    return story


def knowing(known: KnownToken, local: tuple[str, ...] = ()) -> World:
    """A box whose disk has a token, and whose clock is right."""
    world = World(local=local)
    world.disk.records[KnownToken, known.key] = known
    world.crash()
    world.wall_offset = WALL0
    return world


def no_current(free: bool = False) -> World:
    """The installer allows less than a pilot can say."""
    return World(free=free, installer_ma=TOO_LITTLE_MA).online()


def deaf_meter(world: World) -> World:
    world.bays[1].meter_works = False
    world.advance(6)
    return world


# --- what came of it ---------------------------------------------------------------------------------------------


def ended(world: World) -> TransactionEnded:
    """The report of the transaction that now ends, once it is written and told."""
    world.advance(3)
    world.answer_all()
    report = world.last(TransactionEnded)
    assert isinstance(report, TransactionEnded)
    return report


def shown(world: World) -> str | None:
    """The refusal that people are told of."""
    around = Surroundings("box", "1", HalStatus(up=True), LinkStatus(), None)
    return overview(world.station, around, world.now()).outlets[0].refused
