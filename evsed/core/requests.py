"""What the central system, and people at the box, may ask; each gets one Reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evsed.core import catalogue
from evsed.core.effects import LinkSettings, Reply, VariablesReply, VariableView, VendorReply
from evsed.core.events import (
    AvailabilityRequested,
    CacheCleared,
    FromCentral,
    ResetRequested,
    StartRequested,
    StopRequested,
    Triggered,
    TriggerKind,
    UnlockRequested,
    VariablesRead,
    VariableWritten,
    VendorRequested,
)
from evsed.core.outlet import Outlet
from evsed.core.records import Inoperative, Setting
from evsed.core.reports import Booted, HeartbeatDue
from evsed.core.turn import Turn
from evsed.core.words import Registration as State
from evsed.core.words import StopReason, Verdict

if TYPE_CHECKING:
    from evsed.core.station import Station


def from_central(station: Station, event: FromCentral, turn: Turn) -> None:
    """Registration decides what may be asked over the link (OCPP 1.6 §4.2)."""
    request, state = event.request, station.registration.state
    if state is State.REJECTED and not station.box.rules.answers_while_rejected:
        return
    remote = isinstance(request, StartRequested | StopRequested)
    if remote and state is not State.ACCEPTED and not station.box.rules.remote_start_while_pending:
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    HANDLERS[type(request)](station, request, turn)


def change_availability(station: Station, request: AvailabilityRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.2: a running transaction is let finish; the wish is kept at once."""
    chosen = _chosen(station, request.evse)
    if chosen is None:
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    if request.evse == 0 and station.operative != request.operative:
        station.operative = request.operative
        if request.operative:
            turn.drop(Inoperative, "0")
        else:
            turn.put(Inoperative(0))
    for outlet in chosen:
        outlet.set_operative(request.operative, turn)
    busy = not request.operative and any(outlet.charging.tx is not None for outlet in chosen)
    turn.tell(Reply(request.ref, Verdict.SCHEDULED if busy else Verdict.ACCEPTED))


def _chosen(station: Station, evse: int) -> list[Outlet] | None:
    if evse == 0:
        return list(station.outlets.values())
    return [station.outlets[evse]] if evse in station.outlets else None


def write_variable(station: Station, request: VariableWritten, turn: Turn) -> None:
    """Checked, kept, and obeyed from now on; a value that is not allowed changes nothing."""
    variable = station.box.variables.find(request.component, request.name)
    if variable is None:
        turn.tell(Reply(request.ref, Verdict.NOT_SUPPORTED))
        return
    if not variable.writable or variable.check(request.value) is not None:
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    text = station.box.variables.write(variable, request.value)
    turn.put(Setting(variable.component, variable.name, text))
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))
    if variable is catalogue.PING_INTERVAL:
        turn.tell(LinkSettings(station.box.variables[catalogue.PING_INTERVAL]))
    if variable is catalogue.SAMPLED_INTERVAL:
        for outlet in station.outlets.values():
            outlet.charging.interval_changed(turn)


def read_variables(station: Station, request: VariablesRead, turn: Turn) -> None:
    """All, or those asked for that exist."""
    variables = station.box.variables
    names = request.names or tuple((variable.component, variable.name) for variable in catalogue.ALL)
    found = (variables.find(component, name) for component, name in names)
    views = tuple(VariableView(v.component, v.name, variables.text(v), v.writable) for v in found if v is not None)
    turn.tell(Reply(request.ref, VariablesReply(views)))


def clear_cache(station: Station, request: CacheCleared, turn: Turn) -> None:
    """OCPP 1.6 errata 3.23: rejected where there is no cache."""
    if not station.box.variables[catalogue.AUTH_CACHE_ENABLED]:
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    station.box.tokens.clear(turn)
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))


def vendor_data(station: Station, request: VendorRequested, turn: Turn) -> None:
    """No vendor has a handler in the core; those of OEMs answer in the dialect before it comes here."""
    turn.tell(Reply(request.ref, VendorReply(Verdict.UNKNOWN_VENDOR)))


