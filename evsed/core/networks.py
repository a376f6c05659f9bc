"""Which central system is dialled next, with which key and security profile, so that the station is never stranded.

Rules this file upholds:
- What the central system changes is on the disk before it is answered, and what worked before is kept until the new has
  worked: an answer came over a connection that was made with it (A01.FR.03, A05.FR.08).
- After that there is no way back to a lower profile but the installer's word (A00.FR.005, A05.FR.09).
- A key that is refused is not the only one tried while there are others; profiles and central systems change after
  TRIES failures in a row. The last good central system is the first to be dialled after a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from evsed.core.central_systems import (
    Agreed,
    CentralSystem,
    ConnectTo,
    DialFailed,
    LastGood,
    Secret,
    SecretWritten,
    Target,
)
from evsed.core.credentials import NEVER_MS, Held, Own, RootUse
from evsed.core.deadlines import soonest
from evsed.core.effects import Reply
from evsed.core.figures import day
from evsed.core.reports import HeartbeatDue
from evsed.core.security_events import SecurityKind
from evsed.core.security_variables import SECURITY_PROFILE
from evsed.core.status import Dials, Older
from evsed.core.turn import Turn
from evsed.core.words import Verdict

if TYPE_CHECKING:
    from evsed.core.events import VariableWritten
    from evsed.core.station import Station

TRIES = 3
NOBODY = "there is no central system"
GRACE_MS = 3_000
"""A central system that changes how we connect may still have something to say, such as Reset (TC_083)."""
BASIC, TLS_BASIC, TLS_CERTIFICATE = 1, 2, 3
LAST_DIGITS = 8
HEX_KEY = (32, 34, 36, 38, 40)  # digits: 16 to 20 bytes, A00.FR.205
TEXT_KEY = range(16, 41)


class Networks:
    """The installer's central systems, the first is the primary one. With none it has nothing to say."""

    def __init__(self, systems: tuple[CentralSystem, ...], agreed: Iterable[Agreed], good: Iterable[LastGood]) -> None:
        self._systems = systems
        known = {one.basis: one for one in agreed}
        self._agreed = [known.get(one.basis) or _as_written(one) for one in systems]
        self._spare = set(known) - {one.basis for one in systems}
        bases = [one.basis for one in systems]
        self._good = next((bases.index(one.basis) for one in good if one.basis in bases), 0)
        self.current = self._good
        self._registered_with = self.current
        taken = next((one.certificate for one in good if one.basis in bases), "")
        self._last_good = LastGood(bases[self._good], taken) if bases else None
        self._own: tuple[Own, ...] = ()
        self._rooted = False
        self._wall_ms: int | None = None
        self._best: tuple[int, str] | None = None
        self._key = 0
        self._failures = 0
        self._proven = False
        self._hang_up_ms: int | None = None
        self._seen_with: Own | None = None
        self._fell_back = False

    @property
    def configured(self) -> bool:
        """Whether there is anybody to dial."""
        return bool(self._systems)

    @property
    def profile(self) -> int:
        """The security profile in use; 0 where nothing is dialled."""
        return self._agreed[self.current].profile if self._systems else 0

    def target(self) -> Target | None:
        """What is to be dialled."""
        if not self._systems:
            return None
        system, agreed = self._systems[self.current], self._agreed[self.current]
        keys = _keys(agreed)
        key = keys[self._key % len(keys)] if keys and agreed.profile in (BASIC, TLS_BASIC) else None
        shown = [own.name for own in self.certificates()] or [""]
        name = shown[self._key % len(shown)] if agreed.profile == TLS_CERTIFICATE else ""
        return Target(self.current, _url(system, agreed.profile), agreed.profile, key, name)

    def certificates(self) -> tuple[Own, ...]:
        """Those of ours that count now, the newest first (A02.FR.09); all where none does, or no time is known."""
        known, now_ms = self.known_certificates(), self._wall_ms
        return tuple(own for own in known if now_ms is None or own.since_ms <= now_ms < own.until_ms) or known

    def known_certificates(self) -> tuple[Own, ...]:
        """All of ours, the newest first."""
        brought = self._systems[self.current].own if self._systems else None
        known = self._own if brought is None else (*self._own, brought)
        return tuple(sorted(known, key=lambda own: own.since_ms, reverse=True))

    def shown(self) -> Own | None:
        """The one that the present target shows; None without profile 3."""
        target = self.target()
        if target is None or target.profile != TLS_CERTIFICATE:
            return None
        return next((own for own in self.known_certificates() if own.name == target.certificate), None)

    def needed(self) -> tuple[str, ...]:
        """Certificates of ours without which we could be stranded: the last one that was taken, and the present one."""
        target = self.target()
        taken = "" if self._last_good is None else self._last_good.certificate
        return tuple({taken, "" if target is None else target.certificate} - {""})

    def has(self, held: Held) -> None:
        """The certificates that there are."""
        self._own, self._rooted = held.own, any(root.use is RootUse.CENTRAL for root in held.roots)

    def holds(self, held: Held, turn: Turn) -> None:
        """Certificates have come or gone: the next connection is made with them."""
        self.has(held)
        self._tell(turn, hang_up=False)

    def next_deadline(self, now_ms: int) -> int | None:
        """When the present connection ends for the sake of the next one, or a certificate begins to count."""
        wall_ms = self._wall_ms
        begins = () if wall_ms is None else (now_ms + max(0, own.since_ms - wall_ms) for own in self._own)
        return soonest((self._hang_up_ms, *begins), now_ms)

    def settle(self, turn: Turn) -> None:
        """Hang up when the grace is over, and forget what the installer took out; a newer certificate is used as soon
        as it counts (A02.FR.08).
        """
        self._wall_ms = turn.now.wall_ms
        before, self._best = self._best, self._best_now()
        if before is not None and self._best is not None and before[0] == self._best[0] and before != self._best:
            self._key = 0
            self._switch(turn)
        for basis in self._spare:
            turn.drop(Agreed, basis, urgent=False)
        self._spare.clear()
        if self._hang_up_ms is not None and turn.now.mono_ms >= self._hang_up_ms:
            self._hang_up_ms = None
            self._tell(turn, hang_up=True)

    def dials(self) -> Dials:
        """What a person is told of it."""
        target = self.target()
        if target is None:
            return Dials()
        keys, newest = _keys(self._agreed[self.current]), next(iter(self.certificates()), None)
        older = None
        if target.key is not None and target.key == self._agreed[self.current].old_key:
            older = Older.KEY
        elif target.profile == TLS_CERTIFICATE and newest is not None and target.certificate != newest.name:
            older = Older.CERTIFICATE
        return Dials(profile=target.profile, older=older, has_key=bool(keys))

    def secrets(self) -> tuple[Secret, ...]:
        """Every key that no file may hold that leaves the box."""
        written = (system.key for system in self._systems if system.key is not None)
        return (*written, *(key for agreed in self._agreed for key in _keys(agreed)))

    # --- how it goes -----------------------------------------------------------------------------------------

    def linked(self, turn: Turn) -> bool:
        """A connection is open; whether it is to another central system than the one that registered us."""
        self._proven, self._hang_up_ms = False, None
        self._fell_back, shown = False, self.shown()
        if shown is not None and shown != self._seen_with:
            turn.log(f"= this box shows {described(shown)}")
        self._seen_with = shown
        other = self.current != self._registered_with
        self._registered_with = self.current
        return other

    def to_be_proven(self) -> bool:
        """Whether an answer over this connection would settle something."""
        if not self._systems or self._proven:
            return False
        agreed = self._agreed[self.current]
        target = self.target()
        other = (
            target is not None
            and self._last_good is not None
            and target.certificate not in ("", self._last_good.certificate)
        )
        return other or agreed.old_key is not None or agreed.old_profile is not None or self.current != self._good

    def proven(self, turn: Turn) -> None:
        """An answer came over this connection: what it was made with works."""
        if self._proven or not self._systems or self._hang_up_ms is not None:
            return
        self._proven, self._failures = True, 0
        agreed, target = self._agreed[self.current], self.target()
        settled = replace(agreed, old_profile=None)
        if target is not None and target.key is not None and target.key != agreed.old_key:
            settled = replace(settled, keys=(target.key,), old_key=None)
            self._key = 0
        if settled != agreed:
            self._keep(settled, turn)
        shown = "" if target is None else target.certificate
        good = LastGood(self._systems[self.current].basis, shown if agreed.profile == TLS_CERTIFICATE else "")
        if good != self._last_good:
            self._good, self._last_good = self.current, good
            turn.put(good, urgent=False)

    def lost(self, turn: Turn) -> str | None:
        """A connection ended; one that was never of use counts as a failure."""
        proven, self._proven = self._proven, False
        return None if proven else self.failed(False, turn)

    def failed(self, refused: bool, turn: Turn) -> str | None:
        """An attempt failed; what was given up for it, if something was."""
        if not self._systems:
            return None
        self._failures += 1
        before, agreed, shown = self.target(), self._agreed[self.current], self.shown()
        given_up = None
        if self._failures >= TRIES and agreed.old_profile is not None:
            given_up = f"security profile {agreed.profile} does not connect, back to {agreed.old_profile}"
            self._keep(replace(agreed, profile=agreed.old_profile, old_profile=None), turn)
            self._failures = 0
        elif self._failures >= TRIES and len(self._systems) > 1:
            self.current = (self.current + 1) % len(self._systems)
            self._failures = self._key = 0
        elif refused or (agreed.profile == TLS_CERTIFICATE and self._failures >= TRIES):
            self._key += 1  # of a certificate that is not taken some only hang up
        if self.target() != before:
            self._say_fall_back(shown, turn)
            self._tell(turn, hang_up=False)
        return given_up

    def _say_fall_back(self, before: Own | None, turn: Turn) -> None:
        """Once for each time without a connection: all of them are tried in turn."""
        after = self.shown()
        if before is not None and after is not None and before != after and not self._fell_back:
            self._fell_back = True
            turn.log(f"! there is no connection with {described(before)}: this box shows {described(after)} again")

    # --- what the central system changes ---------------------------------------------------------------------

    def take_keys(self, keys: tuple[Secret, ...], turn: Turn) -> None:
        """A new key, as one or two readings of it."""
        agreed, target = self._agreed[self.current], self.target()
        works = target.key if target is not None and target.key is not None else next(iter(_keys(agreed)), None)
        self._key = 0
        self._keep(replace(agreed, keys=keys, old_key=works), turn)
        if agreed.profile in (BASIC, TLS_BASIC):
            self._switch(turn)

    def why_not(self, profile: int) -> str | None:
        """Why the profile can't be raised to this one; None if it can (A05.FR.01 to .04)."""
        if not self._systems:
            return NOBODY
        system, agreed = self._systems[self.current], self._agreed[self.current]
        if profile <= agreed.profile:
            return f"it is {agreed.profile} already and never sinks"
        if profile in (BASIC, TLS_BASIC) and not any(len(key.value) >= min(TEXT_KEY) for key in _keys(agreed)):
            return "there is no AuthorizationKey of 16 bytes or more"
        if profile >= TLS_BASIC and not (system.trusted or self._rooted):
            return "there is no root certificate of the central system"
        return (
            "there is no certificate of the station" if profile == TLS_CERTIFICATE and not self.certificates() else None
        )

    def raise_profile(self, profile: int, turn: Turn) -> None:
        """Use it from now on, on trial."""
        agreed = self._agreed[self.current]
        old = agreed.profile if agreed.old_profile is None else agreed.old_profile
        self._keep(replace(agreed, profile=profile, old_profile=old), turn)
        self._switch(turn)

    def _best_now(self) -> tuple[int, str] | None:
        """The certificate that should be shown, and to whom."""
        if self.profile != TLS_CERTIFICATE or not self.certificates():
            return None
        return self.current, self.certificates()[0].name

    def _switch(self, turn: Turn) -> None:
        self._failures, self._proven = 0, True  # nothing is asked of the present connection any more
        self._hang_up_ms = turn.now.mono_ms + GRACE_MS
        self._tell(turn, hang_up=False)

    def _keep(self, agreed: Agreed, turn: Turn) -> None:
        self._agreed[self.current] = agreed
        turn.put(agreed)

    def _tell(self, turn: Turn, *, hang_up: bool) -> None:
        target = self.target()
        if target is not None:
            turn.tell(ConnectTo(target, hang_up))


