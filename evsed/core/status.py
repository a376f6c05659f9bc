"""What a person wants to know of the wallbox, and the answer to "why is it not charging?".

Rules this file upholds:
- `why` always gives exactly one sentence: the first row of `REASONS` that applies. The last row always does.
- The most specific cause comes first; where a person can do something, the sentence says what.
- A card number leaves the box only masked.
- Currents keep their three words: a limit has an owner, offered is on the pilot, drawn is on the meter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from evsed.core.figures import amps, duration
from evsed.core.limits import CSMS, INSTALLER, LEAST_OFFER_MA
from evsed.core.words import FaultNote, Registration, Status, Token, TokenStatus

DRAWS_MA = 500  # below it a car takes nothing worth the name of charging
SLACK_MA = 1_000  # a car that takes this much less than offered limits itself


class Access(StrEnum):
    """Who may charge."""

    FREE = "free"
    AUTHORIZED = "authorized"


class OutletStatus(Struct, frozen=True, kw_only=True):
    """One outlet now. `drawn_ma` is empty and the meter's values are None while no reading can be believed.

    `limits` are all ceilings with their owners, `limited_by` is the owner of the least one. `hal_reason` is the
    guard's reason to keep the contactor open. `refused` is what became of the last card, until something newer.
    `ending` = the transaction is over as soon as the contactor is open.
    """

    evse: int
    status: Status = Status.AVAILABLE
    plugged: bool = False
    ev_ready: bool = False
    closed: bool = False
    offered_ma: int = 0
    drawn_ma: tuple[int, ...] = ()
    power_w: int | None = None
    energy_wh: int | None = None
    session_wh: int | None = None
    tx: str | None = None
    token: str | None = None
    limits: tuple[tuple[str, int], ...] = ()
    limited_by: str | None = None
    hal_reason: str | None = None
    faults: tuple[FaultNote, ...] = ()
    operative: bool = True
    authorizing: bool = False
    waiting_for_cable: bool = False
    waiting_for_meter: bool = False
    deauthorized: bool = False
    refused: TokenStatus | None = None
    ending: bool = False
    access: Access = Access.AUTHORIZED


class HalStatus(Struct, frozen=True, kw_only=True):
    """Whether evse-hal answers, and for how many seconds that has been so."""

    up: bool = False
    for_s: int = 0


class LinkStatus(Struct, frozen=True, kw_only=True):
    """The connection to the central system; `for_s` is how long it has been as it is."""

    configured: bool = False
    connected: bool = False
    for_s: int = 0
    next_try_s: int | None = None
    error: str = ""


class TickStatus(Struct, frozen=True, kw_only=True):
    """How the 10 ms loop of evse-hal keeps its time, since its start."""

    ticks: int
    overruns: int
    late_max_us: int


class StationStatus(Struct, frozen=True, kw_only=True):
    """The whole box now. `store` says what keeps the journal from being written, "" when all is well."""

    identity: str
    version: str
    hal: HalStatus = HalStatus()
    link: LinkStatus = LinkStatus()
    registration: Registration | None = None
    queue_length: int = 0
    clock_trusted: bool = False
    tick: TickStatus | None = None
    store: str = ""
    restarting: bool = False
    outlets: tuple[OutletStatus, ...] = ()


def masked(token: Token | None) -> str | None:
    """A card number as it may be shown: at most its last four characters, never more than half of it."""
    if token is None:
        return None
    shown = min(4, len(token.value) // 2)
    return "…" + token.value[len(token.value) - shown :]


def link_sentence(link: LinkStatus) -> str:
    """How the connection stands, in one sentence."""
    if not link.configured:
        return "No central system is configured; the box works on its own."
    if link.connected:
        return f"Connected for {duration(link.for_s)}."
    cause = f": {_clause(link.error)}" if link.error else ""
    again = "" if link.next_try_s is None else f"; next try in {duration(link.next_try_s)}"
    return f"Offline for {duration(link.for_s)}{cause}{again}."


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


def _words(outlet: OutletStatus, station: StationStatus) -> dict[str, str]:
    fault = _stopping(outlet)
    owner = _clause(outlet.limited_by or "")
    return {
        "evse": str(outlet.evse),
        "card": _clause(outlet.token or "") or "of an unknown number",
        "fault": _clause(fault.name if fault else ""),
        "text": _clause(fault.text if fault else "") or "no more is known",
        "drawn": amps(_drawn(outlet)),
        "offered": amps(outlet.offered_ma),
        "allowed": amps(_allowed(outlet)),
        "owner": _owner(owner, station),
        "reason": _clause(outlet.hal_reason or "") or "it names no reason",
        "refused": outlet.refused or "",
        "store": _clause(station.store) or "it does not say why",
    }


OWNERS = {
    "board": "the board",
    "cable": "the cable",
    INSTALLER: "the installer's limit",
    CSMS: "the central system",
}


def _owner(owner: str, station: StationStatus) -> str:
    known = OWNERS.get(owner, f"“{owner}”" if owner else "a limit of unknown owner")
    undated = owner == CSMS and not station.clock_trusted
    return f"{known}, whose dated profiles count with their lowest limit while no time is known" if undated else known


# What evse-hal names, in the words of its catalogue; tests hold both sides together.
CLEARED_BY_UNPLUGGING = frozenset({"DIODE_MISSING", "FAIL_TO_CLOSE", "OVER_CURRENT"})
CLEARED_BY_SERVICE = frozenset({"WELDED"})
HAL_REASONS = {
    "LATE_BEAT": "The hardware process stood still for too long and opened the contactor; wait some seconds.",
    "FELL_OPEN": "The contactor fell open by itself; wait some seconds, and if that lasts check its supply.",
    "STALE_SAMPLE": "The pilot is not being measured; look at the log of evse-hal.",
    "PILOT_TROUBLE": "The pilot line shows no valid level; check the cable and the wiring of the pilot.",
    "PILOT_E": "The pilot line is shorted to earth; unplug the car and check the cable.",
    "PILOT_F": "The pilot tells the car for a moment that the box is not available; wait some seconds.",
    "NO_LEASE": "The hardware process has no permission from evsed yet; wait some seconds.",
    "LEASE_OVER": "The permission that evsed gave the hardware process has run out; look at the log of evsed.",
    "NOT_WANTED": "The hardware process has not been told to close the contactor; wait some seconds.",
    "LIMIT_BELOW_6A": "Less than 6.0 A can be offered, and no car can take that; the least limit is that of {owner}.",
    "PWM_OFF": "The pilot does not offer current yet; wait some seconds.",
    "D_NOT_ALLOWED": "The car asks for ventilation, which this box must not promise; it can't charge here.",
    "DIODE_NOT_SEEN": "The diode of the car's pilot circuit is not seen yet; if that lasts, check the cable.",
    "LOCK_NOT_CONFIRMED": "The plug is not locked in the socket; push it in fully.",
    "RELAY_REST": "The contactor rests before it may close again; wait some seconds.",
}


def _hal_row(reason: str, sentence: str) -> Row:
    return Row(f"hal {reason}", lambda outlet, _: outlet.hal_reason == reason, sentence)


REASONS: tuple[Row, ...] = (
    Row(
        "hal down",
        lambda _, station: not station.hal.up,
        "The hardware process evse-hal does not answer; look at 'systemctl status evse-hal'.",
    ),
    Row(
        "fault for service",
        lambda outlet, _: (fault := _stopping(outlet)) is not None and fault.name in CLEARED_BY_SERVICE,
        "Fault {fault}: {text}; switch the supply off and have it repaired, then run 'evse-hal --service-clear'.",
    ),
    Row(
        "fault until unplugged",
        lambda outlet, _: (fault := _stopping(outlet)) is not None and fault.name in CLEARED_BY_UNPLUGGING,
        "Fault {fault}: {text}; unplug the car, and try again or try another cable.",
    ),
    Row(
        "latched fault",
        lambda outlet, _: (fault := _stopping(outlet)) is not None and fault.latched,
        "Fault {fault}: {text}; remove the cause, then run 'evsectl clear-faults --evse {evse}'.",
    ),
    Row(
        "fault",
        lambda outlet, _: _stopping(outlet) is not None,
        "Fault {fault}: {text}; the charge may go on by itself once that is over.",
    ),
    Row(
        "closed without a charge",
        lambda outlet, _: outlet.closed and outlet.tx is None,
        "The contactor is closed although no charge is running; it is about to open.",
    ),
    Row(
        "ending",
        lambda outlet, _: outlet.ending,
        "The charge is ending; the contactor opens as soon as the car lets go.",
    ),
    Row(
        "charging unmeasured",
        lambda outlet, _: outlet.closed and not outlet.drawn_ma,
        "Charging with up to {offered}, limited by {owner}.",
    ),
    Row(
        "closed but idle",
        lambda outlet, _: outlet.closed and _drawn(outlet) < DRAWS_MA,
        "The contactor is closed and {offered} are offered, but the car draws nothing yet.",
    ),
    Row(
        "offer on its way",
        lambda outlet, _: (
            outlet.closed and bool(outlet.limits) and abs(outlet.offered_ma - _allowed(outlet)) > SLACK_MA
        ),
        "Charging at {drawn}; the offer moves from {offered} to {allowed} within seconds.",
    ),
    Row(
        "charging below the offer",
        lambda outlet, _: outlet.closed and _drawn(outlet) <= outlet.offered_ma - SLACK_MA,
        "Charging at {drawn}, limited by the car; {offered} are offered.",
    ),
    Row(
        "charging",
        lambda outlet, _: outlet.closed,
        "Charging at {drawn}, limited by {owner}.",
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
        "reserved",
        lambda outlet, _: outlet.status is Status.RESERVED,
        "The outlet is reserved for another driver; wait until the reservation ends.",
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
        lambda outlet, _: outlet.refused is not None and outlet.tx is None,
        "The last card was refused ({refused}); show another one.",
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
        "no meter",
        lambda outlet, _: outlet.waiting_for_meter,
        "The energy meter gives no reading; check its wiring, address and speed.",
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
    *(_hal_row(reason, sentence) for reason, sentence in HAL_REASONS.items()),
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
