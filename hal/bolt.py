"""When the plug is held in the socket (IEC 61851-1 D.6.5: locked in B and C).

Rules this file upholds:
- Locked before a charge may begin, and as long as evsed says that the cable is held.
- A cable that the car has left stays held while evsed says so (OCPP 1.6 §4.10), by whichever process it was locked.
- Never unlocked under load, nor while nobody knows evsed's will: without a lease the bolt stays, except in A.
- Where the builder of the board says so, failing mains free the plug while the buffer of the lock still can.
- A motor whose supply is too low is not asked to move: a bolt that stops half-way is neither in nor out.
"""

from __future__ import annotations

from hal.contract import PLUGGED, Cp
from hal.faults import FaultBook, Name
from hal.iec61851 import PilotState
from hal.lasting import Lasting
from hal.senses import Inputs

PLUG_MS = 500  # a plug that wobbles does not move the bolt


class Bolt:
    """Decides where the bolt of one socket shall be. `ordered` None = not yet moved."""

    def __init__(self, frees_on_loss: bool) -> None:
        self._frees_on_loss = frees_on_loss
        self._plugged = Lasting(PLUG_MS)
        self._unplugged = Lasting(PLUG_MS)
        self.ordered: bool | None = None

    def decide(self, pilot: PilotState, inputs: Inputs, book: FaultBook, live: bool, now_ms: int) -> bool | None:
        """Where the bolt shall be now; `live` = by order, feedback or meter the plug may carry current."""
        plugged = self._plugged.lasts(pilot.level.cp in PLUGGED, now_ms)
        unplugged = self._unplugged.lasts(pilot.level.cp is Cp.A, now_ms)
        if book.holds(Name.LOCK_POWER_LOW):
            return self.ordered
        if self._frees_on_loss and book.holds(Name.MAINS_FAILING):
            return self.ordered if live else False
        lease = inputs.lease if inputs.lease is not None and now_ms < inputs.lease.until_ms else None
        offered = pilot.wish.ma > 0 and not pilot.wish.fault
        held = lease is not None and lease.holds_cable
        if (plugged and (offered or held)) or (held and self.ordered is not False and inputs.cable_ma is not None):
            return True
        given_back = lease is not None and not lease.holds_cable and not offered
        if (unplugged or given_back) and not live:
            return False
        return self.ordered

    def deadlines(self, now_ms: int) -> list[int]:
        """When time alone next moves it."""
        return [self._plugged.due_ms(now_ms), self._unplugged.due_ms(now_ms)]
