"""What charging profiles allow: now, until when, and over a time to come. Pure reckoning.

Rules this file upholds (OCPP 1.6 §3.13, §5.7, §5.16):
- Of one purpose, the highest profile in the stack that says something prevails; one that is not valid, has not begun,
  is over or pauses between two recurrences says nothing, and the next lower one speaks (errata 3.43).
- A transaction's own profiles come before the default ones; over both stands the maximum of the station.
- A period lasts until the next begins, the last one until the duration or the recurrence ends (errata 3.44).
- Watts become amperes by the nominal voltage, never by the measured one (errata 3.69). They are the whole power
  (§7.13): they are divided among the phases that can carry it, however few were said.
- While the wall time is not known, whatever hangs on a date can't be judged: the lowest limit that the profile has
  holds until time is known, and so does what lies below a profile that may not be in force.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from evsed.core.limits import LEAST_OFFER_MA
from evsed.core.profiles import (
    DAY_MS,
    Composite,
    CompositePeriod,
    InstalledProfile,
    Kind,
    Purpose,
    RateUnit,
)
from evsed.core.sharing import Want, share

NOMINAL_V = 230
ASSUMED_PHASES = 3
"""Where a number of phases is needed and none was said (OCPP 1.6 §7.14)."""
LOOK_AHEAD_MS = DAY_MS
"""The next change is looked for so far ahead; at the end of it one looks again."""
MOST_STEPS = 5_000
"""A composite that takes more is cut short, and says so by its duration."""


class Limit(Struct, frozen=True):
    """A limit as it was set: thousandths of its unit, and the phases that were said."""

    amount: int
    unit: RateUnit
    phases: int | None = None

    def ma(self, phases_used: int = 1) -> int:
        """Milliamperes for each phase. A car that uses more phases than were said must not draw more watts for it."""
        # Never recalculated for fewer phases than the profile says (errata 3.34).
        return self.amount if self.unit is RateUnit.AMPS else self.amount // (NOMINAL_V * self._divisor(phases_used))

    def mw(self, phases_used: int, phases_wired: int) -> int:
        """Milliwatts of all phases that can carry it."""
        divisor = self._divisor(phases_used)
        carrying = min(divisor, phases_wired)
        if self.unit is RateUnit.AMPS:
            return self.amount * NOMINAL_V * carrying
        return self.amount * carrying // divisor

    def _divisor(self, phases_used: int) -> int:
        return max(self.phases or ASSUMED_PHASES, phases_used)


class Said(Struct, frozen=True):
    """What a profile or a stack says: a limit or nothing, the least that is of use to the car, and until when at least.

    `final`: whatever lies below it does not count.
    """

    limit: Limit | None
    until_ms: int | None
    final: bool
    least: Limit | None = None


NOTHING = Said(None, None, False)


class Moment(Struct, frozen=True):
    """Milliseconds since 1970; while `dated` is false, of any other clock. `began_ms`: when the charge began on it."""

    at_ms: int
    dated: bool = True
    began_ms: int | None = None


class Track:
    """One installed profile, ready to be asked."""

    def __init__(self, installed: InstalledProfile) -> None:
        profile, schedule = installed.profile, installed.profile.schedule
        self.installed = installed
        self._relative = profile.kind is Kind.RELATIVE or schedule.start_ms is None
        recurs = profile.kind is Kind.RECURRING and profile.recurrency is not None
        self._every_ms = profile.recurrency.every_ms if recurs and profile.recurrency else None
        ends = (schedule.duration_s * 1_000 if schedule.duration_s is not None else None, self._every_ms)
        self._length_ms = _earliest(ends)
        length_ms = self._length_ms
        lasting = [p for p in schedule.periods if length_ms is None or p.start_s * 1_000 < length_ms]
        self._starts = [period.start_s * 1_000 for period in lasting]
        self._limits = [Limit(period.limit, schedule.unit, period.phases) for period in lasting]
        self._lowest = min(self._limits, key=Limit.ma)
        self._least = None if schedule.least is None else Limit(schedule.least, schedule.unit)

    def says(self, moment: Moment) -> Said:
        """What it says at a moment."""
        profile, at_ms = self.installed.profile, moment.at_ms
        from_ms, to_ms = profile.valid_from_ms, profile.valid_to_ms
        start_ms = self._start_ms(moment)
        if start_ms is None or not (moment.dated or from_ms is to_ms is None):
            return Said(self._lowest, None, self._surely_in_force(), self._least)
        if from_ms is not None and at_ms < from_ms:
            return Said(None, from_ms, False)
        if to_ms is not None and at_ms >= to_ms:
            return NOTHING
        limit, until_ms = self._period(at_ms, start_ms)
        return Said(limit, _earliest((until_ms, to_ms)), limit is not None, self._least)

    def over(self, wall_ms: int) -> bool:
        """Whether it will never say anything again."""
        profile = self.installed.profile
        if profile.valid_to_ms is not None and wall_ms >= profile.valid_to_ms:
            return True
        ends = self._length_ms if self._every_ms is None and not self._relative else None
        return ends is not None and wall_ms >= (profile.schedule.start_ms or 0) + ends

    def _start_ms(self, moment: Moment) -> int | None:
        """When its schedule begins; None: that can't be told."""
        if not self._relative:
            return self.installed.profile.schedule.start_ms if moment.dated else None
        if self.installed.profile.purpose is not Purpose.STATION_MAX:
            return moment.began_ms
        return self.installed.since_ms if moment.dated else None  # no charge begins at a station: when it was set

    def _surely_in_force(self) -> bool:
        """Whether it is in force whatever the date may be, which is not before the one at which it was installed."""
        profile, since_ms = self.installed.profile, self.installed.since_ms
        if profile.valid_to_ms is not None or self._length_ms != self._every_ms:
            return False
        begins = (profile.valid_from_ms, None if self._relative else profile.schedule.start_ms)
        return all(begin is None or (since_ms is not None and begin <= since_ms) for begin in begins)

    def _period(self, at_ms: int, start_ms: int) -> tuple[Limit | None, int | None]:
        """The limit of the schedule, and until when that is so."""
        begin_ms, every_ms, length_ms = start_ms, self._every_ms, self._length_ms
        if at_ms < begin_ms:
            return None, begin_ms
        if every_ms is not None:
            begin_ms += (at_ms - begin_ms) // every_ms * every_ms
        elapsed_ms = at_ms - begin_ms
        if length_ms is not None and elapsed_ms >= length_ms:
            return None, None if every_ms is None else begin_ms + every_ms
        place = bisect_right(self._starts, elapsed_ms)
        ends_ms = self._starts[place] if place < len(self._starts) else length_ms
        return self._limits[place - 1], None if ends_ms is None else begin_ms + ends_ms


