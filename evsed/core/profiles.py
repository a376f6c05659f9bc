"""Charging profiles: what a central system may set to limit current or power over time.

The shape is that of the newest OCPP in our own words; a dialect narrows it. All numbers are integers: limits are
thousandths of their unit (mA for each phase, or mW in total), moments are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

DAY_MS = 86_400_000


class Purpose(StrEnum):
    """What a profile limits: the sum of the station, each transaction unless it has its own, or one transaction."""

    STATION_MAX = "ChargingStationMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class Kind(StrEnum):
    """What the periods are counted from: a date, a date again and again, or the start of the charge."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(StrEnum):
    """How often a recurring schedule begins anew. UTC knows no summer time: a day has 24 hours (errata 3.79)."""

    DAILY = "Daily"
    WEEKLY = "Weekly"

    @property
    def every_ms(self) -> int:
        """The time from one beginning to the next."""
        return DAY_MS if self is Recurrency.DAILY else 7 * DAY_MS


class RateUnit(StrEnum):
    """The unit of a limit: amperes for each phase, or watts of all phases together (errata 3.69)."""

    AMPS = "A"
    WATTS = "W"


class Period(Struct, frozen=True):
    """From `start_s` of its schedule until the next period: at most `limit`. `phases` None = not said."""

    start_s: int
    limit: int
    phases: int | None = None


class Schedule(Struct, frozen=True):
    """Periods in their order. Without `start_ms` they count from the start of the charge, without `duration_s` the last
    one never ends. Below `least` the car charges badly; that only guides how a common limit is shared.
    """

    unit: RateUnit
    periods: tuple[Period, ...]
    start_ms: int | None = None
    duration_s: int | None = None
    least: int | None = None


class Profile(Struct, frozen=True):
    """One schedule with its place in the stack. Valid from `valid_from_ms` until just before `valid_to_ms`."""

    id: int
    level: int
    purpose: Purpose
    kind: Kind
    schedule: Schedule
    recurrency: Recurrency | None = None
    valid_from_ms: int | None = None
    valid_to_ms: int | None = None


class InstalledProfile(Struct, frozen=True):
    """A profile where it applies: an outlet, or 0 for all. `tx` is the transaction that it lives and dies with.

    `since_ms` is when it was installed, None if no time was known then.
    """

    evse: int
    profile: Profile
    tx: str | None = None
    since_ms: int | None = None

    @property
    def key(self) -> str:
        """Outlet and id."""
        return f"{self.evse}:{self.profile.id}"


class Criteria(Struct, frozen=True):
    """Which profiles are meant; a field that is None says nothing."""

    id: int | None = None
    evse: int | None = None
    purpose: Purpose | None = None
    level: int | None = None


class CompositePeriod(Struct, frozen=True):
    """From `start_s` on, `limit` thousandths of the composite's unit are offered. `phases` None = not said."""

    start_s: int
    limit: int
    phases: int | None = None


class Composite(Struct, frozen=True):
    """What will be offered from `start_ms` (None: no time is known) for `duration_s`, as things stand now."""

    evse: int
    start_ms: int | None
    duration_s: int
    unit: RateUnit
    periods: tuple[CompositePeriod, ...]


# --- what a central system may ask; `ref` is given back with the Reply ----------------------------------------


class InstallProfile(Struct, frozen=True):
    """Set a profile for an outlet, or 0 for all; `tx` is the transaction that was named. Reply: Verdict."""

    ref: str
    evse: int
    profile: Profile
    tx: str | None = None


class ClearProfiles(Struct, frozen=True):
    """Forget the profiles that match. Reply: Verdict."""

    ref: str
    criteria: Criteria


class CompositeAsked(Struct, frozen=True):
    """What will be offered at an outlet, or (0) by the station, for so long from now? Reply: Composite, or Verdict."""

    ref: str
    evse: int
    duration_s: int
    unit: RateUnit
