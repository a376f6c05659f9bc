"""What the plant showed and the central system heard up to a cut, and what must therefore be in the recovered journal.

- I5 whose contactor ever closed is in the journal, open while it is closed; whose cable came free has its end there.
- I6 what was sold and what is still to be told of (answered or queued starts and ends, and the open transaction with
  the register as it is) is what the register counted, to the Wh, without a gap between two transactions.
- I7 each report that was durable is queued once, in order, and as it was, until it was answered; then it is gone. What
  the central system heard without answering is still there, under the same id.
- I9 an id is that of one report for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from evsed.core.records import Recovered, Transaction
from hal.sim.meter import START_WH
from tests.lab.cuts.trace import Operation
from tests.lab.cuts.witness import told_by

START, END = "TransactionStarted", "TransactionEnded"
ACTIONS = {
    START: "StartTransaction",
    END: "StopTransaction",
    "TransactionUpdated": "MeterValues",
    "SecurityNoted": "SecurityEventNotification",
}
METERS = {START: "meterStart", END: "meterStop"}


class Entry(NamedTuple):
    """A report that the journal was given: its place in the queue, kind, transaction and register."""

    seq: int
    kind: str
    tx: str
    wh: int | None


class Heard(NamedTuple):
    """A call that came to the central system."""

    id: str
    action: str
    payload: dict[str, Any]
    at_ms: int


class Ledger:
    """Takes the marks one by one."""

    def __init__(self) -> None:
        self.marks = 0
        self.ms, self.wh = 0, START_WH
        self.charged: dict[str | None, None] = {}
        self.charging: str | None = None
        self.freed: dict[str, None] = {}
        self.plugged = False
        self.latched: set[str] = set()
        self.entries: dict[str, Entry] = {}
        self.waiting: set[str] = set()
        self.gone: set[str] = set()
        self.last_wh: dict[str, int] = {}
        self.heard: list[Heard] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self._batch: dict[str, Any] | None = None

    def read(self, operation: Operation) -> None:
        """A mark."""
        word, what, text = operation.data.decode().split(" ", 2)
        self.ms, self.wh, told = json.loads(text)
        self.marks += 1
        if word == "saw":
            self._saw(what, told)
        elif what == "latches":
            self.latched.clear()  # what is so from now on is seen after it
        elif what == "journal":
            self._commits(told) if word == "begin" else self._kept()

    def _saw(self, what: str, told: Any) -> None:
        if what == "heard":
            id, action, payload = told
            self.heard.append(Heard(id, action, payload, self.ms))
        elif what == "answered":
            self.answers[told[0]] = told[1]
        elif what == "plugged":
            self.plugged = told["so"]
        elif what == "latched":
            self.latched = set(told)
        elif what == "closed":
            self.charging = told["tx"] if told["so"] else None
            self.charged |= {told["tx"]: None} if told["so"] else {}
        elif not told["so"] and told["powered"] and self.charged and (last := [*self.charged][-1]) is not None:
            self.freed[last] = None

    def _commits(self, batch: dict[str, Any]) -> None:
        self._batch = batch
        for id, *entry in batch["put"]:
            self.entries[id] = Entry(*entry)

    def _kept(self) -> None:
        assert self._batch is not None
        self.waiting |= {id for id, *_ in self._batch["put"]}
        self.gone |= set(self._batch["drop"])
        self.waiting -= self.gone
        self.last_wh |= self._batch["open"]
        self._batch = None

    @property
    def moving(self) -> set[str]:
        """Rows whose coming or going is under way."""
        batch = self._batch or {"put": [], "drop": []}
        return {id for id, *_ in batch["put"]} | set(batch["drop"])

    # --- what is recovered -----------------------------------------------------------------------------------

    def judge(self, recovered: Recovered, ended: Iterable[Transaction]) -> list[str]:
        """What is wrong with it."""
        running = {tx.id: tx for tx in recovered.transactions if tx.ended is None}
        over = {tx.id for tx in ended}
        return [*self._safe(running, over), *self._queued(recovered), *self._sold(recovered, running, over)]

    def _safe(self, running: dict[str, Transaction], over: set[str]) -> list[str]:
        """I5."""
        found = [f"I5 {tx} charged, and is not on the disk" for tx in self.charged if tx not in over | {*running}]
        if self.charging is not None and self.charging not in running:
            found.append(f"I5 the contactor is closed, and {self.charging} is not open on the disk")
        return found + [f"I5 the cable is free, and the end of {tx} is not kept" for tx in self.freed if tx not in over]

    def _queued(self, recovered: Recovered) -> list[str]:
        """I7, I9."""
        rows = {row.id: Entry(row.seq, *told_by(row.report)) for row in recovered.queue}
        found = [f"I7 {len(recovered.queue)} rows have {len(rows)} ids"] if len(rows) != len(recovered.queue) else []
        due = self.waiting | {id for id in (heard.id for heard in self.heard) if id in self.entries}
        for id in due - rows.keys() - self.answers.keys():
            found.append(f"I7 {self.entries[id]} is neither queued nor answered")
        for id, entry in rows.items():
            if id in self.gone - self.moving:
                found.append(f"I7 {entry} was answered and is queued again")
            elif self.entries.get(id) != entry:
                found.append(f"I9 {id} is {entry}, and was {self.entries.get(id)}")
        kept = [row.id for row in recovered.queue if row.id in self.entries]
        if kept != sorted(kept, key=lambda id: self.entries[id].seq):
            found.append("I7 the queue is not in its order")
        for heard in self.heard:
            sent = self.entries.get(heard.id)
            if sent is not None and heard.action != ACTIONS[sent.kind]:
                found.append(f"I9 {heard.id} was sent as {heard.action}, and is {sent}")
            elif sent is not None and sent.kind in METERS and heard.payload[METERS[sent.kind]] != sent.wh:
                found.append(f"I9 {heard.id} was sent with another register than {sent.wh} Wh")
        return found

    def _sold(self, recovered: Recovered, running: dict[str, Transaction], over: set[str]) -> list[str]:
        """I6, and that each transaction has its start and its end (I7)."""
        there = {row.id for row in recovered.queue} | self.answers.keys()
        told = [entry for id, entry in self.entries.items() if id in there and entry.kind in METERS]
        starts, ends = ({e.tx: e.wh for e in told if e.kind == kind} for kind in (START, END))
        found = [f"I7 the start of {tx} is lost" for tx in over | {*running} if tx not in starts]
        found += [f"I7 the end of {tx} is lost" for tx in over if tx not in ends]
        found += [f"I7 {tx} is told as ended, and is open" for tx in running if tx in ends]
        counted_wh = START_WH
        for tx, start_wh in starts.items():
            if start_wh != counted_wh:
                found.append(f"I6 {tx} begins at {start_wh} Wh, the one before it ended at {counted_wh}")
            known = running.get(tx)
            if known is not None and not self.last_wh.get(tx, known.start_wh) <= known.last_wh <= self.wh:
                found.append(f"I6 {known.last_wh} Wh were reached in {tx}, it was {self.last_wh.get(tx)} of {self.wh}")
            counted_wh = ends.get(tx, self.wh) or 0
        return found if counted_wh == self.wh else [*found, f"I6 {self.wh - counted_wh} Wh belong to nobody"]
