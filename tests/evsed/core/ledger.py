"""What must be true of any story when all is told, and the session that the sweeps go through commit by commit."""

from __future__ import annotations

from evsed.core.records import QueuedReport
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import StopReason
from tests.evsed.core.box_world import World

REGISTER = 1_000_000


def session(world: World) -> World:
    """Two charges, the second offline; whatever the box lets happen. Samples come each 5 s."""
    world.online()
    world.plug_in()
    world.swipe()
    world.answer_all()
    world.wants()
    world.answer_all()
    world.advance(12.5)
    world.answer_all()
    world.swipe()
    world.advance(2.5)
    world.answer_all()
    world.disconnect()
    world.swipe()
    world.advance(6)
    world.swipe()
    world.advance(2)
    world.connect()
    world.answer_all()
    world.unplug()
    world.answer_all()
    return world


SAMPLES = {"SampledDataCtrlr.TxUpdatedInterval": "5"}
COMMITS = session(World(presets=SAMPLES)).disk.commits


def settle(world: World) -> list[TransactionStarted | TransactionEnded]:
    """Whatever still runs is stopped by its card; everything is delivered. What the central system then has, in order
    of its first arrival.
    """
    for evse in world.bays:
        tx = world.tx(evse)
        if tx is not None:
            world.advance(0.5)
            world.swipe(tx.token, evse)
            world.advance(5)
    if not world.station.registration.link_up:
        world.connect()
    world.answer_all()
    return [r for r in world.arrived.values() if isinstance(r, TransactionStarted | TransactionEnded)]


def check(world: World, *, counted: bool = True, dated: bool = True) -> None:
    """I6, I7, I9 and the order of dates, at the end of any story. `counted` = nothing kept the register from us."""
    told = settle(world)
    assert world.disk.of(QueuedReport) == ()
    assert all(tx.ended is not None for tx in world.transactions())
    for evse, bay in world.bays.items():  # I6
        own = [tx for tx in world.transactions() if tx.evse == evse]
        used = sum((tx.end_wh or 0) - tx.start_wh + tx.unassigned_wh for tx in own)
        used += world.station.outlets[evse].register.unassigned_wh
        assert used == bay.register - REGISTER if counted else used <= bay.register - REGISTER
    starts = [report.tx for report in told if isinstance(report, TransactionStarted)]
    assert len(set(starts)) == len(starts)
    assert {tx.id for tx in world.transactions()} == set(starts)
    for tx in starts:  # I7: each once, in order
        assert [type(report) for report in told if report.tx == tx] == [TransactionStarted, TransactionEnded]
    assert all(world.arrived[send.item] == send.report for send in world.sent), "an identity was reused"  # I9
    if dated:
        dates = [world.station.date(report.at, world.now()) for report in told]
        assert dates == sorted(date for date in dates if date is not None)


def reasons(world: World) -> list[StopReason | None]:
    return [tx.reason for tx in world.transactions()]