def prevailing(tracks: Iterable[Track], moment: Moment, phases_used: int = 1) -> Said:
    """What a stack says, highest profile first."""
    until_ms: int | None = None
    heard: list[tuple[int, Said]] = []
    for track in tracks:
        said = track.says(moment)
        until_ms = _earliest((until_ms, said.until_ms))
        if said.limit is not None:
            heard.append((said.limit.ma(phases_used), said))
        if said.final:
            break
    _, lowest = min(heard, key=lambda pair: pair[0], default=(0, NOTHING))
    return replace(lowest, until_ms=until_ms)


class Claim(Struct, frozen=True):
    """An outlet that charges, or would: its profiles, highest first, and what else limits it.

    `phases_wired` is how many it has, on how many of them its car draws or may yet draw is `phases_used`.
    """

    evse: int
    tracks: tuple[Track, ...]
    began_ms: int | None
    local_ma: int
    phases_used: int = ASSUMED_PHASES
    phases_wired: int = ASSUMED_PHASES


class Scene(Struct, frozen=True):
    """All that decides: the claims, who came first stands first, and the profiles of the station."""

    claims: tuple[Claim, ...]
    station: tuple[Track, ...] = ()
    dated: bool = True


class Allowance(Struct, frozen=True):
    """What profiles allow an outlet for each phase; None = they do not limit it."""

    ma: int | None
    phases: int | None = None


def limits_at(scene: Scene, at_ms: int) -> tuple[dict[int, Allowance], int | None]:
    """What profiles allow each claim, and when that changes; None = never. Looks LOOK_AHEAD_MS ahead, no further."""
    now = _judge(scene, at_ms)
    allowances, until_ms = _allowances(scene, now.limits), now.until_ms
    while until_ms is not None and until_ms < at_ms + LOOK_AHEAD_MS:
        then = _judge(scene, until_ms)
        if _allowances(scene, then.limits) != allowances:
            return allowances, until_ms
        until_ms = then.until_ms
    return allowances, None if until_ms is None else at_ms + LOOK_AHEAD_MS


def maximum_at(scene: Scene, at_ms: int) -> int | None:
    """What all claims together may draw for each phase; None = there is no such limit."""
    total = _judge(scene, at_ms).total
    return None if total is None else total.ma(_most_phases(scene))


