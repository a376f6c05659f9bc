"""How long nothing but routine will happen in a world: readings, leases and snapshots, each second and each the same.

A world may leave such seconds out. What it leaves out is what nobody could notice: nothing is broken, nobody lays hands
on anything, no frame is under way, no charge is to end by its energy, and no deadline of plant, hal, core, session or
disk falls into that time. What would have kept the quiet alive, readings and leases, is renewed before anything looks
at its age: a round of routine comes shortly before whatever ends the quiet. `test_quiet.py` compares whole lives with
and without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evsed.clock import ASK_KERNEL_MS
from evsed.core.smart_charging import SETTLED_MS
from hal.faults import Name
from hal.iec61851 import FAR_MS
from hal.metered import Metered
from hal.outlet import OutletLoop
from hal.sim.commands import _broken
from hal.tick import WINDOW_MS

if TYPE_CHECKING:
    from evsed.core.station import Station
    from tests.world.clockwork import Clockwork
    from tests.world.life import Evsed

STEADY = {Name.OVER_TEMPERATURE, Name.EMERGENCY_STOP, Name.EARTH_LOST, Name.ENCLOSURE_OPEN}
"""Faults that last as long as the world outside stays as it was felt."""
CALM_MS = 100  # what hal has just begun to count shows in its next ticks


def quiet_until(world: Clockwork) -> int:
    """When the routine ends, on the clock of the world; now, where there is more than routine."""
    evsed, tick = world.evsed, world.tick
    if evsed is None or tick is None or evsed.inbox or evsed.restart is not None:
        return world.ms
    # The round begins with the reading; hal has nothing to look at before.
    if tick._change_ms <= world.mono_ms or world.mono_ms < tick._changed_ms + WINDOW_MS:  # it has not seen all of it
        return world.ms
    if min(world._tick_at_ms, evsed.renew_ms + world._since_ms) < world._meter_at_ms:
        return world.ms
    if world.ms < world._lively_ms + CALM_MS or any(any(_broken(bay)) for bay in world.plant.bays.values()):
        return world.ms
    if world.bus.has_news() or _waits_for_a_reading(evsed.station) or _knows_not_the_time(world, evsed):
        return world.ms
    mono_ms = world.mono_ms
    loops = [_due_ms(loop, mono_ms) for loop in tick._all if isinstance(loop, OutletLoop)]
    settles = [drew.since_ms + SETTLED_MS for drew in evsed.station.smart_charging._drew.values() if not drew.settled]
    due_ms = min(evsed.busy_ms(), *settles, *loops) + world.ms - mono_ms
    change_ms = world.board.next_change_ms(world.ms)
    return min(due_ms, world.outside_ms(), FAR_MS if change_ms is None else change_ms)


def _waits_for_a_reading(station: Station) -> bool:
    """Whether the next reading may end a charge: it is ending already, or has only a rest of energy."""
    charges = (outlet.charging.tx for outlet in station.outlets.values())
    return any(tx is not None and (tx.reason is not None or tx.refused_wh is not None) for tx in charges)


def _knows_not_the_time(world: Clockwork, evsed: Evsed) -> bool:
    """Whether the clock was set and evsed has not asked since, or has not told its core."""
    if world.clock_set_ms >= evsed.clock._ask_at_ms - ASK_KERNEL_MS + world._since_ms:
        return True
    now = evsed.now()
    return now.wall_ms is not None and now.wall_ms - now.mono_ms != evsed.station.box.security._offset_ms


def _due_ms(loop: OutletLoop, now_ms: int) -> int:
    """When time next changes something at an outlet whose lease and readings are kept fresh."""
    metered = loop._judge._metered
    astray = metered is not None and _counts(metered)
    stops = loop._phases.stops and not loop._phases.bars  # the next tick may see that the car has stopped
    faulty = not all(fault.gone or fault.name in STEADY for fault in loop._judge.book.faults)  # readings may end it
    if loop.due_ms <= now_ms + CALM_MS or astray or stops or faulty:
        return now_ms
    judged = loop._judge.deadlines(now_ms)
    of_readings = [loop._judge.heat.due_ms(now_ms), *([] if metered is None else metered.deadlines())]
    moments = [
        loop._pilot.due_ms,
        loop._ceilings.due_ms(now_ms),
        loop._phases.due_ms,
        *judged[: len(judged) - len(of_readings)],
    ]
    moments += [*loop._bolt.deadlines(now_ms), *loop._senses.deadlines(), *loop._trial.deadlines(now_ms)]
    moments += [] if loop.ordered else [loop._rest_until_ms]
    return min((moment for moment in moments if moment > now_ms), default=FAR_MS)


def _counts(metered: Metered) -> bool:
    """Whether a reading may soon make a fault."""
    currents = (metered._over_current, metered._open_current, metered._wrong_phase)
    timers = (*currents, *metered._voltages._lasts.values())
    return any(timer._since_ms is not None for timer in timers)
