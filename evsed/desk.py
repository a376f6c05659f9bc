"""What people and other programs at the box may ask, and how the station answers; `control.py` documents the words.

Rules this file upholds:
- A request is read strictly: an unknown word, field or type is a refusal, in one sentence.
- Nothing is decided here: what changes something becomes an event of the core, and the answer is its Reply.
- A card number is shown only masked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any, Protocol

import msgspec

from evsed.core import advice, events, status, why
from evsed.core.catalogue import ALL, by_key16, by_path
from evsed.core.central_systems import Secret, SecretWritten
from evsed.core.effects import Answered, VariablesReply, VendorReply
from evsed.core.records import Transaction
from evsed.core.security_events import SecurityEntry
from evsed.core.variables import Variable
from evsed.core.words import Registration, Stamp, StopReason, Token, Verdict
from evsed.ocpp.v16.security import event_name
from evsed.questions import (
    Availability,
    ClearFaults,
    Get,
    LogLines,
    MeterReplaced,
    Question,
    SecurityLog,
    SendData,
    Set,
    Start,
    Status,
    Stop,
    Transactions,
    Unlock,
    Watch,
)
from evsed.site_file import LISTER, Wrong, convert, near

ANSWER_S = 25  # the core waits up to 20 s for a bolt
CLEAR_S = 3  # evse-hal clears within a second

Document = dict[str, Any]


class Desk(Protocol):
    """What the supervisor offers to people at the box."""

    def status(self) -> status.StationStatus:
        """All of it, now."""

    async def changed(self) -> None:
        """Return when something in `status` may have changed."""

    async def ask(self, request: events.Request | events.LocalRequest) -> Answered:
        """Hand a request to the station and wait for the Reply with its ref."""

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        """The newest transactions, newest first, running ones too."""

    async def security_log(self, limit: int) -> Sequence[SecurityEntry]:
        """The newest lines of the security log, newest first."""

    def wall_ms(self, stamp: Stamp) -> int | None:
        """The wall time of a stamp, as far as it is known by now."""

    def log_lines(self, most: int) -> Sequence[tuple[Stamp, str]]:
        """The newest lines of the log, newest last."""

    def clear_faults(self, evse: int) -> None:
        """Tell evse-hal that a person acknowledges the outlet's faults."""


class Refused(Exception):
    """A request that can't be done; the text is one sentence for whoever asked."""


_refs = count(1)


# --- answers -------------------------------------------------------------------------------------------------


def status_document(station: status.StationStatus) -> Document:
    """The status as JSON shows it: the data classes, with the sentences that are made of them."""
    document: Document = msgspec.to_builtins(station)
    document["link"]["sentence"] = why.link_sentence(station)
    document["registration_sentence"] = why.registration_sentence(station)
    for shown, outlet in zip(document["outlets"], station.outlets, strict=True):
        shown["why"] = why.why(outlet, station)
        for fault, note in zip(shown["faults"], outlet.faults, strict=True):
            fault["advice"] = why.fault_advice(note, outlet.evse)
    return {"status": document}


async def _status(desk: Desk, _: Status | Watch) -> Document:
    return status_document(desk.status())


async def _get(desk: Desk, question: Get) -> Document:
    wanted = tuple(_variable(name) for name in question.names)
    reply = await _asked(desk, lambda ref: events.VariablesRead(ref, tuple((v.component, v.name) for v in wanted)))
    assert isinstance(reply, VariablesReply)
    present = {f"{view.component}.{view.name}": view for view in reply.found}
    return {
        "variables": [
            {
                "name": variable.key16 or variable.path,
                "path": variable.path,
                "value": present[variable.path].value,
                "unit": variable.unit,
                "writable": present[variable.path].writable,
                "secret": variable.secret,
                "set": desk.status().dials.has_key if variable.secret else present[variable.path].value is not None,
                "allowed": variable.limits_text(),
                "help": variable.help,
            }
            for variable in wanted or ALL
            if variable.path in present
        ]
    }


async def _set(desk: Desk, question: Set) -> Document:
    variable = _variable(question.name)
    if not variable.writable:
        raise Refused(f"{question.name} can only be read.")
    if wrong := variable.check(question.value):
        raise Refused(wrong)
    if variable.secret:
        secret = Secret(question.value.encode())
        answer = await _verdict(desk, lambda ref: SecretWritten(ref, variable.component, variable.name, secret))
        if answer["verdict"] == Verdict.REJECTED:
            raise Refused(f"{question.name} is rejected. {variable.help}")
        return answer
    return await _verdict(
        desk, lambda ref: events.VariableWritten(ref, variable.component, variable.name, question.value)
    )


