"""Each judge of what the station owes can say no, as those of the invariants can (see test_judges.py)."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evsed.core import outbox as queue
from evsed.core import outlet
from evsed.core.authorization import Decision, decide
from evsed.core.charging import Charging
from evsed.core.outbox import Outbox, Stage
from evsed.core.profile_book import ProfileBook
from evsed.core.registration import Registration
from evsed.core.reports import StatusChanged, TransactionEnded, TransactionUpdated
from evsed.core.reservations import Reservations
from evsed.core.station import Station
from evsed.core.words import Status
from hal.latches import LatchFile
from hal.lease import Permit
from tests.hardship.blows import QUESTIONS
from tests.lab.lives.acts import Act
from tests.lab.lives.life import lived
from tests.lab.lives.test_judges import COMES, GOES, PLAIN, Mutant, instead, seen
from tests.world.wallbox import TAG

REAL_DECIDE, REAL_LIMIT, REAL_PUT, REAL_NEXT = decide, Permit.limit_ma, Outbox.put, Outbox.next
REAL_BOOK, REAL_THIN = ProfileBook.__init__, Outbox._thin
NEVER_MS = 1 << 60
ENDS_MS = 200_000


def asks(at_ms: int, action: str) -> Act:
    """The central system asks what is asked in every suite."""
    return Act(at_ms, "ask", (next(n for n, (name, _) in enumerate(QUESTIONS) if name == action),))


def offline_all_are_known(opinion: Any, policy: Any) -> Decision:
    return REAL_DECIDE(opinion, policy) if policy.online else Decision.START


def without_grace(permit: Permit, lease: Any, charging: bool, now_ms: int) -> int:
    return REAL_LIMIT(permit, lease, False, now_ms)


def charges_secretly(outbox: Outbox, report: Any, *rest: Any, **more: Any) -> None:
    if not (isinstance(report, StatusChanged) and report.status is Status.CHARGING):
        REAL_PUT(outbox, report, *rest, **more)


def skips_samples(outbox: Outbox, stage: Stage, now_ms: int) -> Any:
    while outbox._queue and isinstance(outbox._queue[0].report, TransactionUpdated):
        outbox._queue.popleft()
    return REAL_NEXT(outbox, stage, now_ms)


def forgets_profiles(book: ProfileBook, installed: Any, capacity: Any) -> None:
    REAL_BOOK(book, (), capacity)


def thins_ends(outbox: Outbox, turn: Any) -> None:
    ended = [row for row in outbox._queue if isinstance(row.report, TransactionEnded)]
    for row in ended if len(outbox) > queue.MOST_QUEUED else ():
        outbox._remove(row, turn)
    REAL_THIN(outbox, turn)


def nothing(*_: object) -> None:
    """Is done."""


LATE = [*COMES, Act(ENDS_MS, "drop")]
KILLED = [*COMES, Act(20_000, "kill-evsed", (8,)), Act(40_000, "drop")]
AGAIN = [Act(90_000, "plug-in", (1, 20)), Act(92_000, "swipe", (1, TAG)), Act(600_000, "find"), Act(700_000, "drop")]
AWAY = [*COMES, Act(10_000, "lose"), *GOES[:2], Act(30_000, "car", (1, "drive")), *AGAIN]
MUTANTS = (
    Mutant(
        "offline every card is known",
        instead(outlet, "decide", offline_all_are_known),
        [COMES[0], Act(2_000, "lose"), Act(3_000, "swipe", (1, "0B0B0B0B")), Act(9_000, "find"), Act(60_000, "drop")],
        "I3",
    ),
    Mutant("a lease has no grace", instead(Permit, "limit_ma", without_grace), KILLED, "I13"),
    Mutant("a status is never told", instead(Outbox, "put", charges_secretly), LATE, "OCPP"),
    Mutant("samples of the charge are not taken", instead(Charging, "_sample_due", nothing), LATE, "OCPP"),
    Mutant("samples of the clock are not taken", instead(Charging, "aligned", nothing), LATE, "OCPP"),
    Mutant("samples are kept and not told", instead(Outbox, "next", skips_samples), LATE, "OCPP"),
    Mutant(
        "a heart stands still",
        instead(Station, "_heartbeat_ms", lambda station: NEVER_MS),
        [Act(500, "configure", ("ClockAlignedDataInterval", "0")), Act(500_000, "drop")],
        "OCPP",
    ),
    Mutant(
        "who is pending talks",
        instead(
            Registration, "stage", lambda registration, now_ms: Stage.ALL if registration.link_up else Stage.NOTHING
        ),
        [Act(1_000, "boots", ("Pending",)), *KILLED],
        "OCPP",
    ),
    Mutant(
        "profiles are forgotten at a start",
        instead(ProfileBook, "__init__", forgets_profiles),
        [Act(500, "cap", (10.0,)), *KILLED, Act(60_000, "drop")],
        "I4",
    ),
    Mutant(
        "a reservation holds nothing",
        instead(Reservations, "holder", nothing),
        [asks(500, "ReserveNow"), *COMES],
        "I12",
    ),
    Mutant("a full queue is not thinned", instead(Outbox, "_thin", nothing), AWAY, "I14"),
    Mutant("ends are thinned", instead(Outbox, "_thin", thins_ends), AWAY, "I7"),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.words)
def test_what_is_left_undone_is_told(mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MOST_QUEUED", 12)
    _, sound = seen(tmp_path / "sound", mutant.acts)
    assert {violation.invariant for violation in sound} <= {"I6", "I7"}
    mutant.breaks(monkeypatch)
    _, broken = seen(tmp_path / "broken", mutant.acts)
    assert mutant.told in {violation.invariant for violation in broken if violation not in sound}


def test_a_latched_fault_that_is_not_written_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """I1."""
    welded = Act(9_000, "breaks", (1, "contactor-welded"))
    mended = Act(35_000, "mends", (1, "contactor-welded"))
    acts = [*COMES, welded, *GOES, mended, Act(38_000, "kill-hal", (0.5,))]
    assert lived(1, PLAIN, acts, 45_000)[0] == []
    monkeypatch.setattr(LatchFile, "flush", nothing)
    assert "I1" in {violation.invariant for violation in lived(1, PLAIN, acts, 45_000)[0]}


def test_a_status_that_is_not_told_after_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all is well again the central system knows each outlet."""
    numbers = count()

    def forgets_one(outbox: Outbox, report: Any, *rest: Any, **more: Any) -> None:
        if not isinstance(report, StatusChanged) or report.status is not Status.AVAILABLE or next(numbers) < 1:
            REAL_PUT(outbox, report, *rest, **more)

    monkeypatch.setattr(Outbox, "put", forgets_one)
    assert "OCPP" in {violation.invariant for violation in lived(1, PLAIN, COMES, 40_000)[0]}
