"""The answers to "why is it not charging?" and "how does it stand with the central system?", in sentences.

Rules this file upholds:
- `why` always gives exactly one sentence: the first row of `REASONS` that applies. The last row always does.
- The most specific cause comes first; where a person can do something, the sentence says what.
- What evse-hal names is put into words by `advice.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from evsed.core import advice
from evsed.core.figures import amps, duration, kilowatt_hours
from evsed.core.lapsing import hindrances
from evsed.core.limits import CSMS, INSTALLER, LEAST_OFFER_MA
from evsed.core.measurands import PHASES
from evsed.core.status import DARK_MV, DRAWS_MA, METER_SILENT, SLACK_MA, Access, OutletStatus, StationStatus
from evsed.core.words import FaultNote, Refused, Registration, Status

SILENT_S = 5  # an answer that takes longer is worth a word
SIMPLIFIED_MA = 10_000  # IEC 61851-1 A.2.3: what evse-hal offers a car that came without state B


def link_sentence(station: StationStatus) -> str:
    """How the connection stands, in one sentence."""
    link = station.link
    if not link.configured:
        return "No central system is configured; the box works on its own."
    if link.connected:
        silent = "" if (link.silent_s or 0) < SILENT_S else f", but no answer for {duration(link.silent_s or 0)}"
        return f"Connected for {duration(link.for_s)}{silent}."
    causes = [_clause(link.error), *map(_clause, hindrances(station))]
    cause = f": {'; '.join(filter(None, causes))}" if any(causes) else ""
    again = "" if link.next_try_s is None else f"; next try in {duration(link.next_try_s)}"
    return f"Offline for {duration(link.for_s)}{cause}{again}."


def registration_sentence(station: StationStatus) -> str:
    """Whether the central system has taken this box, in one sentence."""
    again = "" if station.next_boot_s is None else f"; it is asked again in {duration(station.next_boot_s)}"
    return REGISTRATIONS[station.registration].format(identity=_clause(station.identity), again=again)


REGISTRATIONS = {
    None: "The central system has not answered yet{again}.",
    Registration.ACCEPTED: "Accepted.",
    Registration.PENDING: "Pending: the central system has not released this box yet, so only cards known here may "
    "charge{again}.",
    Registration.REJECTED: "Rejected: the central system does not take this box, so only cards known here may charge; "
    "enter “{identity}” there{again}.",
}


def fault_advice(fault: FaultNote, evse: int) -> str:
    """What a person should do about a fault, as the end of a sentence; "" if nothing."""
    if fault.gone and (over := advice.on_gone(fault.name, evse)):
        return over
    return advice.on_fault(fault.name, latched=fault.latched, opens=fault.opens, evse=evse)


def why(outlet: OutletStatus, station: StationStatus) -> str:
    """Why this outlet charges as it does, or doesn't: exactly one sentence."""
    row = next(row for row in REASONS if row.applies(outlet, station))
    return row.sentence.format_map(_words(outlet, station))


class Row(Struct, frozen=True):
    """One cause: when it applies and the sentence for it, with the words of `_words` in braces."""

    name: str
    applies: Callable[[OutletStatus, StationStatus], bool]
    sentence: str


def _clause(text: str) -> str:
    """Foreign text made fit for the inside of one sentence."""
    return re.sub(r"[.!?…]+(\s|$)", r";\1", " ".join(text.split())).rstrip(" ;,:")


def _stopping(outlet: OutletStatus) -> FaultNote | None:
    """The fault that keeps the contactor open; a latched one before one that goes by itself."""
    return min((f for f in outlet.faults if f.opens), key=lambda f: not f.latched, default=None)


def _drawn(outlet: OutletStatus) -> int:
    return max(outlet.drawn_ma, default=0)


def _allowed(outlet: OutletStatus) -> int:
    return min((ma for _, ma in outlet.limits), default=outlet.offered_ma)


