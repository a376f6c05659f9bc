"""What can happen to the station. One union, `Event`; `Station.handle(event, now)` takes each.

Three sources: the box itself (`hal_link` finds them by comparing snapshots), the central system (the dialect
decodes them; `ref` is given back with the `Reply`), and the outcome of what we sent.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from evsed.core.central_systems import DialFailed, SecretWritten
from evsed.core.credentials import CertificateRequest, SigningAnswer
from evsed.core.errands import UpkeepEvent, UpkeepRequest
from evsed.core.listed import ListSent, ListVersionAsked
from evsed.core.profiles import ClearProfiles, CompositeAsked, InstallProfile, Profile
from evsed.core.reserved import ReservationCancelled, ReserveAsked
from evsed.core.security_events import SecurityNoticed
from evsed.core.sensed import SensedEvent
from evsed.core.words import FaultNote, MeterReading, Registration, StopReason, Token, TokenStatus, Verdict

Ref = str
"""Names the request that a Reply answers; made by whoever asks."""


# --- the box -------------------------------------------------------------------------------------------------


class HalUp(Struct, frozen=True):
    """evse-hal answers; `outlets` are the EVSE numbers of the board. Edges of the present state follow."""

    outlets: tuple[int, ...]


class HalDown(Struct, frozen=True):
    """evse-hal is silent: nothing of it may be believed any more."""


class CablePlugged(Struct, frozen=True):
    """A cable with a car is in (pilot B, C or D). `cable_ma` is None for a fixed cable."""

    evse: int
    cable_ma: int | None


class CableUnplugged(Struct, frozen=True):
    """The pilot is back at A."""

    evse: int


class SocketEmptied(Struct, frozen=True):
    """No cable is in the socket any more."""

    evse: int


class EvReady(Struct, frozen=True):
    """The car closed S2 and asks for energy (C or D)."""

    evse: int


class EvStoppedDrawing(Struct, frozen=True):
    """The car opened S2 (B)."""

    evse: int


class ContactorMoved(Struct, frozen=True):
    """The feedback contact says so."""

    evse: int
    closed: bool


class OfferMoved(Struct, frozen=True):
    """What the pilot offers now (0 = nothing), the limits of the hardware by owner, the least one first, and the
    guard's reason to stay open.
    """

    evse: int
    offered_ma: int
    limits: tuple[tuple[str, int], ...]
    reason: str | None


class LockMoved(Struct, frozen=True):
    """The bolt's feedback; None = no lock."""

    evse: int
    locked: bool | None


class FaultsChanged(Struct, frozen=True):
    """All faults and warnings that the outlet has now."""

    evse: int
    faults: tuple[FaultNote, ...]


class MeterRead(Struct, frozen=True):
    """A new believed reading."""

    evse: int
    reading: MeterReading


class TagPresented(Struct, frozen=True):
    """A driver showed a card."""

    evse: int
    token: Token


class DeadlineReached(Struct, frozen=True):
    """`next_deadline()` has come."""


# --- the link to the central system --------------------------------------------------------------------------


class LinkUp(Struct, frozen=True):
    """A WebSocket with an agreed subprotocol is open. `chain`: fingerprints of the certificates that TLS relied on."""

    chain: tuple[str, ...] = ()


class LinkDown(Struct, frozen=True):
    """It is gone; a call that was open got no answer and does not count as an attempt."""

    why: str = ""


class BootAnswer(Struct, frozen=True):
    """To Booted."""

    status: Registration
    wall_ms: int | None
    interval_s: int


class TimeAnswer(Struct, frozen=True):
    """To HeartbeatDue."""

    wall_ms: int


class TokenAnswer(Struct, frozen=True):
    """To AuthorizationAsked, TransactionStarted and TransactionEnded; None fields were not said."""

    status: TokenStatus
    expires_ms: int | None = None
    group: str | None = None


class Noted(Struct, frozen=True):
    """The central system took it and had nothing to say."""


class VendorAnswer(Struct, frozen=True):
    """To VendorMessage."""

    verdict: Verdict
    data: str | None = None


Answer = BootAnswer | TimeAnswer | TokenAnswer | VendorAnswer | SigningAnswer | Noted


