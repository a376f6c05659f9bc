"""What the central system, and people at the box, may ask; each gets one Reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evsed.core import (
    catalogue,
    certificates,
    local_list,
    measurands,
    metering,
    networks,
    reservations,
    smart_charging,
    upkeep,
)
from evsed.core.central_systems import SecretWritten
from evsed.core.effects import LinkSettings, Reply, VariablesReply, VariableView, VendorReply
from evsed.core.events import (
    AvailabilityRequested,
    CacheCleared,
    CancelRequested,
    FromCentral,
    MeterReplaced,
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
from evsed.core.phase_rotation import strangers
from evsed.core.profiles import ClearProfiles, InstalledProfile, InstallProfile, Profile
from evsed.core.records import Inoperative, Setting
from evsed.core.reports import Booted, HeartbeatDue
from evsed.core.reservations import Stance
from evsed.core.security_variables import SECURITY_PROFILE
from evsed.core.turn import Turn
from evsed.core.variables import Variable
from evsed.core.words import Registration as State
from evsed.core.words import Verdict

if TYPE_CHECKING:
    from evsed.core.station import Station

    Handler = Callable[[Station, Any, Turn], None]


def from_central(station: Station, event: FromCentral, turn: Turn) -> None:
    """Registration decides what may be asked over the link (OCPP 1.6 §4.2)."""
    request, state = event.request, station.registration.state
    if not station.registration.link_up:
        return  # whoever asked is gone
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
    if not chosen:
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


def _chosen(station: Station, evse: int) -> list[Outlet]:
    return [outlet for outlet in station.outlets.values() if evse in (0, outlet.evse)]


def write_variable(station: Station, request: VariableWritten, turn: Turn) -> None:
    """Checked, kept, and obeyed from now on; a value that is not allowed changes nothing."""
    variable = station.box.variables.find(request.component, request.name)
    if variable is None:
        turn.tell(Reply(request.ref, Verdict.NOT_SUPPORTED))
        return
    fixed = not variable.writable or variable.secret or variable.path in _given(station)
    if fixed or variable.check(request.value) is not None or _not_of_this_box(station, variable, request.value, turn):
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    if variable is SECURITY_PROFILE:
        networks.write_profile(station, request, turn)
        return
    text = station.box.variables.write(variable, request.value)
    turn.put(Setting(variable.component, variable.name, text))
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))
    if variable is catalogue.PING_INTERVAL:
        turn.tell(LinkSettings(station.box.variables[catalogue.PING_INTERVAL]))
    if variable is catalogue.SAMPLED_INTERVAL:
        for outlet in station.outlets.values():
            outlet.charging.interval_changed(turn)


def _not_of_this_box(station: Station, variable: Variable[Any], text: str, turn: Turn) -> bool:
    """Whether what would be a value elsewhere speaks of what this box does not have."""
    if variable is catalogue.PHASE_ROTATION:
        return _wires_strangers(station, text, turn)
    return variable in measurands.LISTS and _unmeasured(station, variable, text, turn)


def _wires_strangers(station: Station, text: str, turn: Turn) -> bool:
    """Whether it names connectors that do not exist; until the board is known, none is known not to."""
    items = catalogue.PHASE_ROTATION.kind.parse(text) or ()
    wrong = strangers(items, station.outlets) if station.outlets else ()
    if wrong:
        turn.log(f"! ConnectorPhaseRotation is refused: this board has no connector for {', '.join(wrong)}")
    return bool(wrong)


def _unmeasured(station: Station, variable: Variable[Any], text: str, turn: Turn) -> bool:
    """Whether a list of measurands asks for what no outlet here measures (OCPP 1.6 §3.16.4)."""
    seen = [outlet.seen for outlet in station.outlets.values()]
    words = (variable.kind.parse(text) or ()) if seen else ()
    wrong = [word for word in words if all(metering.beyond(word, one.tells, one.offer) for one in seen)]
    if wrong:
        turn.log(f"! {variable.key16} is not changed: nothing here measures {', '.join(wrong)}")
    return bool(wrong)


def read_variables(station: Station, request: VariablesRead, turn: Turn) -> None:
    """All, or those asked for that exist."""
    variables, given = station.box.variables, _given(station)
    names = request.names or tuple((variable.component, variable.name) for variable in catalogue.ALL)
    found = (variables.find(component, name) for component, name in names)
    views = tuple(
        VariableView(
            v.component,
            v.name,
            None if v.secret else given.get(v.path, variables.text(v)),
            v.writable and v.path not in given,
        )
        for v in found
        if v is not None
    )
    turn.tell(Reply(request.ref, VariablesReply(views)))


def _given(station: Station) -> dict[str, str]:
    """Values that the hardware gives: a fixed cable is never unlocked (OCPP 1.6 errata 3.84, 3.85)."""
    outlets = station.outlets.values()
    fixed = bool(outlets) and all(outlet.seen.known and outlet.seen.locked is None for outlet in outlets)
    return {catalogue.UNLOCK_ON_EV_DISCONNECT.path: "false"} if fixed else {}


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
    outlet = _outlet_to_start(station, request, turn)
    if outlet is None or station.resetting.kind is not None or not _takes(outlet, request.profile, turn):
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))
    if station.box.variables[catalogue.AUTHORIZE_REMOTE_START]:
        outlet.authorize(request.token, turn, request.profile)
    else:
        outlet.start(request.token, turn, request.profile)


def _takes(outlet: Outlet, profile: Profile | None, turn: Turn) -> bool:
    """Whether a transaction here could bring this profile."""
    if profile is None:
        return True
    why_not = outlet.box.profiles.refusal(InstalledProfile(outlet.evse, profile, "its"), "its", turn.now.wall_ms)
    if why_not is not None:
        turn.log(f"! profile {profile.id} for a remote start at outlet {outlet.evse} is refused: {why_not}")
    return why_not is None


def _outlet_to_start(station: Station, request: StartRequested, turn: Turn) -> Outlet | None:
    """The one named; else the one that is reserved for the token, else one with a cable in, else any that is free."""
    holder = station.box.reservations.holder
    candidates = [
        outlet
        for outlet in station.outlets.values()
        if request.evse in (None, outlet.evse)
        and outlet.may_start()
        and station.box.stance(outlet.evse, request.token, turn.now) is not Stance.CLOSED
    ]
    return min(candidates, key=lambda outlet: (holder(outlet.evse) is None, not outlet.seen.plugged), default=None)


def stop(station: Station, request: StopRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.12: accepted only for a transaction that runs."""
    for outlet in station.outlets.values():
        tx = outlet.charging.tx
        if tx is not None and tx.id == request.tx and outlet.charging.running:
            turn.tell(Reply(request.ref, Verdict.ACCEPTED))
            outlet.charging.end(request.reason, None, turn)
            return
    turn.tell(Reply(request.ref, Verdict.REJECTED))