def start(station: Station, request: StartRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.11: accepted means that it will be tried."""
    outlet = _outlet_to_start(station, request.evse)
    if outlet is None or station.resetting.kind is not None:
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))
    if station.box.variables[catalogue.AUTHORIZE_REMOTE_START]:
        outlet.present(request.token, turn)
    else:
        outlet.start(request.token, turn)


def _outlet_to_start(station: Station, evse: int | None) -> Outlet | None:
    """The one named; else one with a cable in, else any that is free."""
    candidates = [outlet for outlet in station.outlets.values() if outlet.may_start() and evse in (None, outlet.evse)]
    return min(candidates, key=lambda outlet: not outlet.seen.plugged, default=None)


def stop(station: Station, request: StopRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.12: accepted only for a transaction that runs."""
    for outlet in station.outlets.values():
        tx = outlet.charging.tx
        if tx is not None and tx.id == request.tx and outlet.charging.running:
            turn.tell(Reply(request.ref, Verdict.ACCEPTED))
            outlet.charging.end(StopReason.REMOTE, None, turn)
            return
    turn.tell(Reply(request.ref, Verdict.REJECTED))


def reset(station: Station, request: ResetRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.14: answered before anything happens."""
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))
    station.resetting.begin(request.kind, turn)


def unlock(station: Station, request: UnlockRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.18: the cable lock only."""
    outlet = station.outlets.get(request.evse)
    if outlet is None:
        turn.tell(Reply(request.ref, Verdict.NOT_SUPPORTED))
    else:
        outlet.unlock(request.ref, turn)


def trigger(station: Station, request: Triggered, turn: Turn) -> None:
    """OCPP 1.6 §5.17: the answer first, then the message; no connector = all that it may be about."""
    evses = _about(station, request)
    allowed = evses is not None
    if request.kind is TriggerKind.BOOT:
        allowed = station.registration.boot_may_be_triggered(station.box.rules.boot_trigger_after_accepted)
    turn.tell(Reply(request.ref, Verdict.ACCEPTED if allowed else Verdict.REJECTED))
    if not allowed:
        return
    if request.kind is TriggerKind.BOOT:
        station.box.outbox.put(Booted(triggered=True), turn, asked_for=True)
    elif request.kind is TriggerKind.HEARTBEAT:
        station.box.outbox.put(HeartbeatDue(), turn, asked_for=True)
    for evse in evses or ():
        TOLD[request.kind](station, evse, turn)


def _about(station: Station, request: Triggered) -> tuple[int, ...] | None:
    """The outlets (0 = the station) that a trigger is about; None if it names one that is not there."""
    if request.kind not in TOLD:
        return ()
    lowest = 0 if request.kind is TriggerKind.STATUS else 1
    if request.evse is None:
        return (*range(lowest, 1), *station.outlets)
    if request.evse == 0 and request.kind is TriggerKind.METER_VALUES:
        return tuple(station.outlets)  # no meter of the station as a whole: all outlets answer for it
    return (request.evse,) if request.evse in (0, *station.outlets) else None


def _tell_status(station: Station, evse: int, turn: Turn) -> None:
    station.report_status(turn, evse)


def _tell_meter(station: Station, evse: int, turn: Turn) -> None:
    station.outlets[evse].charging.triggered(turn)


TOLD: dict[TriggerKind, Callable[[Station, int, Turn], None]] = {
    TriggerKind.STATUS: _tell_status,
    TriggerKind.METER_VALUES: _tell_meter,
}

# Each function takes exactly the event type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    FromCentral: from_central,
    AvailabilityRequested: change_availability,
    VariableWritten: write_variable,
    VariablesRead: read_variables,
    CacheCleared: clear_cache,
    VendorRequested: vendor_data,
    StartRequested: start,
    StopRequested: stop,
    ResetRequested: reset,
    UnlockRequested: unlock,
    Triggered: trigger,
}
