"""What the central system's answers lead to, and the coming and going of the link."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evsed.core import catalogue, networks
from evsed.core.central_systems import DialFailed
from evsed.core.credentials import SigningAnswer, SigningAsked
from evsed.core.effects import AdoptTime, Reply, VendorReply
from evsed.core.events import (
    BootAnswer,
    Delivered,
    LinkDown,
    LinkUp,
    TimeAnswer,
    TokenAnswer,
    Undelivered,
    VendorAnswer,
)
from evsed.core.records import Setting
from evsed.core.reports import (
    AuthorizationAsked,
    Booted,
    Report,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    VendorMessage,
)
from evsed.core.turn import Turn
from evsed.core.words import FaultNote, Token, Verdict
from evsed.core.words import Registration as State

if TYPE_CHECKING:
    from evsed.core.station import Station

LIST_CONFLICT = FaultNote(
    name="LOCAL_LIST_CONFLICT",
    opens=False,
    latched=False,
    code16="LocalListConflict",
    text="list and central system differ over a card",
)


def link_up(station: Station, event: LinkUp, turn: Turn) -> None:
    """A plain reconnect needs no boot; the present state goes out before the backlog."""
    if station.networks.linked(turn):
        station.registration.forget()
    station.registration.connected()
    station.rivals.linked(turn.now.mono_ms)
    station.box.security.linked()
    station.certificates.linked(event.chain, turn)
    station.upkeep.connected()
    station.said_ms = turn.now.mono_ms


def link_down(station: Station, event: LinkDown, turn: Turn) -> None:
    """Questions to the central system are decided here now; statuses on their way may be lost."""
    station.registration.disconnected()
    station.certificates.unlinked()
    station.rivals.lost(turn)
    networks.note_given_up(station, station.networks.lost(turn), turn)
    lost = station.box.outbox.disconnected()
    for report in lost:
        _no_vendor_answer(report, turn)
    for outlet in station.outlets.values():
        outlet.unanswered(turn)
    if station.status_unsure or any(isinstance(report, StatusChanged) for report in lost):
        station.forget_told()


def backlog_follows(station: Station) -> None:
    """Once after the link came up and we are accepted, when the present statuses have been put."""
    if station.registration.flush_begins():
        station.box.outbox.settle_backlog()


def delivered(station: Station, event: Delivered, turn: Turn) -> None:
    """An item was answered."""
    report = station.box.outbox.answered(event.item, turn)
    if report is None:
        return
    station.said_ms = turn.now.mono_ms
    station.upkeep.arrived(report, turn)
    station.networks.proven(turn)
    for binding in event.bindings:
        station.bind(binding, turn)
    if isinstance(event.answer, BootAnswer):
        _registered(station, event.answer, turn)
    elif isinstance(event.answer, TimeAnswer):
        turn.tell(AdoptTime(event.answer.wall_ms))
    elif isinstance(event.answer, TokenAnswer):
        _judged(station, report, event.answer, turn)
    elif isinstance(event.answer, SigningAnswer):
        station.certificates.answered(event.answer, turn)
    elif isinstance(event.answer, VendorAnswer) and isinstance(report, VendorMessage):
        turn.tell(Reply(report.ref, VendorReply(event.answer.verdict, event.answer.data)))


def undelivered(station: Station, event: Undelivered, turn: Turn) -> None:
    """The central system failed to process an item, or said nothing."""
    variables = station.box.variables
    outcome = station.box.outbox.failed(
        event, variables[catalogue.MESSAGE_ATTEMPTS], variables[catalogue.MESSAGE_ATTEMPT_INTERVAL], turn
    )
    if outcome is None:
        return
    report, given_up = outcome
    station.said_ms = turn.now.mono_ms  # else a refused heartbeat would be due again at once
    why = f"{event.code} {event.text}".strip() if event.code else "no answer"
    turn.log(f"! {type(report).__name__} not delivered ({why}){', given up' if given_up else ''}")
    _no_vendor_answer(report, turn)
    station.upkeep.failed(report, event.code, turn)
    if isinstance(report, SigningAsked):
        station.certificates.failed(event.code, turn)
    elif isinstance(report, Booted):
        station.registration.unanswered(turn.now.mono_ms)
    elif isinstance(report, AuthorizationAsked) and report.evse in station.outlets:
        station.outlets[report.evse].unanswered(turn)
    elif isinstance(report, StatusChanged):
        # No answer: the line may be dead since before it was sent. It is told again over the next one.
        station.status_unsure |= event.code is None
    elif isinstance(report, TransactionEnded) and given_up:
        station.unbind(report.tx, turn)


def _no_vendor_answer(report: Report, turn: Turn) -> None:
    if isinstance(report, VendorMessage):
        turn.tell(Reply(report.ref, VendorReply(Verdict.NO_ANSWER)))


def _registered(station: Station, answer: BootAnswer, turn: Turn) -> None:
    station.registration.answered(answer, turn.now.mono_ms)
    turn.log(f"= central system says {answer.status}, interval {answer.interval_s} s")
    if answer.wall_ms is not None:
        turn.tell(AdoptTime(answer.wall_ms))
    if answer.status is State.ACCEPTED:
        station.forget_told()
        _take_interval(station, answer.interval_s, turn)
        return
    # A triggered boot may end what an earlier one allowed: nobody answers questions now.
    station.box.outbox.withdraw(AuthorizationAsked)
    for outlet in station.outlets.values():
        outlet.unanswered(turn)


def _take_interval(station: Station, interval_s: int, turn: Turn) -> None:
    """OCPP 1.6 §4.2: an accepted boot sets the heartbeat interval; 0, which is none, leaves it."""
    variable, text = catalogue.HEARTBEAT_INTERVAL, str(interval_s)
    if variable.check(text) is None and text != station.box.variables.text(variable):
        station.box.variables.write(variable, text)
        turn.put(Setting(variable.component, variable.name, text), urgent=False)


def _judged(station: Station, report: Report, answer: TokenAnswer, turn: Turn) -> None:
    token = _token_of(report)
    if token is not None:
        station.box.tokens.learn(token, answer, turn.now.stamp(), turn)
        if station.box.tokens.contradicted(token, answer, turn.now.wall_ms):
            station.report_status(turn, 0, LIST_CONFLICT)  # OCPP 1.6 §3.5.2
    if isinstance(report, AuthorizationAsked) and report.evse in station.outlets:
        station.outlets[report.evse].answered(answer, turn)
    elif isinstance(report, TransactionStarted):
        station.judged(report, answer, turn)


def _token_of(report: Report) -> Token | None:
    return report.token if isinstance(report, AuthorizationAsked | TransactionStarted | TransactionEnded) else None


# Each function takes exactly the event type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    LinkUp: link_up,
    LinkDown: link_down,
    Delivered: delivered,
    Undelivered: undelivered,
    DialFailed: networks.dial_failed,
}