# --- events --------------------------------------------------------------------------------------------------


def dial_failed(station: Station, event: DialFailed, turn: Turn) -> None:
    """Perhaps another key, profile or central system is better."""
    note_given_up(station, station.networks.failed(event.refused, turn), turn)


def note_given_up(station: Station, given_up: str | None, turn: Turn) -> None:
    """The way back is worth a line of the security log."""
    if given_up is not None:
        station.box.security.note(SecurityKind.RECONFIGURED, given_up, turn)
        _show(station)


def prove(station: Station, turn: Turn) -> None:
    """Ask for an answer over a connection that must prove itself."""
    outbox = station.box.outbox
    if station.box.online and station.networks.to_be_proven() and not outbox.has(HeartbeatDue):
        outbox.put(HeartbeatDue(), turn)


def write_key(station: Station, request: SecretWritten, turn: Turn) -> None:
    """A01: 32 to 40 hexadecimal digits are bytes (J errata 3.12); some central systems mean any text as it is."""
    keys = readings(request.secret)
    if not keys or station.networks.target() is None:
        wrong = f"it is not {min(TEXT_KEY)} to {max(TEXT_KEY)} printable characters" if not keys else NOBODY
        turn.log(f"! an AuthorizationKey is refused: {wrong}")
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    station.networks.take_keys(keys, turn)
    station.box.security.note(SecurityKind.RECONFIGURED, "AuthorizationKey", turn)  # A01.FR.11, without it: A01.FR.12
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))


