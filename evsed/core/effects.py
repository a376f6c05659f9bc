"""What the station asks the shell to do, in this order. The core never does any of it.

Down is free, up is journaled: a `Demand` that lowers or opens comes first in its list, one that raises or closes
comes after the `Persist` that it depends on. The shell commits a `Persist` before it looks at the next effect.
"""

from __future__ import annotations

from dataclasses import dataclass

from evsed.core.events import Ref, ResetKind
from evsed.core.profiles import Composite
from evsed.core.reports import Report
from evsed.core.words import Verdict


@dataclass(frozen=True, slots=True)
class Put:
    """Keep this record: one of the types that `evsed.core.records.Record` lists, replaced by its key."""

    record: object


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget the record of this type and key."""

    kind: type
    key: str


Change = Put | Drop


@dataclass(frozen=True, slots=True)
class Persist:
    """One atomic commit. `urgent` = on the disk before the next effect; else with the next batch, within a minute."""

    changes: tuple[Change, ...]
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class Demand:
    """What hal is to be allowed for one outlet from now on; the link renews the lease."""

    evse: int
    max_ma: int
    closes: bool
    holds_cable: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send this report now; no other call is open. `item` is its identity, the same at each attempt."""

    item: str
    report: Report
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class VariableView:
    """One variable as a report shows it; `value` is None for a write-only one."""

    component: str
    name: str
    value: str | None
    writable: bool


@dataclass(frozen=True, slots=True)
class VariablesReply:
    """The known ones among those asked for."""

    found: tuple[VariableView, ...]


@dataclass(frozen=True, slots=True)
class VendorReply:
    """Answer to a vendor's message."""

    verdict: Verdict
    data: str | None = None


Answered = Verdict | VariablesReply | VendorReply | Composite


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request."""

    ref: Ref
    answer: Answered


@dataclass(frozen=True, slots=True)
class AdoptTime:
    """The central system told the time; the shell's clock takes it unless it knows better."""

    wall_ms: int


@dataclass(frozen=True, slots=True)
class Restart:
    """End this process; HARD restarts the whole box."""

    kind: ResetKind


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Variables that the transport obeys at once."""

    ping_s: int


@dataclass(frozen=True, slots=True)
class Log:
    """One line for the log."""

    line: str


Effect = Persist | Demand | Send | Reply | AdoptTime | Restart | LinkSettings | Log
