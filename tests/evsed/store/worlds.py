"""What the station may ask the journal to keep, and what the journal must then hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from evsed.core.effects import Change, Drop, Persist, Put
from evsed.core.events import Binding
from evsed.core.listed import ListedToken, ListMark
from evsed.core.records import (
    BootClock,
    Bound,
    Inoperative,
    KnownToken,
    QueuedReport,
    Record,
    Recovered,
    Setting,
    Transaction,
)
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.reserved import Reservation
from evsed.core.words import Stamp, StopReason, Token, TokenStatus
from evsed.store import database
from evsed.store.journal import Journal

AT = Stamp("5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11", 123_456, 1_790_000_000_000)
CARD = Token("04A1B2C3D4E5F6")


def running(name: str, last_wh: int = 1000) -> Transaction:
    return Transaction(name, 1, CARD, None, AT, 1000, last_wh)


def over(tx: Transaction) -> Transaction:
    return replace(tx, ended=AT, end_wh=tx.last_wh, reason=StopReason.LOCAL)


def started(tx: str, seq: int) -> QueuedReport:
    return QueuedReport(f"{tx}-start", seq, TransactionStarted(tx, 1, CARD, AT, 1000))


def stopped(tx: str, seq: int) -> QueuedReport:
    return QueuedReport(f"{tx}-stop", seq, TransactionEnded(tx, 1, CARD, AT, 2000, StopReason.LOCAL))


def token(name: str) -> KnownToken:
    return KnownToken(Token(name), TokenStatus.ACCEPTED, None, None, AT)


def bound(tx: str, number: int) -> Bound:
    return Bound(Binding("ocpp1.6", tx, str(number)))


def keep(*records: Record) -> Persist:
    return Persist(tuple(Put(record) for record in records))


def later(*records: Record) -> Persist:
    return replace(keep(*records), urgent=False)


def forget(*records: Record) -> Persist:
    return Persist(tuple(Drop(type(record), record.key) for record in records))


def both(*persists: Persist) -> Persist:
    return Persist(tuple(change for persist in persists for change in persist.changes))


def whole_session(tx: str, seq: int, samples: int = 3) -> list[Persist]:
    """Start, its answer, samples, stop, its answer."""
    charge = running(tx)
    return [
        both(keep(charge, started(tx, seq)), keep(token(f"card-{tx}"))),
        both(forget(started(tx, seq)), keep(bound(tx, seq))),
        *(keep(replace(charge, last_wh=1000 + n)) for n in range(1, samples + 1)),
        both(keep(over(replace(charge, last_wh=2000))), keep(stopped(tx, seq + 1))),
        both(forget(stopped(tx, seq + 1)), forget(bound(tx, seq))),
    ]


def list_update(n: int, cards: int = 4) -> Persist:
    """The central system sends another list."""
    entry = ListedToken(Token(f"listed-{n % 2}"), TokenStatus.ACCEPTED, None, None)
    others = [replace(entry, token=Token(f"card-{n}-{m}")) for m in range(cards)]
    gone = [replace(entry, token=Token(f"card-{n - 1}-{m}")) for m in range(cards)]
    return both(forget(*gone), keep(entry, *others, ListMark(n + 1, cards + 1)))


def a_day(sessions: int = 3) -> list[Persist]:
    """Urgent commits of every kind, as a station makes them."""
    history = [
        keep(BootClock(AT.boot, 1_789_999_876_544)),
        keep(Setting("OCPPCommCtrlr", "HeartbeatInterval", "60"), Inoperative(0)),
        forget(Inoperative(0)),
    ]
    for n in range(sessions):
        history += whole_session(f"tx{n}", 2 * n)
        history.append(keep(Setting("SampledDataCtrlr", "TxUpdatedInterval", str(10 * n))))
        history.append(list_update(n))
    reservation = Reservation(7, 0, CARD, None, 1, 2)
    history.append(keep(reservation))
    history.append(both(forget(reservation), keep(running("last"), started("last", 2 * sessions))))
    return history


@dataclass
class Model:
    """What a journal must hold: the same changes, kept in two dictionaries."""

    live: dict[tuple[type, str], Record] = field(default_factory=dict)
    ended: dict[str, Transaction] = field(default_factory=dict)

    def take(self, change: Change) -> None:
        if isinstance(change, Drop):
            self.live.pop((change.kind, change.key), None)
            if change.kind is Transaction:
                self.ended.pop(change.key, None)
            return
        record = change.record
        if isinstance(record, Transaction) and record.ended:
            self.live.pop((Transaction, record.key), None)
            self.ended[record.key] = replace(record, samples=())
        else:
            if isinstance(record, Transaction):
                self.ended.pop(record.key, None)
            self.live[type(record), record.key] = record  # type: ignore[attr-defined,assignment]

    def state(self) -> State:
        live, history = tuple(self.live.values()), tuple(reversed(self.ended.values()))
        return State(frozenset(map(repr, live)), tuple(map(repr, history)))


@dataclass(frozen=True)
class State:
    """A journal's content in a form that can be compared."""

    live: frozenset[str]
    ended: tuple[str, ...]


def states(history: list[Persist]) -> list[State]:
    """What must be there after no commit, after the first, … after all."""
    model = Model()
    found = [model.state()]
    for persist in history:
        for change in persist.changes:
            model.take(change)
        found.append(model.state())
    return found


def records_of(recovered: Recovered) -> list[Record]:
    return [
        *recovered.transactions,
        *recovered.queue,
        *recovered.tokens,
        *recovered.settings,
        *recovered.inoperative,
        *recovered.spent,
        *recovered.meters,
        *recovered.clocks,
        *recovered.bindings,
        *recovered.listed,
        *recovered.list_marks,
        *recovered.reservations,
    ]


def set_aside(journal: Journal) -> list[tuple[str, str]]:
    """Kind and key of each row that could not be read, oldest first."""
    return list(journal._sql.execute("SELECT kind, key FROM quarantine ORDER BY place"))


def held(folder: Path) -> State:
    """What a new process finds in a state folder."""
    journal = Journal(folder)
    try:
        live = records_of(journal.load())
        ended = [tx for tx in journal.transactions(1000) if tx.ended]
        return State(frozenset(map(repr, live)), tuple(map(repr, ended)))
    finally:
        journal.close()


Patch = Callable[..., None]


def small_log(setattr_: Patch, pages: int = 16) -> None:
    """Let the write-ahead log turn over every few commits, so that short tests see checkpoints."""
    pragmas = tuple(p for p in database._PRAGMAS if not p.startswith("wal_autocheckpoint"))
    setattr_(database, "_PRAGMAS", (*pragmas, f"wal_autocheckpoint = {pages}"))
