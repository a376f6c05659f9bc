"""What must hold in every story: checked by the world after each turn and each effect.

The table of status changes is written here once more, as OCPP 1.6 §4.9 has it, so that the core's own is not its judge.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evsed.core import catalogue
from evsed.core.effects import AdoptTime, Demand, Effect, Log, Persist, Reply, Restart, Send
from evsed.core.events import DeadlineReached
from evsed.core.records import QueuedReport, Transaction
from evsed.core.reports import StatusChanged, TransactionEnded, TransactionStarted
from evsed.core.words import Now, Status

if TYPE_CHECKING:
    from tests.evsed.core.box_world import World

COLUMNS = (
    Status.AVAILABLE,
    Status.PREPARING,
    Status.CHARGING,
    Status.SUSPENDED_EV,
    Status.SUSPENDED_EVSE,
    Status.FINISHING,
    Status.RESERVED,
    Status.UNAVAILABLE,
    Status.FAULTED,
)
ROWS = """
A  -  A2 A3 A4 A5 -  A7 A8 A9
B  B1 -  B3 B4 B5 B6 -  -  B9
C  C1 -  -  C4 C5 C6 -  C8 C9
D  D1 -  D3 -  D5 D6 -  D8 D9
E  E1 -  E3 E4 -  E6 -  E8 E9
F  F1 F2 -  -  -  -  -  F8 F9
G  G1 G2 -  -  -  -  -  G8 G9
H  H1 H2 H3 H4 H5 -  -  -  H9
I  I1 I2 I3 I4 I5 I6 I7 I8 -
"""
"""OCPP 1.6 §4.9 with errata 3.20 (B6); a row's state is the column of its own place."""

CHANGES: dict[str, tuple[Status, Status]] = {
    event: (COLUMNS[row], COLUMNS[column])
    for row, line in enumerate(ROWS.strip().splitlines())
    for column, event in enumerate(line.split()[1:])
    if event != "-"
}
ALLOWED = frozenset(CHANGES.values())
STATUS_LINE = re.compile(r"= outlet (\d+) (" + "|".join(COLUMNS) + r")$")
HEARD = (Send, Reply, AdoptTime, Restart, Log)


def lowers(before: Demand, after: Demand) -> bool:
    """Whether a demand raises nothing: no current, no permission to close, no cable freed."""
    return (
        after.max_ma <= before.max_ma
        and (before.closes or not after.closes)
        and (after.holds_cable or not before.holds_cable)
    )


class Watch:
    """The rules, and what they need to remember of one process and one connection."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._demands: dict[int, Demand] = {}
        self._status: dict[int, Status] = {}
        self._reported: dict[int, Status] = {}
        self.hops: dict[int, list[tuple[Status, Status]]] = {evse: [] for evse in world.bays}

    # --- effects -----------------------------------------------------------------------------------------------

    def order(self, effects: list[Effect]) -> None:
        """Down is free, up is journaled: lowering, one commit, raising, and only then what others hear."""
        kinds = [type(effect) for effect in effects]
        assert kinds.count(Persist) <= 1, "two commits in one turn"
        assert kinds.count(Send) <= 1, "two calls in one turn"
        commit = kinds.index(Persist) if Persist in kinds else None
        heard = next((place for place, kind in enumerate(kinds) if kind in HEARD), len(kinds))
        assert commit is None or commit < heard, "others heard of it before it was kept"
        seen = dict(self._demands)
        for place, effect in enumerate(effects):
            if isinstance(effect, Demand):
                assert place < heard, "a demand came after others heard of it"
                before = seen.get(effect.evse)
                down = before is not None and lowers(before, effect)
                if commit is not None:
                    assert down == (place < commit), f"{effect} on the wrong side of the commit"
                seen[effect.evse] = effect

    def demand(self, demand: Demand) -> None:
        """A permission is given."""
        self._demands[demand.evse] = demand
        kept = [tx for tx in self._world.disk.of(Transaction) if tx.evse == demand.evse and tx.ended is None]
        if demand.closes:  # I3, I5
            assert any(tx.reason is None for tx in kept), "the contactor may close without a durable start"
            assert demand.max_ma >= 6_000
        else:
            assert demand.max_ma == 0
        if not demand.holds_cable:  # I5
            assert not kept, "the cable is freed before the stop is durable"

    def send(self, send: Send) -> None:
        """A call is opened."""
        world, report = self._world, send.report
        assert world.open is None, "a second call was opened"
        if isinstance(report, TransactionStarted | TransactionEnded):
            assert (QueuedReport, send.item) in world.disk.records, "told before it was kept"
        if send.item in world.arrived:
            assert world.arrived[send.item] == report, "one identity for two things"  # I9
        if isinstance(report, StatusChanged):
            self._told(report.evse, report.status)

    def _told(self, evse: int, status: Status) -> None:
        before = self._reported.get(evse)
        self._reported[evse] = status
        if evse == 0:
            assert status in (Status.AVAILABLE, Status.UNAVAILABLE, Status.FAULTED)
        elif before is not None and before is not status and not self._may_skip():
            assert (before, status) in ALLOWED, f"reported {before} → {status}"

    def _may_skip(self) -> bool:
        """A minimum duration leaves reports out, so that two which follow each other need not be a pair."""
        return self._world.station.box.variables[catalogue.MINIMUM_STATUS_DURATION] > 0

    def line(self, line: str) -> None:
        """Each move of a status is logged."""
        found = STATUS_LINE.match(line)
        if found is not None:
            evse, status = int(found[1]), Status(found[2])
            before = self._status.get(evse)
            if before is not None:
                assert (before, status) in ALLOWED, f"moved {before} → {status}"
                self.hops[evse].append((before, status))
            self._status[evse] = status

    def connection_lost(self) -> None:
        """What changes offline is told as it is then (OCPP 1.6 §4.9), so the next report may be any."""
        self._reported.clear()

    # --- turns -------------------------------------------------------------------------------------------------

    def after_turn(self, now: Now) -> None:
        """The station is at rest until something happens: asked again at the same moment, it wants nothing."""
        world = self._world
        for evse, outlet in world.station.outlets.items():
            self._status.setdefault(evse, outlet.status)
            if outlet.charging.tx is not None:
                assert outlet.status is not Status.AVAILABLE, "Available while a transaction is alive"
        deadline = world.station.next_deadline()
        assert deadline is None or deadline > now.mono_ms, "a deadline in the past"
        if not world.disk.unkept:
            left = world.station.handle(DeadlineReached(), now)
            assert not left, f"not at rest: {left}"