def composite(scene: Scene, evse: int, at_ms: int, duration_s: int, unit: RateUnit, most: int) -> Composite:
    """What will be offered at a claim, or (0) at all of them together, in at most so many periods. What can't be
    offered counts as nothing. Each period holds at every whole second from its start on.
    """
    periods: list[CompositePeriod] = []
    second = 0
    for _ in range(MOST_STEPS):
        now = _judge(scene, at_ms + second * 1_000)
        limit, phases = _told(scene, now, evse, unit)
        if not periods or (periods[-1].limit, periods[-1].phases) != (limit, phases):
            if len(periods) == most:
                break
            periods.append(CompositePeriod(second, limit, phases))
        if now.until_ms is None or now.until_ms > at_ms + (duration_s - 1) * 1_000:
            second = duration_s
            break
        second = -((at_ms - now.until_ms) // 1_000)
    return Composite(evse, at_ms if scene.dated else None, second, unit, tuple(periods))


class _Judged(Struct, frozen=True):
    """One moment: the limit of each claim, the maximum of the station, and until when at least both hold."""

    limits: Mapping[int, Limit | None]
    total: Limit | None
    until_ms: int | None


def _judge(scene: Scene, at_ms: int) -> _Judged:
    own = {c.evse: prevailing(c.tracks, Moment(at_ms, scene.dated, c.began_ms), c.phases_used) for c in scene.claims}
    station = prevailing(scene.station, Moment(at_ms, scene.dated), _most_phases(scene))
    until_ms = _earliest((station.until_ms, *(said.until_ms for said in own.values())))
    limits = {evse: said.limit for evse, said in own.items()}
    if station.limit is not None:
        limits = _shared(scene, own, station.limit)
    return _Judged(limits, station.limit, until_ms)


def _shared(scene: Scene, own: Mapping[int, Said], total: Limit) -> dict[int, Limit | None]:
    """The limits of the claims, with the maximum of the station shared among them (OCPP 1.6 §3.13.3)."""
    total_ma = total.ma(_most_phases(scene))
    of_all = Limit(total_ma, RateUnit.AMPS, total.phases)
    limits: dict[int, Limit | None] = {}
    wants: dict[int, Want] = {}
    for claim in scene.claims:
        said = own[claim.evse]
        below = said.limit is not None and said.limit.ma(claim.phases_used) <= total_ma
        whole = total if total.ma(claim.phases_used) <= total_ma else of_all  # no more for who draws on fewer phases
        limits[claim.evse] = said.limit if below else whole
        wants[claim.evse] = _want(claim, min(total_ma, _ma(claim, said.limit)), said.least)
    for evse, share_ma in share(total_ma, wants).items():
        if share_ma < wants[evse].most_ma >= wants[evse].least_ma:
            limits[evse] = Limit(share_ma, RateUnit.AMPS, total.phases)  # the others have the rest
    return limits


def _want(claim: Claim, limit_ma: int, least: Limit | None) -> Want:
    most_ma = min(claim.local_ma, limit_ma)
    # minChargingRate: below it another one is served rather (OCPP 1.6 §3.13.4). It is no limit of its own.
    least_ma = 0 if least is None else min(least.ma(claim.phases_used), most_ma)
    return Want(most_ma, max(LEAST_OFFER_MA, least_ma))


def _ma(claim: Claim, limit: Limit | None) -> int:
    return claim.local_ma if limit is None else limit.ma(claim.phases_used)


def _allowances(scene: Scene, limits: Mapping[int, Limit | None]) -> dict[int, Allowance]:
    return {claim.evse: _allowance(claim, limits[claim.evse]) for claim in scene.claims}


def _allowance(claim: Claim, limit: Limit | None) -> Allowance:
    return Allowance(None) if limit is None else Allowance(limit.ma(claim.phases_used), limit.phases)


def _told(scene: Scene, now: _Judged, evse: int, unit: RateUnit) -> tuple[int, int | None]:
    """Amount and phases of a moment, for a composite. What is told in watts is within the watts of the station."""
    claims = [claim for claim in scene.claims if evse in (0, claim.evse)]
    offers = [_offer(claim, now.limits[claim.evse]) for claim in claims]
    sum_ma = sum(offer.ma(claim.phases_used) for claim, offer in zip(claims, offers, strict=True))
    total, used = now.total, _most_phases(scene)
    wired = max((claim.phases_wired for claim in scene.claims), default=1)
    if evse == 0 and total is not None and sum_ma == total.ma(used):
        # As it was set, without what its shares lose by being rounded.
        return total.ma(used) if unit is RateUnit.AMPS else total.mw(used, wired), total.phases
    phases = {offer.phases for offer in offers}
    same = phases.pop() if len(phases) == 1 else None
    if unit is RateUnit.AMPS:
        return sum_ma, same
    mw = sum(offer.mw(claim.phases_used, claim.phases_wired) for claim, offer in zip(claims, offers, strict=True))
    return mw if total is None or total.unit is RateUnit.AMPS else min(mw, total.amount), same


def _offer(claim: Claim, limit: Limit | None) -> Limit:
    """What is really offered: the least of all limits, or nothing if a car can't take so little."""
    ma, phases = _ma(claim, limit), limit.phases if limit else None
    if min(ma, claim.local_ma) < LEAST_OFFER_MA:
        return Limit(0, RateUnit.AMPS, phases)
    if limit is None or ma > claim.local_ma:
        return Limit(claim.local_ma, RateUnit.AMPS, phases)
    return limit


def _most_phases(scene: Scene) -> int:
    return max((claim.phases_used for claim in scene.claims), default=1)


def _earliest(moments: Iterable[int | None]) -> int | None:
    return min((at for at in moments if at is not None), default=None)
