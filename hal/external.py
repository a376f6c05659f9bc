"""One outlet whose pilot and contactor belong to a controller of its own: we supervise it, once every tick.

Rules this file upholds:
- The controller decides within milliseconds; we decide what it may offer, and watch whether it obeys. An order takes as
  long as its line does, so the times of IEC 61851-1 are the controller's duty and not ours.
- The same lease, limits and grace hold as for an outlet of our own: without permission it is told 0 A, and after the
  6 s rule to open.
- A controller that is silent for STALE_MS has state E and a fault; its last words on relay and offer stay, for the
  car may still have what it had.
- One that offers more than it was told, stays closed or lets current through an open contactor is a fault.
- Contacts and thermometers of the Pi beside it count as on a board of our own, but only as soon as an order arrives.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from hal.boards import OutletBoard
from hal.ceilings import Ceilings
from hal.contacts import Contacts, Said
from hal.contract import (
    MIN_MA,
    ContactorLife,
    Cp,
    Lease,
    Limits,
    MeterReading,
    Outlet,
    Retry,
    TagSeen,
    Voltage,
)
from hal.controller import Seen
from hal.faults import FaultBook, Name, worn_out
from hal.guard import Reason
from hal.heat import Heat, Warmth
from hal.iec61851 import FAR_MS, STOP_WAIT_MS
from hal.judge import judge_contacts, judge_warmth
from hal.lasting import Lasting
from hal.lease import Permit
from hal.metered import Metered
from hal.retries import Retries
from hal.senses import FaultMemory, Inputs, Readings
from hal.wear import Worn

STALE_MS = 3_000  # a silent neighbour on the line may hold it for one or two seconds
OBEYS_MS = 5_000
OPENS_MS = 5_000
CHANGE_MS = 5_000  # IEC 61851-1 Annex A: between two changes of an offer
TOLD = (Name.DIODE_MISSING, Name.D_REFUSED, Name.RESIDUAL_CURRENT, Name.PILOT_FAULT)
NOWHERE = Seen(0, Cp.E, False, 0, 0, False)
NOTHING = Inputs()

log = logging.getLogger("hal.outlet")


class News(NamedTuple):
    """All that this outlet looks at; `silence` is the controller's, `said` what the contacts of the board say."""

    seen: Seen | None
    silence: str
    lease: Lease | None
    reading: MeterReading | None
    meter_silence: str
    tag: TagSeen | None
    mute: str
    memory_failed: str
    said: Said
    warmths: Mapping[int, Warmth]


