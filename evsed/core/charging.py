"""The transaction of one outlet: begun, sampled, judged, ended.

A start is put on disk before anything may close, with the register as it is. An end is put on disk twice: that it is
wanted and why, so that a crash does not undo it; then, when the contactor is open and a reading from after that moment
is there, so that no energy falls between two transactions, that it has come. Only then may the cable be freed.
"""

from __future__ import annotations

from msgspec.structs import replace

from evsed.core import catalogue, measurands
from evsed.core.box import Box
from evsed.core.deadlines import soonest
from evsed.core.events import TokenAnswer
from evsed.core.metering import fresh, next_sampled_ms, sample, thin
from evsed.core.records import Transaction
from evsed.core.register import Register
from evsed.core.reports import MetersSampled, TransactionEnded, TransactionStarted, TransactionUpdated
from evsed.core.seen import Seen
from evsed.core.turn import Turn
from evsed.core.words import Context, MeterSet, StopReason, Token, TokenStatus

OPEN_PATIENCE_MS = 15_000
"""The 6 s rule, the contactor's own time and some more; then the end is written even if the feedback says closed."""
READING_PATIENCE_MS = 3_000
FIRST_READING_PATIENCE_MS = 30_000
OVERSLEPT_MS = 500
"""After a power cut, and while hal is silent: what the meter counted belongs to the transaction that ends (I6)."""
NOTE_MS = 60_000
"""How often the register of a running transaction is noted (with the next batch of the journal)."""


