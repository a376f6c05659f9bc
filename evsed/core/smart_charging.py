"""Smart charging: what profiles mean for the outlets of this station, and what may be asked of them.

Rules this file upholds:
- What profiles allow is one limit among others. It is reckoned when it is settled who charges, and before any demand
  of the same turn, so that no charge begins above its profile.
- It is reckoned anew at each event, and at the moment when it changes by itself.
- A car may draw on all phases that it is given until it was seen to do with fewer for SETTLED_MS: watts are the total
  that is allowed (OCPP 1.6 §7.13), from the first second on.
- A profile is on the disk before anyone hears of it, unless it takes the place of its like and lowers nothing: then it
  is written with the next batch, since some central systems set one every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from evsed.core import capacities, catalogue
from evsed.core.effects import Reply
from evsed.core.limits import LEAST_OFFER_MA
from evsed.core.profile_book import Capacity, ProfileBook
from evsed.core.profiles import ClearProfiles, CompositeAsked, InstalledProfile, InstallProfile, Profile, Purpose
from evsed.core.records import Transaction
from evsed.core.schedules import Allowance, Claim, Scene, composite, limits_at, maximum_at
from evsed.core.sharing import in_turn
from evsed.core.status import DRAWS_MA, SLACK_MA
from evsed.core.turn import Turn
from evsed.core.variables import BOOL, Variables
from evsed.core.words import Now, Verdict

if TYPE_CHECKING:
    from evsed.core.outlet import Outlet
    from evsed.core.station import Station

SETTLED_MS = 10_000
"""Some cars take their phases one by one: what they draw counts once it has lasted so long."""


def capacity(variables: Variables) -> Capacity:
    """How much is taken."""
    return Capacity(
        level=variables[capacities.PROFILE_LEVEL],
        installed=variables[capacities.PROFILES_INSTALLED],
        periods=variables[capacities.SCHEDULE_PERIODS],
    )


FOLLOW_MS = 12_000  # a new duty waits up to 5 s at the pilot, and the car has 5 s to follow (IEC 61851-1 A.6 seq. 6)


class _Drew(Struct, frozen=True):
    """The most phases on which a car was seen to draw, since when, and whether that has lasted."""

    phases: int
    since_ms: int
    settled: bool = False


class SmartCharging:
    """Keeps the outlets of a station within what the profiles allow."""

    def __init__(self) -> None:
        self._drew: dict[str, _Drew] = {}
        self._changes_ms: int | None = None
        self._above_ms: int | None = None  # since when a car has more than its share of the station's maximum

    def settle(self, station: Station, turn: Turn) -> None:
        """Limit each outlet that charges to what the profiles allow it now."""
        self._watch_phases(station, turn.now.mono_ms)
        choice = any(outlet.seen.phases is not None for outlet in station.outlets.values())
        station.box.variables.write(catalogue.SWITCHES_PHASES, BOOL.text(choice))
        scene, at_ms = self._scene(station, turn.now)
        told, until_ms = limits_at(scene, at_ms)
        self._changes_ms = None if until_ms is None else turn.now.mono_ms + until_ms - at_ms
        allowed = {evse: allowance.ma for evse, allowance in told.items()}
        total_ma = maximum_at(scene, at_ms)
        if total_ma is not None and len(allowed) > 1:
            allowed = self._as_it_becomes_free(station, total_ma, allowed, turn.now.mono_ms)
        for outlet in station.outlets.values():
            outlet.limit_by_profiles(allowed.get(outlet.evse), turn)
            outlet.phases = _phases(outlet, told.get(outlet.evse))

    def next_deadline(self) -> int | None:
        """When the profiles allow something else by themselves."""
        return self._changes_ms

    def allowed(self, station: Station, now: Now) -> dict[int, int | None]:
        """What the profiles allow each outlet that charges; None = anything."""
        scene, at_ms = self._scene(station, now)
        return {evse: allowance.ma for evse, allowance in limits_at(scene, at_ms)[0].items()}

    def tell_composite(self, station: Station, asked: CompositeAsked, turn: Turn) -> None:
        """OCPP 1.6 §5.7. At an outlet without a charge, as if one began now."""
        if asked.duration_s < 0 or (asked.evse != 0 and asked.evse not in station.outlets):
            turn.tell(Reply(asked.ref, Verdict.REJECTED))
            return
        idle = [outlet for outlet in station.outlets.values() if asked.evse in (0, outlet.evse)]
        scene, at_ms = self._scene(station, turn.now, idle)
        most = station.box.profiles.capacity.periods
        turn.tell(Reply(asked.ref, composite(scene, asked.evse, at_ms, asked.duration_s, asked.unit, most)))

    def _scene(self, station: Station, now: Now, as_if: list[Outlet] | None = None) -> tuple[Scene, int]:
        """All that charge, who began first stands first, then those of `as_if` that don't; and now on its clock.

        That clock is the wall's; while it is not known, the one of this boot.
        """
        dated = now.wall_ms is not None
        at_ms = now.mono_ms if now.wall_ms is None else now.wall_ms
        charging = sorted(_charging(station), key=lambda one: (one[1].started.boot == now.boot, one[1].started.mono_ms))
        claims = [self._claim(outlet, tx, _began_ms(station, tx, now, at_ms)) for outlet, tx in charging]
        there = {claim.evse for claim in claims}
        claims += [self._claim(outlet, None, at_ms) for outlet in as_if or () if outlet.evse not in there]
        return Scene(tuple(claims), station.box.profiles.of_station(), dated), at_ms

    def _claim(self, outlet: Outlet, tx: Transaction | None, began_ms: int | None) -> Claim:
        wired = outlet.seen.wired
        drew = self._drew.get(tx.id) if tx else None
        return Claim(
            evse=outlet.evse,
            tracks=outlet.box.profiles.of_outlet(outlet.evse, tx.id if tx else None),
            began_ms=began_ms,
            local_ma=outlet.local_limit_ma(),
            phases_used=min(drew.phases, wired) if drew and drew.settled else wired,
            phases_wired=wired,
        )

    def _as_it_becomes_free(
        self, station: Station, total_ma: int, allowed: Mapping[int, int | None], now_ms: int
    ) -> dict[int, int | None]:
        """A car follows a lower offer within seconds; until then the others have only what they have, and after that
        only the rest (OCPP 1.6 §3.13.3).
        """
        shares = {evse: _share(station.outlets[evse], ma) for evse, ma in allowed.items()}
        held = {evse: _held_ma(station.outlets[evse], share_ma) for evse, share_ma in shares.items()}
        self._above_ms = (self._above_ms if self._above_ms is not None else now_ms) if any(held.values()) else None
        patient = self._above_ms is not None and now_ms - self._above_ms < FOLLOW_MS
        if patient and self._above_ms is not None:
            end_ms = self._above_ms + FOLLOW_MS
            self._changes_ms = end_ms if self._changes_ms is None else min(self._changes_ms, end_ms)
        offered = {evse: station.outlets[evse].seen.offered_ma if patient else 0 for evse in shares}
        free = in_turn(total_ma, shares, held, offered)
        return {evse: free[evse] if free[evse] < shares[evse] else ma for evse, ma in allowed.items()}

    def _watch_phases(self, station: Station, now_ms: int) -> None:
        """On how many phases each car was ever seen to draw: one that pauses would draw on as many again."""
        drew = {}
        for outlet, tx in _charging(station):
            drawn = outlet.seen.meter.current_ma if outlet.seen.meter else ()
            phases, before = sum(ma >= DRAWS_MA for ma in drawn), self._drew.get(tx.id)
            if before is None or phases > before.phases:
                before = _Drew(phases, now_ms) if phases else None
            if before is not None:
                lasted = phases > 0 and now_ms - before.since_ms >= SETTLED_MS
                drew[tx.id] = replace(before, settled=before.settled or lasted)
        self._drew = drew


def install(station: Station, request: InstallProfile, turn: Turn) -> None:
    """OCPP 1.6 §5.16: checked, kept, and obeyed from now on."""
    if request.evse != 0 and request.evse not in station.outlets:
        # Before the board has told what it has, no outlet can be said not to be there.
        turn.tell(Reply(request.ref, Verdict.NO_SUCH_OUTLET if station.outlets else Verdict.REJECTED))
        return
    running = _running(station, request.evse)
    tx = (request.tx or running) if request.profile.purpose is Purpose.TX else None
    new = InstalledProfile(request.evse, request.profile, tx, turn.now.wall_ms)
    why_not = station.box.profiles.refusal(new, running, turn.now.wall_ms)
    if why_not is not None:
        turn.log(f"! profile {new.profile.id} for outlet {new.evse} is refused: {why_not}")
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    before = station.smart_charging.allowed(station, turn.now)
    replaced = station.box.profiles.put(new, turn.now.wall_ms)
    lowers = _lower(before, station.smart_charging.allowed(station, turn.now))
    keep(new, replaced, turn, urgent=lowers or new.key not in {old.key for old in replaced})
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))


def clear(station: Station, request: ClearProfiles, turn: Turn) -> None:
    """OCPP 1.6 §5.5."""
    gone = station.box.profiles.clear(request.criteria, id_alone=station.box.rules.clear_by_id_alone)
    forget(gone, turn)
    turn.tell(Reply(request.ref, Verdict.ACCEPTED if gone else Verdict.UNKNOWN))


def ask_composite(station: Station, request: CompositeAsked, turn: Turn) -> None:
    """OCPP 1.6 §5.7."""
    station.smart_charging.tell_composite(station, request, turn)


def begin(book: ProfileBook, tx: Transaction, profile: Profile | None, turn: Turn) -> None:
    """A transaction brings its profile with it (OCPP 1.6 §5.16.2)."""
    if profile is not None:
        new = InstalledProfile(tx.evse, profile, tx.id, turn.now.wall_ms)
        keep(new, book.put(new, turn.now.wall_ms), turn)


def keep(new: InstalledProfile, replaced: tuple[InstalledProfile, ...], turn: Turn, *, urgent: bool = True) -> None:
    """On the disk, in the place of these."""
    forget(tuple(old for old in replaced if old.key != new.key), turn)
    turn.put(new, urgent=urgent)


def forget(gone: tuple[InstalledProfile, ...], turn: Turn) -> None:
    """No more on the disk."""
    for old in gone:
        turn.drop(InstalledProfile, old.key)


def _charging(station: Station) -> list[tuple[Outlet, Transaction]]:
    """The outlets whose transaction may have energy, or has it still."""
    there = [(outlet, outlet.charging.tx) for outlet in station.outlets.values()]
    return [(outlet, tx) for outlet, tx in there if tx and (outlet.charging.energy_allowed or outlet.seen.closed)]


def _share(outlet: Outlet, allowed_ma: int | None) -> int:
    """What is too little to be offered is a share of nothing: the others need not leave it."""
    local_ma = outlet.local_limit_ma()
    share_ma = local_ma if allowed_ma is None else min(local_ma, allowed_ma)
    return share_ma if share_ma >= LEAST_OFFER_MA else 0


def _held_ma(outlet: Outlet, share_ma: int) -> int:
    """What its car may draw now by what is on its pilot, or draws; a little more than it should is not held."""
    drawn = outlet.seen.meter.current_ma if outlet.seen.meter and outlet.seen.closed else ()
    ma = max((outlet.seen.offered_ma, *drawn))
    return ma if ma > share_ma + SLACK_MA else 0


def _phases(outlet: Outlet, allowance: Allowance | None) -> Literal[1, 3] | None:
    """How many a charge shall have; 3 unless another number is said (OCPP 1.6 §7.14). None = as it is."""
    if outlet.seen.phases is None or allowance is None:
        return None
    return 1 if allowance.phases == 1 else 3


def _running(station: Station, evse: int) -> str | None:
    charging = station.outlets[evse].charging if evse in station.outlets else None
    return charging.tx.id if charging is not None and charging.tx is not None and charging.running else None


def _began_ms(station: Station, tx: Transaction, now: Now, at_ms: int) -> int | None:
    """When it began, on the clock of `at_ms`; None: that is not known."""
    if tx.started.boot == now.boot:
        return at_ms - (now.mono_ms - tx.started.mono_ms)  # a step of the wall clock moves no schedule (I10)
    return None if now.wall_ms is None else station.date(tx.started, now)


def _lower(before: Mapping[int, int | None], after: Mapping[int, int | None]) -> bool:
    now_less = ((ma, after[evse]) for evse, ma in before.items())
    return any(less is not None and (ma is None or less < ma) for ma, less in now_less)


# Each function takes exactly the event type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    InstallProfile: install,
    ClearProfiles: clear,
    CompositeAsked: ask_composite,
}