async def _transactions(desk: Desk, question: Transactions) -> Document:
    live_wh = {outlet.tx: outlet.energy_wh for outlet in desk.status().outlets if outlet.tx}
    rows = await desk.transactions(question.limit)
    return {"transactions": [_transaction(desk, row, live_wh.get(row.id)) for row in rows]}


def _transaction(desk: Desk, record: Transaction, live_wh: int | None) -> Document:
    """One of them; the register of a running one is the meter's own, else the last that was written."""
    until_wh = next(wh for wh in (record.end_wh, live_wh, record.last_wh) if wh is not None)
    return {
        "id": record.id,
        "evse": record.evse,
        "card": status.masked(record.token),
        "started_ms": desk.wall_ms(record.started),
        "ended_ms": desk.wall_ms(record.ended) if record.ended else None,
        "running": record.ended is None,
        "start_wh": record.start_wh,
        "end_wh": record.end_wh,
        "energy_wh": until_wh - record.start_wh,
        "reason": record.reason,
        "unassigned_wh": record.unassigned_wh,
    }


async def _security_log(desk: Desk, question: SecurityLog) -> Document:
    rows = await desk.security_log(question.limit)
    return {"events": [{"at_ms": desk.wall_ms(row.at), "kind": event_name(row.kind), "info": row.info} for row in rows]}


async def _log(desk: Desk, question: LogLines) -> Document:
    return {"lines": [{"at_ms": desk.wall_ms(at), "text": line} for at, line in desk.log_lines(question.lines)]}


async def _send_data(desk: Desk, question: SendData) -> Document:
    station = desk.status()
    if not station.link.configured:
        raise Refused("No central system is configured, so nobody could get the message.")
    if not station.link.connected or station.registration is not Registration.ACCEPTED:
        raise Refused("The message is not sent: the central system can't be reached, or has not accepted this box yet.")
    reply = await _asked(
        desk, lambda ref: events.VendorMessageWanted(ref, question.vendor, question.message, question.data)
    )
    assert isinstance(reply, VendorReply)
    if reply.verdict is not Verdict.ACCEPTED:
        raise Refused(VENDOR_REFUSALS.get(reply.verdict, "The central system rejected the message") + _said(reply.data))
    return {"verdict": reply.verdict, "data": reply.data}


VENDOR_REFUSALS = {
    Verdict.UNKNOWN_VENDOR: "The central system does not know this vendor",
    Verdict.UNKNOWN_MESSAGE: "The central system knows this vendor, but not this message",
    Verdict.NO_ANSWER: "The central system did not answer, so the message may not have arrived",
}


def _said(data: str | None) -> str:
    return f": {data}." if data else "."


async def _availability(desk: Desk, question: Availability) -> Document:
    if question.evse:
        _outlet(desk, question.evse)
    return await _verdict(desk, lambda ref: events.AvailabilityRequested(ref, question.evse, question.operative))


async def _clear_faults(desk: Desk, question: ClearFaults) -> Document:
    before = _latched(desk, question.evse)
    _needs_hal(desk, "no fault can be cleared")
    if not before:
        going = [advice.on_end(fault.name) for fault in _outlet(desk, question.evse).faults]
        raise Refused("; ".join((f"No fault waits to be cleared at outlet {question.evse}", *going)) + ".")
    desk.clear_faults(question.evse)
    try:
        async with asyncio.timeout(CLEAR_S):
            while _latched(desk, question.evse) == before:
                await desk.changed()
    except TimeoutError:
        name, cure = next(iter(before.items()))
        raise Refused(f"{name} stays, since its cause is still there or this does not clear it; {cure}.") from None
    left = _latched(desk, question.evse)
    return {"cleared": [name for name in before if name not in left], "left": list(left)}


def _latched(desk: Desk, evse: int) -> dict[str, str]:
    """The faults that wait for a person, and what each of them needs."""
    faults = _outlet(desk, evse).faults
    return {fault.name: why.fault_advice(fault, evse) for fault in faults if fault.latched}


def _needs_hal(desk: Desk, therefore: str) -> None:
    if not desk.status().hal.up:
        raise Refused(f"evse-hal does not answer, so {therefore}; look at 'systemctl status evse-hal'.")


async def _meter_replaced(desk: Desk, question: MeterReplaced) -> Document:
    outlet = _outlet(desk, question.evse)
    if outlet.fell is None:
        raise Refused(f"The register of outlet {question.evse} has not fallen, so it counts on as it is.")
    if outlet.tx is not None:
        raise Refused(f"A charge is running at outlet {question.evse}; end it first, then say so again.")
    return await _verdict(desk, lambda ref: events.MeterReplaced(ref, question.evse))


