"""Roots and the station's own certificate: what the central system may change of them, and how ours is renewed.

Rules this file upholds:
- One errand at a time, in the order in which they were asked for; each request is answered once.
- A root that the present connection relies on is not deleted (M04.FR.06), and ours never (M04.FR.05): it is not called
  by any name that may be deleted.
- With AdditionalRootCertificateCheck there is one root, signed by the one before it, which stays until a connection has
  relied on the new one (M05.FR.08 to FR.12). What a connection relies on is never let go.
- A signing request that nothing comes of is sent again, ever more slowly and not for ever, and never after a wrong
  certificate came. The key is the same, so that a late certificate fits.
- Ours is renewed a month before its end (A03.FR.02), or when a third of its life is left if that is shorter.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from evsed.core.credentials import (
    NEVER_MS,
    CertificateErrand,
    ChainSent,
    Held,
    InstallRoot,
    MakeKey,
    Own,
    RemoveRoots,
    Root,
    RootsAsked,
    RootSent,
    RootsReply,
    RootUnwanted,
    RootUse,
    SigningAnswer,
    SigningAsked,
    TakeSigned,
)
from evsed.core.deadlines import soonest
from evsed.core.effects import Reply
from evsed.core.errands import ErrandDone, Outcome
from evsed.core.networks import TLS_CERTIFICATE
from evsed.core.security_events import SecurityKind
from evsed.core.security_variables import (
    ADDITIONAL_ROOT_CHECK,
    CHAIN_SIZE,
    CPO_NAME,
    SIGNING_REPEATS,
    SIGNING_WAIT,
    STORE_LENGTH,
)
from evsed.core.turn import Turn
from evsed.core.words import Verdict

if TYPE_CHECKING:
    from evsed.core.station import Station

MOST_WAITING = 8
MONTH_MS, DAY_MS = 30 * 86_400_000, 86_400_000
SHOWN_BY = "SHA256"  # A00.FR.506


class Surplus(Struct, frozen=True):
    """Roots that another one has replaced."""

    ids: tuple[str, ...]


class Wanted(Struct, frozen=True):
    """A new certificate of ours is; `triggered` by the central system."""

    triggered: bool


class Signing(Struct, frozen=True):
    """A request is out. `tries` how often it was sent again, `due_ms` when that is to be done next."""

    triggered: bool
    due_ms: int
    tries: int = 0
    answered: bool = False


Task = RootSent | RootUnwanted | ChainSent | Surplus | Wanted


class Certificates:
    """What is held, what is asked for, and what is under way."""

    def __init__(self, held: Held) -> None:
        self.held = self._held_before = held
        self._waiting: deque[Task] = deque()
        self._task: tuple[str, Task] | None = None
        self._chain: frozenset[str] = frozenset()
        self._signing: Signing | None = None
        self._renew_from_ms = 0
        self._due_ms: int | None = None

    # --- what happens ----------------------------------------------------------------------------------------

    def linked(self, chain: tuple[str, ...], turn: Turn) -> None:
        """There is a connection that relies on these; what was on its way over the one before it is lost."""
        self._chain = frozenset(chain)
        if self._signing is not None and not self._signing.answered:
            self._signing = replace(self._signing, due_ms=turn.now.mono_ms)

    def unlinked(self) -> None:
        """Nothing relies on any root now."""
        self._chain = frozenset()

    def relies_on(self, root: Root) -> bool:
        """Whether the present connection does."""
        return root.use is RootUse.CENTRAL and root.id in self._chain

    def ask(self, task: Task, turn: Turn) -> None:
        """To be done in its turn."""
        if len(self._waiting) >= MOST_WAITING:
            self._answer(task, Verdict.FAILED, turn)
        else:
            self._waiting.append(task)

    def store_broke(self, turn: Turn) -> None:
        """What was begun may not have been: whoever waits for it hears so."""
        if self._task is not None:
            (_, task), self._task = self._task, None
            self._answer(task, Verdict.FAILED, turn)

    def done(self, event: ErrandDone, station: Station, turn: Turn) -> None:
        """An errand is over; what is held counts even if nobody waits for its end any more."""
        self._held_before = self.held
        if event.held is not None:
            self.held = event.held
            station.networks.holds(self.held, turn)
        if self._task is None or event.job != self._task[0]:
            return
        (_, task), self._task = self._task, None
        if event.outcome is not Outcome.DONE:
            turn.log(f"! {NAMES[type(task)]}: {event.text or event.outcome}")
        ENDS[type(task)](self, task, event, station, turn)

    def answered(self, answer: SigningAnswer, turn: Turn) -> None:
        """The central system will have it signed, or not (A02.FR.11, FR.12)."""
        if self._signing is not None and answer.accepted:
            self._signing = replace(self._signing, answered=True)
        elif self._signing is not None:
            self._give_up("the central system does not have it signed", turn)

    def failed(self, code: str | None, turn: Turn) -> None:
        """It was refused with a code; without one it is sent again when its time comes."""
        if self._signing is not None and code is not None:
            self._give_up(f"the central system says {code}", turn)

    def trigger(self, station: Station, turn: Turn) -> bool:
        """A02: whether a request will follow."""
        if not station.box.variables[CPO_NAME]:
            turn.log("! no certificate is asked for: CpoName is not set")
            return False
        self.ask(Wanted(triggered=True), turn)
        return True

    # --- the consequences ------------------------------------------------------------------------------------

    def settle(self, station: Station, turn: Turn) -> None:
        """Begin what is next, send again what is due, renew what ends soon."""
        self._due_ms = None
        surplus = self._surplus(station)
        busy = self._task is not None or self._waiting
        if surplus and not busy:
            self._waiting.append(Surplus(surplus))
        self._send_again(station, turn)
        if self._signing is None and not busy:
            self._renew(station, turn)
        while self._task is None and self._waiting:
            task = self._waiting.popleft()
            job = f"{station.box.new_id()}.certificate"
            errand = BEGINNINGS[type(task)](self, task, job, station, turn)
            if errand is not None:
                self._task = job, task
                turn.tell(errand)

    def next_deadline(self, now_ms: int) -> int | None:
        """When to settle again without an event."""
        return soonest((self._due_ms, None if self._signing is None else self._signing.due_ms), now_ms)

    def _central(self) -> list[Root]:
        return [root for root in self.held.roots if root.use is RootUse.CENTRAL]

    def _surplus(self, station: Station) -> tuple[str, ...]:
        """The newest and the one before it stay; of a newest that has worked only itself."""
        central = self._central()
        if not station.box.variables[ADDITIONAL_ROOT_CHECK] or len(central) < 2:
            return ()
        worked = central[-1].id in self._chain
        old = central[:-1] if worked else central[:-2]
        return tuple(root.id for root in old if worked or root.id not in self._chain)

    def _send_again(self, station: Station, turn: Turn) -> None:
        variables, signing, now_ms = station.box.variables, self._signing, turn.now.mono_ms
        if signing is None or now_ms < signing.due_ms or not station.box.online:
            return
        if signing.answered and signing.tries >= variables[SIGNING_REPEATS]:
            self._give_up("no certificate came", turn)
        elif self.held.request is not None and not station.box.outbox.has(SigningAsked):
            tries = signing.tries + signing.answered
            self._send(signing.triggered, tries, station, turn)

    def _send(self, triggered: bool, tries: int, station: Station, turn: Turn) -> None:
        assert self.held.request is not None
        wait_ms = station.box.variables[SIGNING_WAIT] * 1_000 << min(tries, 16)
        self._signing = Signing(triggered, turn.now.mono_ms + wait_ms, tries)
        station.box.outbox.put(SigningAsked(self.held.request), turn, asked_for=triggered)

    def _give_up(self, why: str, turn: Turn) -> None:
        """A renewal is tried again another day; who triggered it may do so again."""
        turn.log(f"! no new certificate of the station: {why}")
        self._signing, self._renew_from_ms = None, turn.now.mono_ms + DAY_MS

    def _renew(self, station: Station, turn: Turn) -> None:
        networks, now = station.networks, turn.now
        if networks.profile != TLS_CERTIFICATE or now.wall_ms is None or not station.box.online:
            return
        known = (own for own in networks.certificates() if own.until_ms != NEVER_MS)
        lasting = max(known, key=lambda own: own.until_ms, default=None)
        # One whose end can't be read may end at any moment.
        waits_ms = 0 if lasting is None else lasting.until_ms - _lead_ms(lasting) - now.wall_ms
        at_ms = max(now.mono_ms + waits_ms, self._renew_from_ms)
        if at_ms > now.mono_ms:
            self._due_ms = at_ms
        elif not station.box.variables[CPO_NAME]:
            self._give_up("CpoName is not set", turn)
        else:
            self._waiting.append(Wanted(triggered=False))

    # --- each task: how it begins, how it ends ---------------------------------------------------------------

    def _install(self, task: RootSent, job: str, station: Station, turn: Turn) -> CertificateErrand:
        room = len(self.held.roots) < station.box.variables[STORE_LENGTH]
        checked = station.box.variables[ADDITIONAL_ROOT_CHECK] and task.use is RootUse.CENTRAL
        before = self._central() if checked else []
        return InstallRoot(job, task.use, task.pem, before[-1].id if before else None, room)

    def _installed(self, task: RootSent, event: ErrandDone, station: Station, turn: Turn) -> None:
        self._answer(task, VERDICTS.get(event.outcome, Verdict.FAILED), turn)
        if event.outcome is Outcome.DONE and self.held.roots != self._held_before.roots:
            station.box.security.note(SecurityKind.RECONFIGURED, f"a {task.use} root was installed", turn)
        elif event.outcome is Outcome.INVALID and task.use is RootUse.CENTRAL:
            station.box.security.note(SecurityKind.CENTRAL_CERTIFICATE, f"a root was refused: {event.text}", turn)

    def _remove(self, task: RootUnwanted, job: str, station: Station, turn: Turn) -> CertificateErrand | None:
        meant = [root for root in self.held.roots if any(task.called.means(name) for name in root.hashes)]
        if any(self.relies_on(root) for root in meant):
            turn.log("! a root certificate is not deleted: the connection relies on it")
            self._answer(task, Verdict.FAILED, turn)
        elif not meant:
            self._answer(task, Verdict.NOT_FOUND, turn)
        else:
            return RemoveRoots(job, tuple(root.id for root in meant))
        return None

    def _removed(self, task: RootUnwanted, event: ErrandDone, station: Station, turn: Turn) -> None:
        self._answer(task, Verdict.ACCEPTED if event.outcome is Outcome.DONE else Verdict.FAILED, turn)
        if event.outcome is Outcome.DONE:
            station.box.security.note(SecurityKind.RECONFIGURED, "a root was deleted", turn)

    def _replace(self, task: Surplus, job: str, station: Station, turn: Turn) -> CertificateErrand:
        return RemoveRoots(job, task.ids)

    def _replaced(self, task: Surplus, event: ErrandDone, station: Station, turn: Turn) -> None:
        if event.outcome is Outcome.DONE:
            turn.log("= the root certificate before this one is forgotten")

    def _make(self, task: Wanted, job: str, station: Station, turn: Turn) -> CertificateErrand:
        return MakeKey(job, station.box.variables[CPO_NAME])

    def _made(self, task: Wanted, event: ErrandDone, station: Station, turn: Turn) -> None:
        if event.outcome is not Outcome.DONE or self.held.request is None:
            self._give_up("no key could be made", turn)
            return
        station.box.outbox.withdraw(SigningAsked)
        self._send(task.triggered, 0, station, turn)

    def _take(self, task: ChainSent, job: str, station: Station, turn: Turn) -> CertificateErrand | None:
        variables = station.box.variables
        if len(task.pem) > variables[CHAIN_SIZE]:
            self._refuse(task, "it is too long", station, turn)
            return None
        return TakeSigned(job, task.pem, variables[CPO_NAME], station.networks.needed())

    def _taken(self, task: ChainSent, event: ErrandDone, station: Station, turn: Turn) -> None:
        if event.outcome is Outcome.DONE:
            self._signing = None
            station.box.security.note(SecurityKind.RECONFIGURED, "a new certificate of the station", turn)
            self._answer(task, Verdict.ACCEPTED, turn)
        elif event.outcome is Outcome.INVALID:
            self._refuse(task, event.text, station, turn)
        else:
            self._answer(task, Verdict.REJECTED, turn)

    def _refuse(self, task: ChainSent, why: str, station: Station, turn: Turn) -> None:
        """A02.FR.07."""
        self._answer(task, Verdict.REJECTED, turn)
        station.box.security.note(SecurityKind.STATION_CERTIFICATE, why, turn)
        if self._signing is not None:
            self._give_up("a wrong one came", turn)

    def _answer(self, task: Task, verdict: Verdict, turn: Turn) -> None:
        """Of a chain nothing is told but whether it is taken (whitepaper §6.2)."""
        if isinstance(task, RootSent | RootUnwanted | ChainSent):
            no = Verdict.REJECTED if isinstance(task, ChainSent) else verdict
            turn.tell(Reply(task.ref, verdict if verdict is Verdict.ACCEPTED else no))


def _lead_ms(own: Own) -> int:
    return min(MONTH_MS, (own.until_ms - own.since_ms) // 3)


# A store that is full is a refusal, not a failure: M05.FR.03.
VERDICTS = {
    Outcome.DONE: Verdict.ACCEPTED,
    Outcome.INVALID: Verdict.REJECTED,
    Outcome.HOPELESS: Verdict.REJECTED,
}
NAMES: dict[type, str] = {
    RootSent: "a root certificate is not taken",
    RootUnwanted: "a root certificate is not deleted",
    Surplus: "a root certificate is not forgotten",
    Wanted: "no key is made",
    ChainSent: "a certificate of the station is not taken",
}
# Each function takes exactly the task that it is entered under.
BEGINNINGS: dict[type, Callable[[Certificates, Any, str, Station, Turn], CertificateErrand | None]] = {
    RootSent: Certificates._install,
    RootUnwanted: Certificates._remove,
    Surplus: Certificates._replace,
    Wanted: Certificates._make,
    ChainSent: Certificates._take,
}
ENDS: dict[type, Callable[[Certificates, Any, ErrandDone, Station, Turn], None]] = {
    RootSent: Certificates._installed,
    RootUnwanted: Certificates._removed,
    Surplus: Certificates._replaced,
    Wanted: Certificates._made,
    ChainSent: Certificates._taken,
}


# --- requests ------------------------------------------------------------------------------------------------


def put_off(station: Station, request: RootSent | RootUnwanted | ChainSent, turn: Turn) -> None:
    """InstallCertificate, DeleteCertificate, CertificateSigned: answered when it is done."""
    station.certificates.ask(request, turn)


def roots_asked(station: Station, request: RootsAsked, turn: Turn) -> None:
    """M03."""
    roots = (root for root in station.certificates.held.roots if root.use is request.use)
    called = (name for root in roots for name in root.hashes if name.algorithm == SHOWN_BY)
    turn.tell(Reply(request.ref, RootsReply(tuple(called))))


HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    RootSent: put_off,
    RootUnwanted: put_off,
    ChainSent: put_off,
    RootsAsked: roots_asked,
}
