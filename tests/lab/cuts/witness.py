"""Who stands beside the box on the recorded day and writes down what is known outside of it, in the order of things.

Marks lie in a file beside the state, one line each: `begin WHAT` and `done WHAT` around what is to be acknowledged, and
`saw WHAT` for all that the plant shows and the central system hears or says. Each bears the time and the true register.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evsed.core.records import QueuedReport, Record, Transaction
from evsed.core.reports import Report, TransactionEnded, TransactionStarted, TransactionUpdated
from evsed.store.records import decode
from hal.contract import Snapshot
from hal.faults import CATALOGUE, Clears
from hal.sim.meter import START_WH
from tests.world.wallbox import Wallbox
from tests.world.watch import Watch

MARKS = "marks"
STORED = {name for name, kind in CATALOGUE.items() if kind.clears in (Clears.ACKNOWLEDGED, Clears.SERVICE)}
ABOUT = (TransactionStarted, TransactionUpdated, TransactionEnded)


class Marks:
    """One line for each thing that is begun, acknowledged or seen, as the kernel hears of all."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / MARKS, os.O_WRONLY | os.O_CREAT, 0o600)
        self.known: list[tuple[str, Any]] = []
        self.world: Wallbox | None = None

    def around(self, what: str, do: Callable[[], object], then: Callable[[], Any], told: object = None) -> None:
        """Do it between two marks; `told` is what it is to change, `then` what must be there from the second on."""
        self.say("begin", what, told)
        do()
        self.say("done", what)
        self.known.append((what, then()))

    def say(self, word: str, what: str, told: object = None) -> None:
        """One mark."""
        ms, wh = (self.world.ms, self.world.register()) if self.world is not None else (0, START_WH)
        os.write(self._file, f"{word} {what} {json.dumps([ms, wh, told])}\n".encode())


class Witness(Watch):
    """Looks at the plant with each step, and hears what is said."""

    marks: Marks

    def __init__(self, world: Wallbox) -> None:
        super().__init__(world)
        self.marks.world = world
        self._seen = dict.fromkeys(("closed", "locked", "plugged"), False)
        self.latched: set[str] = set()  # what hal says that only a person may end
        self._told = self.latched

    def overhear(self) -> None:
        """From now on also what the central system says."""
        listen = self._world.calls.heard

        def heard(frame: str, at_ms: int) -> None:
            kind, id, *rest = json.loads(frame)
            if kind == 3:
                self.marks.say("saw", "answered", [id, rest[0]])
            listen(frame, at_ms)

        setattr(self._world.calls, "heard", heard)  # noqa: B010

    def look(self) -> None:
        super().look()
        bay = self._world.bay()
        now = {
            "closed": bay.contactor.main,
            "locked": bay.lock is not None and bay.lock.holds,
            "plugged": bay.car.plugged,
        }
        tx = self.open.get(1)
        for what, so in now.items():
            if so is not self._seen[what]:
                powered = self._world.evsed is not None and self._world.tick is not None
                self.marks.say("saw", what, {"so": so, "tx": tx and tx.id, "powered": powered})
        self._seen = now
        if self._world.tick is not None and self.latched != self._told:
            self.marks.say("saw", "latched", sorted(self.latched))
            self._told = self.latched

    def published(self, snapshot: Snapshot) -> None:
        super().published(snapshot)
        self.latched = {fault.name for outlet in snapshot.outlets for fault in outlet.faults if fault.name in STORED}

    def sent(self, frame: str) -> None:
        super().sent(frame)
        kind, id, *rest = json.loads(frame)
        if kind == 2:
            self.marks.say("saw", "heard", [id, *rest])


def told_of(changes: Mapping[tuple[str, str], Any]) -> dict[str, Any]:
    """What a commit is to change, as far as it is of transactions and of what waits to be told."""
    records = [decode(kept.row) for kept in changes.values() if kept is not None]
    return {
        "put": [_entry(record) for record in records if isinstance(record, QueuedReport)],
        "drop": [key for (kind, key), kept in changes.items() if kept is None and kind == "report"],
        "open": {tx.id: tx.last_wh for tx in _transactions(records) if tx.ended is None},
        "over": [tx.id for tx in _transactions(records) if tx.ended is not None],
    }


def _transactions(records: list[Record]) -> list[Transaction]:
    return [record for record in records if isinstance(record, Transaction)]


def _entry(row: QueuedReport) -> tuple[str, int, str, str, int | None]:
    """Its id and place, what it reports of which transaction, and the register that it tells."""
    return row.id, row.seq, *told_by(row.report)


def told_by(report: Report) -> tuple[str, str, int | None]:
    """Kind, transaction, register."""
    tx = report.tx if isinstance(report, ABOUT) else ""
    wh = report.meter_wh if isinstance(report, TransactionStarted | TransactionEnded) else None
    return type(report).__name__, tx, wh
