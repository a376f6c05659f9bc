"""The charging profiles that are installed: which one takes the place of which, what is refused, who obeys which.

Rules this file upholds (OCPP 1.6 §3.13, §5.5, §5.16):
- At one place (an outlet, or 0 for all) no two have the same id, nor the same level and purpose; the newer one stays.
- A default profile of one outlet takes the place of that of all outlets there and nowhere else.
- A transaction's profile needs its transaction to run, and goes with it.
- What is refused is refused with a reason, and changes nothing. What could not be cleared on the disk was not cleared:
  a limit that would be back after a power cut holds before it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from evsed.core.effects import Drop
from evsed.core.profiles import Criteria, InstalledProfile, Kind, Profile, Purpose
from evsed.core.schedules import ASSUMED_PHASES, Track
from evsed.core.turn import Turn


class Capacity(Struct, frozen=True):
    """How much is taken: levels from 0 to `level`, so many profiles, so many periods in each."""

    level: int
    installed: int
    periods: int


def _disordered(profile: Profile) -> bool:
    starts = [period.start_s for period in profile.schedule.periods]
    return starts != sorted(set(starts))


def _odd_phases(profile: Profile) -> bool:
    told = (period.phases for period in profile.schedule.periods if period.phases is not None)
    return any(not 1 <= phases <= ASSUMED_PHASES for phases in told)


def _never_valid(profile: Profile) -> bool:
    from_ms, to_ms = profile.valid_from_ms, profile.valid_to_ms
    return from_ms is not None and to_ms is not None and from_ms >= to_ms


Flaw = tuple[str, Callable[[Profile, Capacity], bool]]

FLAWS: tuple[Flaw, ...] = (
    ("its level is not supported", lambda p, most: not 0 <= p.level <= most.level),
    ("it has no period", lambda p, _: not p.schedule.periods),
    ("it has too many periods", lambda p, most: len(p.schedule.periods) > most.periods),
    ("its first period does not start at 0", lambda p, _: p.schedule.periods[0].start_s != 0),  # errata 3.45, 3.70
    ("its periods are not in order", lambda p, _: _disordered(p)),
    ("a limit is negative", lambda p, _: any(period.limit < 0 for period in p.schedule.periods)),
    ("a number of phases is not possible", lambda p, _: _odd_phases(p)),
    ("its duration is not positive", lambda p, _: p.schedule.duration_s is not None and p.schedule.duration_s <= 0),
    ("it does not say how often it recurs", lambda p, _: p.kind is Kind.RECURRING and p.recurrency is None),
    ("it recurs from no start", lambda p, _: p.kind is Kind.RECURRING and p.schedule.start_ms is None),
    ("it is never valid", lambda p, _: _never_valid(p)),
)


def flaw(profile: Profile, capacity: Capacity) -> str | None:
    """What is wrong with a profile, wherever it is to go; None if nothing is."""
    return next((text for text, applies in FLAWS if applies(profile, capacity)), None)


class ProfileBook:
    """The installed profiles. Methods that take some out return them, so that the disk can forget them too."""

    def __init__(self, installed: Iterable[InstalledProfile], capacity: Capacity) -> None:
        self.capacity = capacity
        self._tracks = {each.key: Track(each) for each in installed}
        self._cleared: tuple[InstalledProfile, ...] = ()

    def __len__(self) -> int:
        return len(self._tracks)

    def refusal(self, new: InstalledProfile, running: str | None, wall_ms: int | None) -> str | None:
        """Why it can't be installed; None if it can. `running` is the transaction that runs at its outlet."""
        purpose = new.profile.purpose
        if purpose is Purpose.STATION_MAX and new.evse != 0:
            return "a maximum of the station is set for the whole station only"  # §3.13.1
        if purpose is Purpose.TX and new.evse == 0:
            return "a transaction's profile is set for one outlet only"  # §3.13.1
        if purpose is Purpose.TX and (running is None or new.tx != running):
            return "no such transaction runs there"  # §3.13.1
        leaving = {old.key for old in (*self._replaced(new), *self._over(wall_ms))}
        if len(self._tracks) - len(leaving) >= self.capacity.installed:
            return "no more profiles can be installed"
        return flaw(new.profile, self.capacity)

    def put(self, new: InstalledProfile, wall_ms: int | None) -> tuple[InstalledProfile, ...]:
        """Install one that is not refused; returns those that it took the place of."""
        replaced = self._replaced(new)
        if len(self._tracks) - len(replaced) >= self.capacity.installed:
            replaced = (*replaced, *(old for old in self._over(wall_ms) if old not in replaced))
        self._remove(replaced)
        self._tracks[new.key] = Track(new)
        return replaced

    def clear(self, criteria: Criteria, *, id_alone: bool) -> tuple[InstalledProfile, ...]:
        """Take out those that match all that is said; with `id_alone` an id makes everything else count for nothing."""
        wanted = Criteria(criteria.id) if id_alone and criteria.id is not None else criteria
        self._cleared = self._remove(tuple(one for one in self._all() if _matches(one, wanted)))
        return self._cleared

    def store_broke(self, changes: Iterable[object], turn: Turn) -> None:
        """Those that were cleared last stay, if the disk could not forget them."""
        if not self._cleared or Drop(InstalledProfile, self._cleared[0].key) not in changes:
            return
        for one in self._cleared:
            self._tracks[one.key] = Track(one)
            turn.put(one)
        self._cleared = ()
        turn.log("! the profiles that were cleared stay: it could not be kept")

    def ended(self, tx: str) -> tuple[InstalledProfile, ...]:
        """A transaction is over: take out its profiles (OCPP 1.6 §7.10)."""
        return self._remove(tuple(one for one in self._all() if one.tx == tx))

    def of_outlet(self, evse: int, tx: str | None) -> tuple[Track, ...]:
        """What an outlet obeys during a transaction, or None, the highest first (OCPP 1.6 §3.13.1, §3.13.2)."""
        own = self._stack(lambda one: one.profile.purpose is Purpose.TX and one.evse == evse and one.tx == tx)
        default = self._stack(lambda one: one.profile.purpose is Purpose.TX_DEFAULT and one.evse in (0, evse))
        return (*own, *default)

    def of_station(self) -> tuple[Track, ...]:
        """What all outlets together obey, the highest first."""
        return self._stack(lambda one: one.profile.purpose is Purpose.STATION_MAX)

    def _all(self) -> list[InstalledProfile]:
        return [track.installed for track in self._tracks.values()]

    def _stack(self, applies: Callable[[InstalledProfile], bool]) -> tuple[Track, ...]:
        """One profile for each level: that of the outlet rather than that of all."""
        found = (track for track in self._tracks.values() if applies(track.installed))
        levels = {track.installed.profile.level: track for track in sorted(found, key=lambda t: t.installed.evse)}
        return tuple(levels[level] for level in sorted(levels, reverse=True))

    def _replaced(self, new: InstalledProfile) -> tuple[InstalledProfile, ...]:
        """§5.16.3: the same id, or the same level and purpose."""
        place = (new.evse, new.profile.purpose, new.profile.level)
        return tuple(
            old
            for old in self._all()
            if old.key == new.key or (old.evse, old.profile.purpose, old.profile.level) == place
        )

    def _over(self, wall_ms: int | None) -> tuple[InstalledProfile, ...]:
        """Those that will never say anything again: they make room."""
        if wall_ms is None:
            return ()
        return tuple(track.installed for track in self._tracks.values() if track.over(wall_ms))

    def _remove(self, leaving: tuple[InstalledProfile, ...]) -> tuple[InstalledProfile, ...]:
        for one in leaving:
            del self._tracks[one.key]
        return leaving


def _matches(one: InstalledProfile, wanted: Criteria) -> bool:
    profile = one.profile
    asked = (
        (wanted.id, profile.id),
        (wanted.evse, one.evse),
        (wanted.purpose, profile.purpose),
        (wanted.level, profile.level),
    )
    return all(want is None or want == has for want, has in asked)
