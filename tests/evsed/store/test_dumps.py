"""A journal that an older evsed left is opened and understood. `dumps/NNNN.sql` is what schema NNNN looked like.

A dump is made once for each schema, with `sqlite3 journal.db .dump`, from a journal that holds `EVERYTHING`, and is not
changed after the release that wrote it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from evsed.core import reports
from evsed.core.events import Binding
from evsed.core.records import (
    BootClock,
    Bound,
    Inoperative,
    KnownToken,
    QueuedReport,
    Record,
    Setting,
    Transaction,
)
from evsed.core.security_events import SecurityKind
from evsed.core.words import (
    Context,
    FaultNote,
    Measurand,
    MeterSet,
    SampledValue,
    Stamp,
    Status,
    StopReason,
    Token,
    TokenStatus,
)
from evsed.store import database
from evsed.store.journal import Journal
from tests.evsed.store.worlds import records_of, set_aside

DUMPS = sorted((Path(__file__).parent / "dumps").glob("*.sql"))

AT = Stamp("5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11", 123_456, 1_790_000_000_000)
UNDATED = Stamp("5f0e1a52-0d1c-4f0e-9a51-8c0f0b7a1c11", 99, None)
CARD = Token("04A1b2 ä")
SAMPLES = (
    MeterSet(
        AT,
        Context.SAMPLE_PERIODIC,
        (SampledValue(Measurand.ENERGY_IMPORT, 12_345), SampledValue(Measurand.VOLTAGE, 230_100, "L1-N")),
    ),
)
FAULT = FaultNote("welded", True, True, "PowerSwitchFailure", "the contactor is stuck")
REPORTS: tuple[reports.Report, ...] = (
    reports.Booted(triggered=True),
    reports.HeartbeatDue(),
    reports.AuthorizationAsked(1, CARD),
    reports.StatusChanged(1, Status.FAULTED, UNDATED, FAULT, "text"),
    reports.TransactionStarted("tx1", 1, CARD, AT, 1_000, 7),
    reports.TransactionUpdated("tx1", 1, SAMPLES),
    reports.TransactionEnded("tx1", 1, None, AT, 2_000, StopReason.POWER_LOSS, SAMPLES),
    reports.MetersSampled(0, SAMPLES),
    reports.VendorMessage("maker", None, "data"),
)
RUNNING = Transaction("tx2", 2, CARD, "group", UNDATED, 5_000, 5_500, samples=SAMPLES)
ENDED = replace(RUNNING, id="tx1", samples=(), ended=AT, end_wh=6_000, reason=StopReason.EV_DISCONNECTED)
EVERYTHING: tuple[Record, ...] = (
    RUNNING,
    *(QueuedReport(f"q{seq}", seq, report, attempts=seq % 3) for seq, report in enumerate(REPORTS)),
    KnownToken(CARD, TokenStatus.BLOCKED, 1_800_000_000_000, "group", AT),
    Setting("OCPPCommCtrlr", "HeartbeatInterval", "60"),
    Inoperative(2),
    BootClock(AT.boot, 1_789_999_876_544),
    Bound(Binding("ocpp1.6", "tx1", "42")),
)
KINDS: dict[str, list[SecurityKind]] = {"0001": [], "0002": [SecurityKind.STARTED]}
"""What the security log of each dump holds."""


def test_there_is_a_dump_of_every_schema() -> None:
    assert [dump.stem for dump in DUMPS] == [migration.stem[:4] for migration in database.MIGRATIONS]


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_an_old_journal_is_understood_and_stays_so(folder: Path, dump: Path) -> None:
    with sqlite3.connect(folder / "journal.db") as file:
        file.executescript(dump.read_text())
        file.execute(f"PRAGMA user_version = {int(dump.stem)}")
    file.close()
    for _ in range(2):
        journal = Journal(folder)
        assert sorted(map(repr, records_of(journal.load()))) == sorted(map(repr, EVERYTHING))
        assert journal.transactions() == [RUNNING, ENDED]
        assert set_aside(journal) == []
        assert [event.kind for event in journal.security_log()] == KINDS[dump.stem]
        journal.close()
