"""What the central system must learn. A report says what happened, never how a version spells it.

The outbox keeps reports; a dialect turns each into a message when its turn comes.
"""

from __future__ import annotations

from dataclasses import dataclass

from evsed.core.words import FaultNote, MeterSet, Stamp, Status, StopReason, Token


@dataclass(frozen=True, slots=True)
class Booted:
    """The station started and asks to be registered."""

    triggered: bool = False


@dataclass(frozen=True, slots=True)
class HeartbeatDue:
    """Nothing else was said for the heartbeat interval."""


@dataclass(frozen=True, slots=True)
class AuthorizationAsked:
    """A question, not news: may this token charge (or stop) here?"""

    evse: int
    token: Token


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """An outlet, or the station as a whole (evse 0), is in another state. `fault` may also be a warning."""

    evse: int
    status: Status
    at: Stamp
    fault: FaultNote | None = None
    info: str = ""


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """Energy may flow from here on; `meter_wh` is the register."""

    tx: str
    evse: int
    token: Token
    at: Stamp
    meter_wh: int
    reservation: int | None = None


@dataclass(frozen=True, slots=True)
class TransactionUpdated:
    """Meter samples of a running transaction."""

    tx: str
    evse: int
    samples: tuple[MeterSet, ...]


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """The transaction is over. `token` is None when nobody showed one to stop it."""

    tx: str
    evse: int
    token: Token | None
    at: Stamp
    meter_wh: int
    reason: StopReason
    samples: tuple[MeterSet, ...] = ()


@dataclass(frozen=True, slots=True)
class MetersSampled:
    """Meter samples that belong to no transaction; evse 0 is the main meter of the station."""

    evse: int
    samples: tuple[MeterSet, ...]


@dataclass(frozen=True, slots=True)
class VendorMessage:
    """A message of a vendor's own making (DataTransfer)."""

    vendor: str
    message: str | None = None
    data: str | None = None


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
)
TransactionReport = TransactionStarted | TransactionUpdated | TransactionEnded
