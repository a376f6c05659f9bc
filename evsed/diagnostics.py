"""The file that a log upload sends: what the box is and does, and its log, as one compressed text.

Rules this file upholds:
- Only what is listed here goes into it. Cards are left out, and variables that nobody may read.
- Whatever else it holds, no secret that the box knows does: each is looked for and blotted out.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from evsed.core.errands import LogKind, LogOrder
from evsed.core.records import Transaction
from evsed.core.security_events import SecurityEntry
from evsed.core.status import StationStatus
from evsed.core.words import Stamp
from evsed.ocpp.v16.security import event_name

BLOT = "[secret]"
SHORTEST_SECRET = 4  # what is shorter would blot out half the file
UNDATED = "time not known    "


class Facts(msgspec.Struct, frozen=True):
    """What is told of the box beside its log; `variables` are those that may be read, `date` is the time of a stamp."""

    status: StationStatus
    transactions: Iterable[Transaction]
    variables: Iterable[tuple[str, str]]
    lines: Iterable[tuple[Stamp, str]]
    frames: Iterable[tuple[Stamp, str]]
    security: Iterable[SecurityEntry]
    date: Callable[[Stamp], int | None]


def write(path: Path, order: LogOrder, facts: Facts, secrets: Iterable[str]) -> None:
    """Make the file. Raises OSError."""
    hidden = sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True)
    beside = path.with_suffix(".new")
    with gzip.open(beside, "wt", encoding="utf-8") as file:
        for line in _lines(order, facts):
            file.write(_blotted(line, hidden) + "\n")
    beside.replace(path)


def _lines(order: LogOrder, facts: Facts) -> Iterator[str]:
    """A security log has nothing but itself; diagnostics have it too."""
    yield "# security events"
    yield from _dated(
        order, facts, ((entry.at, f"{event_name(entry.kind)} {entry.info}".rstrip()) for entry in facts.security)
    )
    if order.kind is LogKind.DIAGNOSTICS:
        yield from _diagnostics(order, facts)


def _diagnostics(order: LogOrder, facts: Facts) -> Iterator[str]:
    outlets = tuple(replace(outlet, token=None) for outlet in facts.status.outlets)
    yield "# status"
    yield msgspec.json.encode(replace(facts.status, outlets=outlets)).decode()
    yield "# variables"
    yield from (f"{name} = {value}" for name, value in facts.variables)
    yield "# transactions, newest first: outlet, start, end, Wh, reason"
    yield from (_transaction(tx, facts.date) for tx in facts.transactions)
    yield "# log"
    yield from _dated(order, facts, facts.lines)
    yield "# the newest frames, < in and > out, with what may be told of them"
    yield from _dated(order, facts, facts.frames)


def _dated(order: LogOrder, facts: Facts, lines: Iterable[tuple[Stamp, str]]) -> Iterator[str]:
    for at, line in lines:
        wall_ms = facts.date(at)
        if _within(wall_ms, order):
            yield f"{_time(wall_ms)} {line}"


def _transaction(tx: Transaction, date: Callable[[Stamp], int | None]) -> str:
    ended = _time(date(tx.ended)) if tx.ended is not None else "-"
    wh = (tx.last_wh if tx.end_wh is None else tx.end_wh) - tx.start_wh
    return f"{tx.evse} {_time(date(tx.started))} {ended} {wh} {tx.reason or '-'}"


def _within(wall_ms: int | None, order: LogOrder) -> bool:
    """A line whose time is not known may be what is looked for."""
    if wall_ms is None:
        return True
    return (order.from_ms is None or wall_ms >= order.from_ms) and (order.to_ms is None or wall_ms <= order.to_ms)


def _time(wall_ms: int | None) -> str:
    if wall_ms is None:
        return UNDATED
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall_ms)).isoformat(timespec="milliseconds")


def _blotted(line: str, hidden: list[str]) -> str:
    for secret in hidden:
        line = line.replace(secret, BLOT)
    return line


def spellings(secret: bytes) -> tuple[str, ...]:
    """A secret as it may appear in a text."""
    plain = (secret.decode("latin-1"), secret.decode("utf-8", errors="replace"))
    digits = (secret.hex(), secret.hex().upper())
    return (*plain, *digits, base64.b64encode(secret).decode())