def readings(secret: Secret) -> tuple[Secret, ...]:
    """What a new key may mean, the likeliest first; none if it is no key."""
    text = secret.value.decode(errors="replace")
    if len(text) not in TEXT_KEY or not text.isprintable() or "\ufffd" in text:
        return ()
    as_text = Secret(text.encode())
    if len(text) in HEX_KEY and set(text) <= set("0123456789abcdefABCDEF"):
        return Secret(bytes.fromhex(text)), as_text
    return (as_text,)


def write_profile(station: Station, request: VariableWritten, turn: Turn) -> None:
    """A05."""
    profile = int(request.value)
    why_not = station.networks.why_not(profile)
    if why_not is not None:
        turn.log(f"! security profile {profile} is refused: {why_not}")
        turn.tell(Reply(request.ref, Verdict.REJECTED))
        return
    station.networks.raise_profile(profile, turn)
    station.box.security.note(SecurityKind.RECONFIGURED, f"SecurityProfile {profile}", turn)
    _show(station)
    turn.tell(Reply(request.ref, Verdict.ACCEPTED))


def _show(station: Station) -> None:
    station.box.variables.write(SECURITY_PROFILE, str(station.networks.profile))


# --- small ---------------------------------------------------------------------------------------------------


def described(own: Own) -> str:
    """For the log: whose it is, the end of its serial number, and its last day."""
    serial = f", serial …{own.serial[-LAST_DIGITS:]}" if own.serial else ""
    until = "its end can't be read" if own.until_ms == NEVER_MS else f"until {day(own.until_ms)}"
    return f"the certificate “{own.title}”{serial}, {until}"


def _as_written(system: CentralSystem) -> Agreed:
    return Agreed(system.basis, system.profile, () if system.key is None else (system.key,))


def _keys(agreed: Agreed) -> tuple[Secret, ...]:
    return agreed.keys if agreed.old_key is None else (*agreed.keys, agreed.old_key)


def _url(system: CentralSystem, profile: int) -> str:
    if profile >= TLS_BASIC:
        return system.secure_url or f"wss://{system.url.partition('://')[2]}"
    return system.url
