"""The words of the core: small values that every other room uses. Wire spellings live in the dialects.

Status, stop reasons, measurands and contexts carry the field's standard names, which all OCPP versions share in
meaning; a dialect maps those that it spells or splits differently.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Stamp(Struct, frozen=True):
    """When something happened: monotonic time of one boot, and wall time if it was trusted then."""

    boot: str
    mono_ms: int
    wall_ms: int | None


class Now(Struct, frozen=True):
    """The time as the shell hands it in. Durations come from `mono_ms`, stamps from `wall_ms` (UTC, since 1970)."""

    boot: str
    mono_ms: int
    wall_ms: int | None

    def stamp(self) -> Stamp:
        """This moment as a record keeps it."""
        return Stamp(self.boot, self.mono_ms, self.wall_ms)


class Token(Struct, frozen=True):
    """What a driver shows: up to 20 characters of any content, compared without regard to case (1.6 idToken)."""

    value: str

    @property
    def key(self) -> str:
        """The form in which two tokens are compared and kept."""
        return self.value.casefold()


class Status(StrEnum):
    """State of an outlet as a driver would see it; 2.x dialects narrow it to their connector status."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class StopReason(StrEnum):
    """Why a transaction ended."""

    LOCAL = "Local"
    REMOTE = "Remote"
    EV_DISCONNECTED = "EVDisconnected"
    DEAUTHORIZED = "DeAuthorized"
    HARD_RESET = "HardReset"
    SOFT_RESET = "SoftReset"
    POWER_LOSS = "PowerLoss"
    UNLOCK_COMMAND = "UnlockCommand"
    OTHER = "Other"


class TokenStatus(StrEnum):
    """What a central system, list or cache says of a token."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class Refused(StrEnum):
    """Why the card shown last may not charge: a word of the central system, or one of ours where it can't be asked."""

    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"
    EARLIER = "RefusedEarlier"
    UNKNOWN = "Unknown"
    NOT_OFFLINE = "NotOffline"
    OTHER_CARD = "OtherCardCharges"


class Registration(StrEnum):
    """What the central system said to our boot."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class Verdict(StrEnum):
    """The short answers to requests."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"
    NOT_SUPPORTED = "NotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    UNLOCKED = "Unlocked"
    UNLOCK_FAILED = "UnlockFailed"
    UNKNOWN = "Unknown"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"
    OCCUPIED = "Occupied"
    FAULTED = "Faulted"
    UNAVAILABLE = "Unavailable"
    NO_SUCH_OUTLET = "NoSuchOutlet"
    UNKNOWN_VENDOR = "UnknownVendorId"
    UNKNOWN_MESSAGE = "UnknownMessageId"
    NOT_FOUND = "NotFound"
    NO_ANSWER = "NoAnswer"


class Context(StrEnum):
    """Why a meter sample was taken."""

    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    SAMPLE_PERIODIC = "Sample.Periodic"
    SAMPLE_CLOCK = "Sample.Clock"
    TRIGGER = "Trigger"


class Measurand(StrEnum):
    """What this station can measure or knows; the integer unit of each is in `SampledValue`."""

    ENERGY_IMPORT = "Energy.Active.Import.Register"
    ENERGY_EXPORT = "Energy.Active.Export.Register"
    POWER_IMPORT = "Power.Active.Import"
    POWER_OFFERED = "Power.Offered"
    POWER_FACTOR = "Power.Factor"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"
    TEMPERATURE = "Temperature"


class SampledValue(Struct, frozen=True):
    """One measured value. Unit: Wh for energies, W for powers, mA, mV, mHz, thousandths of a degree Celsius, permille
    for the power factor.

    `phase` is "L1", "L2", "L3" for currents and powers, "L1-N" … for voltages, None for the whole. `place` is where a
    temperature was measured.
    """

    measurand: Measurand
    value: int
    phase: str | None = None
    place: str | None = None


class MeterSet(Struct, frozen=True):
    """All values of one sampling moment."""

    at: Stamp
    context: Context
    values: tuple[SampledValue, ...]


class MeterReading(Struct, frozen=True):
    """One believed answer of the meter; per-phase tuples have 0, 1 or 3 items. `energy_wh` is None while the register
    contradicts what it said before.
    """

    at_ms: int
    energy_wh: int | None
    power_w: int
    current_ma: tuple[int, ...] = ()
    voltage_mv: tuple[int, ...] = ()
    phase_power_w: tuple[int, ...] = ()
    frequency_mhz: int | None = None
    power_factor_permille: int | None = None
    export_wh: int | None = None


class FaultNote(Struct, frozen=True):
    """A fault as hal names it, with the words that reports need. `opens` false = a warning. `mrec` is its code in the
    industry's list, if it has one. `gone`: its cause has gone, and hal only keeps it.
    """

    name: str
    opens: bool
    latched: bool
    code16: str
    text: str
    mrec: str = ""
    gone: bool = False


class Nameplate(Struct, frozen=True):
    """Who this station is: vendor and model ≤ 20 characters, serial ≤ 25, firmware ≤ 50."""

    vendor: str
    model: str
    serial: str | None
    firmware: str
