"""Wall time of what happened while none was known.

A stamp without wall time lies on the monotonic clock of its boot. Once the wall time of that boot is learnt, its stamps
have a date. A boot that ended without learning it is dated backwards: it ended, at the latest, when the next one began.
So the order of all stamps and every duration within a boot hold, and the dates are the latest possible ones. What was
reckoned is kept, so that one stamp has one date for ever.
"""

from __future__ import annotations

from collections.abc import Iterator

from evsed.core.records import BootClock, Recovered, Transaction
from evsed.core.reports import (
    MetersSampled,
    Report,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from evsed.core.security_events import SecurityNoted
from evsed.core.turn import Turn
from evsed.core.words import MeterSet, Now, Stamp

CLOCKS_KEPT = 100
"""Clocks of boots that no open transaction and no queued report names are kept for the transactions that ended."""


class Calendar:
    """The clocks of this boot and of those before it."""

    def __init__(self, recovered: Recovered) -> None:
        self._offsets = {clock.boot: clock.offset_ms for clock in recovered.clocks}
        self._set = {clock.boot: clock.set_ms for clock in recovered.clocks}
        self._last: dict[str, int] = {}
        for stamp in _stamps(recovered):
            self._last[stamp.boot] = max(self._last.get(stamp.boot, 0), stamp.mono_ms)
        self._learnt = False

    def learn(self, turn: Turn) -> None:
        """Keep the clock of this boot, and those reckoned from it, once it is known: on the disk before anything is
        told with a date from it, so that it is told with the same date after a cut.
        """
        if self._learnt or turn.now.wall_ms is None:
            return
        self._learnt = True
        for boot, offset_ms in reversed(self._reckoned(turn.now).items()):  # the newest last
            if boot not in self._offsets:
                self._offsets[boot] = offset_ms
                turn.put(BootClock(boot, offset_ms))
        spare = [boot for boot in self._offsets if boot not in self._last and boot != turn.now.boot]
        for boot in spare[: max(len(spare) - CLOCKS_KEPT, 0)]:
            del self._offsets[boot]
            turn.drop(BootClock, boot, urgent=False)

    def step_ms(self, now: Now) -> int:
        """By how much the time that is now told is not what it was: in this boot, or back before the newest moment that
        is known of the boot before it, its begin at least; 0 where nothing speaks against it.
        """
        assert now.wall_ms is not None
        if now.boot in self._offsets:
            return now.wall_ms - now.mono_ms - self._clock(now.boot)
        newest = next(reversed(self._offsets), None)
        return 0 if newest is None else min(0, now.wall_ms - self._clock(newest) - self._last.get(newest, 0))

    def was_set(self, step_ms: int, turn: Turn) -> None:
        """The clock of this boot goes otherwise from now on; what it dated by then stays as it is."""
        boot = turn.now.boot
        if boot in self._offsets:
            self._set[boot] = self._set.get(boot, 0) + step_ms
            turn.put(BootClock(boot, self._offsets[boot], self._set[boot]), urgent=False)

    def _clock(self, boot: str) -> int:
        return self._offsets[boot] + self._set.get(boot, 0)

    def date(self, stamp: Stamp, now: Now) -> int | None:
        """The wall time of a stamp, as far as it is known by now; None while no time is known at all."""
        if stamp.wall_ms is not None:
            return stamp.wall_ms
        offset_ms = (self._offsets if self._learnt else self._reckoned(now)).get(stamp.boot)
        return None if offset_ms is None else offset_ms + stamp.mono_ms

    def _reckoned(self, now: Now) -> dict[str, int]:
        """Every clock that follows from this one, going back from boot to boot in the order of the journal."""
        begun_ms = self._offsets.get(now.boot, None if now.wall_ms is None else now.wall_ms - now.mono_ms)
        if begun_ms is None:
            return self._offsets
        found = {now.boot: begun_ms}
        for boot, last_ms in reversed(self._last.items()):
            if boot != now.boot:
                begun_ms = found[boot] = self._offsets.get(boot, begun_ms - last_ms)
        return {**self._offsets, **found}


def moment(report: Report) -> Stamp | None:
    """When what it tells happened; None = now."""
    if isinstance(report, TransactionStarted | TransactionEnded | StatusChanged | SecurityNoted):
        return report.at
    if isinstance(report, TransactionUpdated | MetersSampled):
        return report.samples[0].at if report.samples else None
    return None


def _stamps(recovered: Recovered) -> Iterator[Stamp]:
    """Every stamp that will be dated, those of one boot before those of the next."""
    queued = {row.report.tx for row in recovered.queue if isinstance(row.report, TransactionStarted)}
    for tx in recovered.transactions:
        if tx.id not in queued:  # its start was delivered: it is older than the whole queue
            yield from _of_transaction(tx)
    for row in recovered.queue:
        samples: tuple[MeterSet, ...] = getattr(row.report, "samples", ())
        yield from (sample.at for sample in samples)  # an end comes after its samples
        stamp = moment(row.report)
        if stamp is not None:
            yield stamp
    for tx in recovered.transactions:
        yield from _of_transaction(tx)


def _of_transaction(tx: Transaction) -> Iterator[Stamp]:
    yield tx.started
    yield from (sample.at for sample in tx.samples)
