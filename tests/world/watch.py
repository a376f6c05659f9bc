"""What must be so at every moment of every scenario, whatever it is about. Judges by the plant, not by the software.

Rules this file upholds:
- The pilot offers no more than installer, board and cable allow.
- The coil keeps the power contacts closed only while a transaction is open on the disk (I3, I5).
- While a transaction is open on the disk no cable comes free (I5) and nobody hears Available, but of an earlier time.
- Samples of a session bear its transaction. Those that were asked for may be older than its number, others may have
  waited for the answer to an earlier call: they are of a time before it; and while the disk does not take its end, the
  session is over all the same.
- Down is free, up is journaled.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from evsed.core.effects import Demand, Drop, Effect, Persist, Put
from evsed.core.records import Transaction
from hal.contract import Snapshot
from hal.sim.bay import Bay
from hal.sim.car import allowed_ma
from tests.world.messages import wall_ms

if TYPE_CHECKING:
    from tests.world.clockwork import Clockwork

MOST_TOLD = 20


def lowers(was: Demand, now: Demand) -> bool:
    """Less current, or no permission to close any more."""
    return now.max_ma < was.max_ma or (was.closes and not now.closes)


def raises(was: Demand, now: Demand) -> bool:
    """More current, a permission to close, or a cable that comes free."""
    return now.max_ma > was.max_ma or (now.closes and not was.closes) or (was.holds_cable and not now.holds_cable)


class Watch:
    """Looks at each step; `breaches` are for the fixture that made the world."""

    def __init__(self, world: Clockwork) -> None:
        self._world = world
        self.open: dict[int, Transaction] = {}
        self.begun: set[str] = set()
        self._over: set[str] = set()  # ended by this life of evsed, whatever the disk says
        self.breaches: list[str] = []
        self._was_locked: dict[int, bool] = {}

    def breach(self, text: str) -> None:
        """Something that must never be."""
        if len(self.breaches) < MOST_TOLD:
            self.breaches.append(f"at {self._world.ms / 1_000:.3f} s: {text}")

    # --- the disk --------------------------------------------------------------------------------------------

    def recovered(self, transactions: tuple[Transaction, ...]) -> None:
        """A life begins with what is on the disk."""
        self.open = {tx.evse: tx for tx in transactions if tx.ended is None}
        self.begun.update(tx.id for tx in self.open.values())
        self._over.clear()

    def kept(self, persist: Persist) -> None:
        """It is on the disk."""
        for change in persist.changes if persist.urgent else ():
            if isinstance(change, Drop) and change.kind is Transaction:
                self.open = {evse: tx for evse, tx in self.open.items() if tx.id != change.key}
                self.begun.discard(change.key)
            elif isinstance(change, Put) and isinstance(tx := change.record, Transaction):
                if tx.ended is None:
                    self.open[tx.evse] = tx
                    self.begun.add(tx.id)
                elif (was := self.open.get(tx.evse)) is not None and was.id == tx.id:
                    del self.open[tx.evse]

    # --- what the core decides -------------------------------------------------------------------------------

    def decided(self, effects: list[Effect], before: Mapping[int, Demand]) -> None:
        """Down is free, up is journaled: what lowers comes before the commit of its turn, what raises after it."""
        commit = next((at for at, effect in enumerate(effects) if isinstance(effect, Persist)), None)
        last = dict(before)
        self._over |= {tx.id for tx in _transactions(effects) if tx.ended is not None}
        for at, effect in enumerate(effects):
            if commit is not None and isinstance(effect, Demand):
                was = last.get(effect.evse)
                if was is not None and at > commit and lowers(was, effect):
                    self.breach(f"{effect} lowers after the commit")
                if was is not None and at < commit and raises(was, effect):
                    self.breach(f"{effect} raises before the commit")
                last[effect.evse] = effect

    # --- the plant -------------------------------------------------------------------------------------------

    def look(self) -> None:
        """At everything that is so now."""
        for evse, bay in self._world.plant.bays.items():
            self._offer(evse, bay)
            if bay.contactor.main and bay.contactor._fed and evse not in self.open:
                self.breach(f"outlet {evse}: kept closed without a durable open transaction")
            self._bolt(evse, bay)

    def _offer(self, evse: int, bay: Bay) -> None:
        offered_ma = allowed_ma(bay.pilot._offered)
        cable_ma = None if bay.proximity is None or bay.proximity.cable_a is None else bay.proximity.cable_a * 1_000
        board_ma = self._world.board.outlets[evse].board_ma
        for owner, max_ma in (("installer", self._world.limits.max_ma), ("board", board_ma), ("cable", cable_ma)):
            if max_ma is not None and offered_ma > max_ma:
                self.breach(f"outlet {evse}: {offered_ma} mA offered, the {owner} allows {max_ma}")

    def _bolt(self, evse: int, bay: Bay) -> None:
        locked = bay.lock is not None and bay.lock.holds
        was, self._was_locked[evse] = self._was_locked.get(evse, False), locked
        if was and not locked:
            there = bay.proximity is not None and bay.proximity.cable_a is not None
            if bay.contactor.main:
                self.breach(f"outlet {evse}: unlocked under load")
            if there and evse in self.open and self._world.evsed is not None:
                self.breach(f"outlet {evse}: the cable is free, the end of {self.open[evse].id} is not on the disk")

    def published(self, snapshot: Snapshot) -> None:
        """What hal says."""
        for outlet in snapshot.outlets:
            cable_ma = outlet.board_ma if outlet.cable_ma is None else outlet.cable_ma
            if outlet.offered_ma > min(self._world.limits.max_ma, outlet.board_ma, cable_ma):
                self.breach(f"outlet {outlet.evse}: a snapshot offers {outlet.offered_ma} mA")

    # --- the wire --------------------------------------------------------------------------------------------

    def sent(self, frame: str) -> None:
        """A frame on its way to the central system."""
        kind, _, *rest = json.loads(frame)
        if kind != 2:
            return
        action, payload = rest
        tx = self.open.get(payload.get("connectorId", 0))
        if tx is None:
            return
        if action == "StatusNotification" and payload["status"] == "Available" and _since(tx, payload):
            self.breach(f"Available on outlet {tx.evse} while {tx.id} is open")
        stray = action == "MeterValues" and "transactionId" not in payload
        if stray and tx.id not in self._over and not _asked_for(payload) and not _older(tx, payload):
            self.breach(f"MeterValues without a transaction while {tx.id} is open on outlet {tx.evse}")


def _transactions(effects: list[Effect]) -> Iterator[Transaction]:
    """All that are to be kept."""
    for effect in effects:
        for change in effect.changes if isinstance(effect, Persist) else ():
            if isinstance(change, Put) and isinstance(change.record, Transaction):
                yield change.record


def _since(tx: Transaction, payload: Mapping[str, str]) -> bool:
    """Whether a status is told of a time at which the transaction was open."""
    stamp, began_ms = payload.get("timestamp"), tx.started.wall_ms
    return stamp is None or began_ms is None or wall_ms(stamp) >= began_ms


def _older(tx: Transaction, payload: Mapping[str, Any]) -> bool:
    """Whether all samples were taken before the transaction."""
    began_ms = tx.started.wall_ms
    return began_ms is None or all(wall_ms(sample["timestamp"]) <= began_ms for sample in payload["meterValue"])


def _asked_for(payload: Mapping[str, Any]) -> bool:
    values = (value for sample in payload["meterValue"] for value in sample["sampledValue"])
    return all(value.get("context") == "Trigger" for value in values)
