"""The form in which each record lies on the disk: a kind, a version of that kind, and one JSON text.

Rules this file upholds:
- A new optional field needs nothing. A changed meaning is a new version and one function in `UPGRADES`; a version
  once released is never reused.
- A row that can't be read is `Unreadable` with its reason: never a crash, never a guess.
- A check sum covers the whole row: a worn card changes bits in silence, and a meter value must not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
from msgspec import Struct

from evsed.core import (
    central_systems,
    credentials,
    errands,
    listed,
    profiles,
    records,
    reports,
    reserved,
    security_events,
)
from evsed.core.records import QueuedReport, Record
from evsed.core.reports import Report

Body = dict[str, Any]


class Unreadable(Exception):
    """A row that this program can't turn into a record; the text is the reason."""


class Row(NamedTuple):
    """One record as the tables keep it."""

    kind: str
    key: str
    version: int
    checksum: int
    body: str


class Form(Struct, frozen=True):
    """Which type a kind of row holds, and the version that this program writes."""

    type: type[Record]
    version: int


FORMS: dict[str, Form] = {
    "transaction": Form(records.Transaction, 1),
    "report": Form(records.QueuedReport, 1),
    "token": Form(records.KnownToken, 1),
    "setting": Form(records.Setting, 1),
    "inoperative": Form(records.Inoperative, 1),
    "spent": Form(records.Spent, 1),
    "meter": Form(records.MeterMark, 1),
    "clock": Form(records.BootClock, 1),
    "binding": Form(records.Bound, 1),
    "profile": Form(profiles.InstalledProfile, 1),
    "listed": Form(listed.ListedToken, 1),
    "list-mark": Form(listed.ListMark, 1),
    "reservation": Form(reserved.Reservation, 1),
    "security": Form(security_events.SecurityEntry, 1),
    "firmware": Form(errands.FirmwareUpdate, 1),
    "upload": Form(errands.LogUpload, 1),
    "agreed": Form(central_systems.Agreed, 1),
    "last-good": Form(central_systems.LastGood, 1),
}
KIND_OF: dict[type, str] = {form.type: kind for kind, form in FORMS.items()}

UPGRADES: dict[tuple[str, int], Callable[[Body], Body]] = {}
"""(kind, old version) → how its body becomes one of the next version."""

REPORTS: dict[str, type[Report]] = {
    "booted": reports.Booted,
    "heartbeat-due": reports.HeartbeatDue,
    "authorization-asked": reports.AuthorizationAsked,
    "status-changed": reports.StatusChanged,
    "transaction-started": reports.TransactionStarted,
    "transaction-updated": reports.TransactionUpdated,
    "transaction-ended": reports.TransactionEnded,
    "meters-sampled": reports.MetersSampled,
    "vendor-message": reports.VendorMessage,
    "security-noted": security_events.SecurityNoted,
    "diagnostics-progress": reports.DiagnosticsProgress,
    "log-progress": reports.LogProgress,
    "firmware-progress": reports.FirmwareProgress,
    "signed-firmware-progress": reports.SignedFirmwareProgress,
    "signing-asked": credentials.SigningAsked,
}
_TAG_OF: dict[type, str] = {report: tag for tag, report in REPORTS.items()}


class _QueuedBody(Struct, frozen=True):
    """QueuedReport with the tag that says which report it carries."""

    id: str
    seq: int
    attempts: int
    tag: str
    report: Any


def encode(record: Record) -> Row:
    """The row of a record, in the newest version of its kind."""
    kind = KIND_OF[type(record)]
    version = FORMS[kind].version
    body = msgspec.json.encode(_tagged(record) if isinstance(record, QueuedReport) else record).decode()
    return Row(kind, record.key, version, _checksum(kind, record.key, version, body), body)


def decode(row: Row) -> Record:
    """The record of a row. Raises Unreadable."""
    form = FORMS.get(row.kind)
    if _checksum(*row[:3], row.body) != row.checksum:
        raise Unreadable("its check sum does not fit")
    if form is None:
        raise Unreadable("its kind is not known")
    if row.version > form.version:
        raise Unreadable(f"its version {row.version} is newer than this program's {form.version}")
    try:
        return _build(form, _upgraded(row, form))
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError, ValueError) as broken:
        raise Unreadable(f"version {row.version} can't be read: {broken}") from None


def tx_of(record: Record) -> str | None:
    """The transaction that a queued report is about, None for everything else."""
    return getattr(record.report, "tx", None) if isinstance(record, QueuedReport) else None


def _upgraded(row: Row, form: Form) -> Body:
    body: Body = msgspec.json.decode(row.body, type=dict[str, Any])
    for version in range(row.version, form.version):
        body = UPGRADES[row.kind, version](body)
    return body


def _build(form: Form, body: Body) -> Record:
    if form.type is not QueuedReport:
        return msgspec.convert(body, form.type)
    queued = msgspec.convert(body, _QueuedBody)
    report = msgspec.convert(queued.report, REPORTS[queued.tag])
    return QueuedReport(queued.id, queued.seq, report, queued.attempts)


def _tagged(queued: QueuedReport) -> _QueuedBody:
    return _QueuedBody(queued.id, queued.seq, queued.attempts, _TAG_OF[type(queued.report)], queued.report)


def _checksum(kind: str, key: str, version: int, body: str) -> int:
    return crc32(f"{kind}\0{key}\0{version}\0{body}".encode())