class Binding(Struct, frozen=True):
    """What only one peer knows of one of our things, e.g. its number for a transaction. Kept by the store.

    `value` None: it is not needed any more.
    """

    dialect: str
    thing: str
    value: str | None


class Delivered(Struct, frozen=True):
    """An outbox item was answered."""

    item: str
    answer: Answer
    bindings: tuple[Binding, ...] = ()


class Undelivered(Struct, frozen=True):
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
    DIAGNOSTICS = "DiagnosticsStatusNotification"
    FIRMWARE = "FirmwareStatusNotification"
    LOG = "LogStatusNotification"
    SIGNED_FIRMWARE = "SignedFirmwareStatusNotification"
    SIGNING = "SignChargingStationCertificate"
    STATUS = "StatusNotification"


class AvailabilityRequested(Struct, frozen=True):
    """Make an outlet (0 = the station) operative or not. Reply: Verdict."""

    ref: Ref
    evse: int
    operative: bool


class VariableWritten(Struct, frozen=True):
    """Set a variable of the catalogue. Reply: Verdict."""

    ref: Ref
    component: str
    name: str
    value: str


class VariablesRead(Struct, frozen=True):
    """Read variables, given as (component, name) pairs; empty = all. Reply: VariablesReply."""

    ref: Ref
    names: tuple[tuple[str, str], ...]


class CacheCleared(Struct, frozen=True):
    """Forget the authorization cache. Reply: Verdict."""

    ref: Ref


class VendorRequested(Struct, frozen=True):
    """DataTransfer from the central system. Reply: VendorReply."""

    ref: Ref
    vendor: str
    message: str | None
    data: str | None


class StartRequested(Struct, frozen=True):
    """Remote start; `evse` None = the station chooses. `profile` is for its transaction. Reply: Verdict."""

    ref: Ref
    evse: int | None
    token: Token
    profile: Profile | None = None


class StopRequested(Struct, frozen=True):
    """Stop one of our transactions, for this reason; None = the dialect knows no such one. Reply: Verdict."""

    ref: Ref
    tx: str | None
    reason: StopReason = StopReason.REMOTE


class ResetRequested(Struct, frozen=True):
    """Restart. Reply: Verdict, before anything happens."""

    ref: Ref
    kind: ResetKind


class UnlockRequested(Struct, frozen=True):
    """Free the cable. Reply: Verdict, when it is known."""

    ref: Ref
    evse: int


class Triggered(Struct, frozen=True):
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
    | ListSent
    | ListVersionAsked
    | SecretWritten
    | ReserveAsked
    | ReservationCancelled
    | UpkeepRequest
    | CertificateRequest
)


class FromCentral(Struct, frozen=True):
    """A request that came over the link: registration decides whether it may be answered."""

    request: Request


# --- people and programs at the box --------------------------------------------------------------------------


class VendorMessageWanted(Struct, frozen=True):
    """Send a vendor's message to the central system. Reply: VendorReply, when that has answered."""

    ref: Ref
    vendor: str
    message: str | None
    data: str | None


class CancelRequested(Struct, frozen=True):
    """Forget the card that waits at an outlet for its cable, or for an answer. Reply: Verdict."""

    ref: Ref
    evse: int


class MeterReplaced(Struct, frozen=True):
    """A person says that the meter was replaced: its register is right though it fell. Reply: Verdict."""

    ref: Ref
    evse: int


LocalRequest = VendorMessageWanted | CancelRequested | MeterReplaced
"""What only they ask; of the other requests they make most, too."""


# --- the shell -----------------------------------------------------------------------------------------------


class StoreBroken(Struct, frozen=True):
    """These changes could not be kept, so no demand or send after them in their list was done; all else was.

    Handed in after that list and before any other event. The shell goes on trying, and keeps them in their order.
    """

    changes: tuple[object, ...]
    why: str
    full: bool = False


class StoreMended(Struct, frozen=True):
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
    | SensedEvent
    | UpkeepEvent
)
LinkEvent = LinkUp | LinkDown | DialFailed | Delivered | Undelivered
Event = BoxEvent | LinkEvent | SecurityNoticed | Request | LocalRequest | FromCentral | StoreBroken | StoreMended
