"""What must be so when the power comes back, whatever the cut left.

- I8 the journal opens, is not set aside, and holds what was acknowledged last, or the change that was under way; hal's
  memory likewise.
- I12 of roots, own certificates and the key that waits each is as it was acknowledged last, or as it was to be.
- Nobody is blamed for more crashes than there were: a cut may take blame away, but sets nothing innocent aside.
- I9 no id that a station ever used comes again: what was queued bears the ids it had.
- I11 the program that runs is whole, and one that was there; the choice, the trial and the lowest version are as they
  were acknowledged last, or as they were to be. I12 all settings are rows of the journal.
- I1 hal remembers each latched fault that it told of.
- I5, I6, I7 as plant and central system had it: `ledger.py`.
- The core comes to itself with it; how it goes on is shown by whole worlds: `reborn.py`, `broken.py`.

Parts of the state that have nothing to do with each other are opened apart, each once for the same bytes.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from evsed.certificates import FOLDERS, OWN, CertificateStore
from evsed.core.box import Access
from evsed.core.events import DeadlineReached, HalUp
from evsed.core.records import Recovered, Transaction
from evsed.core.station import Station
from evsed.core.words import Now
from evsed.ocpp.v16.dialect import DIALECT
from evsed.quarantine import Quarantine
from evsed.slots import FOLDER as SLOTS
from evsed.slots import Slots
from evsed.store.journal import Journal
from hal.latches import LatchFile
from tests.lab.cuts.disk import lay
from tests.lab.cuts.ledger import Ledger
from tests.lab.cuts.state import blame_of, held_of, latches_of, rows_of, slots_of, tree_of
from tests.lab.cuts.trace import Operation
from tests.world.depot import NAME, machine_ms

CERTIFICATES = ("a root", "an own certificate", "the key that waits")
PROGRAMS = ("the choice of the program", "its trial", "the lowest version")
WATCHED = ("journal", "latches", "certificates", "crashes", "slots")
MOST_ENDED = 1_000

Files = Mapping[str, bytes | str | None]
Found = TypeVar("Found")


class Known(NamedTuple):
    """What was acknowledged in all, in order, by what it is about; and how the programs look that were whole."""

    told: dict[str, list[Any]]
    programs: frozenset[str]


class Progress:
    """How far a prefix had come: marks that were read so far."""

    def __init__(self) -> None:
        self.begun = dict.fromkeys(WATCHED, 0)
        self.done = dict.fromkeys(WATCHED, 0)
        self.ledger = Ledger()

    def read(self, operation: Operation) -> None:
        """A mark."""
        self.ledger.read(operation)
        word, what, _ = operation.data.decode().split(" ", 2)
        if word != "saw":
            (self.begun if word == "begin" else self.done)[what] += 1

    def at_rest(self, what: str) -> bool:
        """Whether no change of it is under way."""
        return self.begun[what] == self.done[what]

    def were(self, what: str, known: Known, first: Any) -> list[Any]:
        """What was ever there, to the one under way: that of a file that nobody syncs."""
        return [first, *known.told.get(what, [])][: self.begun[what] + 1]

    def may_be(self, what: str, known: Known, first: Any) -> list[Any]:
        """What must be there: the last that was acknowledged, or the one under way."""
        states = [first, *known.told.get(what, [])]
        return states[self.done[what] : self.begun[what] + 1]


class Booted(NamedTuple):
    """What a journal held; `rows` None: it is not to be used."""

    rows: str | None
    recovered: Recovered
    ended: tuple[Transaction, ...]
    wrong: tuple[str, ...]


class Replay:
    """Judges states one after the other; `folder` is where they are laid."""

    def __init__(self, folder: Path, known: Known, first: dict[str, Any]) -> None:
        logging.disable(logging.CRITICAL)
        self._folder, self._known, self._first = folder, known, first
        self._opened: dict[tuple[str, frozenset[tuple[str, Any]]], Any] = {}

    def check(self, files: Files, progress: Progress) -> list[str]:
        """What is wrong with a state folder after a cut."""
        booted = self.booted(files)
        found = list(booted.wrong)
        if booted.rows is not None:
            if progress.begun["journal"] and booted.rows not in self._may_be("journal", progress):
                found.append("I8 the journal holds neither the last acknowledged state nor the next")
            found += progress.ledger.judge(booted.recovered, booted.ended)
        latches, failed = self.latches(files)
        if failed or latches not in self._may_be("latches", progress):
            found.append(f"I8 hal remembers {latches} {failed}")
        if progress.at_rest("latches") and any(name not in latches for name in progress.ledger.latched):
            found.append(f"I1 hal told of {progress.ledger.latched}, and remembers {latches}")
        found += self._parts("I12", CERTIFICATES, self.held(files), self._may_be("certificates", progress))
        blame = self._open("crashes", files, lambda folder: blame_of(Quarantine(folder)))
        if blame not in progress.were("crashes", self._known, self._first["crashes"]):
            found.append(f"I8 {blame} is to blame for crashes")
        slots, whole = self.slots(files)
        if not whole:
            found.append("I11 the program that is to run is not whole")
        return found + self._parts("I11", PROGRAMS, slots, self._may_be("slots", progress))

    def booted(self, files: Files) -> Booted:
        """What the journal holds, and whether a station comes to itself with it."""
        return self._open("journal", files, _boot)

    def latches(self, files: Files) -> tuple[str, str]:
        """What hal remembers, and why it can't."""
        return self._open("hal/", files, _latches)

    def held(self, files: Files) -> tuple[str, ...]:
        """The certificates."""
        return self._open((*FOLDERS.values(), OWN), files, lambda at: held_of(CertificateStore(at, NAME, machine_ms)))

    def slots(self, files: Files) -> tuple[tuple[str | None, ...], bool]:
        """The programs, and whether the one that runs is whole; a start is counted."""
        return self._open(SLOTS, files, self._program)

    def meaning(self, files: Files) -> tuple[Any, ...]:
        """What the daemons make of it; states of one meaning go on alike."""
        return self.booted(files).rows, self.latches(files), self.held(files), self.slots(files)

    def _may_be(self, what: str, progress: Progress) -> list[Any]:
        return progress.may_be(what, self._known, self._first[what])

    def _parts(self, invariant: str, names: Sequence[str], now: Sequence[Any], states: Sequence[Any]) -> list[str]:
        """They change one after the other."""
        return [
            f"{invariant} {name} is neither as it was acknowledged last nor the next"
            for name, part, may_be in zip(names, now, zip(*states, strict=True), strict=True)
            if part not in may_be
        ]

    def _open(self, begin: str | tuple[str, ...], files: Files, look: Callable[[Path], Found]) -> Found:
        """What is to be seen of the files whose paths begin so."""
        part = {path: content for path, content in files.items() if path.startswith(begin)}
        key = repr(begin), frozenset(part.items())
        if key not in self._opened:
            laid = lay(part, self._folder / "cut")
            self._opened[key] = look(laid)
            shutil.rmtree(laid)
        found: Found = self._opened[key]
        return found

    def _program(self, folder: Path) -> tuple[tuple[str | None, ...], bool]:
        slots = Slots(folder)
        current, seen = slots.current(), slots_of(slots)
        slots.count()
        return seen, current is None or (current.is_dir() and tree_of(current) in self._known.programs)


