"""Logs on their way to a central system: one at a time, tried again as ordered, told step by step.

Rules this file upholds:
- A newer order ends the older one (N01.FR.11). Where its answer can't say so, the older one is told as failed.
- An order for a place that we can't send to is refused, and ends nothing.
- Each status is told once, in order, with the number of its order (N01.FR.07), and is owed until it has arrived.
- An upload survives a restart: it begins again, and nothing is told twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from evsed.core.capacities import FILE_PROTOCOLS
from evsed.core.effects import Reply
from evsed.core.errands import (
    Abandon,
    ErrandDone,
    LogKind,
    LogOrder,
    LogOrdered,
    LogReply,
    LogUpload,
    Outcome,
    Purpose,
    Upload,
    UploadStatus,
)
from evsed.core.reports import DiagnosticsProgress, LogProgress
from evsed.core.turn import Turn

if TYPE_CHECKING:
    from evsed.core.station import Station

MOST_LEFT = 20
NAMES = {LogKind.DIAGNOSTICS: "diagnostics", LogKind.SECURITY: "security"}

# N01.FR.10: as precise as possible.
ENDS = {
    Outcome.DONE: UploadStatus.UPLOADED,
    Outcome.DENIED: UploadStatus.PERMISSION_DENIED,
    Outcome.MALFORMED: UploadStatus.BAD_MESSAGE,
    Outcome.UNSUPPORTED: UploadStatus.NOT_SUPPORTED,
}


class Uploads:
    """The upload that is under way, or was the last one."""

    def __init__(self, kept: LogUpload | None) -> None:
        self.upload = kept
        self._sending = False
        self._not_before_ms = 0

    @property
    def under_way(self) -> bool:
        """Whether a log is on its way."""
        return self.upload is not None and not self.upload.over

    def order(self, event: LogOrdered, station: Station, turn: Turn) -> None:
        """Answer with the name of the file; what was under way ends."""
        protocols = station.box.variables[FILE_PROTOCOLS]
        if event.order.location.partition("://")[0].upper() not in protocols:
            turn.log(f"! {NAMES[event.order.kind]} can't be sent there: the location is not {', '.join(protocols)}")
            turn.tell(Reply(event.ref, LogReply(None, cancels=False)))
            return
        cancels, before = self.under_way, self._left_to_tell(event.order)
        turn.tell(Abandon(Purpose.LOG))
        id = station.box.new_id()
        name = f"{NAMES[event.order.kind]}-{id}.log.gz"
        self.upload, self._sending, self._not_before_ms = LogUpload(id, event.order, name, before=before), False, 0
        turn.tell(Reply(event.ref, LogReply(name, cancels)))
        turn.log(f"= {name} is wanted" + (", the one before is given up" if cancels else ""))
        self._status(UploadStatus.UPLOADING, turn)

    def done(self, event: ErrandDone, turn: Turn) -> None:
        """An errand is over; one that nobody waits for any more says nothing."""
        upload = self.upload
        if upload is None or upload.over or event.job != upload.job:
            return
        self._sending = False
        tries, patience = upload.tries + 1, upload.order.patience
        self.upload = replace(upload, tries=tries)
        if event.outcome not in (Outcome.DONE, Outcome.HOPELESS) and tries <= patience.retries:  # errata 3.50
            self._not_before_ms = turn.now.mono_ms + patience.interval_s * 1_000
            turn.log(f"! {upload.name} not sent ({event.text}); again in {patience.interval_s} s")
            turn.put(self.upload)
            return
        status = ENDS.get(event.outcome, UploadStatus.UPLOAD_FAILURE)
        turn.log(f"= {upload.name} {status}" + (f": {event.text}" if event.text else ""))
        self.upload = replace(self.upload, over=True, order=replace(upload.order, location=""))
        turn.tell(Abandon(Purpose.LOG))
        self._status(status, turn)

    def store_broke(self) -> None:
        """What was to be sent may not have been: it is begun anew when the disk takes its steps again."""
        self._sending = False

    def settle(self, turn: Turn) -> None:
        """Send when it is time."""
        upload = self.upload
        if upload is not None and not upload.over and not self._sending and turn.now.mono_ms >= self._not_before_ms:
            self._sending = True
            turn.tell(Upload(upload.job, upload.order, upload.name))

    def next_deadline(self) -> int | None:
        """When a pause between two tries is over."""
        return self._not_before_ms if self.under_way and not self._sending else None

    def owed(self) -> DiagnosticsProgress | LogProgress | None:
        """The next status that the central system has not got."""
        if self.upload is None:
            return None
        if self.upload.before:
            return _report(*self.upload.before[0])
        return self._told(self.upload.untold[0]) if self.upload.untold else None

    def arrived(self, report: DiagnosticsProgress | LogProgress, turn: Turn) -> None:
        """The central system has it, or will not have it."""
        if self.upload is not None and self.owed() == report:
            before, untold = self.upload.before, self.upload.untold
            self.upload = replace(self.upload, before=before[1:], untold=untold if before else untold[1:])
            turn.put(self.upload)

    def diagnostics_now(self) -> DiagnosticsProgress:
        """How the upload stands whose order had no number; idle if there is none (OCPP 1.6 §7.24)."""
        told = self._told(UploadStatus.UPLOADING) if self.under_way else None
        return told if isinstance(told, DiagnosticsProgress) else DiagnosticsProgress(UploadStatus.IDLE)

    def log_now(self) -> LogProgress:
        """How the upload stands whose order has a number; idle without one if there is none (N01.FR.12)."""
        told = self._told(UploadStatus.UPLOADING) if self.under_way else None
        return told if isinstance(told, LogProgress) else LogProgress(UploadStatus.IDLE, None)

    def _left_to_tell(self, newer: LogOrder) -> tuple[tuple[UploadStatus, int | None], ...]:
        """What the central system has not heard of the older upload, and that it failed where it ends by that order."""
        older = self.upload
        if older is None:
            return ()
        number = older.order.number
        left = (*older.before, *((status, number) for status in older.untold))
        if older.over:
            return left[-MOST_LEFT:]
        if number is not None and newer.number is not None:
            return older.before  # the answer says AcceptedCanceled
        return (*left, (UploadStatus.UPLOAD_FAILURE, number))[-MOST_LEFT:]

    def _status(self, status: UploadStatus, turn: Turn) -> None:
        assert self.upload is not None
        self.upload = replace(self.upload, untold=(*self.upload.untold, status))
        turn.put(self.upload)

    def _told(self, status: UploadStatus) -> DiagnosticsProgress | LogProgress:
        return _report(status, self.upload.order.number if self.upload is not None else None)


def _report(status: UploadStatus, number: int | None) -> DiagnosticsProgress | LogProgress:
    return DiagnosticsProgress(status) if number is None else LogProgress(status, number)
