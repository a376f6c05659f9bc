"""Reservations: who makes an outlet wait for whom, and for how long.

Rules this file upholds (OCPP 1.6 §3.11, §5.1, §5.13):
- On a reserved outlet nothing begins but for its token, or one of its group; who is of the group may have to be asked.
- A reservation of any outlet (0) keeps one free: as long as two are, all may be used; the last one waits.
- It ends when its transaction begins, when its time is over, when it is cancelled, or with a fault or the end of
  service of its outlet. A silent evse-hal is no such fault: it comes back, and §4.9 (I7) leads back to Reserved.
- It is on the disk before the answer; its end is one commit with the transaction that ends it.
- A box that does not know the time keeps it no longer after its start than it was made for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from evsed.core import capacities, catalogue
from evsed.core.authorization import Opinion
from evsed.core.effects import Change, Drop, Put, Reply
from evsed.core.reserved import Reservation, ReservationCancelled, ReserveAsked
from evsed.core.turn import Turn
from evsed.core.words import Now, Token, Verdict

if TYPE_CHECKING:
    from evsed.core.outlet import Outlet
    from evsed.core.station import Station

Refusal = tuple[Verdict, str]


class Stance(Enum):
    """What reservations say to a token at an outlet: welcome, only the central system can tell, or not here."""

    OPEN = auto()
    ASK = auto()
    CLOSED = auto()


Asked = tuple[Change, str, Reservation | None]
"""What a central system asked for: the change, its key, and what was there before."""


class Reservations:
    """The reservations by key, and which outlets are kept for the one of any outlet."""

    def __init__(self, kept: Iterable[Reservation]) -> None:
        self._all = {reservation.key: reservation for reservation in kept}
        self._kept_free: dict[int, Reservation] = {}
        self._used: dict[str, Reservation] = {}
        self._ends_ms: int | None = None
        # In this turn, and in the one before.
        self._asked: Asked | None = None
        self._just_asked: Asked | None = None

    # --- asked by outlets ----------------------------------------------------------------------------------

    def holder(self, evse: int) -> Reservation | None:
        """The reservation that an outlet waits for now."""
        own = (reservation for reservation in self._all.values() if reservation.evse == evse)
        return next(own, self._kept_free.get(evse))

    def stance(self, evse: int, token: Token, opinion: Opinion | None) -> Stance:
        """Whether a shown token is worth a look here; `opinion` is what the box itself knows of it."""
        holder = self.holder(evse)
        if holder is None or holder.token.key == token.key:
            return Stance.OPEN
        if holder.group is None:
            return Stance.CLOSED
        if opinion is None or not opinion.accepted:
            return Stance.ASK  # §5.13: who is not known here is asked about, to learn the group
        return Stance.OPEN if opinion.group == holder.group else Stance.CLOSED

    def admits(self, evse: int, token: Token, group: str | None) -> bool:
        """Whether a token of this group may charge here."""
        holder = self.holder(evse)
        return holder is None or _fits(holder, token, group)

    def use(self, evse: int, token: Token, group: str | None, tx: str, turn: Turn) -> int | None:
        """This transaction begins: the number of the reservation that ends by it (§5.13)."""
        fitting = (one for one in self._all.values() if one.evse in (0, evse) and _fits(one, token, group))
        used = max(fitting, key=lambda one: one.evse, default=None)
        if used is None:
            return None
        self._used[tx] = used
        self._end(used, f"transaction {tx} begins", turn)
        return used.id

    def never_began(self, tx: str, turn: Turn) -> None:
        """That transaction never became durable: what it used is there again."""
        used = self._used.pop(tx, None)
        if used is not None:
            self._all[used.key] = used
            turn.put(used)

    # --- the passing of time -------------------------------------------------------------------------------

    def settle(self, station: Station, turn: Turn) -> None:
        """End what is over, and see which outlet must be kept free."""
        self._used.clear()
        self._just_asked, self._asked = self._asked, None
        for reservation in list(self._all.values()):
            why = _why_over(reservation, station, turn.now)
            if why is not None:
                self._end(reservation, why, turn)
        self.keep_one_free(station)
        rests = (rest_ms(reservation, turn.now) for reservation in self._all.values())
        self._ends_ms = min((turn.now.mono_ms + rest for rest in rests), default=None)

    def keep_one_free(self, station: Station) -> None:
        """For a reservation of any outlet: while two outlets are free nobody need wait, then the last one does. Where a
        car stands at each, one that has not begun must not.
        """
        before, self._kept_free = self._kept_free, {}
        zero = next((reservation for reservation in self._all.values() if reservation.evse == 0), None)
        outlets = station.outlets.values()
        if zero is None or any(o.grant and _fits(zero, o.grant.token, o.grant.group) for o in outlets):
            return
        idle = [o for o in outlets if o.idle() and all(one.evse != o.evse for one in self._all.values())]
        if sum(outlet.free() for outlet in idle) < 2 and idle:
            kept = min(idle, key=lambda outlet: (not outlet.free(), outlet.evse not in before, outlet.evse))
            self._kept_free = {kept.evse: zero}

    def next_deadline(self) -> int | None:
        """When the first one is over."""
        return self._ends_ms

    # --- asked by a central system -------------------------------------------------------------------------

    def hurdle(self, outlet: Outlet, id: int) -> Refusal | None:
        """Why this outlet can't be reserved now; the reservation `id` would be replaced."""
        if outlet.fault() is not None or outlet.register.fell_to_wh is not None:
            return Verdict.FAULTED, "nothing can charge at the outlet"
        if not outlet.in_service:
            return Verdict.UNAVAILABLE, "the outlet is out of service"
        if any(one.evse == outlet.evse and one.id != id for one in self._all.values()):
            return Verdict.OCCUPIED, "the outlet is reserved"
        return None if outlet.free() else (Verdict.OCCUPIED, "the outlet is in use")

    def place(self, station: Station, evse: int, id: int) -> Refusal | None:
        """Why there is no place for a reservation; None if there is."""
        outlets = station.outlets.values()
        hurdles = {outlet.evse: self.hurdle(outlet, id) for outlet in outlets if evse in (0, outlet.evse)}
        found = [hurdle for hurdle in hurdles.values() if hurdle is not None]
        zero = next((one for one in self._all.values() if one.evse == 0 and one.id != id), None)
        if found and len(found) == len(hurdles):
            return min(found, key=lambda hurdle: _FIRST_TOLD.index(hurdle[0]))
        if evse == 0:
            return None if zero is None else (Verdict.OCCUPIED, "any outlet is reserved already")
        others = (outlet for outlet in outlets if outlet.evse != evse)
        if zero is not None and all(self.hurdle(outlet, zero.id) for outlet in others):
            return Verdict.OCCUPIED, "the last free outlet is kept for another reservation"
        return None

    def put(self, reservation: Reservation, turn: Turn) -> None:
        """Keep one that has its place; one of the same number goes."""
        self._asked = Put(reservation), reservation.key, self._all.get(reservation.key)
        self._all[reservation.key] = reservation
        turn.put(reservation)

    def cancel(self, id: int, turn: Turn) -> bool:
        """Whether there was such a one."""
        reservation = self._all.get(str(id))
        if reservation is not None:
            self._asked = Drop(Reservation, reservation.key), reservation.key, reservation
            self._end(reservation, "it is cancelled", turn)
        return reservation is not None

    def store_broke(self, changes: Iterable[object], turn: Turn) -> None:
        """What was asked for just before was not done if it is among these changes, which could not be kept."""
        if self._just_asked is None or self._just_asked[0] not in changes:
            return
        _, key, before = self._just_asked
        turn.log(f"! reservation {key} is as it was before: the change was not kept")
        if before is not None:
            self._all[key] = before
            turn.put(before)
        elif self._all.pop(key, None) is not None:
            turn.drop(Reservation, key)

    def _end(self, reservation: Reservation, why: str, turn: Turn) -> None:
        del self._all[reservation.key]
        turn.drop(Reservation, reservation.key)
        turn.log(f"= reservation {reservation.id} ends: {why}")


