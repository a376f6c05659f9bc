"""What the disk must keep. Each record type says its key; the store writes each in its own versioned form."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.central_systems import Agreed, LastGood
from evsed.core.errands import FirmwareUpdate, LogUpload
from evsed.core.events import Binding
from evsed.core.listed import ListedToken, ListMark
from evsed.core.profiles import InstalledProfile
from evsed.core.reports import Report
from evsed.core.reserved import Reservation
from evsed.core.security_events import SecurityEntry
from evsed.core.words import MeterSet, Stamp, StopReason, Token, TokenStatus


class Transaction(Struct, frozen=True):
    """One charge from start to end; open while `ended` is None. `last_wh` is the newest durable register value,
    `refused_wh` the register when the central system refused the token of the running transaction. An open one with a
    `reason` has been told to end, by the token `ended_by` if one was shown. `unassigned_wh` was counted since the end
    of the one before it, and belongs to none.
    """

    id: str
    evse: int
    token: Token
    group: str | None
    started: Stamp
    start_wh: int
    last_wh: int
    refused_wh: int | None = None
    samples: tuple[MeterSet, ...] = ()
    ended: Stamp | None = None
    end_wh: int | None = None
    reason: StopReason | None = None
    ended_by: Token | None = None
    unassigned_wh: int = 0

    @property
    def key(self) -> str:
        """Its id."""
        return self.id


class QueuedReport(Struct, frozen=True):
    """A row of the outbox: a report whose delivery must not be lost. `seq` is its place in the queue."""

    id: str
    seq: int
    report: Report
    attempts: int = 0

    @property
    def key(self) -> str:
        """Its identity on the wire."""
        return self.id


class KnownToken(Struct, frozen=True):
    """A line of the authorization cache."""

    token: Token
    status: TokenStatus
    expires_ms: int | None
    group: str | None
    seen: Stamp

    @property
    def key(self) -> str:
        """The token without regard to case."""
        return self.token.key


class Setting(Struct, frozen=True):
    """A variable that someone has written."""

    component: str
    name: str
    value: str

    @property
    def key(self) -> str:
        """Component.Name."""
        return f"{self.component}.{self.name}"


class Inoperative(Struct, frozen=True):
    """An outlet (0 = the station) that was made unavailable."""

    evse: int

    @property
    def key(self) -> str:
        """Its number."""
        return str(self.evse)


class Spent(Struct, frozen=True):
    """A cable after its charge has ended, until it is gone: with `used` no other charge begins by itself, and an
    `owner` keeps it locked until one of the group is shown.
    """

    evse: int
    boot: str
    used: bool
    owner: Token | None
    group: str | None

    @property
    def key(self) -> str:
        """Its number."""
        return str(self.evse)


class MeterMark(Struct, frozen=True):
    """The highest register of an outlet's meter that was told, and how much of it was counted since the end of the last
    transaction.
    """

    evse: int
    wh: int
    unassigned_wh: int = 0

    @property
    def key(self) -> str:
        """Its number."""
        return str(self.evse)


class BootClock(Struct, frozen=True):
    """Wall time minus monotonic time of one boot, kept when it becomes known: it dates that boot's stamps. `set_ms` is
    by how much the clock was set since.
    """

    boot: str
    offset_ms: int
    set_ms: int = 0

    @property
    def key(self) -> str:
        """The boot id."""
        return self.boot


class Bound(Struct, frozen=True):
    """A Binding, kept."""

    binding: Binding

    @property
    def key(self) -> str:
        """Dialect and thing."""
        return f"{self.binding.dialect}:{self.binding.thing}"


Record = (
    Transaction
    | QueuedReport
    | KnownToken
    | Setting
    | Inoperative
    | Spent
    | MeterMark
    | BootClock
    | Bound
    | InstalledProfile
    | ListedToken
    | ListMark
    | Reservation
    | SecurityEntry
    | FirmwareUpdate
    | LogUpload
    | Agreed
    | LastGood
)


class Recovered(Struct, frozen=True):
    """All that the journal held at start, in the order in which it was written. Ended transactions and the security log
    stay on disk. `damaged`: there was a journal that could not be read, and a fresh one was begun.
    """

    transactions: tuple[Transaction, ...] = ()
    queue: tuple[QueuedReport, ...] = ()
    tokens: tuple[KnownToken, ...] = ()
    settings: tuple[Setting, ...] = ()
    inoperative: tuple[Inoperative, ...] = ()
    spent: tuple[Spent, ...] = ()
    meters: tuple[MeterMark, ...] = ()
    clocks: tuple[BootClock, ...] = ()
    bindings: tuple[Bound, ...] = ()
    profiles: tuple[InstalledProfile, ...] = ()
    listed: tuple[ListedToken, ...] = ()
    list_marks: tuple[ListMark, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    agreed: tuple[Agreed, ...] = ()
    last_good: tuple[LastGood, ...] = ()
    damaged: bool = False
    firmware: tuple[FirmwareUpdate, ...] = ()
    uploads: tuple[LogUpload, ...] = ()


class Past(Struct, frozen=True):
    """What the journal knows of one outlet."""

    running: Transaction | None
    operative: bool
    spent: Spent | None
    meter: MeterMark | None


def past(recovered: Recovered, evse: int) -> Past:
    """The part of the journal that is about this outlet."""
    return Past(
        running=next((tx for tx in recovered.transactions if tx.evse == evse and tx.ended is None), None),
        operative=all(record.evse != evse for record in recovered.inoperative),
        spent=next((record for record in recovered.spent if record.evse == evse), None),
        meter=next((record for record in recovered.meters if record.evse == evse), None),
    )