def _silent_meter(outlet: OutletStatus) -> FaultNote | None:
    return next((f for f in outlet.faults if f.name == METER_SILENT), None)


def _dark(outlet: OutletStatus) -> list[str]:
    """The phases on which the meter sees no mains."""
    return [phase for phase, mv in zip(PHASES, outlet.voltage_mv, strict=False) if mv < DARK_MV]


def _cant_be_asked(station: StationStatus) -> str:
    if not station.link.connected:
        return "the central system can't be asked without a connection"
    return "the central system can't be asked before it has accepted this box"


def _words(outlet: OutletStatus, station: StationStatus) -> dict[str, str]:
    fault = _stopping(outlet)
    silent = _silent_meter(outlet)
    owner = _clause(outlet.limited_by or "")
    return {
        "evse": str(outlet.evse),
        "card": _clause(outlet.token or "") or "of an unknown number",
        "fault": _clause(fault.name if fault else ""),
        "text": _clause(fault.text if fault else "") or "no more is known",
        "advice": _clause(fault_advice(fault, outlet.evse) if fault else ""),
        "silence": _clause(silent.text if silent else "") or "the energy meter gives no reading",
        "meter_advice": advice.on_fault(METER_SILENT, latched=False, opens=False, evse=outlet.evse),
        "dark": f"; the meter sees no voltage on {' and '.join(_dark(outlet))}" if _dark(outlet) else "",
        "drawn": amps(_drawn(outlet)),
        "offered": amps(outlet.offered_ma),
        "allowed": amps(_allowed(outlet)),
        "owner": _owner(owner, station),
        "reason": _clause(outlet.hal_reason or "") or "it names no reason",
        "refused": REFUSALS.get(outlet.refused, "") if outlet.refused else "",
        "cant_be_asked": _cant_be_asked(station),
        "reserved_for": _clause(outlet.reserved[0] if outlet.reserved else ""),
        "reserved_until": _clause(outlet.reserved[1] if outlet.reserved else ""),
        "holder": _clause(outlet.cable_for or "") or "of an unknown number",
        "known": kilowatt_hours(outlet.fell[0] if outlet.fell else 0),
        "fell": kilowatt_hours(outlet.fell[1] if outlet.fell else 0),
        "store": _clause(station.store) or "it does not say why",
    }


REFUSALS = {
    Refused.BLOCKED: "blocked",
    Refused.EXPIRED: "expired",
    Refused.INVALID: "unknown",
    Refused.CONCURRENT_TX: "charging somewhere else already",
}
OWNERS = {
    "board": "the board",
    "cable": "the cable",
    "heat": "its own heat",
    "grid": "the grid operator",
    "switch": "its switch",
    INSTALLER: "the installer's limit",
    CSMS: "the central system",
}


def _owner(owner: str, station: StationStatus) -> str:
    known = OWNERS.get(owner, f"“{owner}”" if owner else "a limit of unknown owner")
    undated = owner == CSMS and not station.clock_trusted
    return f"{known}, whose dated profiles count with their lowest limit while no time is known" if undated else known


def _hal_row(reason: str, sentence: str) -> Row:
    return Row(f"hal {reason}", lambda outlet, _: outlet.hal_reason == reason, sentence)


