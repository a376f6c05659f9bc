"""What goes wrong between box and central system, and at it (rows 8 to 12)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial

from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from evsed.core.central_systems import Target
from evsed.ocpp.causes import NoSubprotocol
from tests.hardship.blows import ONCE, QUESTIONS
from tests.lab.lives import acts
from tests.lab.lives.draw import ACTIONS
from tests.matrix.cell import Cell, Fault
from tests.matrix.machine import Rows, again, each

MTU_BYTES = 300
FIGHT_S = 60
LEAST_WAIT_MS, MOST_WAIT_MS, STUBBORN = 1_000, 60_000, 3
LONG_S = 600
BRIEF_MS = 30_000
RIVAL = "another box may use the identity of this one"

# --- 8: the network ----------------------------------------------------------------------------------------------


def networks() -> Rows:
    """Gone, half open, slow, lossy, or not what it seems."""
    rows = {
        "gone": Fault(lambda cell: cell.world.lose_line(), keeps=True, after_s=60),
        "gone for long": Fault(
            lambda cell: cell.world.lose_line(), keeps=True, before_s=LONG_S / 2, after_s=LONG_S / 2
        ),
        "reset": Fault(lambda cell: cell.world.drop_line("reset"), keeps=True),
        "half open": Fault(lambda cell: cell.wire.half_open(), keeps=True, after_s=80),
        "30 s there and back": Fault(partial(acts.slow, delay_ms=15_000), keeps=True, after_s=90, stamps=False),
        "8 s there and back": Fault(partial(acts.slow, delay_ms=4_000), keeps=True, after_s=60, stamps=False),
        "nine of ten frames lost": Fault(_lossy, keeps=True, after_s=90),
        "no name": Fault(each(lambda cell: cell.world.drop_line(), partial(_refuses, why=OSError(-2, "no name")))),
        "a captive portal": Fault(each(lambda cell: cell.world.drop_line(), partial(_refuses, why=status(302)))),
        "nothing longer than 300 bytes": Fault(_narrow, keeps=True, after_s=60),
        "another address every 7 s": Fault(again(lambda cell: cell.world.drop_line("address"), 7, 4), keeps=True),
        "each answer twice": Fault(partial(acts.doubles, on=True), keeps=True),
    }
    return {name: fault._replace(do=each(_never_late, fault.do)) for name, fault in rows.items()}


class Tries(list[Target]):
    """All that is dialled. `waits`: how long the same evsed waited after a try that failed or a connection that ended;
    `brief`: how many connections in a row it lost soon after they were opened, at most.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.world.dialled)
        self.waits, self.brief = list[int](), 0
        self._world, self._whose, self._last_ms, self._row = cell.world, cell.world.evsed, 0, 0
        self._ended, cell.world.csms.disconnected = cell.world.csms.disconnected, self._ends  # type: ignore[method-assign]
        cell.world.dialled = self

    def waited_ms(self) -> int:
        """How long it has waited for the next one, which is not there yet."""
        evsed = self._world.evsed
        waits = evsed is not None and evsed is self._whose and not evsed.connected and self._last_ms > 0
        return self._world.ms - self._last_ms if waits else 0

    def append(self, target: Target) -> None:
        """It dials."""
        super().append(target)
        if self._world.evsed is not self._whose:
            self._row = 0
        elif self._last_ms:
            self.waits.append(self._world.ms - self._last_ms)
        self._last_ms, self._whose = self._world.ms, self._world.evsed

    def _ends(self) -> None:
        lasted_ms = self._world.ms - self._last_ms
        self._row = self._row + 1 if self._last_ms and lasted_ms < BRIEF_MS else 0
        self.brief, self._last_ms = max(self.brief, self._row), self._world.ms
        self._ended()


def _never_late(cell: Cell) -> None:
    """The back-off is bounded: whoever waits for the box finds it a minute after the network is back."""
    tries = Tries(cell)

    def judge() -> None:
        waits = [*tries.waits, tries.waited_ms()]
        cell.must("I15", max(waits) <= MOST_WAIT_MS, f"it dials again after {waits} ms")

    cell.undos.append(judge)


