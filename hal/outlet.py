"""One outlet, once every tick: read → classify → step → guard → write → heartbeat.

Rules this file upholds:
- A tick in which nothing changed and no deadline came costs one look; any other is thought through in full.
- While the coil is energised the guard is asked in every tick, whatever has changed.
- The heartbeat is given only by a tick that found no reason to open, so never more than SAMPLE_MAX_AGE_MS after the
  newest measurement of the pilot was begun.
- Before the pilot was measured for the first time nothing is thought, told or closed.
- Opening always reaches for the coil and for the enable, whichever works, and goes on until both did.
- A beat after the gate may have dropped would close the contactor by itself: it is never given (guard: LATE_BEAT).
"""

from __future__ import annotations

import logging

from hal.boards import OutletBoard
from hal.bolt import Bolt
from hal.ceilings import Ceilings
from hal.contract import MIN_MA, ContactorLife, Cp, Fault, Limits, Outlet, Retry, Voltage
from hal.drivers.protocols import PartFailed
from hal.faults import FaultBook, Name, worn_out
from hal.guard import INTERRUPTIONS, Reason, View, reason_to_open
from hal.iec61851 import (
    FAR_MS,
    PLAIN,
    X1,
    F,
    Level,
    PilotState,
    Rules,
    Wish,
    doubted,
    offered_ma,
    steady_band,
    step,
)
from hal.judge import Judge
from hal.lease import Permit
from hal.phase_relay import PhaseRelay
from hal.senses import FaultMemory, Inputs, Readings, Senses
from hal.trial import Trial
from hal.wear import Worn

log = logging.getLogger("hal.outlet")


