"""What the central system must learn. A report says what happened, never how a version spells it.

The outbox keeps reports; a dialect turns each into a message when its turn comes.
"""

from __future__ import annotations

from msgspec import Struct

from evsed.core.credentials import SigningAsked
from evsed.core.errands import FirmwareStatus, UploadStatus
from evsed.core.security_events import SecurityNoted
from evsed.core.words import FaultNote, MeterSet, Stamp, Status, StopReason, Token


class Booted(Struct, frozen=True):
    """The station started and asks to be registered."""

    triggered: bool = False


class HeartbeatDue(Struct, frozen=True):
    """Nothing else was said for the heartbeat interval."""


class AuthorizationAsked(Struct, frozen=True):
    """A question, not news: may this token charge (or stop) here?"""

    evse: int
    token: Token


class StatusChanged(Struct, frozen=True):
    """An outlet, or the station as a whole (evse 0), is in another state. `fault` may also be a warning."""

    evse: int
    status: Status
    at: Stamp
    fault: FaultNote | None = None
    info: str = ""


class TransactionStarted(Struct, frozen=True):
    """Energy may flow from here on; `meter_wh` is the register."""

    tx: str
    evse: int
    token: Token
    at: Stamp
    meter_wh: int
    reservation: int | None = None


class TransactionUpdated(Struct, frozen=True):
    """Meter samples of a running transaction."""

    tx: str
    evse: int
    samples: tuple[MeterSet, ...]


class TransactionEnded(Struct, frozen=True):
    """The transaction is over. `token` is None when nobody showed one to stop it."""

    tx: str
    evse: int
    token: Token | None
    at: Stamp
    meter_wh: int
    reason: StopReason
    samples: tuple[MeterSet, ...] = ()


class MetersSampled(Struct, frozen=True):
    """Meter samples that belong to no transaction; evse 0 is the main meter of the station."""

    evse: int
    samples: tuple[MeterSet, ...]


class VendorMessage(Struct, frozen=True):
    """A message of a vendor's own making (DataTransfer). `ref` names who waits for the answer."""

    vendor: str
    message: str | None = None
    data: str | None = None
    ref: str = ""


class DiagnosticsProgress(Struct, frozen=True):
    """How far the upload of a log is whose order had no number."""

    status: UploadStatus


class LogProgress(Struct, frozen=True):
    """How far the upload of a log is; `number` is that of its order, None while nothing is under way."""

    status: UploadStatus
    number: int | None


class FirmwareProgress(Struct, frozen=True):
    """How far an update is whose order had no number."""

    status: FirmwareStatus


class SignedFirmwareProgress(Struct, frozen=True):
    """How far an update is; `number` is that of its order, None while nothing is under way."""

    status: FirmwareStatus
    number: int | None


Report = (
    Booted
    | HeartbeatDue
    | AuthorizationAsked
    | StatusChanged
    | TransactionStarted
    | TransactionUpdated
    | TransactionEnded
    | MetersSampled
    | VendorMessage
    | SecurityNoted
    | DiagnosticsProgress
    | LogProgress
    | FirmwareProgress
    | SignedFirmwareProgress
    | SigningAsked
)