REASONS: tuple[Row, ...] = (
    Row(
        "hal down",
        lambda _, station: not station.hal.up,
        "The hardware process evse-hal does not answer; look at 'systemctl status evse-hal'.",
    ),
    Row(
        "fault",
        lambda outlet, _: _stopping(outlet) is not None,
        "Fault {fault}: {text}; {advice}.",
    ),
    Row(
        "closed without a charge",
        lambda outlet, _: outlet.closed and outlet.tx is None,
        "The contactor is closed although no charge is running; it is about to open.",
    ),
    Row(
        "ended, not written",
        lambda outlet, _: outlet.ending and not outlet.closed,
        "The charge has ended and its last meter reading is awaited; wait some seconds.",
    ),
    Row(
        "ending",
        lambda outlet, _: outlet.ending,
        "The charge is ending; the contactor opens as soon as the car lets go.",
    ),
    Row(
        "another card charges",
        lambda outlet, _: (
            outlet.refused is Refused.OTHER_CARD and outlet.tx is not None and outlet.access is Access.AUTHORIZED
        ),
        "The last card is not taken, since card {card} charges here; show that one to end the charge.",
    ),
    Row(
        "no mains",
        lambda outlet, _: outlet.closed and bool(outlet.voltage_mv) and len(_dark(outlet)) == len(outlet.voltage_mv),
        "The contactor is closed, but the meter sees no mains voltage; check the supply and its fuses.",
    ),
    Row(
        "charging unmeasured",
        lambda outlet, _: outlet.closed and not outlet.drawn_ma,
        "Charging with up to {offered}, limited by {owner}; the energy meter gives no reading, so the charge goes on "
        "and its energy is told once the meter answers.",
    ),
    Row(
        "closed but idle",
        lambda outlet, _: outlet.closed and _drawn(outlet) < DRAWS_MA,
        "The contactor is closed and {offered} are offered, but the car draws nothing yet{dark}.",
    ),
    Row(
        "offer on its way",
        lambda outlet, _: (
            outlet.closed
            and outlet.offer_moves
            and bool(outlet.limits)
            and abs(outlet.offered_ma - _allowed(outlet)) > SLACK_MA
        ),
        "Charging at {drawn}; the offer moves from {offered} to {allowed} within seconds.",
    ),
    Row(
        "simplified car",
        lambda outlet, _: outlet.closed and outlet.offered_ma == SIMPLIFIED_MA < _allowed(outlet) - SLACK_MA,
        "Charging at {drawn}; the car asked for energy without the usual handshake, and such a car is offered 10.0 A "
        "at most.",
    ),
    Row(
        "charging below the offer",
        lambda outlet, _: outlet.closed and _drawn(outlet) <= outlet.offered_ma - SLACK_MA,
        "Charging at {drawn}, limited by the car; {offered} are offered{dark}.",
    ),
    Row(
        "charging",
        lambda outlet, _: outlet.closed,
        "Charging at {drawn}, limited by {owner}{dark}.",
    ),
    Row(
        "restarting",
        lambda _, station: station.restarting,
        "The box is about to restart; wait a minute.",
    ),
    Row(
        "journal in trouble",
        lambda _, station: bool(station.store),
        "The journal can't be written, and without it nothing may charge: {store}.",
    ),
    Row(
        "out of service",
        lambda outlet, _: not outlet.operative,
        "The outlet is out of service; put it back with 'evsectl availability operative --evse {evse}'.",
    ),
    Row(
        "no meter configured",
        lambda outlet, _: outlet.tx is None and not outlet.metered,
        "No energy meter is configured for this outlet, and no charge may begin unmeasured; add a [[meter]] to "
        "site.toml and restart the box.",
    ),
    Row(
        "register fell",
        lambda outlet, _: outlet.fell is not None and outlet.tx is None,
        "The register of the energy meter fell from {known} to {fell}, so no charge may begin; have the meter checked, "
        "or run 'evsectl meter-replaced --evse {evse}' if it is another one.",
    ),
    Row(
        "authorizing",
        lambda outlet, _: outlet.authorizing,
        "A card is being checked; wait a moment.",
    ),
    Row(
        "waiting for the cable",
        lambda outlet, _: outlet.waiting_for_cable and not outlet.plugged,
        "Card {card} is accepted; plug in the car.",
    ),
    Row(
        "card refused",
        lambda outlet, _: outlet.refused in REFUSALS and outlet.tx is None,
        "The central system refused the last card as {refused}; show another one, or ask the operator.",
    ),
    Row(
        "card refused earlier",
        lambda outlet, _: outlet.refused is Refused.EARLIER and outlet.tx is None,
        "The central system refused the last card earlier, and {cant_be_asked}; show another one.",
    ),
    Row(
        "card not known, alone",
        lambda outlet, station: outlet.refused is Refused.UNKNOWN and outlet.tx is None and not station.link.configured,
        "The last card is not known here; add it to access.tags in site.toml and restart evsed, or show another one.",
    ),
    Row(
        "card not known",
        lambda outlet, _: outlet.refused is Refused.UNKNOWN and outlet.tx is None,
        "The last card is not known here, and {cant_be_asked}; try again later, or add the card to access.tags in "
        "site.toml.",
    ),
    Row(
        "card only online",
        lambda outlet, _: outlet.refused is Refused.NOT_OFFLINE and outlet.tx is None,
        "The last card is known, but LocalAuthorizeOffline is false, and {cant_be_asked}; try again later.",
    ),
    Row(
        "reserved",
        lambda outlet, _: outlet.reserved is not None and outlet.tx is None,
        "The outlet is reserved for card {reserved_for} until {reserved_until}; show that card to charge.",
    ),
    Row(
        "cable kept",
        lambda outlet, _: outlet.cable_for is not None and outlet.tx is None,
        "The charge has ended and the cable is kept for card {holder}; show it again to free the cable.",
    ),
    Row(
        "cable without a car",
        lambda outlet, _: outlet.cable_left and outlet.tx is None,
        "A cable without a car is in the socket, or its pilot or earth wire is broken; plug it into the car, or take "
        "it out.",
    ),
    Row(
        "car left its charge",
        lambda outlet, _: not outlet.plugged and outlet.tx is not None,
        "The car is unplugged but its charge is still open; plug it in again, or end it with card {card}.",
    ),
    Row(
        "no car",
        lambda outlet, _: not outlet.plugged,
        "No car is plugged in.",
    ),
    Row(
        "no longer accepted",
        lambda outlet, _: outlet.deauthorized,
        "Card {card} is no longer accepted by the central system; unplug the car, or ask the operator.",
    ),
    Row(
        "finished, free",
        lambda outlet, _: outlet.status is Status.FINISHING and outlet.tx is None and outlet.access is Access.FREE,
        "The charge has ended; unplug the car and plug it in again to start another one.",
    ),
    Row(
        "finished",
        lambda outlet, _: outlet.status is Status.FINISHING and outlet.tx is None,
        "The charge has ended; unplug the car, or show a card to start another one.",
    ),
    Row(
        "no meter reading",
        lambda outlet, _: outlet.waiting_for_meter or (outlet.tx is None and _silent_meter(outlet) is not None),
        "No charge may begin unmeasured: {silence}; {meter_advice}.",
    ),
    Row(
        "about to start",
        lambda outlet, _: outlet.tx is None and outlet.access is Access.FREE,
        "A car is plugged in and the charge is about to start.",
    ),
    Row(
        "no card",
        lambda outlet, _: outlet.tx is None,
        "Show a card to start the charge.",
    ),
    Row(
        "paused by a limit",
        lambda outlet, _: bool(outlet.limits) and _allowed(outlet) < LEAST_OFFER_MA,
        "Paused by {owner}: {allowed} are allowed, and a car needs at least 6.0 A.",
    ),
    *(_hal_row(reason, sentence) for reason, sentence in advice.REASONS.items()),
    Row(
        "car not ready",
        lambda outlet, _: not outlet.ev_ready,
        "The car does not ask for energy; it may be full, asleep or waiting for a timer of its own.",
    ),
    Row(
        "other reason of hal",
        lambda outlet, _: bool(outlet.hal_reason) and outlet.hal_reason != "C_UNCONFIRMED",
        "The hardware process keeps the contactor open: {reason}.",
    ),
    Row(
        "about to close",
        lambda _, __: True,
        "The car asks for energy and the contactor is about to close.",
    ),
)
