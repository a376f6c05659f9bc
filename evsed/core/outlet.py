"""One outlet: cable, card, transaction, demand and status, brought together.

Events only note what happened; `settle` then draws every consequence from the state as it is, so that no order of
events can lead past it. It ends with the demand to hal and the status to report.
"""

from __future__ import annotations

from dataclasses import dataclass

from evsed.core import catalogue
from evsed.core.authorization import Decision, decide
from evsed.core.box import Box
from evsed.core.charging import Charging
from evsed.core.connector import Facts, hop, wanted
from evsed.core.effects import Demand, Reply
from evsed.core.events import Ref, TokenAnswer
from evsed.core.limits import LEAST_OFFER_MA, Limits
from evsed.core.metering import FRESH_MS, fresh
from evsed.core.records import Inoperative, Transaction
from evsed.core.reports import AuthorizationAsked, StatusChanged
from evsed.core.seen import Seen
from evsed.core.turn import Turn
from evsed.core.words import FaultNote, Status, StopReason, Token, TokenStatus, Verdict

UNLOCK_PATIENCE_MS = 20_000
RETURN_PATIENCE_MS = 10_000
"""After a power cut a car may need this long until its pilot shows that it is still plugged in."""
SETTLE_MS = 5_000
"""The contactor follows within 3 s of the car's wish (IEC 61851-1 A.6 seq. 4); until then the status waits."""
EV_GONE = "EV side disconnected"
HAL_SILENT = FaultNote("HAL_SILENT", True, False, "InternalError", "the hardware layer does not answer")


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that may charge here and waits for its cable."""

    token: Token
    group: str | None
    since_ms: int


@dataclass(frozen=True, slots=True)
class Asking:
    """A token that the central system is asked about; `stops` = to end the running transaction."""

    item: str
    token: Token
    stops: bool


@dataclass(frozen=True, slots=True)
class Holding:
    """The cable stays locked until this token or one of its group is shown."""

    token: Token
    group: str | None


@dataclass(frozen=True, slots=True)
class Unlocking:
    """Someone asked for the cable and waits for the answer."""

    ref: Ref
    since_ms: int


class Outlet:
    """The state of one EVSE with one connector."""

    def __init__(self, evse: int, box: Box, adopted: Transaction | None, operative: bool, same_boot: bool) -> None:
        self.evse = evse
        self.box = box
        self.seen = Seen()
        self.charging = Charging(evse, box, self.seen, adopted)
        self.operative = operative
        self.limits = Limits({"installer": box.installer_ma})
        self.status = Status.AVAILABLE if operative else Status.UNAVAILABLE
        self.grant: Grant | None = None
        self.asking: Asking | None = None
        self.holding: Holding | None = None
        self.refused: TokenStatus | None = None
        self._unlocking: Unlocking | None = None
        self._adopted = adopted is not None
        self._power_cut = adopted is not None and not same_boot
        self._return_ms: int | None = None
        self._used = False
        self._info = ""
        self._rise_ms: int | None = None
        self._status_ms = 0
        self._told: tuple[Status, str | None] | None = None
        self.demand = Demand(evse, 0, False, adopted is not None)

    # --- what happens --------------------------------------------------------------------------------------

    def present(self, token: Token, turn: Turn) -> None:
        """A card was shown here (or a remote start asks to be treated as if)."""
        if self.charging.running:
            self._present_to_stop(token, turn)
        elif self.holding is not None and self._belongs(token, self.holding.token, self.holding.group, turn):
            self.holding = None
        elif self.charging.tx is None and self.asking is None and self._open_for_use(turn):
            self._authorize(token, turn)

    def start(self, token: Token, turn: Turn) -> None:
        """A remote start without authorization first (OCPP 1.6 §5.11)."""
        self._grant(token, None, turn)

    def may_start(self) -> bool:
        """Whether a remote start would be tried here."""
        free = self.charging.tx is None and self.grant is None and self.asking is None
        return free and self.operative and self.box.durable and self.seen.up and self.seen.opening_fault is None

    def answered(self, item: str, answer: TokenAnswer, turn: Turn) -> None:
        """The central system answered a question about a token."""
        if self.asking is None or self.asking.item != item:
            return
        asked, self.asking = self.asking, None
        accepted = answer.status is TokenStatus.ACCEPTED
        if not accepted:
            self.refused = answer.status
            turn.log(f"= outlet {self.evse} token refused: {answer.status}")
        elif not asked.stops:
            self._grant(asked.token, answer.group, turn)
        elif self.charging.tx is not None and answer.group is not None and answer.group == self.charging.tx.group:
            self.charging.end(StopReason.LOCAL, asked.token, turn)

    def unanswered(self, turn: Turn) -> None:
        """No answer will come: decide as if offline."""
        asked, self.asking = self.asking, None
        if asked is not None and not asked.stops:
            self._decide(asked.token, turn, online=False)

    def set_operative(self, operative: bool, turn: Turn) -> None:
        """ChangeAvailability; persists over reboots (OCPP 1.6 §5.2)."""
        if operative == self.operative:
            return
        self.operative = operative
        if operative:
            turn.drop(Inoperative, str(self.evse))
        else:
            turn.put(Inoperative(self.evse))
            self.grant = None

    def unlock(self, ref: Ref, turn: Turn) -> None:
        """UnlockConnector: ends a transaction first, then frees the cable and says so."""
        if self.seen.locked is None:
            turn.tell(Reply(ref, Verdict.NOT_SUPPORTED))
            return
        if self.box.rules.unlock_stops_transaction:
            self.charging.end(StopReason.UNLOCK_COMMAND, None, turn)  # OCPP 1.6 §5.18
        if self._unlocking is not None:
            turn.tell(Reply(self._unlocking.ref, Verdict.UNLOCK_FAILED))
        self.grant, self.holding = None, None
        self._unlocking = Unlocking(ref, turn.now.mono_ms)

    def store_broken(self, unkept: frozenset[str]) -> frozenset[str]:
        """Demands after the commit that failed were not performed; returns the transactions that never began."""
        self.demand = Demand(self.evse, 0, False, True)
        tx = self.charging.tx
        if tx is None or tx.id not in unkept:
            return frozenset()
        self.charging.forget()
        return frozenset({tx.id})

    def reset_told(self) -> None:
        """What was reported is not known to have arrived."""
        self._told = None

    # --- the consequences ----------------------------------------------------------------------------------

    def settle(self, turn: Turn) -> None:
        """Draw every consequence of the present state."""
        self._return_of_the_car(turn)
        self._cable_at_the_car(turn)
        done = self.charging.settle(turn)
        if done is not None:
            self._after(done, turn)
        self._grants(turn)
        self._unlock_settled(turn)
        wish = self._wish()
        turn.demand(self.demand, wish)
        self.demand = wish
        self._status(turn)

    def next_deadline(self, now_ms: int) -> int | None:
        """When settle must run again without an event; `now_ms` is when it last ran."""
        minimum_ms = self.box.variables[catalogue.MINIMUM_STATUS_DURATION] * 1_000
        times = (
            self.charging.next_deadline(),
            self.grant.since_ms + self._patience_ms() if self.grant and not self.seen.plugged else None,
            self._unlocking.since_ms + UNLOCK_PATIENCE_MS if self._unlocking else None,
            self._return_ms,
            self._rise_ms + SETTLE_MS if self._rise_ms is not None else None,
            self._status_ms + minimum_ms if self.box.online and self._told != self._tell_now() else None,
        )
        return min((at for at in times if at is not None and at > now_ms), default=None)

    def _present_to_stop(self, token: Token, turn: Turn) -> None:
        tx = self.charging.tx
        if tx is None:
            return
        if self._belongs(token, tx.token, tx.group, turn):
            self.charging.end(StopReason.LOCAL, token, turn)
        elif self.box.online and self.asking is None:
            # Only the central system may know that both belong to one group (OCPP 1.6 §3.10).
            self.asking = Asking(self.box.outbox.put(AuthorizationAsked(self.evse, token), turn), token, stops=True)

    def _belongs(self, token: Token, owner: Token, group: str | None, turn: Turn) -> bool:
        if token.key == owner.key:
            return True
        opinion = self.box.opinion(token, turn.now)
        return opinion is not None and opinion.accepted and group is not None and opinion.group == group

    def _open_for_use(self, turn: Turn) -> bool:
        if self.operative and self.box.durable and not self.box.resetting and self.seen.opening_fault is None:
            return True
        turn.log(f"= outlet {self.evse} card ignored: the outlet is not in service")
        return False

    def _authorize(self, token: Token, turn: Turn) -> None:
        if self.box.access.free_token is not None:
            self._grant(token, None, turn)
        else:
            self._decide(token, turn, online=self.box.online)

    def _decide(self, token: Token, turn: Turn, *, online: bool) -> None:
        opinion = self.box.opinion(token, turn.now)
        policy = self.box.policy(online=online)
        decision = decide(opinion, policy)
        if decision is Decision.START:
            self._grant(token, opinion.group if opinion else None, turn)
        elif decision is Decision.ASK:
            item = self.box.outbox.put(AuthorizationAsked(self.evse, token), turn)
            self.asking = Asking(item, token, stops=False)
        else:
            self.refused = TokenStatus.INVALID
            turn.log(f"= outlet {self.evse} token refused: not known here, and the central system cannot be asked")

    def _grant(self, token: Token, group: str | None, turn: Turn) -> None:
        if self.charging.tx is None and self.operative:
            self.refused = None
            self.grant = Grant(token, group, turn.now.mono_ms)

    def _patience_ms(self) -> int:
        return self.box.variables[catalogue.EV_CONNECTION_TIMEOUT] * 1_000

    def _return_of_the_car(self, turn: Turn) -> None:
        """What becomes of a transaction that an earlier process left running."""
        if not self._adopted or not self.seen.known:
            return
        if self.seen.plugged:
            self._adopted, self._return_ms = False, None
            if self._power_cut and not self.box.variables[catalogue.RESUME_AFTER_POWER_LOSS]:
                self.charging.end(StopReason.POWER_LOSS, None, turn)
            else:
                self.charging.resume(turn)
        elif self._return_ms is None:
            self._return_ms = turn.now.mono_ms + RETURN_PATIENCE_MS
        elif turn.now.mono_ms >= self._return_ms:
            self._adopted, self._return_ms = False, None
            reason = StopReason.POWER_LOSS if self._power_cut else StopReason.EV_DISCONNECTED
            self.charging.end(reason, None, turn)

    def _cable_at_the_car(self, turn: Turn) -> None:
        if not self.seen.known or self.seen.plugged:
            return
        self._used, self.refused = False, None if self._used else self.refused
        if self.charging.running and not self._adopted and self.box.variables[catalogue.STOP_ON_EV_DISCONNECT]:
            self.charging.end(StopReason.EV_DISCONNECTED, None, turn)

    def _after(self, done: Transaction, turn: Turn) -> None:
        self._used = self.seen.plugged
        self.grant = None
        stays = done.reason is StopReason.EV_DISCONNECTED and not self.box.variables[catalogue.UNLOCK_ON_EV_DISCONNECT]
        # OCPP 1.6 §3.5.4 and §4.10: such a cable waits for its owner.
        if (stays or done.reason is StopReason.DEAUTHORIZED) and self.seen.locked is not None:
            self.holding = Holding(done.token, done.group)

    def _grants(self, turn: Turn) -> None:
        now_ms = turn.now.mono_ms
        free = self.box.access.free_token
        idle = self.charging.tx is None and self.grant is None
        if free is not None and self.seen.plugged and idle and not self._used and self.operative:
            self._grant(free, None, turn)
        if self.grant is None:
            return
        if not self.seen.plugged and now_ms - self.grant.since_ms >= self._patience_ms():
            self.grant = None
            turn.log(f"= outlet {self.evse} no cable came in time")
        elif self._ready_to_begin(now_ms):
            assert self.seen.meter is not None
            grant, self.grant, self._used = self.grant, None, False
            self.charging.begin(grant.token, grant.group, self.seen.meter.energy_wh, turn)

    def _ready_to_begin(self, now_ms: int) -> bool:
        there = self.seen.up and self.seen.plugged and self.seen.opening_fault is None
        return there and self.box.durable and not self.box.resetting and self.meter_fresh(now_ms)

    def meter_fresh(self, now_ms: int) -> bool:
        """Whether the register is known well enough to begin with."""
        return fresh(self.seen.meter, now_ms, FRESH_MS) is not None

    def _unlock_settled(self, turn: Turn) -> None:
        if self._unlocking is None or self.charging.tx is not None:
            return
        late = turn.now.mono_ms - self._unlocking.since_ms >= UNLOCK_PATIENCE_MS
        if self.seen.locked is False or late:
            verdict = Verdict.UNLOCKED if self.seen.locked is False else Verdict.UNLOCK_FAILED
            turn.tell(Reply(self._unlocking.ref, verdict))
            self._unlocking = None

    def _wish(self) -> Demand:
        if self.charging.tx is None:
            # While the disk takes nothing no cable is freed: the end of its transaction may not be on it (I5).
            holds = self.holding is not None or (self.demand.holds_cable and not self.box.durable)
            return Demand(self.evse, 0, False, holds)
        max_ma, _ = self.limits.least()
        closes = self.charging.energy_allowed and max_ma >= LEAST_OFFER_MA
        return Demand(self.evse, max_ma if closes else 0, closes, True)

    # --- the status ----------------------------------------------------------------------------------------

    def fault(self) -> FaultNote | None:
        """What makes this outlet Faulted."""
        return self.seen.opening_fault or (None if self.seen.up else HAL_SILENT)

    def _status(self, turn: Turn) -> None:
        goal = wanted(self._facts(turn.now.mono_ms), self.status)
        while self.status is not goal:
            self._info = self._why_so(goal)
            self.status = hop(self.status, goal)
            self._status_ms = turn.now.mono_ms
            turn.log(f"= outlet {self.evse} {self.status}")
            self._tell(turn)
        self._tell(turn)

    def _facts(self, now_ms: int) -> Facts:
        seen, running = self.seen, self.charging.running
        drawing = seen.closed and seen.ev_ready and self.demand.closes
        return Facts(
            faulted=self.fault() is not None,
            operative=self.operative,
            plugged=seen.plugged,
            transaction=running,
            ending=self.charging.ending is not None,
            offering=self.demand.closes and seen.offered_ma > 0,
            drawing=drawing,
            settling=self._settling(now_ms) if running and not drawing else self._settled(),
            token_waits=self.grant is not None,
            used=self._used,
        )

    def _settling(self, now_ms: int) -> bool:
        """Whether offer, car or contactor are just about to follow the demand."""
        fresh_start = self.status is Status.PREPARING
        moving = self.seen.ev_ready or self.seen.offered_ma == 0 or fresh_start
        if not (self.demand.closes and self.seen.plugged and moving):
            return self._settled()
        self._rise_ms = now_ms if self._rise_ms is None else self._rise_ms
        return now_ms - self._rise_ms < SETTLE_MS

    def _settled(self) -> bool:
        self._rise_ms = None
        return False

    def _why_so(self, goal: Status) -> str:
        gone = self.seen.known and not self.seen.plugged
        return (
            EV_GONE if gone and self.charging.tx is not None and goal in (Status.SUSPENDED_EV, Status.FINISHING) else ""
        )

    def _tell_now(self) -> tuple[Status, str | None]:
        fault = self.fault() if self.status is Status.FAULTED else None
        return self.status, fault.name if fault else None

    def _tell(self, turn: Turn) -> None:
        """Report what is so, once it lasted long enough; offline nothing is reported (OCPP 1.6 §4.9)."""
        minimum_ms = self.box.variables[catalogue.MINIMUM_STATUS_DURATION] * 1_000
        lasted = turn.now.mono_ms - self._status_ms >= minimum_ms or self._told is None
        if not self.box.online or self._told == self._tell_now() or not lasted:
            return
        self._told = self._tell_now()
        self.box.outbox.put(self.status_report(turn), turn)

    def status_report(self, turn: Turn) -> StatusChanged:
        """The status as it is."""
        fault = self.fault() if self.status is Status.FAULTED else None
        return StatusChanged(self.evse, self.status, turn.now.stamp(), fault, self._info)
