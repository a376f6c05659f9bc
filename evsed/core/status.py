"""What a person wants to know of the wallbox; `why.py` makes sentences of it.

Rules this file upholds:
- A card number leaves the box only masked.
- Currents keep their three words: a limit has an owner, offered is on the pilot, drawn is on the meter.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from evsed.core.words import FaultNote, Refused, Registration, Status, Token

DRAWS_MA = 500  # below it a car takes nothing worth the name of charging
DARK_MV = 50_000  # below it a phase is not the mains
METER_SILENT = "METER_SILENT"  # evse-hal names it so
SLACK_MA = 1_000  # a car that takes this much less than offered limits itself


class Access(StrEnum):
    """Who may charge."""

    FREE = "free"
    AUTHORIZED = "authorized"


class OutletFigures(Struct, frozen=True, kw_only=True):
    """What evse-hal has counted at one outlet since its start: the car's brief wishes for energy that closed nothing,
    pulses that were to wake it, closings of the contactor, and openings that nobody wanted.
    `life_…` is what the contactor did since it was new; `rated_closings` 0 = the board does not say.
    """

    short_c: int
    wake_ups: int
    closings: int
    interruptions: int
    life_closings: int = 0
    life_hours: int = 0
    rated_closings: int = 0


class OutletStatus(Struct, frozen=True, kw_only=True):
    """One outlet now. `drawn_ma` and `voltage_mv` are empty and the meter's other values None while no reading can be
    believed.

    `limits` are all ceilings with their owners, `limited_by` is the owner of the least one. `hal_reason` is the
    guard's reason to keep the contactor open. `refused` is what became of the card that was shown in the last minute.
    `ending` = the transaction is over as soon as the contactor is open; `offer_moves` = the offer may still be on its
    way to the least limit; `cable_for` is the card that the locked cable is kept for; `cable_left` = a cable without a
    car is in the socket; `metered` is false where no meter was ever there. `unassigned_wh` was
    counted since the last transaction. `fell` = the register is not believed: it was so much, and now says so little.
    `warmth` is how warm each watched place is, in thousandths of a degree Celsius;
    `phases` is how many there are, where that can be chosen.
    `reserved` is the card that the outlet waits for, and until when.
    """

    evse: int
    status: Status = Status.AVAILABLE
    plugged: bool = False
    ev_ready: bool = False
    closed: bool = False
    offered_ma: int = 0
    drawn_ma: tuple[int, ...] = ()
    voltage_mv: tuple[int, ...] = ()
    power_w: int | None = None
    energy_wh: int | None = None
    session_wh: int | None = None
    unassigned_wh: int = 0
    fell: tuple[int, int] | None = None
    tx: str | None = None
    token: str | None = None
    limits: tuple[tuple[str, int], ...] = ()
    limited_by: str | None = None
    hal_reason: str | None = None
    faults: tuple[FaultNote, ...] = ()
    warmth: tuple[tuple[str, int], ...] = ()
    phases: int | None = None
    operative: bool = True
    authorizing: bool = False
    waiting_for_cable: bool = False
    waiting_for_meter: bool = False
    deauthorized: bool = False
    refused: Refused | None = None
    ending: bool = False
    offer_moves: bool = False
    cable_for: str | None = None
    reserved: tuple[str, str] | None = None
    cable_left: bool = False
    metered: bool = True
    access: Access = Access.AUTHORIZED
    figures: OutletFigures | None = None


class HalStatus(Struct, frozen=True, kw_only=True):
    """Whether evse-hal answers, and for how many seconds that has been so. `garbled` datagrams of it were dropped by
    evsed, `dropped` ones by evse-hal, each since its own start.
    """

    up: bool = False
    for_s: int = 0
    garbled: int = 0
    dropped: int = 0


class LinkStatus(Struct, frozen=True, kw_only=True):
    """The connection to the central system; `url` is what is dialled, without its query; `for_s` is how long it has
    been as it is; `silent_s` is for how long it has owed an answer, None if it owes none. `distrusted`: the last
    attempt failed since its certificate was not trusted. `counters` are what went wrong since evsed began, by
    name; what never did is not in it.
    """

    configured: bool = False
    connected: bool = False
    for_s: int = 0
    silent_s: int | None = None
    next_try_s: int | None = None
    error: str = ""
    url: str = ""
    distrusted: bool = False
    counters: dict[str, int] = {}


class TickStatus(Struct, frozen=True, kw_only=True):
    """How the 10 ms loop of evse-hal keeps its time, since its start."""

    ticks: int
    overruns: int
    late_max_us: int


class CertificateKind(StrEnum):
    """What a certificate is for."""

    OWN = "station"
    CENTRAL = "central root"
    MANUFACTURER = "manufacturer root"


class CertificateNote(Struct, frozen=True, kw_only=True):
    """One certificate of the box. `serial` is hexadecimal, `until_ms` None where its end can't be read; `in_use`: the
    present connection relies on it, or it is what the station shows. `early`: it does not count yet. `warning` tells
    of that, and of an end that is near or over.
    """

    kind: CertificateKind
    title: str
    serial: str
    until_ms: int | None
    in_use: bool = False
    ended: bool = False
    early: bool = False
    warning: str = ""


class Older(StrEnum):
    """What the newest one does not stand for us with, so that the one before is shown again."""

    KEY = "key"
    CERTIFICATE = "certificate"


class Dials(Struct, frozen=True, kw_only=True):
    """How the station shows itself to the central system: by which security profile, and whether with an older key or
    certificate than the newest. `has_key`: there is an AuthorizationKey.
    """

    profile: int = 0
    older: Older | None = None
    has_key: bool = False


class StationStatus(Struct, frozen=True, kw_only=True):
    """The whole box now. `store` says what keeps the journal from being written, "" when all is well; `next_boot_s` is
    when a central system that has not accepted us is asked again.
    """

    identity: str
    version: str
    hal: HalStatus = HalStatus()
    link: LinkStatus = LinkStatus()
    dials: Dials = Dials()
    registration: Registration | None = None
    next_boot_s: int | None = None
    queue_length: int = 0
    clock_trusted: bool = False
    tick: TickStatus | None = None
    store: str = ""
    restarting: bool = False
    certificates: tuple[CertificateNote, ...] = ()
    outlets: tuple[OutletStatus, ...] = ()


def masked(token: Token | None) -> str | None:
    """A card number as it may be shown: at most its last four characters, never more than half of it."""
    if token is None:
        return None
    shown = min(4, len(token.value) // 2)
    return "…" + token.value[len(token.value) - shown :]
