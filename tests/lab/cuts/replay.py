"""What must be so when the power comes back, whatever the cut left.

- I8 the journal opens, is not set aside, and holds what was acknowledged last, or the change that was under way; hal's
  memory likewise.
- I12 of roots, own certificates and the key that waits each is as it was acknowledged last, or as it was to be.
- Nobody is blamed for more crashes than there were: a cut may take blame away, but sets nothing innocent aside.
- I9 no id that a station ever used comes again: what was queued bears the ids it had.
- I11 the program that runs is whole, and one that was there; I12 all settings are rows of the journal.
- The core comes to itself with it (I5, I6, I7 follow in whole worlds: `broken.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evsed.certificates import CertificateStore
from evsed.core.box import Access
from evsed.core.events import DeadlineReached, HalUp
from evsed.core.station import Station
from evsed.core.words import Now
from evsed.ocpp.v16.dialect import DIALECT
from evsed.quarantine import Quarantine
from evsed.slots import Slots
from evsed.store.journal import Journal
from hal.latches import LatchFile
from tests.lab.cuts.state import blame_of, held_of, latches_of, rows_of, tree_of
from tests.lab.cuts.trace import Operation
from tests.world.depot import NAME, machine_ms

MARKS = "marks"
PARTS = ("a root", "an own certificate", "the key that waits")
WATCHED = ("journal", "latches", "certificates", "crashes")


class Known(NamedTuple):
    """What was acknowledged in all, in order, by what it is about; and how the programs look that were whole."""

    told: dict[str, list[Any]]
    programs: frozenset[str]


class Progress:
    """How far a prefix had come: marks that were read so far."""

    def __init__(self) -> None:
        self.begun = dict.fromkeys(WATCHED, 0)
        self.done = dict.fromkeys(WATCHED, 0)

    def read(self, operation: Operation) -> None:
        """A mark."""
        word, what = operation.data.decode().split()
        (self.begun if word == "begin" else self.done)[what] += 1

    def were(self, what: str, known: Known, first: Any) -> list[Any]:
        """What was ever there, to the one under way: that of a file that nobody syncs."""
        return [first, *known.told.get(what, [])][: self.begun[what] + 1]

    def may_be(self, what: str, known: Known, first: Any) -> list[Any]:
        """What must be there: the last that was acknowledged, or the one under way."""
        states = [first, *known.told.get(what, [])]
        return states[self.done[what] : self.begun[what] + 1]


def check(folder: Path, progress: Progress, known: Known, first: dict[str, Any]) -> list[str]:
    """What is wrong with a state folder after a cut."""
    logging.disable(logging.CRITICAL)
    found: list[str] = []
    rows = _boot(folder, found)
    if (
        rows is not None
        and progress.begun["journal"]
        and rows not in progress.may_be("journal", known, first["journal"])
    ):
        found.append("I8 the journal holds neither the last acknowledged state nor the next")
    (folder / "hal").mkdir(exist_ok=True)
    latches = LatchFile(folder / "hal", (1,), wake=lambda: None)
    if latches.failed or latches_of(latches) not in progress.may_be("latches", known, first["latches"]):
        found.append(f"I8 hal remembers {latches_of(latches)} {latches.failed}")
    held = held_of(CertificateStore(folder, NAME, machine_ms))
    for part, now, may_be in zip(
        PARTS, held, zip(*progress.may_be("certificates", known, first["certificates"]), strict=True), strict=True
    ):
        if now not in may_be:
            found.append(f"I12 {part} is neither what was acknowledged last nor the next")
    blame = blame_of(Quarantine(folder))
    if blame not in progress.were("crashes", known, first["crashes"]):
        found.append(f"I8 {blame} is to blame for crashes")
    slots = Slots(folder)
    current = slots.current()
    if current is not None and (not current.is_dir() or tree_of(current) not in known.programs):
        found.append("I11 the program that is to run is not whole")
    slots.count()
    return found


def _boot(folder: Path, found: list[str]) -> str | None:
    try:
        journal = Journal(folder)
    except Exception as broken:
        found.append(f"I8 the journal does not open: {broken!r}")
        return None
    try:
        recovered = journal.load()
        if recovered.damaged or list(folder.glob("*quarantine*")):
            found.append("I8 the journal was set aside")
        if journal._sql.execute("SELECT count(*) FROM quarantine").fetchone() != (0,):
            found.append("I8 rows were set aside")
        rows = rows_of(journal._sql)
        Quarantine(folder)
        now = Now("the next boot", 1_000, None)
        ids = iter(range(1 << 30))
        station = Station(
            recovered,
            now,
            rules=DIALECT.rules,
            access=Access(None, ()),
            installer_ma=16_000,
            new_id=lambda: f"next-{next(ids)}",
        )
        for effects in (station.handle(HalUp((1,)), now), station.handle(DeadlineReached(), now)):
            assert isinstance(effects, list)
        seqs = [queued.seq for queued in recovered.queue]
        if len(set(seqs)) != len(seqs):
            found.append("I9 two reports have one number")
        return rows
    except Exception as broken:
        found.append(f"crash: it does not boot: {broken!r}")
        return None
    finally:
        journal.close()


def programs_of(contents: Sequence[Path]) -> frozenset[str]:
    """How whole programs look."""
    return frozenset(tree_of(path) for path in contents)