class Charging:
    """The running transaction of one outlet, if there is one."""

    def __init__(self, evse: int, box: Box, seen: Seen, register: Register, adopted: Transaction | None) -> None:
        self._evse = evse
        self._box = box
        self._seen = seen
        self._register = register
        self.tx = adopted
        self._ending_ms: int | None = None
        self._sample_at_ms: int | None = None
        self._note_at_ms = 0
        self._metered_ms = 0  # when the register was last known; in a life of evsed, from when it took the transaction
        self._patient = True

    @property
    def ending(self) -> StopReason | None:
        """Why it is about to end, if it is."""
        return self.tx.reason if self.tx is not None else None

    @property
    def running(self) -> bool:
        """There is one, and it is not about to end."""
        return self.tx is not None and self.tx.reason is None

    @property
    def energy_allowed(self) -> bool:
        """Whether its token still stands for energy: refused ones have MaxEnergyOnInvalidId Wh left, as long as they
        are counted.
        """
        if self.tx is None or not self.running:
            return False
        if self.tx.refused_wh is None:
            return True
        used = self._counted(self.tx) - self.tx.refused_wh
        return (
            self._register.fell_to_wh is None and used < self._box.variables[catalogue.MAX_ENERGY_ON_INVALID]
        )  # OCPP 1.6 §3.5.4

    # --- what happens --------------------------------------------------------------------------------------

    def begin(self, token: Token, group: str | None, register_wh: int, turn: Turn) -> Transaction:
        """Start one: durable in this turn, before the demand that lets the contactor close."""
        at = turn.now.stamp()
        tx = Transaction(self._box.new_id(), self._evse, token, group, at, register_wh, register_wh)
        tx = replace(tx, unassigned_wh=self._register.unassigned_wh)
        self.tx = replace(tx, samples=self._kept(tx, Context.TRANSACTION_BEGIN, turn))
        self._schedule(turn)
        turn.put(self.tx)
        self._register.keep(turn)
        reservation = self._box.reservations.use(self._evse, token, group, tx.id, turn)
        self._box.outbox.put(TransactionStarted(tx.id, self._evse, token, at, register_wh, reservation), turn)
        turn.log(f"= outlet {self._evse} transaction {tx.id} started at {register_wh} Wh")
        return tx

    def resume(self, turn: Turn) -> None:
        """Go on with one that an earlier process began."""
        self._schedule(turn)
        if self.tx is not None:
            turn.log(f"= outlet {self._evse} transaction {self.tx.id} goes on")

    def forget(self) -> None:
        """It never became durable: it never was."""
        self.tx, self._ending_ms, self._sample_at_ms = None, None, None

    def judged(self, answer: TokenAnswer, turn: Turn) -> None:
        """What the central system says of the token at the start (or after an offline start)."""
        if self.tx is None:
            return
        before, self.tx = self.tx, judged(self.tx, answer, self._counted(self.tx))
        if self.tx != before:
            turn.put(self.tx)
            turn.log(f"= outlet {self._evse} transaction {self.tx.id}: token is {answer.status}")

    def end(self, reason: StopReason, token: Token | None, turn: Turn) -> None:
        """Ask for the end; the first reason counts."""
        if self.tx is not None and self.running:
            self.tx = replace(self.tx, reason=reason, ended_by=token)
            turn.put(self.tx)
            turn.log(f"= outlet {self._evse} transaction {self.tx.id} ends: {reason}")

    def interval_changed(self, turn: Turn) -> None:
        """MeterValueSampleInterval was written: it is obeyed at once."""
        self._schedule_sample(turn)

    def aligned(self, turn: Turn) -> None:
        """A clock-aligned moment; without a transaction the values stand alone, and are not queued offline."""
        values = self._set(self._box.variables[measurands.ALIGNED], Context.SAMPLE_CLOCK, turn)
        if values is not None and self.tx is not None:
            self._box.outbox.put(TransactionUpdated(self.tx.id, self._evse, (values,)), turn)
        elif values is not None and self._box.online:
            self._box.outbox.put(MetersSampled(self._evse, (values,)), turn)
        ended = self._set(self._box.variables[measurands.ALIGNED_ENDED], Context.SAMPLE_CLOCK, turn)
        self._keep(ended, turn)

    def triggered(self, turn: Turn) -> bool:
        """A central system asks for the present values (OCPP 1.6 errata 3.46: those of MeterValuesSampledData).
        Whether there are any.
        """
        values = self._set(self._box.variables[measurands.SAMPLED], Context.TRIGGER, turn)
        if values is None:
            return False
        # No history (OCPP 1.6 §5.17): they overtake the queue. Who has not got the start does not know the transaction.
        known = self.tx is not None and not self._box.outbox.start_waits(self.tx.id)
        report = TransactionUpdated(self.tx.id, self._evse, (values,)) if self.tx is not None and known else None
        self._box.outbox.put(report or MetersSampled(self._evse, (values,)), turn, asked_for=True)
        return True

    # --- the consequences ----------------------------------------------------------------------------------

    def settle(self, turn: Turn) -> Transaction | None:
        """Sample what is due; returns a transaction that has just ended."""
        if self.tx is None:
            return None
        self._end_refused(turn)
        self._end_unmetered(turn)
        if self.running:
            self._sample_due(turn)
            return None
        if self._ending_ms is None:
            self._ending_ms, self._patient = turn.now.mono_ms, True
        self._wake(turn.now.mono_ms)
        return self._finish(self.tx, turn) if self._at_rest(turn.now.mono_ms) else None

    def _wake(self, now_ms: int) -> None:
        """Who overslept the end of the patience has not yet heard what hal said meanwhile: once, it begins anew."""
        if self._patient and now_ms > self._rest_by_ms() + OVERSLEPT_MS:
            self._patient, self._ending_ms = False, now_ms

    def next_deadline(self, now_ms: int) -> int | None:
        """When settle must run again without an event."""
        if self.tx is None:
            return None
        if not self.running:
            return soonest((self._rest_by_ms(),), now_ms)
        return soonest((self._sample_at_ms, self._note_at_ms, self._unmetered_by_ms()), now_ms)

    def _end_refused(self, turn: Turn) -> None:
        """OCPP 1.6 §3.5.4: with StopTransactionOnInvalidId the transaction ends once its rest of energy is used."""
        stop = self._box.variables[catalogue.STOP_ON_INVALID]
        if self.tx is not None and self.running and self.tx.refused_wh is not None and stop and not self.energy_allowed:
            self.end(StopReason.DEAUTHORIZED, None, turn)

    def _end_unmetered(self, turn: Turn) -> None:
        """Who sells energy may want none to flow that nobody counts (MaxTimeWithoutMeter)."""
        reading = self._seen.meter
        if reading is not None and reading.energy_wh is not None:
            self._metered_ms = max(self._metered_ms, reading.at_ms)
        by_ms = self._unmetered_by_ms()
        if by_ms is not None and turn.now.mono_ms >= by_ms and self.running:
            turn.log(f"! outlet {self._evse} its meter has been silent or not believed for too long")
            self.end(StopReason.OTHER, None, turn)

    def _unmetered_by_ms(self) -> int | None:
        most_s = self._box.variables[catalogue.MOST_UNMETERED]
        return self._metered_ms + most_s * 1_000 if most_s else None

    def _at_rest(self, now_ms: int) -> bool:
        seen, since_ms = self._seen, self._ending_ms
        if since_ms is None or now_ms >= self._rest_by_ms():
            return since_ms is not None
        open_ms = max(since_ms, seen.opened_ms or 0)
        return seen.known and not seen.closed and seen.meter is not None and seen.meter.at_ms >= open_ms

    def _rest_by_ms(self) -> int:
        """When the end is written at the latest, with what is known then."""
        seen, since_ms = self._seen, self._ending_ms or 0
        if seen.known and seen.closed:
            return since_ms + OPEN_PATIENCE_MS
        told = seen.known and seen.meter is not None
        return max(since_ms, seen.opened_ms or 0) + (READING_PATIENCE_MS if told else FIRST_READING_PATIENCE_MS)

    def _finish(self, tx: Transaction, turn: Turn) -> Transaction:
        assert tx.reason is not None
        end_wh = self._counted(tx)
        samples = self._kept(tx, Context.TRANSACTION_END, turn) if self._ended_measurands() else ()  # §3.16.5
        samples = thin(samples, self._box.variables[catalogue.TX_ENDED_MOST_SETS])
        at = turn.now.stamp()
        done = replace(tx, ended=at, end_wh=end_wh, last_wh=end_wh, samples=samples)
        turn.put(done)
        self._register.settled()
        self._register.keep(turn)
        self._box.outbox.put(TransactionEnded(done.id, self._evse, tx.ended_by, at, end_wh, tx.reason, samples), turn)
        turn.log(
            f"= outlet {self._evse} transaction {done.id} ended at {end_wh} Wh, {end_wh - done.start_wh} Wh in all"
        )
        self.forget()
        return done

    # --- the meter -----------------------------------------------------------------------------------------

    def _counted(self, tx: Transaction) -> int:
        """The register as far as it is known; a meter that is silent or not believed takes nothing back (I6)."""
        return tx.last_wh if self._register.wh is None else self._register.wh

    def _schedule(self, turn: Turn) -> None:
        self._metered_ms = turn.now.mono_ms
        self._note_at_ms = turn.now.mono_ms + NOTE_MS
        self._schedule_sample(turn)

    def _schedule_sample(self, turn: Turn) -> None:
        """From the start of the transaction (OCPP 1.6 §3.16.1); from now, where another boot began it."""
        now, began = turn.now, self.tx.started if self.tx is not None else turn.now.stamp()
        since_ms = began.mono_ms if began.boot == now.boot else now.mono_ms
        self._sample_at_ms = next_sampled_ms(since_ms, self._box.variables[catalogue.SAMPLED_INTERVAL], now.mono_ms)

    def _sample_due(self, turn: Turn) -> None:
        now_ms = turn.now.mono_ms
        if self.tx is None:
            return
        if self._sample_at_ms is not None and now_ms >= self._sample_at_ms:
            interval_s = self._box.variables[catalogue.SAMPLED_INTERVAL]
            self._sample_at_ms = next_sampled_ms(self._sample_at_ms, interval_s, now_ms)
            values = self._set(self._box.variables[measurands.SAMPLED], Context.SAMPLE_PERIODIC, turn)
            if values is not None:
                self._box.outbox.put(TransactionUpdated(self.tx.id, self._evse, (values,)), turn)
            ended = self._set(self._box.variables[measurands.SAMPLED_ENDED], Context.SAMPLE_PERIODIC, turn)
            self._keep(ended, turn)
        if now_ms >= self._note_at_ms:
            self._note_at_ms = now_ms + NOTE_MS
            counted = self._counted(self.tx)
            if counted > self.tx.last_wh:
                self.tx = replace(self.tx, last_wh=counted)
                turn.put(self.tx, urgent=False)
                self._register.keep(turn)

    def _keep(self, values: MeterSet | None, turn: Turn) -> None:
        if self.tx is not None and values is not None:
            room_for_end = self._box.variables[catalogue.TX_ENDED_MOST_SETS] - 1
            self.tx = replace(self.tx, samples=thin((*self.tx.samples, values), room_for_end))
            turn.put(self.tx, urgent=False)

    def _kept(self, tx: Transaction, why: Context, turn: Turn) -> tuple[MeterSet, ...]:
        """Begin and end are part of the transaction's data whenever any is configured (errata 3.14, §3.16.6)."""
        values = self._set(self._ended_measurands(), why, turn)
        return tx.samples if values is None else (*tx.samples, values)

    def _ended_measurands(self) -> tuple[str, ...]:
        variables = self._box.variables
        names = (*variables[measurands.SAMPLED_ENDED], *variables[measurands.ALIGNED_ENDED])
        return tuple(dict.fromkeys(names))

    def _set(self, words: tuple[str, ...], why: Context, turn: Turn) -> MeterSet | None:
        reading = fresh(self._seen.meter, turn.now.mono_ms)
        if reading is None or not words:
            return None
        self._register.keep(turn)  # a register that was told never falls
        return sample(reading, self._seen.offer, words, turn.now.stamp(), why)


def judged(tx: Transaction, answer: TokenAnswer, register_wh: int) -> Transaction:
    """The transaction after what the central system said of its token; the first refusal counts."""
    refused = answer.status is not TokenStatus.ACCEPTED and tx.refused_wh is None
    return replace(tx, group=answer.group or tx.group, refused_wh=register_wh if refused else tx.refused_wh)