def _latches(folder: Path) -> tuple[str, str]:
    (folder / "hal").mkdir(exist_ok=True)
    file = LatchFile(folder / "hal", (1,), wake=lambda: None)
    return latches_of(file), file.failed


def _boot(folder: Path) -> Booted:
    try:
        journal = Journal(folder)
    except Exception as broken:
        return Booted(None, Recovered(), (), (f"I8 the journal does not open: {broken!r}",))
    try:
        recovered, wrong = journal.load(), []
        if recovered.damaged or list(folder.glob("*quarantine*")):
            wrong.append("I8 the journal was set aside")
        if journal._sql.execute("SELECT count(*) FROM quarantine").fetchone() != (0,):
            wrong.append("I8 rows were set aside")
        rows = rows_of(journal._sql)
        _come_to_itself(recovered)
        seqs = [queued.seq for queued in recovered.queue]
        if len(set(seqs)) != len(seqs):
            wrong.append("I9 two reports have one number")
        ended = tuple(tx for tx in journal.transactions(MOST_ENDED) if tx.ended is not None)
        return Booted(rows, recovered, ended, tuple(wrong))
    except Exception as broken:
        return Booted(None, Recovered(), (), (f"crash: it does not boot: {broken!r}",))
    finally:
        journal.close()


def _come_to_itself(recovered: Recovered) -> None:
    now, ids = Now("the next boot", 1_000, None), iter(range(1 << 30))
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


def programs_of(contents: Sequence[Path]) -> frozenset[str]:
    """How whole programs look."""
    return frozenset(tree_of(path) for path in contents)
