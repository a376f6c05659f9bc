"""The transaction of one outlet: begun, sampled, judged, ended.

A start is put on disk before anything may close, with the register as it is. An end waits until the contactor is open
and a reading from after that moment is there, so that no energy falls between two transactions; then it is put on disk,
and only then may the cable be freed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evsed.core import catalogue
from evsed.core.box import Box
from evsed.core.events import TokenAnswer
from evsed.core.metering import Offer, fresh, next_sampled_ms, sample, thin
from evsed.core.records import Transaction
from evsed.core.reports import MetersSampled, TransactionEnded, TransactionStarted, TransactionUpdated
from evsed.core.seen import Seen
from evsed.core.turn import Turn
from evsed.core.words import Context, MeterSet, StopReason, Token, TokenStatus

OPEN_PATIENCE_MS = 15_000
"""The 6 s rule, the contactor's own time and some more; then the end is written even if the feedback says closed."""
READING_PATIENCE_MS = 3_000
NOTE_MS = 60_000
"""How often the register of a running transaction is noted (with the next batch of the journal)."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A transaction that is to end."""

    reason: StopReason
    token: Token | None
    since_ms: int


class Charging:
    """The running transaction of one outlet, if there is one."""

    def __init__(self, evse: int, box: Box, seen: Seen, adopted: Transaction | None) -> None:
        self._evse = evse
        self._box = box
        self._seen = seen
        self.tx = adopted
        self.ending: Ending | None = None
        self._sample_at_ms: int | None = None
        self._note_at_ms = 0

    @property
    def running(self) -> bool:
        """There is one, and it is not about to end."""
        return self.tx is not None and self.ending is None

    @property
    def energy_allowed(self) -> bool:
        """Whether its token still stands for energy: refused ones have MaxEnergyOnInvalidId Wh left."""
        if self.tx is None or self.ending is not None:
            return False
        if self.tx.refused_wh is None:
            return True
        used = (self._seen.meter.energy_wh if self._seen.meter else self.tx.last_wh) - self.tx.refused_wh
        return used < self._box.variables[catalogue.MAX_ENERGY_ON_INVALID]  # OCPP 1.6 §3.5.4

    def begin(self, token: Token, group: str | None, register_wh: int, turn: Turn) -> None:
        """Start one: durable in this turn, before the demand that lets the contactor close."""
        at = turn.now.stamp()
        tx = Transaction(self._box.new_id(), self._evse, token, group, at, register_wh, register_wh)
        self.tx = replace(tx, samples=self._kept(tx, Context.TRANSACTION_BEGIN, turn))
        self._schedule(turn)
        turn.put(self.tx)
        self._box.outbox.put(TransactionStarted(tx.id, self._evse, token, at, register_wh), turn)
        turn.log(f"= outlet {self._evse} transaction {tx.id} started at {register_wh} Wh")

    def resume(self, turn: Turn) -> None:
        """Go on with one that an earlier process began."""
        self._schedule(turn)
        if self.tx is not None:
            turn.log(f"= outlet {self._evse} transaction {self.tx.id} goes on")

    def forget(self) -> None:
        """It never became durable: it never was."""
        self.tx = None

    def judged(self, answer: TokenAnswer, turn: Turn) -> None:
        """What the central system says of the token at the start (or after an offline start)."""
        if self.tx is None:
            return
        self.tx = replace(self.tx, group=answer.group or self.tx.group)
        if answer.status is not TokenStatus.ACCEPTED and self.tx.refused_wh is None:
            register = self._seen.meter.energy_wh if self._seen.meter else self.tx.last_wh
            self.tx = replace(self.tx, refused_wh=register)
            turn.log(f"= outlet {self._evse} transaction {self.tx.id}: token is {answer.status}")
        turn.put(self.tx, urgent=self.tx.refused_wh is not None)

    def end(self, reason: StopReason, token: Token | None, turn: Turn) -> None:
        """Ask for the end; the first reason counts."""
        if self.running:
            self.ending = Ending(reason, token, turn.now.mono_ms)
            turn.log(f"= outlet {self._evse} transaction ends: {reason}")

    def settle(self, turn: Turn) -> Transaction | None:
        """Sample what is due; returns a transaction that has just ended."""
        if self.tx is None:
            return None
        self._end_refused(turn)
        if self.ending is not None:
            return self._finish(self.ending, turn) if self._at_rest(turn.now.mono_ms) else None
        self._sample_due(turn)
        return None

    def aligned(self, turn: Turn) -> None:
        """A clock-aligned moment; without a transaction the values stand alone, and are not queued offline."""
        values = self._set(self._box.variables[catalogue.ALIGNED_MEASURANDS], Context.SAMPLE_CLOCK, turn)
        if self.tx is not None or self._box.online:
            self._report(values, turn)
        ended = self._set(self._box.variables[catalogue.ALIGNED_ENDED_MEASURANDS], Context.SAMPLE_CLOCK, turn)
        self._keep(ended, turn)

    def triggered(self, turn: Turn) -> None:
        """A central system asks for the present values (OCPP 1.6 errata 3.46: those of MeterValuesSampledData)."""
        self._report(self._set(self._box.variables[catalogue.SAMPLED_MEASURANDS], Context.TRIGGER, turn), turn)

    def _report(self, values: MeterSet | None, turn: Turn) -> None:
        if values is not None and self.tx is not None:
            self._box.outbox.put(TransactionUpdated(self.tx.id, self._evse, (values,)), turn)
        elif values is not None:
            self._box.outbox.put(MetersSampled(self._evse, (values,)), turn, asked_for=True)

    def next_deadline(self) -> int | None:
        """When settle must run again without an event."""
        if self.tx is None:
            return None
        if self.ending is not None:
            opened = self._seen.opened_ms
            rest = max(opened, self.ending.since_ms) if opened is not None else self.ending.since_ms
            return (self.ending.since_ms + OPEN_PATIENCE_MS) if self._seen.closed else rest + READING_PATIENCE_MS
        return min(at for at in (self._sample_at_ms, self._note_at_ms) if at is not None)

    def _end_refused(self, turn: Turn) -> None:
        """OCPP 1.6 §3.5.4: with StopTransactionOnInvalidId the transaction ends once its rest of energy is used."""
        stop = self._box.variables[catalogue.STOP_ON_INVALID]
        if self.tx is not None and self.running and self.tx.refused_wh is not None and stop and not self.energy_allowed:
            self.end(StopReason.DEAUTHORIZED, None, turn)

    def _at_rest(self, now_ms: int) -> bool:
        if self.ending is None:
            return False
        since = max(self.ending.since_ms, self._seen.opened_ms or 0)
        if self._seen.up and self._seen.closed:
            return now_ms - self.ending.since_ms >= OPEN_PATIENCE_MS
        reading = self._seen.meter
        return (reading is not None and reading.at_ms >= since) or now_ms - since >= READING_PATIENCE_MS

    def _finish(self, ending: Ending, turn: Turn) -> Transaction:
        assert self.tx is not None
        register = self._seen.meter.energy_wh if self._seen.meter else self.tx.last_wh
        # A register below the last durable one is another meter: what was counted stays counted (I6).
        end_wh = max(register, self.tx.last_wh, self.tx.start_wh)
        samples = thin(
            self._kept(self.tx, Context.TRANSACTION_END, turn), self._box.variables[catalogue.TX_ENDED_MOST_SETS]
        )
        at = turn.now.stamp()
        done = replace(self.tx, ended=at, end_wh=end_wh, last_wh=end_wh, reason=ending.reason, samples=samples)
        turn.put(done)
        report = TransactionEnded(done.id, self._evse, ending.token, at, end_wh, ending.reason, samples)
        self._box.outbox.put(report, turn)
        turn.log(
            f"= outlet {self._evse} transaction {done.id} ended at {end_wh} Wh, {end_wh - done.start_wh} Wh in all"
        )
        self.tx, self.ending, self._sample_at_ms = None, None, None
        return done

    def _schedule(self, turn: Turn) -> None:
        now_ms = turn.now.mono_ms
        self._note_at_ms = now_ms + NOTE_MS
        self._sample_at_ms = next_sampled_ms(now_ms, self._box.variables[catalogue.SAMPLED_INTERVAL], now_ms)

    def interval_changed(self, turn: Turn) -> None:
        """MeterValueSampleInterval was written: it counts from now."""
        self._schedule(turn)

    def _sample_due(self, turn: Turn) -> None:
        now_ms = turn.now.mono_ms
        if self.tx is None:
            return
        if self._sample_at_ms is not None and now_ms >= self._sample_at_ms:
            interval_s = self._box.variables[catalogue.SAMPLED_INTERVAL]
            self._sample_at_ms = next_sampled_ms(self._sample_at_ms, interval_s, now_ms)
            values = self._set(self._box.variables[catalogue.SAMPLED_MEASURANDS], Context.SAMPLE_PERIODIC, turn)
            self._report(values, turn)
            ended = self._set(self._box.variables[catalogue.SAMPLED_ENDED_MEASURANDS], Context.SAMPLE_PERIODIC, turn)
            self._keep(ended, turn)
        if now_ms >= self._note_at_ms:
            self._note_at_ms = now_ms + NOTE_MS
            reading = fresh(self._seen.meter, now_ms)
            if reading is not None and reading.energy_wh > self.tx.last_wh:
                self.tx = replace(self.tx, last_wh=reading.energy_wh)
                turn.put(self.tx, urgent=False)

    def _keep(self, values: MeterSet | None, turn: Turn) -> None:
        if self.tx is not None and values is not None:
            most = self._box.variables[catalogue.TX_ENDED_MOST_SETS] - 1
            self.tx = replace(self.tx, samples=thin((*self.tx.samples, values), most))
            turn.put(self.tx, urgent=False)

    def _kept(self, tx: Transaction, why: Context, turn: Turn) -> tuple[MeterSet, ...]:
        """Begin and end are part of the transaction's data whenever any is configured."""
        names = (
            *self._box.variables[catalogue.SAMPLED_ENDED_MEASURANDS],
            *self._box.variables[catalogue.ALIGNED_ENDED_MEASURANDS],
        )
        values = self._set(tuple(dict.fromkeys(names)), why, turn)
        return tx.samples if values is None else (*tx.samples, values)

    def _set(self, measurands: tuple[str, ...], why: Context, turn: Turn) -> MeterSet | None:
        reading = fresh(self._seen.meter, turn.now.mono_ms)
        if reading is None or not measurands:
            return None
        offer = Offer(self._seen.offered_ma, max(len(reading.current_ma), 1))
        return sample(reading, offer, measurands, turn.now.stamp(), why)
