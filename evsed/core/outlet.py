"""One outlet: cable, card, transaction, demand and status, brought together.

Events only note what happened; `settle` then draws every consequence from the state, so that no order of events can
lead past it. `offer`, once it is settled who charges, ends with the demand to hal and the status to report.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from evsed.core import catalogue, smart_charging
from evsed.core.authorization import Decision, decide
from evsed.core.box import Box
from evsed.core.cable import Cable
from evsed.core.charging import Charging
from evsed.core.connector import Connector, Facts
from evsed.core.deadlines import soonest
from evsed.core.effects import Demand, Reply
from evsed.core.events import Event, MeterRead, Ref, TokenAnswer
from evsed.core.figures import amps
from evsed.core.limits import CSMS, INSTALLER, LEAST_OFFER_MA, Limits
from evsed.core.profiles import Profile
from evsed.core.records import Inoperative, Past, Transaction
from evsed.core.register import Register
from evsed.core.reports import AuthorizationAsked
from evsed.core.reservations import Stance
from evsed.core.seen import HAL_SILENT, JOURNAL_BROKEN, Seen
from evsed.core.turn import Turn
from evsed.core.unlocking import Unlocking
from evsed.core.waiting import Asking, Grant, Refusal, refused_alone
from evsed.core.words import FaultNote, Refused, Status, StopReason, Token, TokenStatus, Verdict

RETURN_PATIENCE_MS = 10_000
"""After a power cut a car may need this long until its pilot shows that it is still plugged in."""
OFFER_PATIENCE_MS = 7_000
"""Hal spaces the steps of an offer by 5 s; one that has not followed by then will not."""


class Outlet:
    """The state of one EVSE with one connector."""

    def __init__(self, evse: int, box: Box, past: Past, boot: str) -> None:
        adopted, self.operative = past.running, past.operative
        self.evse = evse
        self.box = box
        self.seen = Seen()
        self.register = Register(evse, past.meter, adopted)
        self.charging = Charging(evse, box, self.seen, self.register, adopted)
        self.limits = Limits({INSTALLER: box.installer_ma})
        self.phases: Literal[1, 3] | None = None  # which the profiles want, where that can be chosen
        waits = Status.AVAILABLE if box.reservations.holder(evse) is None else Status.RESERVED
        idle = waits if self.operative else Status.UNAVAILABLE
        self.connector = Connector(evse, box, idle if adopted is None else Status.SUSPENDED_EVSE)
        self.grant: Grant | None = None
        self.asking: Asking | None = None
        self.cable = Cable(evse, self.seen, past.spent, boot)
        self.refusal: Refusal | None = None
        self._unlocking = Unlocking(self.seen)
        self._returning = self.charging.running
        self._power_cut = adopted is not None and adopted.started.boot != boot
        self._return_by_ms: int | None = None
        self._ended: str | None = None
        self._end_unkept = False
        self._demand: Demand | None = None
        self._sure: Demand | None = None
        self._demanded_ms = 0

    @property
    def status(self) -> Status:
        """As drivers and central systems see it."""
        return self.connector.status

    @property
    def in_service(self) -> bool:
        """Whether a charge may begin here at all."""
        return self.operative and not self.box.upkeep

    # --- what happens --------------------------------------------------------------------------------------

    def take(self, event: Event, turn: Turn) -> None:
        """Note what hal says; a register that contradicts itself is not believed."""
        if isinstance(event, MeterRead):
            event = self.register.judge(event, turn, assigned=self.charging.tx is not None)
        self.seen.take(event, turn.now.mono_ms)

    def present(self, token: Token, turn: Turn) -> None:
        """A card was shown here."""
        if self.charging.running:
            self._present_to_stop(token, turn)
        elif self._owns_cable(token, turn):
            self.cable.holding = None
        elif self.charging.tx is None and self.asking is None and self._open_for_use(token, turn):
            self.authorize(token, turn)

    def authorize(self, token: Token, turn: Turn, profile: Profile | None = None) -> None:
        """May this token charge here? Answered by the box itself, or asked. `profile` is for its transaction."""
        if self.box.access.free_token is not None:
            self.start(token, turn, profile)
        else:
            self._decide(token, turn, profile, online=self.box.online)

    def start(self, token: Token, turn: Turn, profile: Profile | None = None) -> None:
        """This token may charge here; only of its group someone may be asked (OCPP 1.6 §5.11, §5.13)."""
        if self.box.online and self.box.stance(self.evse, token, turn.now) is Stance.ASK:
            self._ask(Asking(token, stops=False, profile=profile), turn)
        else:
            self._grant(token, None, turn, profile)

    def idle(self) -> bool:
        """It could be used, and nobody is about to."""
        sound = self.in_service and self.fault() is None and self.register.fell_to_wh is None
        return sound and self.charging.tx is None and self.grant is None

    def free(self) -> bool:
        """Idle, and no cable is in the way."""
        return self.idle() and not self.seen.plugged and not self.seen.cable_locked_in

    def may_start(self) -> bool:
        """Whether a remote start would be tried here."""
        return self.idle() and self.asking is None and self.box.durable

    def answered(self, answer: TokenAnswer, turn: Turn) -> None:
        """The central system answered the question about a token."""
        asked, self.asking = self.asking, None
        if asked is None:
            return
        if answer.status is not TokenStatus.ACCEPTED:
            self._refuse(Refused.OTHER_CARD if asked.stops else Refused(answer.status), turn)
        elif not asked.stops:
            self._grant(asked.token, answer.group, turn, asked.profile)
        elif self.charging.tx is not None and answer.group is not None and answer.group == self.charging.tx.group:
            self.charging.end(StopReason.LOCAL, asked.token, turn)
        else:
            self._refuse(Refused.OTHER_CARD, turn)

    def judged(self, answer: TokenAnswer, turn: Turn) -> None:
        """What the central system says of the token of the running transaction."""
        if answer.status is not TokenStatus.ACCEPTED:
            self._refuse(Refused(answer.status), turn)
        self.charging.judged(answer, turn)

    def unanswered(self, turn: Turn) -> None:
        """No answer will come: decide as if offline."""
        asked, self.asking = self.asking, None
        if asked is not None and asked.stops:
            self._refuse(Refused.OTHER_CARD, turn)
        elif asked is not None:
            self._decide(asked.token, turn, asked.profile, online=False)

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

    def cancel(self, turn: Turn) -> bool:
        """Forget a card that waits for its cable or for an answer; whether there was one."""
        waiting = self.grant is not None or self.asking is not None
        if not waiting or (self.box.access.free_token is not None and self.seen.plugged):
            return False
        self.grant = self.asking = None
        turn.log(f"= outlet {self.evse} the waiting card is forgotten")
        return True

    def unlock(self, ref: Ref, turn: Turn) -> None:
        """UnlockConnector: ends a transaction first, then frees the cable and says so."""
        if self.seen.locked is None or not self.seen.up:
            turn.tell(Reply(ref, Verdict.NOT_SUPPORTED if self.seen.locked is None else Verdict.UNLOCK_FAILED))
            return
        if self.box.rules.unlock_stops_transaction:
            self.charging.end(StopReason.UNLOCK_COMMAND, None, turn)  # OCPP 1.6 §5.18
        self.grant, self.cable.holding = None, None
        self._unlocking.begin(ref, turn)

    def store_broken(self, starts: Collection[str], ends: Collection[str]) -> str | None:
        """The last commit failed, with these starts and ends in it; what came after it was not done. Returns the
        transaction that therefore never began.
        """
        self._demand = self._sure
        self._end_unkept |= self._ended in ends
        if (tx := self.charging.tx) is None or tx.id not in starts:
            return None
        self.charging.forget()
        return tx.id

    def store_mended(self) -> None:
        """All is on the disk."""
        self._end_unkept = False

    # --- the consequences ----------------------------------------------------------------------------------

    def limit_by_profiles(self, max_ma: int | None, turn: Turn) -> None:
        """What charging profiles allow now; None = anything."""
        if max_ma != self.limits.of(CSMS) and self.charging.running:
            turn.log(f"= outlet {self.evse} profiles allow {'anything' if max_ma is None else amps(max_ma)}")
        self.limits.put(CSMS, max_ma)

    def local_limit_ma(self) -> int:
        """The least of all limits but that of charging profiles."""
        others = (self.limits.without(CSMS), self.seen.cable_ma, *(ma for _, ma in self.seen.limits))
        return min(ma for ma in others if ma is not None)

    def settle(self, turn: Turn) -> None:
        """Draw every consequence of the present state for who charges here."""
        self._return_of_the_car(turn)
        self._cable_at_the_car(turn)
        if (done := self.charging.settle(turn)) is not None:
            self._after(done, turn)
        self._grants(turn)
        if self.charging.tx is None:
            self._unlocking.settle(turn)
        self.cable.keep(turn)

    def offer(self, turn: Turn) -> None:
        """Demand what follows from it, within all limits as they are now, and tell the status."""
        wish = self._wish()
        if wish != self._demand:
            self._demanded_ms = turn.now.mono_ms
        self._demand, self._sure = wish, turn.demand(self._demand, wish)
        self.connector.settle(self._facts(wish), turn)

    def next_deadline(self, now_ms: int) -> int | None:
        """When settle must run again without an event; `now_ms` is when it last ran."""
        times = (
            self.charging.next_deadline(now_ms),
            self.connector.next_deadline(now_ms),
            self._grant_until_ms(),
            self._unlocking.next_deadline(),
            self._return_by_ms,
        )
        return soonest(times, now_ms)

    def offer_moves(self, now_ms: int) -> bool:
        """Whether the offer on the pilot may still be on its way to what is demanded."""
        return now_ms - max(self._demanded_ms, self.seen.offer_moved_ms or 0) < OFFER_PATIENCE_MS

    @property
    def faults(self) -> tuple[FaultNote, ...]:
        """All faults and warnings, of hal and of the meter's register."""
        warning = self.register.warning
        return self.seen.faults if warning is None else (*self.seen.faults, warning)

    def _present_to_stop(self, token: Token, turn: Turn) -> None:
        if (tx := self.charging.tx) is None:
            return
        if self.box.belongs(token, tx.token, tx.group, turn.now):
            self.charging.end(StopReason.LOCAL, token, turn)
        elif self.box.online and self.asking is None:
            # Only the central system may know that both belong to one group (OCPP 1.6 §3.10).
            self._ask(Asking(token, stops=True), turn)
        else:
            self._refuse(Refused.OTHER_CARD, turn)

    def _owns_cable(self, token: Token, turn: Turn) -> bool:
        held = self.cable.holding
        return held is not None and self.box.belongs(token, held.owner, held.group, turn.now)

    def _open_for_use(self, token: Token, turn: Turn) -> bool:
        serves = self.in_service and self.box.durable and not self.box.resetting and self.seen.opening_fault is None
        if serves and self.box.stance(self.evse, token, turn.now) is not Stance.CLOSED:
            return True
        why = "reserved for another card" if serves else "not in service"
        turn.log(f"= outlet {self.evse} card ignored: the outlet is {why}")
        return False

    def _decide(self, token: Token, turn: Turn, profile: Profile | None, *, online: bool) -> None:
        opinion = self.box.opinion(token, turn.now)
        decision = decide(opinion, self.box.policy(online=online))
        if decision is Decision.START:
            self._grant(token, opinion.group if opinion else None, turn, profile)
        elif decision is Decision.ASK:
            self._ask(Asking(token, stops=False, profile=profile), turn)
        else:
            self._refuse(refused_alone(opinion), turn)

    def _refuse(self, why: Refused, turn: Turn) -> None:
        self.refusal = Refusal.at(turn.now.mono_ms, why)
        turn.log(f"= outlet {self.evse} card refused: {why}")

    def _ask(self, asking: Asking, turn: Turn) -> None:
        self.asking, self.refusal = asking, None
        self.box.outbox.put(AuthorizationAsked(self.evse, asking.token), turn)

    def _grant(self, token: Token, group: str | None, turn: Turn, profile: Profile | None = None) -> None:
        if self.charging.tx is not None or not self.in_service:
            return
        if not self.box.reservations.admits(self.evse, token, group):
            turn.log(f"= outlet {self.evse} card refused: the outlet is reserved for another card")
            return
        self.refusal = None
        self.grant = Grant(token, group, turn.now.mono_ms, profile)
        if self._owns_cable(token, turn):
            self.cable.holding = None

    def _grant_until_ms(self) -> int | None:
        """How long a permission waits for what it needs (ConnectionTimeOut); in a free box the cable is permission."""
        if self.grant is None or (self.box.access.free_token is not None and self.seen.plugged):
            return None
        return self.grant.since_ms + self.box.variables[catalogue.EV_CONNECTION_TIMEOUT] * 1_000

    def _return_of_the_car(self, turn: Turn) -> None:
        """What becomes of a transaction that an earlier process left running."""
        self._returning &= self.charging.running
        if not self._returning or not self.seen.known:
            return
        variables, now_ms = self.box.variables, turn.now.mono_ms
        may_be_gone = not self._power_cut and not variables[catalogue.STOP_ON_EV_DISCONNECT]
        if self.seen.plugged or may_be_gone:
            self._returning, self._return_by_ms = False, None
            if self._power_cut and not variables[catalogue.RESUME_AFTER_POWER_LOSS]:
                self.charging.end(StopReason.POWER_LOSS, None, turn)
            else:
                self.charging.resume(turn)
        elif self._return_by_ms is None:
            self._return_by_ms = now_ms + RETURN_PATIENCE_MS
        elif now_ms >= self._return_by_ms:
            self._returning, self._return_by_ms = False, None
            reason = StopReason.POWER_LOSS if self._power_cut else StopReason.EV_DISCONNECTED
            self.charging.end(reason, None, turn)

    def _cable_at_the_car(self, turn: Turn) -> None:
        if not self.seen.known:
            return
        if self.cable.watch(running=self.charging.running):
            self.refusal = None
        stops = self.box.variables[catalogue.STOP_ON_EV_DISCONNECT]
        if not self.seen.plugged and self.charging.running and not self._returning and stops:
            self.charging.end(StopReason.EV_DISCONNECTED, None, turn)

    def _after(self, done: Transaction, turn: Turn) -> None:
        self._ended, self._end_unkept = done.id, not self.box.durable
        smart_charging.forget(self.box.profiles.ended(done.id), turn)
        self.grant = None
        stays = done.reason is StopReason.EV_DISCONNECTED and not self.box.variables[catalogue.UNLOCK_ON_EV_DISCONNECT]
        self.cable.ended(done, held=(stays or done.reason is StopReason.DEAUTHORIZED) and not self._unlocking.waits)

    def _grants(self, turn: Turn) -> None:
        now_ms = turn.now.mono_ms
        free = self.box.access.free_token
        open = self.charging.tx is None and self.grant is None and self.in_service and not self.cable.used
        if free and self.seen.plugged and open and self.box.stance(self.evse, free, turn.now) is Stance.OPEN:
            self._grant(free, None, turn)
        if self.grant is None:
            return
        until_ms = self._grant_until_ms()
        register_wh = self.seen.register_wh(now_ms)
        if register_wh is not None and self._ready_to_begin():
            grant, self.grant = self.grant, None
            self.cable.begun()
            tx = self.charging.begin(grant.token, grant.group, register_wh, turn)
            smart_charging.begin(self.box.profiles, tx, grant.profile, turn)
        elif until_ms is not None and now_ms >= until_ms:
            self.grant = None
            missing = "the meter" if self.seen.plugged else "a cable"
            turn.log(f"= outlet {self.evse} the permission ended: {missing} did not come in time")

    def _ready_to_begin(self) -> bool:
        return self.seen.plugged and self.fault() is None and not self.box.resetting

    def _wish(self) -> Demand:
        if self.charging.tx is None:
            # No cable is freed before the end of its transaction is on the disk (I5).
            return Demand(self.evse, 0, False, self.cable.holding is not None or self._end_unkept)
        max_ma, _ = self.limits.least()
        # After a power cut nothing flows before the car is seen; a mere restart of ours must not interrupt it (I13).
        unseen = self._returning and self._power_cut
        closes = self.charging.energy_allowed and max_ma >= LEAST_OFFER_MA and not unseen
        return Demand(self.evse, max_ma if closes else 0, closes, True, self.phases)

    def fault(self) -> FaultNote | None:
        """What makes this outlet Faulted."""
        unwritten = None if self.box.durable or self.charging.tx is not None else JOURNAL_BROKEN
        return self.seen.opening_fault or (None if self.seen.up else HAL_SILENT) or unwritten

    def _facts(self, demand: Demand) -> Facts:
        seen, charging = self.seen, self.charging
        return Facts(
            known=seen.known,
            fault=self.fault(),
            warnings=tuple(fault for fault in self.faults if not fault.opens),
            operative=self.in_service,
            plugged=seen.plugged,
            running=charging.running,
            ending=charging.ending is not None,
            leaving=charging.ending is StopReason.EV_DISCONNECTED,
            closes=demand.closes,
            offered=seen.offered_ma > 0,
            asks=seen.ev_ready,
            drawing=charging.running and seen.closed and seen.ev_ready and demand.closes,
            token_waits=self.grant is not None,
            used=self.cable.used,
            held=self._end_unkept or seen.cable_locked_in,
            reserved=self.box.reservations.holder(self.evse) is not None,
        )
