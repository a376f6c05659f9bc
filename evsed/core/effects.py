"""What the station asks the shell to do, in this order. The core never does any of it.

Down is free, up is journaled: a `Demand` that lowers or opens comes first in its list, one that raises or closes
comes after the `Persist` that it depends on. The shell commits a `Persist` before it looks at the next effect.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from evsed.core.central_systems import ConnectTo
from evsed.core.credentials import RootsReply
from evsed.core.errands import Errand, LogReply, Work
from evsed.core.events import Ref, ResetKind
from evsed.core.listed import ListVersion
from evsed.core.profiles import Composite
from evsed.core.reports import Report
from evsed.core.words import Verdict


class Put(Struct, frozen=True):
    """Keep this record: one of the types that `evsed.core.records.Record` lists, replaced by its key."""

    record: object


class Drop(Struct, frozen=True):
    """Forget the record of this type and key."""

    kind: type
    key: str


Change = Put | Drop


class Persist(Struct, frozen=True):
    """One atomic commit. `urgent` = on the disk before the next effect; else with the next batch, within a minute."""

    changes: tuple[Change, ...]
    urgent: bool = True


class Demand(Struct, frozen=True):
    """What hal is to be allowed for one outlet from now on; the link renews the lease. `phases` None = as they are."""

    evse: int
    max_ma: int
    closes: bool
    holds_cable: bool
    phases: Literal[1, 3] | None = None


class Shine(Struct, frozen=True):
    """What hal shall add to the light of an outlet: a word of its contract, and a signal, shown once a number."""

    evse: int
    shows: str
    signal: str
    number: int
    blinks: int
    permille: int


class Send(Struct, frozen=True):
    """Send this report now; no other call is open. `item` is its identity, the same at each attempt."""

    item: str
    report: Report
    timeout_ms: int


class VariableView(Struct, frozen=True):
    """One variable as a report shows it; `value` is None for a write-only one."""

    component: str
    name: str
    value: str | None
    writable: bool


class VariablesReply(Struct, frozen=True):
    """The known ones among those asked for."""

    found: tuple[VariableView, ...]


class VendorReply(Struct, frozen=True):
    """Answer to a vendor's message."""

    verdict: Verdict
    data: str | None = None


Answered = RootsReply | Verdict | VariablesReply | VendorReply | Composite | ListVersion | LogReply


class Reply(Struct, frozen=True):
    """The answer to a request."""

    ref: Ref
    answer: Answered


class AdoptTime(Struct, frozen=True):
    """The central system told the time; the shell's clock takes it unless it knows better."""

    wall_ms: int


class Restart(Struct, frozen=True):
    """End this process; HARD restarts the whole box."""

    kind: ResetKind


class LinkSettings(Struct, frozen=True):
    """Variables that the transport obeys at once."""

    ping_s: int


class Log(Struct, frozen=True):
    """One line for the log."""

    line: str


Effect = Persist | Demand | Shine | Send | Reply | AdoptTime | Restart | LinkSettings | ConnectTo | Log | Errand
Dependent = Demand | Send | Reply | ConnectTo | Work
"""What is not done after a `Persist` that the disk refused."""
