"""A firmware update: fetched, looked at, laid beside the running program, switched to, proven or taken back.

Rules this file upholds:
- Each step is on the disk before it begins, and begins again after a restart under the number of its order.
- While an image waits to be installed no charge begins, and none is ended for it (errata 3.49, L01.FR.06, L01.FR.07).
- A new program is confirmed once board, meters and central system work with it; else the one before it comes back.
- Each status is told once, in order, and is owed until it has arrived (L01.FR.01, L01.FR.10).
- A newer order ends the older one, until the switch has begun (L01.FR.26, L01.FR.27). One that names who signed the
  image is taken only after that was judged (L01.FR.23), and its image is installed only if it was (L01.FR.04).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from evsed.core.deadlines import soonest
from evsed.core.effects import Reply
from evsed.core.errands import (
    Abandon,
    Activate,
    Confirm,
    ErrandDone,
    Fetch,
    FirmwareOrdered,
    FirmwareStatus,
    FirmwareUpdate,
    InstallerErrand,
    Judge,
    Outcome,
    Purpose,
    RollBack,
    Signed,
    Stage,
    Step,
    Verify,
)
from evsed.core.events import ResetKind
from evsed.core.metering import fresh
from evsed.core.reports import FirmwareProgress, SignedFirmwareProgress
from evsed.core.security_events import SecurityKind
from evsed.core.security_variables import SECURITY_PROFILE
from evsed.core.turn import Turn
from evsed.core.words import Verdict

if TYPE_CHECKING:
    from evsed.core.station import Station

PROVE_MS = 600_000
"""A new program has so long to find board, meters and central system."""
TELL_MS = 30_000
"""The last status before the switch has so long to arrive."""

# OCPP 1.6 §7.25: what is told of an update whose order has no number.
PLAIN = {
    status: status
    for status in (
        FirmwareStatus.DOWNLOADING,
        FirmwareStatus.DOWNLOADED,
        FirmwareStatus.DOWNLOAD_FAILED,
        FirmwareStatus.INSTALLING,
        FirmwareStatus.INSTALLED,
        FirmwareStatus.INSTALLATION_FAILED,
    )
} | {FirmwareStatus.INSTALL_VERIFICATION_FAILED: FirmwareStatus.INSTALLATION_FAILED}


class After(NamedTuple):
    """Where an errand leads to: the next step, and what is told of it."""

    step: Step
    status: FirmwareStatus | None


FAILED = After(Step.OVER, FirmwareStatus.INSTALLATION_FAILED)
ERRAND_ENDS: dict[Step, dict[Outcome, After]] = {
    Step.FETCHING: {Outcome.DONE: After(Step.CHECKING, FirmwareStatus.DOWNLOADED)},
    Step.CHECKING: {
        Outcome.DONE: After(Step.READY, FirmwareStatus.SIGNATURE_VERIFIED),
        Outcome.INVALID: After(Step.OVER, FirmwareStatus.INVALID_SIGNATURE),
    },
    Step.STAGING: {
        Outcome.DONE: After(Step.SWITCHING, FirmwareStatus.INSTALL_REBOOTING),
        Outcome.INVALID: After(Step.OVER, FirmwareStatus.INSTALL_VERIFICATION_FAILED),
    },
    Step.SWITCHING: {Outcome.DONE: After(Step.PROVING, None)},
    Step.PROVING: {Outcome.DONE: After(Step.OVER, FirmwareStatus.INSTALLED)},
}
"""What is not there fails; a fetch that failed may be tried again."""
SAID = {
    Step.READY: "is here, and waits until nothing charges",
    Step.SWITCHING: "is laid beside the running one",
    Step.PROVING: "is on trial",
}
"""What the log says of a step that no status tells of."""


class Firmware:
    """The update that is under way, or was the last one."""

    def __init__(self, kept: FirmwareUpdate | None) -> None:
        self.update = kept
        self._on_trial: bool | None = None
        self._since_ms: int | None = None
        self._job: str | None = None
        self._not_before_ms = 0
        self._due_ms: int | None = None
        self._leaving = False
        self._early = True  # for the install date, as far as is known
        self._judged: tuple[str, FirmwareOrdered] | None = None

    @property
    def under_way(self) -> bool:
        """Whether something is still to come of it."""
        return self.update is not None and self.update.step is not Step.OVER

    @property
    def closes_box(self) -> bool:
        """Whether no charge may begin because of it."""
        step = self.update.step if self.update is not None else Step.OVER
        return self._past_recall or step is Step.STAGING or (step is Step.READY and not self._early)

    @property
    def _past_recall(self) -> bool:
        """Whether the switch to another program has begun."""
        return self._leaving or bool(self._on_trial) or (self.update is not None and self.update.step in PAST_RECALL)

    # --- what happens --------------------------------------------------------------------------------------

    def order(self, event: FirmwareOrdered, station: Station, turn: Turn) -> None:
        """Judge who signed it, if that is said; else take it at once."""
        if self._past_recall:
            turn.tell(Reply(event.ref, Verdict.REJECTED))
            turn.log("! another firmware is just being installed: the order is refused")
        elif event.order.signed is None and station.box.variables[SECURITY_PROFILE] > 0:
            turn.tell(Reply(event.ref, Verdict.NOT_SUPPORTED))  # L01.FR.20
        elif event.order.signed is None:
            self._take(event, station, turn)
        else:
            self._have_judged(event, event.order.signed, station, turn)

    def _have_judged(self, event: FirmwareOrdered, signed: Signed, station: Station, turn: Turn) -> None:
        """One at a time; an older one that still waits is refused."""
        if self._judged is not None:
            turn.tell(Reply(self._judged[1].ref, Verdict.REJECTED))
        job = f"{station.box.new_id()}.judge"
        self._judged = job, event
        turn.tell(Judge(job, signed.certificate))

    def _judge(self, event: ErrandDone, asked: FirmwareOrdered, station: Station, turn: Turn) -> None:
        if event.outcome is Outcome.DONE and not self._past_recall:
            self._take(asked, station, turn)
            return
        invalid = event.outcome is Outcome.INVALID
        turn.tell(Reply(asked.ref, Verdict.INVALID_CERTIFICATE if invalid else Verdict.REJECTED))  # L01.FR.24
        turn.log(f"! firmware is refused: {event.text}")
        if invalid:
            station.box.security.note(SecurityKind.FIRMWARE_CERTIFICATE, event.text, turn)  # L01.FR.02

    def _take(self, event: FirmwareOrdered, station: Station, turn: Turn) -> None:
        """The reply says whether another update is not because of it."""
        cancels = self.under_way
        turn.tell(Abandon(Purpose.FIRMWARE))
        self.update, self._job, self._not_before_ms = FirmwareUpdate(station.box.new_id(), event.order), None, 0
        turn.put(self.update)
        turn.tell(Reply(event.ref, Verdict.ACCEPTED_CANCELED if cancels else Verdict.ACCEPTED))
        turn.log("= firmware is ordered" + (", the update before is given up" if cancels else ""))
        self._early = True
        if turn.now.wall_ms is not None and turn.now.wall_ms < event.order.retrieve_ms:
            self._go(After(Step.SCHEDULED, FirmwareStatus.DOWNLOAD_SCHEDULED), turn)

    def started(self, on_trial: bool, turn: Turn) -> None:
        """What the program that runs is; a switch that a power cut hid is seen by it."""
        self._on_trial, self._since_ms = on_trial, turn.now.mono_ms
        step = self.update.step if self.update is not None else Step.OVER
        if on_trial and step in (Step.STAGING, Step.SWITCHING):
            self._go(After(Step.PROVING, None), turn)
        elif not on_trial and step is Step.PROVING:
            turn.log("! the new firmware was taken back")
            self._go(FAILED, turn)

    def done(self, event: ErrandDone, station: Station, turn: Turn) -> None:
        """An errand is over; one that nobody waits for any more says nothing."""
        if self._judged is not None and event.job == self._judged[0]:
            (_, asked), self._judged = self._judged, None
            self._judge(event, asked, station, turn)
            return
        if self._job is None or event.job != self._job:
            return
        self._job = None
        if event.outcome is not Outcome.DONE:
            turn.log(f"! firmware: {event.text or event.outcome}")
        if self._on_trial:
            self._tried(event, station, turn)
        elif self.update is not None and not self._again(event, self.update, turn):
            if self.update.step is Step.CHECKING and event.outcome is Outcome.INVALID:
                station.box.security.note(SecurityKind.FIRMWARE_SIGNATURE, event.text, turn)  # L01.FR.03
            self._go(ERRAND_ENDS[self.update.step].get(event.outcome, self._failed()), turn)
            if self.update.step is Step.PROVING:
                self._leave(station, turn)

    def store_broke(self, turn: Turn) -> None:
        """What was to be done may not have been: it is begun anew when the disk takes its steps again."""
        self._job = None
        if self._judged is not None:
            turn.tell(Reply(self._judged[1].ref, Verdict.REJECTED))
            self._judged = None

    # --- the consequences ----------------------------------------------------------------------------------

    def settle(self, station: Station, turn: Turn) -> None:
        """Go as far as it goes now; what is due later is `next_deadline`."""
        self._due_ms = None
        if self._on_trial is None or self._leaving or not station.box.durable:
            return
        if self._on_trial:
            self._prove(station, turn)
            return
        while self._job is None and self.update is not None:
            act = ACTS.get(self.update.step)
            after = act(self, self.update, station, turn) if act is not None else None
            if after is None:
                return
            self._go(after, turn)

    def next_deadline(self, now_ms: int) -> int | None:
        """When `settle` must run again without an event."""
        return soonest((self._due_ms,), now_ms)

    def owed(self) -> FirmwareProgress | SignedFirmwareProgress | None:
        """The next status that the central system has not got."""
        return self._told(self.update.untold[0]) if self.update is not None and self.update.untold else None

    def arrived(self, report: FirmwareProgress | SignedFirmwareProgress, turn: Turn) -> None:
        """The central system has it, or will not have it."""
        if self.update is not None and self.owed() == report:
            self.update = replace(self.update, untold=self.update.untold[1:])
            turn.put(self.update)

    def report_now(self) -> FirmwareProgress:
        """How the update stands whose order had no number; idle if there is none (OCPP 1.6 §7.25)."""
        plain = self.under_way and self.update is not None and self.update.order.number is None
        status = self.update.status if plain and self.update is not None else None
        return FirmwareProgress(status or FirmwareStatus.IDLE)

    def signed_report_now(self) -> SignedFirmwareProgress:
        """How the update stands, or ended, whose order has a number; after Installed it is idle (L01.FR.28, FR.29)."""
        update = self.update
        if update is None or update.order.number is None or update.status in (None, FirmwareStatus.INSTALLED):
            return SignedFirmwareProgress(FirmwareStatus.IDLE, None)
        return SignedFirmwareProgress(update.status or FirmwareStatus.IDLE, update.order.number)

    # --- the steps -----------------------------------------------------------------------------------------

    def _wait_for_date(self, update: FirmwareUpdate, station: Station, turn: Turn) -> After | None:
        """Not before the retrieve date (errata 3.63), nor while no time is known."""
        if self._date_is_over(update.order.retrieve_ms, turn):
            return After(Step.FETCHING, FirmwareStatus.DOWNLOADING)
        return None

    def _fetch(self, update: FirmwareUpdate, station: Station, turn: Turn) -> After | None:
        if turn.now.mono_ms < self._not_before_ms:
            self._due_ms = self._not_before_ms
        else:
            self._begin(Fetch(update.job, update.order.location), turn)
        return None

    def _check(self, update: FirmwareUpdate, station: Station, turn: Turn) -> After | None:
        """The image bears a signature of its own, too; this one is that of the order."""
        if update.order.signed is None:
            return After(Step.READY, None)
        self._begin(Verify(update.job, update.order.signed), turn)
        return None

    def _wait_for_rest(self, update: FirmwareUpdate, station: Station, turn: Turn) -> After | None:
        """Not before the install date (L01.FR.16); then until no transaction is left, and none begins meanwhile."""
        self._early = update.order.install_ms is not None and not self._date_is_over(update.order.install_ms, turn)
        if self._early:
            scheduled = update.status is FirmwareStatus.INSTALL_SCHEDULED
            return None if scheduled else After(Step.READY, FirmwareStatus.INSTALL_SCHEDULED)
        if any(outlet.charging.tx is not None for outlet in station.outlets.values()) or not station.outlets:
            return None
        return After(Step.STAGING, FirmwareStatus.INSTALLING)

    def _stage(self, update: FirmwareUpdate, station: Station, turn: Turn) -> After | None:
        self._begin(Stage(update.job), turn)
        return None

    def _switch(self, update: FirmwareUpdate, station: Station, turn: Turn) -> After | None:
        """What was told last must arrive before the restart (L01.FR.15), if it can."""
        if self._not_before_ms == 0:
            self._not_before_ms = turn.now.mono_ms + TELL_MS
        if update.untold and station.box.online and turn.now.mono_ms < self._not_before_ms:
            self._due_ms = self._not_before_ms
        else:
            self._begin(Activate(update.job), turn)
        return None

    # --- the new program -----------------------------------------------------------------------------------

    def _prove(self, station: Station, turn: Turn) -> None:
        """Confirm it once everything works (I11); take it back when that takes too long."""
        assert self._since_ms is not None
        now_ms, until_ms = turn.now.mono_ms, self._since_ms + PROVE_MS
        if self._job is not None:
            return
        outlets = station.outlets.values()
        works = (
            station.hal_up and bool(outlets) and all(fresh(outlet.seen.meter, now_ms) is not None for outlet in outlets)
        )
        if works and station.box.online:
            self._begin(Confirm(self._trial_job(Step.PROVING)), turn)
        elif now_ms >= until_ms:
            turn.log("! the new firmware does not find board, meters and central system: it is taken back")
            self._begin(RollBack(self._trial_job(Step.OVER)), turn)
        else:
            self._due_ms = until_ms

    def _trial_job(self, step: Step) -> str:
        return f"{self.update.id if self.update is not None else 'unknown'}.trial.{step}"

    def _tried(self, event: ErrandDone, station: Station, turn: Turn) -> None:
        """Confirmed; or, if it was taken back, the restart follows, and who comes then tells the failure."""
        if event.job == self._trial_job(Step.PROVING) and event.outcome is Outcome.DONE:
            self._on_trial = False
            station.box.security.note(SecurityKind.FIRMWARE_UPDATED, "", turn)
            if self.update is not None and self.update.step is Step.PROVING:
                self._go(ERRAND_ENDS[Step.PROVING][Outcome.DONE], turn)
        else:
            self._leave(station, turn)

    # --- helpers -------------------------------------------------------------------------------------------

    def _begin(self, errand: Fetch | InstallerErrand, turn: Turn) -> None:
        self._job = errand.job
        turn.tell(errand)

    def _again(self, event: ErrandDone, update: FirmwareUpdate, turn: Turn) -> bool:
        """Whether a fetch that failed is tried once more."""
        patience = update.order.patience
        hopeless = event.outcome in (Outcome.DONE, Outcome.HOPELESS) or update.tries >= patience.retries
        if update.step is not Step.FETCHING or hopeless:
            return False
        self.update = replace(update, tries=update.tries + 1)
        self._not_before_ms = turn.now.mono_ms + patience.interval_s * 1_000
        turn.put(self.update)
        return True

    def _failed(self) -> After:
        fetching = self.update is not None and self.update.step is Step.FETCHING
        return After(Step.OVER, FirmwareStatus.DOWNLOAD_FAILED) if fetching else FAILED

    def _go(self, after: After, turn: Turn) -> None:
        assert self.update is not None
        update = replace(self.update, step=after.step)
        status = after.status if update.order.number is not None else PLAIN.get(after.status or FirmwareStatus.IDLE)
        if status is not None:
            update = replace(update, status=status, untold=(*update.untold, status))
        if after.step is Step.OVER:  # nobody needs what may hold a password any more
            update = replace(update, order=replace(update.order, location=""))
            turn.tell(Abandon(Purpose.FIRMWARE))
        self.update, self._not_before_ms = update, 0
        turn.put(update)
        turn.log(f"= firmware {after.status or SAID[after.step]}")

    def _leave(self, station: Station, turn: Turn) -> None:
        """Nothing charges: the switch takes place with the restart."""
        self._leaving = True
        station.resetting.begin(ResetKind.SOFT, station, turn)

    def _date_is_over(self, date_ms: int, turn: Turn) -> bool:
        if turn.now.wall_ms is None:
            return False
        if turn.now.wall_ms < date_ms:
            self._due_ms = turn.now.mono_ms + date_ms - turn.now.wall_ms
        return turn.now.wall_ms >= date_ms

    def _told(self, status: FirmwareStatus) -> FirmwareProgress | SignedFirmwareProgress:
        number = self.update.order.number if self.update is not None else None
        return FirmwareProgress(status) if number is None else SignedFirmwareProgress(status, number)


Act = Callable[[Firmware, FirmwareUpdate, "Station", Turn], After | None]
ACTS: dict[Step, Act] = {
    Step.SCHEDULED: Firmware._wait_for_date,
    Step.FETCHING: Firmware._fetch,
    Step.CHECKING: Firmware._check,
    Step.READY: Firmware._wait_for_rest,
    Step.STAGING: Firmware._stage,
    Step.SWITCHING: Firmware._switch,
}
PAST_RECALL = (Step.SWITCHING, Step.PROVING)
