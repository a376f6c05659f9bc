"""What the ledger of a day holds against a recovered journal: each of its sentences can be said."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from evsed.core.records import QueuedReport, Recovered, Transaction
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import StopReason
from hal.sim.meter import START_WH
from tests.evsed.store.worlds import AT, CARD, over, running
from tests.lab.cuts.ledger import Ledger
from tests.lab.cuts.trace import Operation
from tests.lab.cuts.witness import MARKS, told_by

END_WH = START_WH + 50
BEGUN = replace(running("tx"), start_wh=START_WH, last_wh=START_WH)
DONE = replace(over(BEGUN), last_wh=END_WH, end_wh=END_WH)
START = QueuedReport("m1", 1, TransactionStarted("tx", 1, CARD, AT, START_WH))
STOP = QueuedReport("m2", 2, TransactionEnded("tx", 1, CARD, AT, END_WH, StopReason.LOCAL))


def commit(
    rows: Iterable[QueuedReport] = (), drop: Iterable[str] = (), tx: Transaction | None = None
) -> dict[str, Any]:
    """As the witness tells it."""
    return {
        "put": [(row.id, row.seq, *told_by(row.report)) for row in rows],
        "drop": list(drop),
        "open": {tx.id: tx.last_wh} if tx is not None and tx.ended is None else {},
        "over": [tx.id] if tx is not None and tx.ended is not None else [],
    }


def ledger(*marks: tuple[str, str, Any], wh: int) -> Ledger:
    made = Ledger()
    for word, what, told in marks:
        made.read(Operation("write", MARKS, 0, f"{word} {what} {json.dumps([0, wh, told])}\n".encode()))
    return made


def kept(told: dict[str, Any]) -> tuple[tuple[str, str, Any], ...]:
    return ("begin", "journal", told), ("done", "journal", None)


PLUG = {"so": True, "tx": "tx", "powered": True}
CHARGES = (*kept(commit([START], tx=BEGUN)), ("saw", "locked", PLUG), ("saw", "closed", PLUG))
HEARD = ("saw", "heard", ["m1", "StartTransaction", {"meterStart": START_WH}])
OTHERWISE = ("saw", "heard", ["m1", "StartTransaction", {"meterStart": 1}])
ANSWERED = ("saw", "answered", ["m1", {"transactionId": 1}])
FORGOTTEN = kept(commit(drop=["m1"]))
OVER = (
    ("saw", "closed", PLUG | {"so": False}),
    *kept(commit([STOP], tx=DONE)),
    ("saw", "locked", PLUG | {"so": False}),
)
CHARGING = Recovered(transactions=(BEGUN,), queue=(START,))
TOLD = Recovered(transactions=(BEGUN,))


def test_what_must_be_there_is_right() -> None:
    assert ledger(*CHARGES, wh=START_WH + 20).judge(CHARGING, ()) == []
    assert ledger(*CHARGES, HEARD, ANSWERED, *FORGOTTEN, wh=START_WH + 20).judge(TOLD, ()) == []
    assert ledger(*CHARGES, *OVER, wh=END_WH).judge(Recovered(queue=(START, STOP)), (DONE,)) == []


@pytest.mark.parametrize(
    ("told", "marks", "recovered", "ended"),
    [
        ("I5 tx charged, and is not on the disk", CHARGES, Recovered(queue=(START,)), ()),
        ("I5 the contactor is closed, and tx is not open", CHARGES, Recovered(queue=(START, STOP)), (DONE,)),
        ("I5 the cable is free, and the end of tx is not kept", (*CHARGES, *OVER), CHARGING, ()),
        ("is neither queued nor answered", CHARGES, TOLD, ()),
        ("is neither queued nor answered", (*CHARGES, HEARD), TOLD, ()),
        ("was answered and is queued again", (*CHARGES, HEARD, ANSWERED, *FORGOTTEN), CHARGING, ()),
        ("I9 other is", CHARGES, replace(CHARGING, queue=(START, replace(START, id="other"))), ()),
        ("I9 m1 is", CHARGES, replace(CHARGING, queue=(replace(STOP, id="m1", seq=1),)), ()),
        ("I7 2 rows have 1 ids", CHARGES, replace(CHARGING, queue=(START, START)), ()),
        ("I7 the queue is not in its order", (*CHARGES, *OVER), Recovered(queue=(STOP, START)), (DONE,)),
        ("I9 m1 was sent with another register", (*CHARGES, OTHERWISE), CHARGING, ()),
        ("I9 m1 was sent as Heartbeat", (*CHARGES, (*HEARD[:2], ["m1", "Heartbeat", {}])), CHARGING, ()),
        ("I7 the start of tx is lost", CHARGES, TOLD, ()),
        ("I7 the end of tx is lost", (*CHARGES, *OVER), Recovered(queue=(START,)), (DONE,)),
        ("I7 tx is told as ended, and is open", (*CHARGES, *OVER), Recovered((BEGUN,), (START, STOP)), ()),
        ("Wh were reached in tx", CHARGES, replace(CHARGING, transactions=(replace(BEGUN, last_wh=1),)), ()),
        ("I6 50 Wh belong to nobody", (("saw", "plugged", PLUG),), Recovered(), ()),
    ],
)  # fmt: skip
def test_what_is_not_so_is_told(
    told: str, marks: tuple[tuple[str, str, Any], ...], recovered: Recovered, ended: tuple[Transaction, ...]
) -> None:
    assert any(told in text for text in ledger(*marks, wh=END_WH).judge(recovered, ended))


def test_energy_between_two_charges_is_told() -> None:
    """I6."""
    later = QueuedReport("m3", 3, TransactionStarted("next", 1, CARD, AT, END_WH + 1))
    open_tx = replace(running("next"), start_wh=END_WH + 1, last_wh=END_WH + 1)
    marks = (*CHARGES, *OVER, *kept(commit([later], tx=open_tx)))
    judged = ledger(*marks, wh=END_WH + 9).judge(Recovered((open_tx,), (START, STOP, later)), (DONE,))
    assert judged == [f"I6 next begins at {END_WH + 1} Wh, the one before it ended at {END_WH}"]
