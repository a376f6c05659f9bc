"""The words of upkeep: firmware that comes, logs that go, and the errands that the shell runs for both.

An errand takes long and is done beside the loop; the core hears of it by one `ErrandDone`. There is at most one of each
kind, a newer one takes its place. What an errand leaves on the disk goes with `Abandon`.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from evsed.core.credentials import CertificateErrand, Held

Ref = str


class FirmwareStatus(StrEnum):
    """How far an update is, as a central system is told."""

    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOADING = "Downloading"
    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    SIGNATURE_VERIFIED = "SignatureVerified"
    INVALID_SIGNATURE = "InvalidSignature"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALLING = "Installing"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLED = "Installed"
    IDLE = "Idle"


class UploadStatus(StrEnum):
    """How far an upload is, as a central system is told."""

    UPLOADING = "Uploading"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    PERMISSION_DENIED = "PermissionDenied"
    BAD_MESSAGE = "BadMessage"
    NOT_SUPPORTED = "NotSupportedOperation"
    IDLE = "Idle"


class LogKind(StrEnum):
    """Which log is wanted."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"


class Patience(Struct, frozen=True):
    """How often something is tried again after it failed, and how long that waits."""

    retries: int = 3
    interval_s: int = 60


class Signed(Struct, frozen=True):
    """What proves where an image comes from: PEM certificate of who signed it, signature in base64."""

    certificate: str
    signature: str


class FirmwareOrder(Struct, frozen=True):
    """What a central system wants to have installed. `number` is its name for the order, None if it gave none.

    The location may hold a password: it is shown nowhere.
    """

    location: str
    retrieve_ms: int
    patience: Patience
    number: int | None = None
    install_ms: int | None = None
    signed: Signed | None = None


class LogOrder(Struct, frozen=True):
    """Which log a central system wants to have, and where. The location may hold a password: it is shown nowhere."""

    kind: LogKind
    location: str
    patience: Patience
    number: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None


class Outcome(StrEnum):
    """How an errand ended. HOPELESS = trying again is of no use; INVALID = what was looked at is not what it claims."""

    DONE = "done"
    FAILED = "failed"
    DENIED = "denied"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    HOPELESS = "hopeless"
    INVALID = "invalid"


class Step(StrEnum):
    """Where an update is; OVER = nothing more will come of it."""

    SCHEDULED = "scheduled"
    FETCHING = "fetching"
    CHECKING = "checking"
    READY = "ready"
    STAGING = "staging"
    SWITCHING = "switching"
    PROVING = "proving"
    OVER = "over"


class FirmwareUpdate(Struct, frozen=True):
    """The newest update, kept on the disk. `status` is the newest one, `untold` are those that did not arrive yet."""

    id: str
    order: FirmwareOrder
    step: Step = Step.SCHEDULED
    tries: int = 0
    status: FirmwareStatus | None = None
    untold: tuple[FirmwareStatus, ...] = ()

    @property
    def key(self) -> str:
        """There is one."""
        return "newest"

    @property
    def job(self) -> str:
        """The name of the errand that is due now."""
        return f"{self.id}.{self.step}.{self.tries}"


class LogUpload(Struct, frozen=True):
    """The newest upload of a log, kept on the disk. `untold` are its statuses that did not arrive yet, `before` those
    of the uploads that it replaced, each with the number of its order.
    """

    id: str
    order: LogOrder
    name: str
    tries: int = 0
    over: bool = False
    untold: tuple[UploadStatus, ...] = ()
    before: tuple[tuple[UploadStatus, int | None], ...] = ()

    @property
    def key(self) -> str:
        """There is one."""
        return "newest"

    @property
    def job(self) -> str:
        """The name of the errand that is due now."""
        return f"{self.id}.{self.tries}"


# --- events ----------------------------------------------------------------------------------------------------


class FirmwareOrdered(Struct, frozen=True):
    """Install this. Reply: Verdict."""

    ref: Ref
    order: FirmwareOrder


class LogOrdered(Struct, frozen=True):
    """Send this log. Reply: LogReply."""

    ref: Ref
    order: LogOrder


class ErrandDone(Struct, frozen=True):
    """The errand of that name is over. `held`: if it was about certificates, those that lie on the disk now."""

    job: str
    outcome: Outcome
    text: str = ""
    held: Held | None = None


class ProgramStarted(Struct, frozen=True):
    """Told once at the start: whether this program is a new one on trial, to be confirmed or taken back."""

    on_trial: bool


UpkeepRequest = FirmwareOrdered | LogOrdered
UpkeepEvent = ProgramStarted | ErrandDone


# --- effects ---------------------------------------------------------------------------------------------------


class Fetch(Struct, frozen=True):
    """Get the image, or the rest of it."""

    job: str
    location: str


class Judge(Struct, frozen=True):
    """Does the manufacturer sign with this certificate?"""

    job: str
    certificate: str


class Verify(Struct, frozen=True):
    """Is the image what was signed so?"""

    job: str
    signed: Signed


class Stage(Struct, frozen=True):
    """Look whether the image may be installed, and lay it beside the running program."""

    job: str


class Activate(Struct, frozen=True):
    """What was staged runs from the next start on, on trial."""

    job: str


class Confirm(Struct, frozen=True):
    """The program on trial is good."""

    job: str


class RollBack(Struct, frozen=True):
    """The program before this one runs from the next start on."""

    job: str


class Upload(Struct, frozen=True):
    """Send a log, named so."""

    job: str
    order: LogOrder
    name: str


class Purpose(StrEnum):
    """What errands are for; at most one of each is under way."""

    FIRMWARE = "firmware"
    JUDGEMENT = "judgement"
    CERTIFICATES = "certificates"
    LOG = "log"


class Abandon(Struct, frozen=True):
    """End what is under way for this, if anything is; its files go."""

    purpose: Purpose


InstallerErrand = Judge | Verify | Stage | Activate | Confirm | RollBack
Work = Fetch | InstallerErrand | Upload | CertificateErrand
Errand = Work | Abandon


class LogReply(Struct, frozen=True):
    """The log that is being sent, None if that can't be; and whether another one is not because of it."""

    name: str | None
    cancels: bool