async def _start(desk: Desk, question: Start) -> Document:
    if question.evse is not None:
        _outlet(desk, question.evse)
    verdict = await _asked(desk, lambda ref: events.StartRequested(ref, question.evse, Token(question.tag)))
    if verdict is not Verdict.ACCEPTED:
        raise Refused(_why_no_start(desk.status(), question.evse))
    return {"verdict": verdict}


def _why_no_start(station: status.StationStatus, evse: int | None) -> str:
    """Of the outlet that was named, or of the first: with several, each says so in the status."""
    outlet = next((outlet for outlet in station.outlets if evse in (None, outlet.evse)), None)
    if outlet is None:
        return "No outlet is known yet, since evse-hal has not answered."
    where = f"at outlet {outlet.evse}"
    if outlet.tx is not None:
        return f"A charge runs {where} already; end it first with 'evsectl stop --evse {outlet.evse}'."
    if outlet.authorizing or outlet.waiting_for_cable:
        return f"Another card waits {where} already; 'evsectl stop --evse {outlet.evse}' lets it go."
    return why.why(outlet, station)


async def _stop(desk: Desk, question: Stop) -> Document:
    outlet = _outlet(desk, question.evse)
    if outlet.tx is not None:
        return await _verdict(desk, lambda ref: events.StopRequested(ref, outlet.tx, StopReason.LOCAL))
    if await _asked(desk, lambda ref: events.CancelRequested(ref, outlet.evse)) is not Verdict.ACCEPTED:
        raise Refused(f"No charge is running at outlet {question.evse}, and no card waits there.")
    return {"verdict": Verdict.ACCEPTED}


async def _unlock(desk: Desk, question: Unlock) -> Document:
    _outlet(desk, question.evse)
    _needs_hal(desk, "no cable can be freed and the charge is left as it is")
    return await _verdict(desk, lambda ref: events.UnlockRequested(ref, question.evse))


ANSWERS: dict[type[Question], Callable[[Desk, Any], Awaitable[Document]]] = {
    Status: _status,
    Watch: _status,
    Get: _get,
    Set: _set,
    Transactions: _transactions,
    SecurityLog: _security_log,
    LogLines: _log,
    SendData: _send_data,
    Availability: _availability,
    ClearFaults: _clear_faults,
    MeterReplaced: _meter_replaced,
    Start: _start,
    Stop: _stop,
    Unlock: _unlock,
}


def _variable(name: str) -> Variable[Any]:
    found = by_key16(name) or by_path(name)
    if found is None:
        names = (variable.key16 or variable.path for variable in ALL)
        raise Refused(f"There is no variable {name[:60]!r}{near(name, names, LISTER)}")
    return found


def _outlet(desk: Desk, evse: int) -> status.OutletStatus:
    outlets = {outlet.evse: outlet for outlet in desk.status().outlets}
    if evse not in outlets:
        known = ", ".join(map(str, outlets)) or "none yet, since evse-hal has not answered"
        raise Refused(f"There is no outlet {evse}; this box has {known}.")
    return outlets[evse]


async def _asked(desk: Desk, request: Callable[[events.Ref], events.Request | events.LocalRequest]) -> Answered:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await desk.ask(request(f"control-{next(_refs)}"))
    except TimeoutError:
        raise Refused(f"There was no answer within {ANSWER_S} s; 'evsectl log' may say why.") from None


async def _verdict(desk: Desk, request: Callable[[events.Ref], events.Request | events.LocalRequest]) -> Document:
    return {"verdict": await _asked(desk, request)}


async def answer(desk: Desk, line: bytes) -> tuple[Document, bool]:
    """The answer to one line, and whether it asked for more of the same (watch)."""
    try:
        question = _question(line)
        return await ANSWERS[type(question)](desk, question), isinstance(question, Watch)
    except Refused as refused:
        return {"error": str(refused)}, False


def _question(line: bytes) -> Question:
    """The request that a line is. Raises Refused."""
    try:
        said = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise Refused(f"This is no JSON: {broken}.") from None
    word = said.pop("do", None) if isinstance(said, dict) else None
    if not isinstance(word, str):
        raise Refused('A request is a JSON object with a word in "do".')
    kinds = {str(kind.__struct_config__.tag): kind for kind in ANSWERS}
    if word not in kinds:
        raise Refused(f"There is no request {word[:60]!r}{near(word, kinds)}")
    try:
        return convert(said, kinds[word])
    except Wrong as wrong:
        raise Refused(f"{word}{wrong}") from None