class ExternalLoop:
    """What `OutletLoop` is to an outlet of our own. `run` belongs to the tick, `acknowledge` to any thread."""

    def __init__(
        self,
        evse: int,
        board: OutletBoard,
        limits: Limits,
        voltage: Voltage,
        retry: Retry,
        readings: Readings,
        memory: FaultMemory,
        worn: Worn,
        metered: bool,
        now_ms: int,
    ) -> None:
        assert board.controller is not None
        self.evse = evse
        self.permit = Permit(limits)
        self.outlet: Outlet | None = None
        self.due_ms = 0
        self._link, self._board = board.controller, board
        self._readings, self._memory, self._worn = readings, memory, worn
        self._said, self._heat = Contacts(board.contacts).look, Heat(board.spots, now_ms)
        self._ceilings = Ceilings(board, limits.max_ma, self.permit, self._heat)
        self._book = FaultBook(memory.recall(evse), now_ms)
        self._stored = self._book.stored
        self._metered = Metered(board.timing, voltage, self._book, now_ms) if metered else None
        self._retries = Retries(retry, self._book)
        self._disobeys, self._welded = Lasting(OBEYS_MS), Lasting(OPENS_MS)
        self._news: News | None = None
        self._seen, self._heard_ms = NOWHERE, now_ms
        self._wanted_ma, self._changed_ms = 0, now_ms - CHANGE_MS
        self._stop_ms: int | None = None
        self._at_once = False
        self._acknowledged = False
        self._reason: Reason | None = None
        self._closings = self._interruptions = 0

    @property
    def ordered(self) -> bool:
        """Whether the car may have mains."""
        return self._wanted_ma > 0 or self._seen.closed

    @property
    def resting(self) -> bool:
        """Whether no car is there."""
        return self._seen.cp is Cp.A and not self.ordered

    def acknowledge(self) -> None:
        """A person at the box clears latched faults."""
        self._acknowledged = True
        self.due_ms = 0

    def fed(self, now_ms: int) -> None:
        """The controller has no gate of ours."""

    def reassert(self) -> None:
        """Its link says all orders again by itself."""

    def run(self, now_ms: int) -> bool:
        """One tick. Returns whether `outlet` is another one now."""
        link, readings, evse = self._link, self._readings, self.evse
        news = News(
            link.seen,
            link.silence,
            self.permit.lease,
            readings.meter(evse),
            readings.silence(evse),
            readings.tag(evse),
            readings.mute(evse),
            self._memory.failed,
            self._said(),
            readings.warmths(),
        )
        if now_ms < self.due_ms and self._news is not None and all(map(_same, news, self._news)):
            return False
        self._news = news
        fresh = self._take(news.seen, now_ms)
        self._find_faults(news, fresh, now_ms)
        allowed_ma = self._allowed_ma(news, now_ms)
        self._reason = self._reason_to_open(news.lease, allowed_ma, now_ms)
        self._order(allowed_ma, now_ms)
        self.due_ms = self._next_deadline(news.lease, now_ms)
        return self._tell(news)

    # --- look ----------------------------------------------------------------------------------------------------

    def _take(self, said: Seen | None, now_ms: int) -> bool:
        """Take what the controller said last; whether that is still news."""
        before = self._seen
        if said is not None:
            self._heard_ms = said.at_ms
        fresh = said is not None and now_ms - said.at_ms < STALE_MS
        now = said if said is not None else before
        self._seen = now if fresh else now._replace(cp=Cp.E)
        if now.closed and not before.closed:
            self._closings += 1
        wants = {Cp.C, Cp.D}
        if before.closed and not now.closed and self._wanted_ma and {before.cp, self._seen.cp} <= wants:
            self._interruptions += 1
            log.warning("! outlet %d interrupted: its controller opened in mid-charge", self.evse)
        if before.cp is not self._seen.cp:
            log.info("= outlet %d %s→%s", self.evse, before.cp, self._seen.cp)
        return fresh

    def _find_faults(self, news: News, fresh: bool, now_ms: int) -> None:
        """From what it says, and from what the meter says of it, to faults."""
        book, seen = self._book, self._seen
        before = book.faults
        if self._acknowledged:
            self._acknowledged = False
            self._link.clear()
            book.acknowledged(now_ms)
        if not fresh:  # over a silence nothing has lasted
            self._welded.forget()
            self._disobeys.forget()
        silent = not fresh and now_ms - self._heard_ms >= STALE_MS
        book.set(Name.PART_FAILED, silent, now_ms, f"controller: {news.silence}")
        judge_contacts(book, news.said, now_ms)
        judge_warmth(book, self._heat, news.warmths, now_ms)
        book.set(Name.READER_SILENT, bool(news.mute), now_ms, news.mute)
        book.set(Name.MEMORY_FAILED, bool(news.memory_failed), now_ms, news.memory_failed)
        if fresh:
            said = dict(seen.faults)
            if seen.cp is Cp.D and not self._board.allow_d:
                said.setdefault(Name.D_REFUSED, "")
            for name in TOLD:
                book.set(name, name in said, now_ms, said.get(name, ""))
            more = self._disobeys.lasts(seen.offered_ma > self._wanted_ma, now_ms)
            detail = f"the controller offers {seen.offered_ma} mA, not {self._wanted_ma}"
            book.set(Name.PILOT_DRIVER, more, now_ms, detail)
            book.set(Name.WELDED, self._welded.lasts(self._at_once and seen.closed, now_ms), now_ms)
        if self._metered is not None:
            inputs = NOTHING._replace(closed=seen.closed, reading=news.reading, silence=news.meter_silence)
            self._metered.judge(inputs, self._wanted_ma > 0, max(seen.offered_ma, self._wanted_ma), now_ms)
        if fresh and seen.cp is Cp.A:
            book.unplugged(now_ms)
        self._worn.look(seen.closed, now_ms)
        book.set(Name.CONTACTOR_WORN, worn_out(self._worn.closings, self._board.rated_closings), now_ms)
        book.passed(now_ms)
        self._retries.settle(fresh and seen.cp is Cp.A, self._wanted_ma > 0, now_ms)
        self._remember(before)

    def _remember(self, before: tuple[object, ...]) -> None:
        """Log what came and went, and keep what must outlive the process."""
        book = self._book
        for fault in book.faults:
            if fault not in before:
                log.warning("! outlet %d fault %s: %s", self.evse, fault.name, fault.text)
        if book.stored != self._stored:
            self._stored = book.stored
            self._memory.keep(self.evse, self._stored)

    # --- decide --------------------------------------------------------------------------------------------------

    def _allowed_ma(self, news: News, now_ms: int) -> int:
        """The least of all limits; 0 = nothing."""
        charging = self._seen.closed and self._wanted_ma > 0
        inputs = NOTHING._replace(lease=news.lease, said=news.said)
        ma = self._link.exactly(self._ceilings.least(inputs, None, charging, now_ms))
        return ma if ma >= MIN_MA else 0

    def _reason_to_open(self, lease: Lease | None, allowed_ma: int, now_ms: int) -> Reason | None:
        """Why the contactor must be open, in the guard's words; the last two are the controller's to decide."""
        seen = self._seen
        if self._book.opening:
            return Reason.FAULT
        if seen.cp is Cp.A or seen.cp is Cp.E:
            return Reason.PILOT_A if seen.cp is Cp.A else Reason.PILOT_E
        if lease is None:
            return Reason.NO_LEASE
        if now_ms >= max(lease.until_ms, self.permit.grace_until_ms):
            return Reason.LEASE_OVER
        if not lease.closes:
            return Reason.NOT_WANTED
        if allowed_ma == 0:
            return Reason.LIMIT_BELOW_6A
        if seen.cp is Cp.B:
            return Reason.PILOT_B
        if not seen.pwm:
            return Reason.PWM_OFF
        return None if seen.closed else Reason.C_UNCONFIRMED

    def _order(self, allowed_ma: int, now_ms: int) -> None:
        """Tell the controller, downwards at once; from one offer to another not sooner than CHANGE_MS."""
        fault = self._book.opening
        wanted_ma = 0 if fault else allowed_ma
        if wanted_ma and self._wanted_ma and now_ms - self._changed_ms < CHANGE_MS:
            wanted_ma = self._wanted_ma
        if wanted_ma != self._wanted_ma:
            log.info("> outlet %d controller %g A", self.evse, wanted_ma / 1_000)
            self._wanted_ma, self._changed_ms = wanted_ma, now_ms
        if wanted_ma or not self._seen.closed:
            self._stop_ms = None
        elif self._stop_ms is None:
            self._stop_ms = now_ms
        waited = self._stop_ms is not None and now_ms - self._stop_ms >= STOP_WAIT_MS  # IEC 61851-1 A.6 seq. 10.2
        self._at_once = not wanted_ma and (fault or waited)
        self._link.want(wanted_ma, self._at_once)

    def _next_deadline(self, lease: Lease | None, now_ms: int) -> int:
        """When time alone next changes something here."""
        moments = [
            self._heard_ms + STALE_MS,
            self.permit.due_ms(lease, now_ms),
            self._ceilings.due_ms(now_ms),
            self._heat.due_ms(now_ms),
            self._book.due_ms,
            self._retries.due_ms(),
            self._changed_ms + CHANGE_MS,
            self._disobeys.due_ms(now_ms),
            self._welded.due_ms(now_ms),
            *(self._metered.deadlines() if self._metered is not None else ()),
        ]
        if self._stop_ms is not None:
            moments.append(self._stop_ms + STOP_WAIT_MS)
        return min((moment for moment in moments if moment > now_ms), default=FAR_MS)

    # --- tell ----------------------------------------------------------------------------------------------------

    def _tell(self, news: News) -> bool:
        """Keep the outlet's picture; whether it is another one now."""
        seen = self._seen
        outlet = Outlet(
            evse=self.evse,
            cp=seen.cp,
            pwm=seen.pwm,
            offered_ma=seen.offered_ma,
            board_ma=self._board.board_ma,
            cable_ma=None,
            closed=seen.closed,
            reason=None if self._reason is None else self._reason.value,
            locked=None,
            faults=self._book.faults,
            meter=news.reading,
            tag=news.tag,
            short_c=0,
            wake_ups=0,
            closings=self._closings,
            interruptions=self._interruptions,
            limits=self._ceilings.all,
            temperatures=self._heat.temperatures,
            presses=news.said.presses,
            contactor=ContactorLife(self._worn.closings, self._worn.hours, self._board.rated_closings),
        )
        if outlet == self.outlet:
            return False
        if self.outlet is None or self.outlet.closed is not outlet.closed:
            log.info("= outlet %d contactor is %s", self.evse, "closed" if outlet.closed else "open")
        self.outlet = outlet
        return True


def _same(one: object, other: object) -> bool:
    return one is other