_FIRST_TOLD = (Verdict.OCCUPIED, Verdict.UNAVAILABLE, Verdict.FAULTED)


def rest_ms(reservation: Reservation, now: Now) -> int:
    """How long it still counts; 0 or less = it is over."""
    if now.wall_ms is not None:
        return reservation.until_ms - now.wall_ms
    return reservation.until_ms - reservation.made_ms - now.mono_ms


def _fits(reservation: Reservation, token: Token, group: str | None) -> bool:
    """Its token, or one of its group; a token is never compared with a group (OCPP 1.6 §3.10)."""
    own = reservation.token.key == token.key
    return own or (reservation.group is not None and reservation.group == group)


def _why_over(reservation: Reservation, station: Station, now: Now) -> str | None:
    if rest_ms(reservation, now) <= 0:
        return "its time is over"
    about = [outlet for outlet in station.outlets.values() if reservation.evse in (0, outlet.evse)]
    gone = (not outlet.operative or outlet.seen.opening_fault is not None for outlet in about)
    return "its outlet is faulted or out of service" if about and all(gone) else None


# The first that applies: why no reservation of this kind is taken at all (§5.13: Rejected).
REFUSALS: tuple[tuple[str, Callable[[Station, ReserveAsked, Now], bool]], ...] = (
    ("ReservationEnabled is false", lambda s, _, __: not s.box.variables[catalogue.RESERVATION_ENABLED]),
    (
        "ReserveConnectorZeroSupported is false",
        lambda s, asked, _: asked.evse == 0 and not s.box.variables[capacities.RESERVE_ZERO],
    ),
    ("there is no such outlet", lambda s, asked, _: bool(s.outlets) and asked.evse not in (0, *s.outlets)),
    ("the journal can't be written", lambda s, _, __: not s.box.durable),
    ("the time is not known", lambda _, __, now: now.wall_ms is None),
    ("its time is over", lambda _, asked, now: now.wall_ms is not None and asked.until_ms <= now.wall_ms),
)