def _refuses(cell: Cell, why: str | Exception) -> None:
    cell.world.admits = lambda target: why


def _through(cell: Cell, passes: Callable[[str], bool]) -> None:
    """Of what the box says only this arrives, until it is mended."""
    carries = cell.world.carries
    cell.world.carries = lambda frame: passes(frame) and carries(frame)
    cell.undos.append(lambda: setattr(cell.world, "carries", carries))


def _lossy(cell: Cell) -> None:
    """A stream with a hole is no stream: it stands until one of both gives up."""
    count = iter(range(10**9))

    def passes(frame: str) -> bool:
        if next(count) % 10 == 9:
            return True
        cell.wire.half_open()
        return False

    _through(cell, passes)


def _narrow(cell: Cell) -> None:
    def passes(frame: str) -> bool:
        if len(frame) <= MTU_BYTES:
            return True
        cell.wire.half_open()
        return False

    _through(cell, passes)


# --- 9: refusals -------------------------------------------------------------------------------------------------


def status(code: int) -> InvalidStatus:
    return InvalidStatus(Response(code, "", Headers({}), b""))


def _tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


def _untrusted(why: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, why)
    error.verify_message = why
    return error


REFUSALS: dict[str, tuple[Exception, str]] = {
    **{f"HTTP {code}": (status(code), "FailedToAuthenticateAtCentralSystem") for code in (401, 403)},
    **{f"HTTP {code}": (status(code), "") for code in (404, 429, 503)},
    **{
        f"a certificate that {why}": (_untrusted(why), "InvalidCentralSystemCertificate")
        for why in ("has expired", "is not yet valid", "is of another name", "was revoked")
    },
    "TLS 1.1": (_tls("UNSUPPORTED_PROTOCOL"), "InvalidTLSVersion"),
    "weak ciphers": (_tls("SSLV3_ALERT_HANDSHAKE_FAILURE"), "InvalidTLSCipherSuite"),
    "it wants a certificate": (_tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "FailedToAuthenticateAtCentralSystem"),
    "no subprotocol": (NoSubprotocol("no subprotocol"), ""),
}


def refusals() -> Rows:
    """Each is told by its event, when somebody listens again; nothing is lowered meanwhile, which lasts longer than the
    longest wait between two tries.
    """
    return {
        name: Fault(partial(_refused, error=error), keeps=True, after_s=60, judge=partial(_reported, event=event))
        for name, (error, event) in REFUSALS.items()
    }


def _refused(cell: Cell, error: Exception) -> None:
    cell.world.drop_line("refused")
    _refuses(cell, error)
    dialled = len(cell.world.dialled)
    cell.undos.append(lambda: _no_lower(cell, dialled))


def _no_lower(cell: Cell, dialled: int) -> None:
    before, after = cell.world.dialled[:dialled], cell.world.dialled[dialled:]
    lowest = min((target.profile for target in before), default=0)
    cell.must("I12", bool(after), "it gave up dialling")
    cell.must("I12", all(target.profile >= lowest for target in after), "it lowered its security")


def _reported(cell: Cell, event: str) -> None:
    cell.world.becomes(lambda: not event or event in cell.events(), within=120)
    cell.must("I12", not event or event in cell.events(), f"nobody was told {event}")


# --- 10: wrong answers -------------------------------------------------------------------------------------------


def answers() -> Rows:
    """Two of each kind of message get such an answer; numbers that nobody may give; a line that ends after k frames."""
    rows = {name: Fault(partial(_moody, blow=name), after_s=60) for name in ONCE}
    for number in (0, -1, 2**31 - 1):
        rows[f"transactionId {number}"] = Fault(partial(_numbers, number=number), after_s=40)
    for frames in (1, 2, 3, 5):
        rows[f"the line ends after {frames} frames"] = Fault(partial(_ends_after, frames=frames))
    rows["frames that are no messages"] = Fault(_noise, keeps=True)
    rows["silent for ever"] = Fault(_silent, after_s=90)
    return rows