class OutletLoop:
    """The control of one outlet. `run` belongs to the tick; `permit.grant` and `acknowledge` to any thread."""

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
        self.evse = evse
        self.permit = Permit(limits)
        self.ordered = False  # the coil is energised, so heartbeats are due
        self.outlet: Outlet | None = None
        self.due_ms = 0  # when this outlet must next run though nothing changed outside
        self._board, self._parts, self._memory, self._worn = board, board.parts, memory, worn
        self._rules = Rules(board.allow_d, board.wake_up)
        self._senses = Senses(evse, board, readings, memory, now_ms)
        self._judge = Judge(board, voltage, retry, FaultBook(memory.recall(evse), now_ms), metered, now_ms)
        self._ceilings = Ceilings(board, limits.max_ma, self.permit, self._judge.heat)
        self._stored = self._judge.book.stored
        self._bolt = Bolt(board.unlock_on_mains_loss)
        self._phases = PhaseRelay(evse, board.parts.phases if limits.switch_phases else None)
        self._trial = Trial(getattr(board.parts.residual, "test", None), board.timing, now_ms)
        self._pilot = PilotState(level_ms=now_ms, drive_ms=now_ms)
        self._inputs = self._senses.inputs(self.permit, acknowledged=False, broken="")
        self._reason: Reason | None = None
        self._acknowledged = False
        self._driven: float | None = None
        self._must_open = True
        self._rest_until_ms = 0
        self._beat_ms, self._gate_ms = now_ms, board.timing.gate_ms
        self._last_offer_ma = 0
        self._closings = self._interruptions = 0
        self._write_broken = ""

    def acknowledge(self) -> None:
        """A person at the box clears latched faults, within a second."""
        self._acknowledged = True
        self.due_ms = 0

    def run(self, now_ms: int) -> bool:
        """One tick. Returns whether `outlet` is another one now. Raises nothing that a part may raise."""
        senses = self._senses
        if senses.quiet(self.permit, now_ms) and now_ms < self.due_ms:
            if not self.ordered:
                return False
            if reason_to_open(self._view(self._inputs, now_ms)) is None:
                self._beat(now_ms)
                return False
        inputs = self._inputs = senses.inputs(self.permit, self._acknowledged, self._write_broken)
        level = senses.level(self._pilot, now_ms)
        if level is None:
            if self._must_open:
                self._open()
            return False
        self._think(level, inputs, now_ms)
        senses.band = steady_band(self._pilot, now_ms)
        return self._tell(inputs)

    def fed(self, now_ms: int) -> None:
        """Ticks that would have been quiet were left out; their beats count as given."""
        if self.ordered:
            self._beat_ms = now_ms

    @property
    def resting(self) -> bool:
        """Whether no car is there and the contactor is open, so that nothing here is urgent."""
        return self._pilot.level.cp is Cp.A and not self.ordered and not self._inputs.closed

    def reassert(self) -> None:
        """Say again that the contactor is open, in case an output lost its state."""
        self._must_open = not self.ordered
        self.due_ms = 0

    # --- think ---------------------------------------------------------------------------------------------------

    def _think(self, level: Level, inputs: Inputs, now_ms: int) -> None:
        """A tick in full."""
        before, orders = self._pilot, self._orders()
        self._write_broken = ""
        self._choose_phases(level, inputs, now_ms)
        self._try_residual(level, inputs, now_ms)
        self._find_faults(level, inputs, now_ms)
        self._pilot = step(before, level, self._wish(inputs, now_ms), now_ms, self._rules)
        self._trace(before)
        self._drive()
        self._move_bolt(inputs, now_ms)
        self._switch(reason_to_open(self._view(inputs, now_ms)), now_ms)
        changed = orders != self._orders()
        # Whoever compares an order with its feedback begins to count in the next tick.
        self.due_ms = now_ms + 1 if changed or self._write_broken else self._next_deadline(inputs, now_ms)

    def _orders(self) -> tuple[bool, bool | None, float]:
        return self.ordered, self._bolt.ordered, self._pilot.permille

    def _find_faults(self, level: Level, inputs: Inputs, now_ms: int) -> None:
        """Let the judge look at everything; what must outlive the process goes to the memory."""
        judge, book = self._judge, self._judge.book
        before = book.faults
        if inputs.acknowledged:
            self._acknowledged = False
            book.acknowledged(now_ms)
            self._trial.ask(now_ms)
        judge.pilot(level, self._senses.pilot_broken, now_ms)
        self._senses.pilot_broken = ""
        judge.trial(self._trial.failure, now_ms)
        judge.parts(inputs, self.ordered, self._bolt.ordered, self._trial.running, now_ms)
        judge.plug(level, inputs, now_ms)
        judge.meter(inputs, self.ordered, self._last_offer_ma, now_ms)
        judge.warmth(inputs, now_ms)
        judge.contacts(inputs, now_ms)
        self._worn.look(inputs.closed, now_ms)
        book.set(Name.CONTACTOR_WORN, worn_out(self._worn.closings, self._board.rated_closings), now_ms)
        judge.phases(self._phases.broken(now_ms), now_ms)
        judge.settle(level, self.ordered, now_ms)
        if book.faults != before:
            self._trace_faults(before)
        if book.stored != self._stored:
            self._stored = book.stored
            self._memory.keep(self.evse, self._stored)

    def _try_residual(self, level: Level, inputs: Inputs, now_ms: int) -> None:
        """Let the residual-current device be tried where its time has come."""
        at_a, contactor_open = level is PLAIN[Cp.A], not self.ordered and not inputs.closed
        try:
            if shown := self._trial.run(at_a, contactor_open, inputs.tripped, now_ms):
                log.info("= outlet %d residual current device tested: %s", self.evse, shown)
        except PartFailed as broken:
            self._write_broken = str(broken)

    def _wish(self, inputs: Inputs, now_ms: int) -> Wish:
        """The least of all limits."""
        ma = self._ceilings.least(inputs, self._judge.cable_ma or 0, inputs.closed and self.ordered, now_ms)
        return Wish(ma if ma >= MIN_MA and not self._phases.stops else 0, self._judge.book.opening)

    def _view(self, inputs: Inputs, now_ms: int) -> View:
        pilot = self._pilot
        return View(
            now_ms,
            self._senses.sampled_ms,
            pilot.level,
            pilot.pwm,
            pilot.c_ms,
            pilot.diode_seen,
            pilot.stop_ms,
            self._rules.allow_d,
            inputs.lease,
            self.permit.grace_until_ms,
            pilot.wish.ma,
            inputs.locked,
            inputs.closed,
            self.ordered,
            self._beat_ms,
            self._gate_ms,
            self._judge.fell,
            self._rest_until_ms,
            self._judge.book.opening,
            self._phases.bars,
            self._trial.running,
        )

    def _next_deadline(self, inputs: Inputs, now_ms: int) -> int:
        """When time alone next changes something here."""
        moments = [
            self._pilot.due_ms,
            self.permit.due_ms(inputs.lease, now_ms),
            self._ceilings.due_ms(now_ms),
            self._phases.due_ms,
            *self._judge.deadlines(now_ms),
            *self._bolt.deadlines(now_ms),
            *self._senses.deadlines(),
            *self._trial.deadlines(now_ms),
        ]
        if not self.ordered:
            moments.append(self._rest_until_ms)
        return min((moment for moment in moments if moment > now_ms), default=FAR_MS)

    # --- write ---------------------------------------------------------------------------------------------------

    def _drive(self) -> None:
        """Put the state's drive on the pilot."""
        pilot = self._pilot
        if pilot.pwm:
            self._last_offer_ma = offered_ma(pilot.permille)
        if pilot.permille == self._driven:
            return
        log.info("> outlet %d pilot %s", self.evse, _drive_words(pilot.permille))
        try:
            self._parts.pilot.offer(pilot.permille)
            self._driven = pilot.permille
        except PartFailed as broken:  # nobody knows what is on the line now
            self._driven, self._write_broken = None, str(broken)

    def _choose_phases(self, level: Level, inputs: Inputs, now_ms: int) -> None:
        """Follow the lease, one careful step at a time."""
        lease = inputs.lease if inputs.lease is not None and now_ms < inputs.lease.until_ms else None
        live = self.ordered or self._judge.suspects(inputs, now_ms)
        wanted = None if lease is None else lease.phases
        try:
            self._phases.look(wanted, inputs.three, live, level.cp is not Cp.A, now_ms)
        except PartFailed as broken:
            self._write_broken = str(broken)

    def _move_bolt(self, inputs: Inputs, now_ms: int) -> None:
        """Lock or unlock the plug."""
        lock = self._parts.lock
        if lock is None:
            return
        live = self.ordered or inputs.closed or self._judge.flows(now_ms)
        locked = self._bolt.decide(self._pilot, inputs, self._judge.book, live, now_ms)
        if self._bolt.ordered is None and locked == inputs.locked:
            self._bolt.ordered = locked  # found where it belongs: no need to move it
        if locked is None or locked == self._bolt.ordered:
            return
        log.info("> outlet %d %s", self.evse, "lock" if locked else "unlock")
        try:
            lock.order(locked)
            self._bolt.ordered = locked
        except PartFailed as broken:
            self._write_broken = str(broken)

    def _switch(self, reason: Reason | None, now_ms: int) -> None:
        """Obey the guard."""
        if reason is not self._reason:
            self._reason = reason
            log.info("= outlet %d %s", self.evse, f"stays open: {reason}" if reason else "may close")
        if reason is not None:
            if self.ordered and reason in INTERRUPTIONS:
                self._interrupted(reason, now_ms)
            if self.ordered or self._must_open:
                self._open()
            return
        if not self.ordered:
            self._close(now_ms)
        self._beat(now_ms)

    def _close(self, now_ms: int) -> None:
        """Energise the coil."""
        self.ordered = True
        self._closings += 1
        self._rest_until_ms = now_ms + self._board.timing.close_spacing_ms
        log.info("> outlet %d contactor close", self.evse)
        try:
            self._parts.contactor.order(True)
        except PartFailed as broken:
            self._write_broken = str(broken)

    def _beat(self, now_ms: int) -> None:
        """Feed the enable."""
        try:
            self._parts.enable.beat()
            self._beat_ms = now_ms
        except PartFailed as broken:
            self._write_broken = str(broken)

    def _interrupted(self, reason: Reason, now_ms: int) -> None:
        """The charge is broken off without the car: the contactor rests, and the car is asked anew."""
        last_ms = now_ms - self._beat_ms
        log.warning("! outlet %d interrupted: %s, the last heartbeat was %d ms ago", self.evse, reason, last_ms)
        self._interruptions += 1
        self._rest_until_ms = now_ms + self._board.timing.close_spacing_ms
        self._pilot = doubted(self._pilot)

    def _open(self) -> None:
        """Release the coil and starve the enable; what failed is tried again."""
        if self.ordered:
            log.info("> outlet %d contactor open", self.evse)
        self.ordered = self._must_open = False
        try:
            self._parts.contactor.order(False)
        except PartFailed as broken:
            self._failed_to_open(broken)
        try:
            self._parts.enable.drop()
        except PartFailed as broken:
            self._failed_to_open(broken)

    def _failed_to_open(self, broken: PartFailed) -> None:
        self._must_open = True
        self._write_broken = str(broken)

    # --- tell ----------------------------------------------------------------------------------------------------

    def _trace(self, before: PilotState) -> None:
        """One line for each thing that the car did."""
        now = self._pilot
        if now.level.cp is not before.level.cp:
            log.info("= outlet %d %s→%s", self.evse, before.level.cp, now.level.cp)
        if now.short_c != before.short_c:
            log.info("= outlet %d short C number %d", self.evse, now.short_c)
        if now.wake_ups != before.wake_ups:
            log.info("= outlet %d wakes the car", self.evse)

    def _trace_faults(self, before: tuple[Fault, ...]) -> None:
        """One line for each fault that came or went."""
        faults = {fault.name: fault for fault in self._judge.book.faults}
        known = {fault.name for fault in before}
        for name, fault in faults.items():
            if name not in known:
                latched = " latched" if fault.latched else ""
                log.warning("! outlet %d fault %s%s: %s", self.evse, name, latched, fault.text)
        for name in known - faults.keys():
            log.info("= outlet %d fault %s is over", self.evse, name)

    def _tell(self, inputs: Inputs) -> bool:
        """Keep the outlet's picture; whether it is another one now."""
        pilot, last = self._pilot, self.outlet
        outlet = Outlet(
            evse=self.evse,
            cp=pilot.level.cp,
            pwm=pilot.pwm,
            offered_ma=offered_ma(pilot.permille),
            board_ma=self._board.board_ma,
            cable_ma=self._judge.cable_ma,
            closed=inputs.closed,
            reason=None if self._reason is None else self._reason.value,
            locked=inputs.locked,
            faults=self._judge.book.faults,
            meter=inputs.reading,
            tag=inputs.tag,
            short_c=pilot.short_c,
            wake_ups=pilot.wake_ups,
            closings=self._closings,
            interruptions=self._interruptions,
            limits=self._ceilings.all,
            temperatures=self._judge.heat.temperatures,
            presses=inputs.said.presses,
            phases=None if self._phases.three is None else 3 if self._phases.three else 1,
            contactor=ContactorLife(self._worn.closings, self._worn.hours, self._board.rated_closings),
        )
        if outlet == last:
            return False
        self.outlet = outlet
        if last is None or last.limits[0].owner is not outlet.limits[0].owner:
            log.info("= outlet %d limited by %s: %d mA", self.evse, *outlet.limits[0])
        if last is None or last.closed is not outlet.closed:
            log.info("= outlet %d contactor is %s", self.evse, "closed" if outlet.closed else "open")
        return True


def _drive_words(permille: float) -> str:
    if permille == X1:
        return "+12 V"
    if permille == F:
        return "−12 V"
    return f"PWM {permille / 10:.2f} % ({offered_ma(permille) / 1000:g} A)"
