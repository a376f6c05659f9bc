"""A long life at the box of a house: sessions, reconnects, an outage of 72 hours and full queues.

What is measured: the blocks of memory that Python holds, the pages of the process, the size of the state folder, and
what was written; every charge is booked once, with all its energy. The machine has been running for so long that its
monotonic clock passes 2^31 and 2^32 ms on the way (I10, I14). A year takes some minutes; a short one is lived by the
default tests.
"""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.scenarios import day
from tests.world.wallbox import Wallbox

DAY_S = 86_400
OUTAGE_S = 72 * 3_600
WRAPS = (1 << 31, 1 << 32)
PRESETS = {"SampledDataCtrlr.TxUpdatedInterval": "300", "AlignedDataCtrlr.Interval": "900"}
WARM_UP = 5  # parts of the life until all caches are full
MOST_GROWTH = 20_000  # blocks, from then on
MOST_DISK = 8_000_000


@dataclass
class Figures:
    """What was measured, one value a part of the life; `rss` and `disk` are bytes."""

    days: int
    sessions: int = 0
    reconnects: int = 0
    queued: int = 0
    held: list[int] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    disk: list[int] = field(default_factory=list)
    sold_wh: int = 0
    booked: int = 0
    written: int = 0
    passed: list[int] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        wraps = [f"2^{bound.bit_length() - 1} ms" for bound in self.passed]
        return [
            f"{self.days} days, {self.sessions} sessions, {self.reconnects} reconnects, {self.queued} messages queued",
            f"blocks of memory: {self.held[0]} at first, {max(self.held)} at most, {self.held[-1]} at last",
            f"RSS of the world with all in it: {self.rss[0] / 1e6:.1f} MB at first, {self.rss[-1] / 1e6:.1f} at last",
            f"state folder: {max(self.disk) / 1e6:.2f} MB at most",
            f"written: {self.written / 1e6 / self.days:.3f} MB a day",
            f"monotonic time passed {', '.join(wraps) or 'nothing'}",
        ]

    def wrong(self) -> list[str]:
        """I10 and I14."""
        found = [] if max(self.disk) <= MOST_DISK else [f"I14 the state folder grew to {max(self.disk)} bytes"]
        after = self.held[WARM_UP:]
        if after and after[-1] - after[0] > MOST_GROWTH:
            found.append(f"I14 memory grew from {after[0]} to {after[-1]} blocks")
        return found


def lived(
    folder: Path, days: int, sessions: int, reconnects: int, offline_s: int = OUTAGE_S
) -> tuple[Figures, list[str]]:
    """So long a life; what was measured, and what was wrong."""
    chance, figures = Random(days), Figures(days)
    world = Wallbox(folder, presets=PRESETS, leaps=True, uptime_ms=max(0, WRAPS[0] - days * DAY_S * 125))
    start_wh, written = world.register(), _written()
    for number in range(days):
        _day(world, chance, figures, sessions * (number + 1) // days, reconnects * (number + 1) // days)
        if number == (days - 1) // 2:
            _outage(world, figures, offline_s)
            world.uptime_ms = max(0, WRAPS[1] - days * DAY_S * 125)
            world.power_cut(60)
        if number % max(1, days // 20) == 0:
            _measure(world, figures)
    figures.written = _written() - written
    found = figures.wrong() + _books(world, figures, start_wh)
    world.close()
    return figures, found


def _day(world: Wallbox, chance: Random, figures: Figures, sessions: int, reconnects: int) -> None:
    """What is due by its end."""
    ends_ms, before_ms = world.ms + DAY_S * 1_000, world.mono_ms
    while figures.sessions < sessions:
        day.charge(world, chance.choice((60, 600, 3_600)))
        world.order("car", "drive")
        figures.sessions += 1
        _forget(world, figures)
    while figures.reconnects < reconnects:
        world.drop_line("the network")
        world.advance(chance.randint(3, 40))
        figures.reconnects += 1
    world.advance(max(0, ends_ms - world.ms) / 1_000)
    figures.passed += [bound for bound in WRAPS if before_ms < bound <= world.mono_ms]
    _forget(world, figures)


def _outage(world: Wallbox, figures: Figures, seconds: int) -> None:
    """Nobody answers for days; a car charges, and all is told afterwards."""
    world.lose_line()
    day.begin(world)
    world.advance(seconds)
    assert world.evsed is not None
    figures.queued = len(world.evsed.station.box.outbox)
    world.order("car", "drive")  # it was full long ago
    world.until(lambda: world.bay().car.s2)
    day.end(world)
    world.order("car", "drive")
    world.find_line()
    figures.sessions += 1
    day.rest(world)


def _measure(world: Wallbox, figures: Figures) -> None:
    gc.collect()
    figures.held.append(sys.getallocatedblocks())
    figures.rss.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    figures.disk.append(sum(path.stat().st_size for path in world.folder.rglob("*") if path.is_file()))


def _written() -> int:
    """Bytes that this process handed to the kernel; here hardly anything but the journal's."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def _forget(world: Wallbox, figures: Figures) -> None:
    """Book what has ended, and forget what only the world keeps: the memory that grows shall be the box's."""
    csms = world.csms
    for number, charge in tuple(csms.charges.items()):
        if charge.stop is not None:
            figures.sold_wh += charge.energy_wh
            figures.booked += 1
            del csms.charges[number]
    for kept in (world.lines, world.moments, world.answers, world.pings, world.dialled, csms.received, csms._by_id):
        kept.clear()


def _books(world: Wallbox, figures: Figures, start_wh: int) -> list[str]:
    """I6 and I7."""
    day.rest(world)
    _forget(world, figures)
    found = [*world.watch.breaches, *world.csms.breaches, *(f"I7 {message}" for message in world.csms.unbooked)]
    if not figures.booked == figures.sessions == len(world.watch.begun):
        found.append(f"I7 {figures.sessions} sessions, {len(world.watch.begun)} durable, {figures.booked} booked")
    if (counted_wh := world.register() - start_wh) != figures.sold_wh:
        found.append(f"I6 {counted_wh} Wh counted, {figures.sold_wh} sold")
    return found