def cancel(station: Station, request: CancelRequested, turn: Turn) -> None:
    """Rejected where no card waits."""
    outlet = station.outlets.get(request.evse)
    cancelled = outlet is not None and outlet.cancel(turn)
    turn.tell(Reply(request.ref, Verdict.ACCEPTED if cancelled else Verdict.REJECTED))


def reset(station: Station, request: ResetRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.14: answered before anything happens."""
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))
    station.resetting.begin(request.kind, station, turn)


def unlock(station: Station, request: UnlockRequested, turn: Turn) -> None:
    """OCPP 1.6 §5.18: the cable lock only."""
    outlet = station.outlets.get(request.evse)
    if outlet is None:
        turn.tell(Reply(request.ref, Verdict.NOT_SUPPORTED))
    else:
        outlet.unlock(request.ref, turn)


def meter_replaced(station: Station, request: MeterReplaced, turn: Turn) -> None:
    """Between two transactions only: the end of one is never below its start."""
    outlet = station.outlets.get(request.evse)
    done = outlet is not None and outlet.charging.tx is None and outlet.register.accept(turn)
    turn.tell(Reply(request.ref, Verdict.ACCEPTED if done else Verdict.REJECTED))


def trigger(station: Station, request: Triggered, turn: Turn) -> None:
    """OCPP 1.6 §5.17: the answer first, then the message; no connector = all that it may be about."""
    told = TOLD[request.kind](station, request.evse, turn)
    turn.tell(Reply(request.ref, Verdict.ACCEPTED if told else Verdict.REJECTED))


def _tell_boot(station: Station, evse: int | None, turn: Turn) -> bool:
    """One that is already on its way will do."""
    allowed = station.registration.boot_may_be_triggered(station.box.rules.boot_trigger_after_accepted)
    if allowed and not station.box.outbox.has(Booted):
        station.box.outbox.put(Booted(triggered=True), turn, asked_for=True)
    return allowed


def _tell_heartbeat(station: Station, evse: int | None, turn: Turn) -> bool:
    station.box.outbox.put(HeartbeatDue(), turn, asked_for=True)
    return True


def _tell_status(station: Station, evse: int | None, turn: Turn) -> bool:
    about = [known for known in (0, *station.outlets) if evse in (None, known)]
    for known in about:
        station.report_status(turn, known)
    return bool(about)


def _tell_meter(station: Station, evse: int | None, turn: Turn) -> bool:
    """No meter of the station as a whole: all outlets answer for it. Refused where none has a value."""
    about = (outlet for outlet in station.outlets.values() if evse in (None, 0, outlet.evse))
    told = [outlet.charging.triggered(turn) for outlet in about]
    return any(told)


def _tell_diagnostics(station: Station, evse: int | None, turn: Turn) -> bool:
    station.box.outbox.put(station.upkeep.uploads.diagnostics_now(), turn, asked_for=True)
    return True


def _tell_firmware(station: Station, evse: int | None, turn: Turn) -> bool:
    station.box.outbox.put(station.upkeep.firmware.report_now(), turn, asked_for=True)
    return True


def _tell_log(station: Station, evse: int | None, turn: Turn) -> bool:
    station.box.outbox.put(station.upkeep.uploads.log_now(), turn, asked_for=True)
    return True


def _tell_signed_firmware(station: Station, evse: int | None, turn: Turn) -> bool:
    station.box.outbox.put(station.upkeep.firmware.signed_report_now(), turn, asked_for=True)
    return True


def _tell_signing(station: Station, evse: int | None, turn: Turn) -> bool:
    return station.certificates.trigger(station, turn)


TOLD: dict[TriggerKind, Callable[[Station, int | None, Turn], bool]] = {
    TriggerKind.BOOT: _tell_boot,
    TriggerKind.HEARTBEAT: _tell_heartbeat,
    TriggerKind.STATUS: _tell_status,
    TriggerKind.METER_VALUES: _tell_meter,
    TriggerKind.DIAGNOSTICS: _tell_diagnostics,
    TriggerKind.FIRMWARE: _tell_firmware,
    TriggerKind.LOG: _tell_log,
    TriggerKind.SIGNED_FIRMWARE: _tell_signed_firmware,
    TriggerKind.SIGNING: _tell_signing,
}


def kept(handler: Handler) -> Handler:
    """For what means nothing if it does not outlive the next power cut: refused while the disk takes nothing."""

    def handle(station: Station, request: Any, turn: Turn) -> None:
        if station.box.durable:
            handler(station, request, turn)
        else:
            turn.log(f"! {type(request).__name__} is refused: what it asks for can't be kept now")
            turn.tell(Reply(request.ref, Verdict.REJECTED))

    return handle


# Each function takes exactly the event type that it is entered under.
HANDLERS: dict[type, Handler] = {
    FromCentral: from_central,
    AvailabilityRequested: kept(change_availability),
    VariableWritten: kept(write_variable),
    VariablesRead: read_variables,
    SecretWritten: kept(networks.write_key),
    CacheCleared: kept(clear_cache),
    VendorRequested: vendor_data,
    StartRequested: start,
    StopRequested: stop,
    CancelRequested: cancel,
    ResetRequested: reset,
    UnlockRequested: unlock,
    MeterReplaced: meter_replaced,
    Triggered: trigger,
    **smart_charging.HANDLERS,
    InstallProfile: kept(smart_charging.install),
    ClearProfiles: kept(smart_charging.clear),
    **upkeep.HANDLERS,
    **certificates.HANDLERS,
    **local_list.HANDLERS,
    **reservations.HANDLERS,
}