def reserve(station: Station, asked: ReserveAsked, turn: Turn) -> None:
    """OCPP 1.6 §5.13."""
    book = station.box.reservations
    why = next((text for text, applies in REFUSALS if applies(station, asked, turn.now)), None)
    refused = (Verdict.REJECTED, why) if why else book.place(station, asked.evse, asked.id)
    if not station.outlets and refused is None:
        refused = Verdict.FAULTED, "the board is not known yet"
    if refused is not None:
        turn.log(f"! reservation {asked.id} of outlet {asked.evse} is refused: {refused[1]}")
        turn.tell(Reply(asked.ref, refused[0]))
        return
    assert turn.now.wall_ms is not None
    made = Reservation(asked.id, asked.evse, asked.token, asked.group, turn.now.wall_ms, asked.until_ms)
    book.put(made, turn)
    turn.log(f"= reservation {asked.id} of {f'outlet {asked.evse}' if asked.evse else 'any outlet'}")
    turn.tell(Reply(asked.ref, Verdict.ACCEPTED))


def cancel(station: Station, cancelled: ReservationCancelled, turn: Turn) -> None:
    """OCPP 1.6 §5.1."""
    done = station.box.reservations.cancel(cancelled.id, turn)
    turn.tell(Reply(cancelled.ref, Verdict.ACCEPTED if done else Verdict.REJECTED))


# Each function takes exactly the request type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    ReserveAsked: reserve,
    ReservationCancelled: cancel,
}
