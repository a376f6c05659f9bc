"""What can happen to the station. One union, `Event`; `Station.handle(event, now)` takes each.

Three sources: the box itself (`hal_link` finds them by comparing snapshots), the central system (the dialect
decodes them; `ref` is given back with the `Reply`), and the outcome of what we sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evsed.core.profiles import ClearProfiles, CompositeAsked, InstallProfile, Profile
from evsed.core.words import FaultNote, MeterReading, Registration, Token, TokenStatus

Ref = str
"""Names the request that a Reply answers; made by whoever asks."""


# --- the box -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HalUp:
    """evse-hal answers; `outlets` are the EVSE numbers of the board. Edges of the present state follow."""

    outlets: tuple[int, ...]
    board: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class HalDown:
    """evse-hal is silent: nothing of it may be believed any more."""


@dataclass(frozen=True, slots=True)
class CablePlugged:
    """A cable with a car is in (pilot B, C or D). `cable_ma` is None for a fixed cable."""

    evse: int
    cable_ma: int | None


@dataclass(frozen=True, slots=True)
class CableUnplugged:
    """The pilot is back at A."""

    evse: int


@dataclass(frozen=True, slots=True)
class SocketEmptied:
    """No cable is in the socket any more."""

    evse: int


@dataclass(frozen=True, slots=True)
class EvReady:
    """The car closed S2 and asks for energy (C or D)."""

    evse: int


@dataclass(frozen=True, slots=True)
class EvStoppedDrawing:
    """The car opened S2 (B)."""

    evse: int


@dataclass(frozen=True, slots=True)
class ContactorMoved:
    """The feedback contact says so."""

    evse: int
    closed: bool


@dataclass(frozen=True, slots=True)
class OfferMoved:
    """What the pilot offers now (0 = nothing), what the board can carry, and the guard's reason to stay open."""

    evse: int
    offered_ma: int
    board_ma: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class LockMoved:
    """The bolt's feedback; None = no lock."""

    evse: int
    locked: bool | None


@dataclass(frozen=True, slots=True)
class FaultsChanged:
    """All faults and warnings that the outlet has now."""

    evse: int
    faults: tuple[FaultNote, ...]


@dataclass(frozen=True, slots=True)
class MeterRead:
    """A new believed reading."""

    evse: int
    reading: MeterReading


@dataclass(frozen=True, slots=True)
class TagPresented:
    """A driver showed a card."""

    evse: int
    token: Token


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """`next_deadline()` has come."""


# --- the link to the central system --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A WebSocket with an agreed subprotocol is open."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """It is gone; a call that was open got no answer and does not count as an attempt."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class BootAnswer:
    """To Booted."""

    status: Registration
    wall_ms: int | None
    interval_s: int


@dataclass(frozen=True, slots=True)
class TimeAnswer:
    """To HeartbeatDue."""

    wall_ms: int


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """To AuthorizationAsked, TransactionStarted and TransactionEnded; None fields were not said."""

    status: TokenStatus
    expires_ms: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """The central system took it and had nothing to say."""


Answer = BootAnswer | TimeAnswer | TokenAnswer | Noted


@dataclass(frozen=True, slots=True)
class Binding:
    """What only one peer knows of one of our things, e.g. its number for a transaction. Kept by the store.

    `value` None: it is not needed any more.
    """

    dialect: str
    thing: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Delivered:
    """An outbox item was answered."""

    item: str
    answer: Answer
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An outbox item was refused with an error (`code`), or no answer came in time (`code` None): an attempt."""

    item: str
    code: str | None
    text: str = ""


# --- requests ------------------------------------------------------------------------------------------------


class ResetKind(StrEnum):
    """How far a restart goes."""

    SOFT = "Soft"
    HARD = "Hard"


class TriggerKind(StrEnum):
    """What a central system may ask to be told now."""

    BOOT = "BootNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    STATUS = "StatusNotification"


@dataclass(frozen=True, slots=True)
class AvailabilityRequested:
    """Make an outlet (0 = the station) operative or not. Reply: Verdict."""

    ref: Ref
    evse: int
    operative: bool


@dataclass(frozen=True, slots=True)
class VariableWritten:
    """Set a variable of the catalogue. Reply: Verdict."""

    ref: Ref
    component: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class VariablesRead:
    """Read variables, given as (component, name) pairs; empty = all. Reply: VariablesReply."""

    ref: Ref
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CacheCleared:
    """Forget the authorization cache. Reply: Verdict."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class VendorRequested:
    """DataTransfer from the central system. Reply: VendorReply."""

    ref: Ref
    vendor: str
    message: str | None
    data: str | None


@dataclass(frozen=True, slots=True)
class StartRequested:
    """Remote start; `evse` None = the station chooses. `profile` is for its transaction. Reply: Verdict."""

    ref: Ref
    evse: int | None
    token: Token
    profile: Profile | None = None


@dataclass(frozen=True, slots=True)
class StopRequested:
    """Remote stop of one of our transactions; None = the dialect knows no such one. Reply: Verdict."""

    ref: Ref
    tx: str | None


@dataclass(frozen=True, slots=True)
class ResetRequested:
    """Restart. Reply: Verdict, before anything happens."""

    ref: Ref
    kind: ResetKind


@dataclass(frozen=True, slots=True)
class UnlockRequested:
    """Free the cable. Reply: Verdict, when it is known."""

    ref: Ref
    evse: int


@dataclass(frozen=True, slots=True)
class Triggered:
    """Tell something now; `evse` None = all. Reply: Verdict, then the reports."""

    ref: Ref
    kind: TriggerKind
    evse: int | None


Request = (
    AvailabilityRequested
    | VariableWritten
    | VariablesRead
    | CacheCleared
    | VendorRequested
    | StartRequested
    | StopRequested
    | ResetRequested
    | UnlockRequested
    | Triggered
    | InstallProfile
    | ClearProfiles
    | CompositeAsked
)


@dataclass(frozen=True, slots=True)
class FromCentral:
    """A request that came over the link: registration decides whether it may be answered."""

    request: Request


# --- people and programs at the box --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VendorMessageWanted:
    """A person or another program asks us to send a vendor's message to the central system."""

    vendor: str
    message: str | None
    data: str | None


@dataclass(frozen=True, slots=True)
class RestartWanted:
    """The service manager asks evsed to end; nothing is stopped, hal keeps the charge on its lease."""


@dataclass(frozen=True, slots=True)
class StoreBroken:
    """These changes could not be kept, so no demand or send after them in their list was done; all else was.

    Handed in after that list and before any other event. The shell goes on trying, and keeps them in their order.
    """

    changes: tuple[object, ...]
    why: str


@dataclass(frozen=True, slots=True)
class StoreMended:
    """All changes are kept again."""


BoxEvent = (
    HalUp
    | HalDown
    | CablePlugged
    | CableUnplugged
    | SocketEmptied
    | EvReady
    | EvStoppedDrawing
    | ContactorMoved
    | OfferMoved
    | LockMoved
    | FaultsChanged
    | MeterRead
    | TagPresented
    | DeadlineReached
)
LinkEvent = LinkUp | LinkDown | Delivered | Undelivered
Event = BoxEvent | LinkEvent | Request | FromCentral | VendorMessageWanted | RestartWanted | StoreBroken | StoreMended
