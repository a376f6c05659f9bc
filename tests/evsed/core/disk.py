"""What the shell and its journal do with commits, in memory: for tests of the core alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evsed.core.effects import Change, Drop, Persist, Put
from evsed.core.errands import FirmwareUpdate, LogUpload
from evsed.core.listed import ListedToken, ListMark
from evsed.core.profiles import InstalledProfile
from evsed.core.records import (
    BootClock,
    Bound,
    Inoperative,
    KnownToken,
    MeterMark,
    QueuedReport,
    Record,
    Recovered,
    Setting,
    Spent,
    Transaction,
)
from evsed.core.reserved import Reservation


class PowerCut(Exception):
    """The power went in the middle of a turn."""


@dataclass
class Disk:
    """What a journal would hold: records by type and key. `gathered` is lost in a cut, `unkept` waits for a broken
    disk. `cut_at` n: the power goes with the nth durable commit, before it is done or after. `break_at` n: from then on
    the disk takes nothing, until someone mends it, or it `heals` with the next second.
    """

    records: dict[tuple[type, str], Record] = field(default_factory=dict)
    gathered: list[Persist] = field(default_factory=list)
    gathered_ms: int = 0
    unkept: list[Change] = field(default_factory=list)
    broken: bool = False
    commits: int = 0
    cut_at: int | None = None
    cut_before: bool = False
    break_at: int | None = None
    heals: bool = False

    def keep(self, persist: Persist, now_ms: int) -> bool:
        """As the shell and its journal do; whether it is kept."""
        self.commits += persist.urgent
        self.broken |= self.break_at is not None and self.commits >= self.break_at
        if self.unkept or (self.broken and persist.urgent):
            self.unkept.extend(persist.changes)
            return False
        if not persist.urgent:
            self.gathered_ms = self.gathered_ms if self.gathered else now_ms
            self.gathered.append(persist)
            return True
        self._cut(before=True)
        self.flush()
        self._apply(persist.changes)
        self._cut(before=False)
        return True

    def flush(self) -> None:
        for gathered in self.gathered:
            self._apply(gathered.changes)
        self.gathered.clear()

    def mend(self) -> None:
        self.broken, self.break_at = False, None
        self.flush()
        self._apply(tuple(self.unkept))
        self.unkept.clear()

    def lose(self) -> None:
        """The process or the power is gone."""
        self.gathered.clear()
        self.unkept.clear()
        self.cut_at = None

    def of(self, kind: type) -> tuple[Any, ...]:
        return tuple(record for (found, _), record in self.records.items() if found is kind)

    def recovered(self) -> Recovered:
        return Recovered(
            transactions=tuple(tx for tx in self.of(Transaction) if tx.ended is None),
            queue=tuple(sorted(self.of(QueuedReport), key=lambda row: row.seq)),
            tokens=self.of(KnownToken),
            settings=self.of(Setting),
            inoperative=self.of(Inoperative),
            spent=self.of(Spent),
            meters=self.of(MeterMark),
            clocks=self.of(BootClock),
            bindings=self.of(Bound),
            profiles=self.of(InstalledProfile),
            listed=self.of(ListedToken),
            list_marks=self.of(ListMark),
            reservations=self.of(Reservation),
            firmware=self.of(FirmwareUpdate),
            uploads=self.of(LogUpload),
        )

    def _cut(self, before: bool) -> None:
        if self.cut_at is not None and self.commits >= self.cut_at and self.cut_before is before:
            raise PowerCut

    def _apply(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            if isinstance(change, Put):
                record: Any = change.record
                self.records[type(record), record.key] = record
            else:
                assert isinstance(change, Drop)
                self.records.pop((change.kind, change.key), None)
