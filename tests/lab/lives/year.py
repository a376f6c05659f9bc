"""A long life at the box of a house: sessions, reconnects, an outage of 72 hours that fills the queues.

Rules this file upholds:
- The machine has been running for so long that its monotonic clock passes 2^31 and 2^32 ms, each in the middle of a
  charge, which takes no notice: no contact moves, and samples come as before (I10).
- From then on nothing ends the life, so that whatever grows is there at its end. What the world alone keeps is
  forgotten before memory is measured: what is left is the box's. Its journal holds no more rows than it did, but past
  charges and the security log up to their numbers (I14).
- In the outage more samples are taken than the queue may hold: it is thinned, and no start or stop is missing (I7).
- Every charge is booked once, with all its energy (I6).

A year takes some minutes; a short one is lived by the default tests.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

from evsed.core import outbox
from tests.scenarios import day
from tests.world.messages import wall_ms
from tests.world.wallbox import Wallbox

HOUR_S, DAY_S = 3_600, 86_400
OUTAGE_S = 72 * HOUR_S
WRAPS = (1 << 31, 1 << 32)
CARS_OFFLINE = 3
SAMPLED_S, OUTAGE_SAMPLED_S = 300, 20
PRESETS = {"SampledDataCtrlr.TxUpdatedInterval": str(SAMPLED_S), "AlignedDataCtrlr.Interval": "900"}
LEAD_S = 2 * SAMPLED_S  # of a charge, before its clock passes a bound, and after it
ROUNDING_MS = 2_000  # a sample is told in whole seconds
PARTS = 20
WARM_UP = 5  # parts of the life until all caches are full
MOST_BLOCKS, MOST_RSS, MOST_ROWS = 400, 4_000_000, 5  # of growth, from then on
MOST_DISK = 20_000_000  # a full queue takes 15 MB, and the journal never gives pages back


class Held(NamedTuple):
    """At the end of a part: blocks of memory that Python holds, bytes, and rows of the journal that a start loads."""

    blocks: int
    rss: int
    disk: int
    rows: int


@dataclass
class Figures:
    """What was measured."""

    days: int
    sessions: int = 0
    reconnects: int = 0
    held: list[Held] = field(default_factory=list)
    queued: int = 0  # at most
    thinned: int = 0  # times
    sold_wh: int = 0
    durable: int = 0
    booked: int = 0
    written: int = 0
    passed: list[int] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        first, last = self.held[0], self.held[-1]
        wraps = [f"2^{bound.bit_length() - 1} ms" for bound in self.passed]
        return [
            f"{self.days} days, {self.sessions} sessions, {self.reconnects} reconnects",
            f"queue: {self.queued} messages at most, thinned {self.thinned} times",
            f"blocks of memory: {first.blocks} at first, {max(self._of('blocks'))} at most, {last.blocks} at last",
            f"RSS of the world with all in it: {first.rss / 1e6:.1f} MB at first, {last.rss / 1e6:.1f} at last",
            f"state folder: {first.disk / 1e6:.2f} MB at first, {max(self._of('disk')) / 1e6:.2f} at most",
            f"live rows of the journal: {first.rows} at first, {last.rows} at last",
            f"written: {self.written / 1e6 / self.days:.3f} MB a day",
            f"monotonic time passed {', '.join(wraps) or 'nothing'} in mid-charge",
        ]

    def wrong(self) -> Iterator[str]:
        """I14."""
        if max(self._of("disk")) > MOST_DISK:
            yield f"I14 the state folder grew to {max(self._of('disk'))} bytes"
        if self.queued > outbox.MOST_QUEUED:
            yield f"I14 {self.queued} messages were queued"
        settled = self.held[min(WARM_UP, len(self.held) - 1) :]
        for what, most in (("blocks", MOST_BLOCKS), ("rss", MOST_RSS), ("rows", MOST_ROWS)):
            before, after = getattr(settled[0], what), getattr(settled[-1], what)
            if after - before > most:
                yield f"I14 {what} grew from {before} to {after}"

    def _of(self, what: str) -> list[int]:
        return [getattr(held, what) for held in self.held]


def lived(
    folder: Path, days: int, sessions: int, reconnects: int, offline_s: int = OUTAGE_S
) -> tuple[Figures, list[str]]:
    """So long a life; what was measured, and what was wrong."""
    chance, figures = Random(days), Figures(days)
    found: list[str] = []
    world = Wallbox(folder, presets=PRESETS, leaps=True, uptime_ms=WRAPS[0] - LEAD_S * 1_000)
    start_wh, written = world.register(), _written()
    for bound in WRAPS:
        world.uptime_ms = bound - LEAD_S * 1_000
        world.power_cut(60)
        found += _wrapped(world, figures, bound)
    for number in range(days):
        _day(world, chance, figures, sessions * (number + 1) // days, reconnects * (number + 1) // days)
        if number == days // 8:  # what it leaves in the heap is there before memory is judged
            _outage(world, figures, offline_s)
        if number % max(1, days // PARTS) == 0:
            _forget(world, figures)
            figures.held.append(_held(world))
    figures.written = _written() - written
    found += [*figures.wrong(), *_books(world, figures, start_wh)]
    world.close()
    return figures, found


def _wrapped(world: Wallbox, figures: Figures, bound: int) -> Iterator[str]:
    """A charge while the clock passes a bound."""
    day.begin(world)
    figures.sessions += 1
    closings, before_ms = world.outlet().closings, world.mono_ms
    world.advance(2 * LEAD_S)
    if before_ms < bound <= world.mono_ms:
        figures.passed.append(bound)
    if not world.bay().contactor.main or world.outlet().closings != closings:
        yield f"I10 the contactor moved as the clock passed {bound} ms"
    (charge,) = (charge for charge in world.csms.charges.values() if charge.stop is None)
    stamps = [wall_ms(message.meterValue[0]["timestamp"]) for message in charge.samples]
    late = [after - before for before, after in pairwise(stamps) if after - before > SAMPLED_S * 1_000 + ROUNDING_MS]
    if len(stamps) < 2 * LEAD_S // SAMPLED_S - 1 or late:
        yield f"I10 {len(stamps)} samples came as the clock passed {bound} ms, {late} ms apart"
    _leave(world)


def _day(world: Wallbox, chance: Random, figures: Figures, sessions: int, reconnects: int) -> None:
    """What is due by its end."""
    ends_ms = world.ms + DAY_S * 1_000
    while figures.sessions < sessions:
        day.begin(world)
        figures.sessions += 1
        world.advance(chance.choice((60, 600, 3_600)))
        _leave(world)
        _forget(world, figures)
    while figures.reconnects < reconnects:
        before = world.csms.connections
        world.drop_line("the network")
        world.until(lambda before=before: world.csms.connections > before)  # type: ignore[misc]
        world.advance(chance.randint(1, 30))
        figures.reconnects += 1
    world.advance(max(0, ends_ms - world.ms) / 1_000)
    _forget(world, figures)


def _outage(world: Wallbox, figures: Figures, seconds: int) -> None:
    """Nobody answers for days; cars charge with samples close together, and all is told afterwards."""
    _sample(world, OUTAGE_SAMPLED_S)
    world.lose_line()
    assert world.evsed is not None
    queue = world.evsed.station.box.outbox
    for _ in range(CARS_OFFLINE):
        day.begin(world)
        figures.sessions += 1
        for _ in range(seconds // CARS_OFFLINE // OUTAGE_SAMPLED_S):
            before = len(queue)
            world.advance(OUTAGE_SAMPLED_S)
            figures.queued = max(figures.queued, before, len(queue))
            figures.thinned += len(queue) < before
        _leave(world)
    world.find_line()
    world.until(lambda: day.owes(world) == 0, within=10 * HOUR_S)
    _sample(world, SAMPLED_S)


def _sample(world: Wallbox, seconds: int) -> None:
    key = {"key": "MeterValueSampleInterval", "value": str(seconds)}
    asked = world.csms.call("ChangeConfiguration", key)
    world.until(lambda: asked.answer == {"status": "Accepted"})


def _leave(world: Wallbox) -> None:
    """The charge ends, and its car is driven: it comes back with room in its battery."""
    world.order("car", "drive")
    world.until(lambda: world.bay().car.s2)  # it may have been full
    day.end(world)
    world.order("car", "drive")


def _held(world: Wallbox) -> Held:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    assert world.evsed is not None
    (rows,) = world.evsed.journal._sql.execute("SELECT count(*) FROM record").fetchone()
    disk = sum(path.stat().st_size for path in world.folder.rglob("*") if path.is_file())
    return Held(sys.getallocatedblocks(), pages * os.sysconf("SC_PAGE_SIZE"), disk, rows)


def _written() -> int:
    """Bytes that this process handed to the kernel; here hardly anything but the journal's."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def _forget(world: Wallbox, figures: Figures) -> None:
    """Book what has ended, and forget what only the world keeps."""
    csms, watch = world.csms, world.watch
    for number, charge in tuple(csms.charges.items()):
        if charge.stop is not None:
            figures.sold_wh += charge.energy_wh
            figures.booked += 1
            del csms.charges[number]
    running = {tx.id for tx in watch.open.values()}
    figures.durable += len(watch.begun - running)
    watch.begun &= running
    watch._over &= running
    world.calls.forget()
    for told in (world.lines, world.moments, world.answers, world.pings, world.dialled, csms.received, csms._by_id):
        told.clear()


def _books(world: Wallbox, figures: Figures, start_wh: int) -> Iterator[str]:
    """I6 and I7."""
    day.rest(world)
    _forget(world, figures)
    yield from (*world.watch.breaches, *world.csms.breaches, *(f"I7 {message}" for message in world.csms.unbooked))
    if not figures.booked == figures.sessions == figures.durable:
        yield f"I7 {figures.sessions} sessions, {figures.durable} durable, {figures.booked} booked"
    if (counted_wh := world.register() - start_wh) != figures.sold_wh:
        yield f"I6 {counted_wh} Wh counted, {figures.sold_wh} sold"