def _moody(cell: Cell, blow: str) -> None:
    for action in ACTIONS:
        acts.mood(cell, action, blow, 2)


def _silent(cell: Cell) -> None:
    for action in ACTIONS:
        cell.world.csms.silent_on(action)


def _numbers(cell: Cell, number: int) -> None:
    """A number that was given already makes wrong books; what is to come may be told by any."""
    cell.world.csms.answers_next("StartTransaction", {"transactionId": number, "idTagInfo": {"status": "Accepted"}})


def _ends_after(cell: Cell, frames: int) -> None:
    left = [frames]

    def passes(frame: str) -> bool:
        left[0] -= 1
        if left[0] == 0:
            cell.world.later(0.001, lambda: cell.world.drop_line("closed"))
        return left[0] > 0

    _through(cell, lambda frame: left[0] <= -1 or passes(frame))


def _noise(cell: Cell) -> None:
    for number in range(len(acts.NOISE)):
        cell.world.later(number / 2, partial(acts.say, cell, number))


# --- 11: a flood -------------------------------------------------------------------------------------------------


def floods() -> Rows:
    """More than anyone asks, and things that contradict each other."""
    return {
        "every question at once": Fault(_all_questions, after_s=60),
        "every question, the other way round": Fault(partial(_all_questions, step=-1), after_s=60),
        "1,000 calls": Fault(_thousand, keeps=True, after_s=40),
        "start, stop, unlock and reset": Fault(partial(_at_once, order=(10, 11, 21, 14)), after_s=60),
        "reset, unlock, stop and start": Fault(partial(_at_once, order=(13, 21, 11, 10)), after_s=60),
        "a profile of 0 A": Fault(partial(acts.cap, amps=0.0)),
        "a profile of 1,000,000 A": Fault(partial(acts.cap, amps=1_000_000.0), keeps=True),
    }


def _all_questions(cell: Cell, step: int = 1) -> None:
    for number in range(len(QUESTIONS))[::step]:
        acts.ask(cell, number)


def _thousand(cell: Cell) -> None:
    for _ in range(1_000):
        cell.world.csms.call("GetLocalListVersion")


def _at_once(cell: Cell, order: tuple[int, ...]) -> None:
    for number in order:
        acts.ask(cell, number)


# --- 12: another one under our name ------------------------------------------------------------------------------


def rivals() -> Rows:
    """Ours is ended whenever the other one connects; ours comes back ever later, and not at an even pace."""
    rows = {
        "once": Fault(partial(acts.kick, times=1), keeps=True),
        "every 5 s, ten times": Fault(partial(acts.kick, times=10), keeps=True, after_s=50),
        "at once, whenever we are there": Fault(_fight, after_s=FIGHT_S),
    }
    return {name: fault._replace(do=each(_ever_later, fault.do)) for name, fault in rows.items()}


def _fight(cell: Cell) -> None:
    """The other one's program is as stubborn: for so long each of our connections lasts no second."""
    ends_ms = cell.world.ms + FIGHT_S * 1_000

    def kicks() -> None:
        if cell.world.ms < ends_ms:
            cell.world.drop_line("another")
            cell.world.later(0.7, kicks)

    kicks()


def _ever_later(cell: Cell) -> None:
    """How long ours waits before it dials again, and what it says of it."""
    tries = Tries(cell)

    def judge() -> None:
        waits = tries.waits
        cell.must("I15", all(ms >= LEAST_WAIT_MS for ms in waits), f"it dials again after {waits} ms")
        if len(waits) > STUBBORN:
            cell.must("I15", max(waits[1:]) >= 4 * LEAST_WAIT_MS, f"it does not wait longer: {waits} ms")
            cell.must("I15", len(set(waits)) > 1, f"it always waits {waits[0]} ms")
        said = any(RIVAL in line for line in cell.world.lines)
        cell.must("I15", said or tries.brief <= STUBBORN, f"{tries.brief} connections were lost, and nothing is said")

    cell.undos.append(judge)
