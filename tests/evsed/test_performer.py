"""What is done with effects, in which order, and what is not; on a real journal whose disk may be slow or full."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import pytest

from evsed.core.effects import (
    AdoptTime,
    Demand,
    Effect,
    LinkSettings,
    Log,
    Persist,
    Put,
    Reply,
    Restart,
    Send,
)
from evsed.core.errands import Abandon, Errand, Fetch, Purpose
from evsed.core.events import (
    CacheCleared,
    DeadlineReached,
    Event,
    FromCentral,
    ResetKind,
    StoreBroken,
    StoreMended,
    Undelivered,
)
from evsed.core.records import Recovered, Setting
from evsed.core.reports import HeartbeatDue
from evsed.core.words import Now, Verdict
from evsed.performer import STORE_RETRY_MS, Performer
from evsed.quarantine import CRASHES, FORGET_MS, Quarantine
from evsed.store.database import StoreFailed
from evsed.store.journal import FLUSH_MS
from tests.world.life import DiskJournal

UP = Demand(1, 16_000, True, True)
SEND = Send("item-1", HeartbeatDue(), 30_000)
LOG = Log("= a line")


def keep(value: str, key: str = "Interval", urgent: bool = True) -> Persist:
    return Persist((Put(Setting("C", key, value)),), urgent)


class Pause:
    """One wait."""

    def __await__(self) -> Generator[None]:
        yield


class Life:
    """Hands that note what they did; a station that answers each event with what `plan` says, else nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mono_ms = 1_000
        self.due: int | None = None
        self.plan: dict[type, list[Effect]] = {}
        self.heard: list[Event] = []
        self.done: list[object] = []
        self.inbox: list[Event] = []
        self.slow = self.full = False
        self.breaks = False
        self.start()

    def start(self) -> None:
        self.journal = DiskJournal(self.folder)
        self.journal.refuses = lambda: StoreFailed("the disk is full", full=True) if self.full else None
        self.performer = Performer(self, self.journal, Quarantine(self.folder), self)  # type: ignore[arg-type]

    def restart(self) -> Recovered:
        """What the next life finds."""
        self.journal.die()
        self.start()
        return self.journal.load()

    # --- the station -----------------------------------------------------------------------------------------

    def handle(self, event: Event, now: Now) -> list[Effect]:
        self.heard.append(event)
        if self.breaks:
            raise RuntimeError("a bug")
        return self.plan.get(type(event), [])

    def next_deadline(self) -> int | None:
        return self.due

    # --- the hands -------------------------------------------------------------------------------------------

    def now(self) -> Now:
        return Now("boot", self.mono_ms, None)

    async def disk(self, work: Callable[[], None]) -> None:
        if self.slow:
            await Pause()
        work()
        self.done.append("disk")

    def deliver(self, event: Event) -> None:
        self.inbox.append(event)

    def demand(self, effect: Demand) -> None:
        self.done.append(effect)

    shine = send = reply = adopt = settings = connect = demand  # type: ignore[assignment]

    def refuse(self, ref: str, text: str) -> None:
        self.done.append(("refused", ref, text))

    def errand(self, effect: Errand) -> None:
        self.done.append(effect)

    def note(self, line: str) -> None:
        self.done.append(line)

    # --- time ------------------------------------------------------------------------------------------------

    def steps(self, event: Event | None = None) -> Coroutine[Any, Any, None]:
        return self.performer.turn(event or DeadlineReached())

    def turn(self, event: Event | None = None) -> None:
        """One turn, to its end."""
        steps = self.steps(event)
        with pytest.raises(StopIteration):
            while True:
                steps.send(None)


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


def settings(life: Life) -> dict[str, str]:
    return {setting.name: setting.value for setting in life.restart().settings}


# --- the order -----------------------------------------------------------------------------------------------


def test_nothing_is_done_before_the_commit_it_comes_after(life: Life) -> None:
    down = Demand(1, 0, False, True)
    life.slow = True
    life.plan = {DeadlineReached: [down, keep("1"), UP, SEND]}
    steps = life.steps()
    steps.send(None)
    assert life.done == [down], "the disk is still at it"
    with pytest.raises(StopIteration):
        steps.send(None)
    assert life.done == [down, "disk", UP, SEND]


def test_each_effect_has_its_hand(life: Life) -> None:
    effects: list[Effect] = [
        UP, SEND, Reply("ref", Verdict.ACCEPTED), AdoptTime(1), LinkSettings(30), LOG,
        Fetch("a", "b"), Abandon(Purpose.LOG), Restart(ResetKind.HARD)
    ]  # fmt: skip
    life.plan = {DeadlineReached: effects}
    life.turn()
    assert life.done == [*effects[:5], "= a line", *effects[6:8]]
    assert life.performer.restart is ResetKind.HARD


def test_what_is_not_urgent_is_gathered_and_flushed_when_it_is_due(life: Life) -> None:
    life.plan = {DeadlineReached: [keep("1", urgent=False), UP]}
    life.turn()
    assert life.done == [UP], "nobody waits for the disk"
    life.plan = {}
    assert life.performer.due_ms() == life.mono_ms + FLUSH_MS
    life.mono_ms += FLUSH_MS - 1
    life.turn()
    assert "disk" not in life.done
    life.mono_ms += 1
    life.turn()
    assert life.done == [UP, "disk"]
    assert settings(life) == {"Interval": "1"}


def test_the_station_is_called_when_it_wants_to_be(life: Life) -> None:
    assert life.performer.due_ms() is None
    life.due = 5_000
    life.plan = {DeadlineReached: [keep("1", urgent=False)]}
    life.turn()
    assert life.performer.due_ms() == 5_000
    life.due = life.mono_ms + 2 * FLUSH_MS
    life.turn()
    assert life.performer.due_ms() == life.mono_ms + FLUSH_MS


# --- a disk that takes nothing -------------------------------------------------------------------------------


def test_what_depends_on_a_refused_commit_is_not_done_and_the_station_hears_it_first(life: Life) -> None:
    life.full = True
    persist = keep("1")
    life.plan = {DeadlineReached: [persist, UP, SEND, LOG], StoreBroken: [Log("! broken")]}
    life.turn()
    assert life.heard == [DeadlineReached(), StoreBroken(persist.changes, "the disk is full", True)]
    assert life.done == ["= a line", "! broken"]


def test_whoever_asked_for_what_is_not_kept_hears_an_error(life: Life) -> None:
    life.full = True
    life.plan = {DeadlineReached: [keep("1"), Reply("central-1", Verdict.ACCEPTED)]}
    life.turn()
    ((what, ref, why),) = life.done  # type: ignore[misc]
    assert (what, ref) == ("refused", "central-1") and "disk" in why


def test_what_was_refused_is_tried_again_until_it_is_kept(life: Life) -> None:
    life.full = True
    life.plan = {DeadlineReached: [keep("1"), LOG]}
    life.turn()
    life.plan = {DeadlineReached: []}
    for _ in range(3):
        assert life.performer.due_ms() == life.mono_ms + STORE_RETRY_MS
        life.mono_ms += STORE_RETRY_MS
        life.turn()
        assert life.inbox == []
    life.full = False
    life.mono_ms += STORE_RETRY_MS - 1
    life.turn()
    assert life.inbox == [], "not before its time"
    life.mono_ms += 1
    life.turn()
    assert life.inbox == [StoreMended()]
    assert life.performer.due_ms() is None
    assert settings(life) == {"Interval": "1"}


def test_what_comes_later_waits_behind_it_in_its_order(life: Life) -> None:
    life.full = True
    life.plan = {DeadlineReached: [keep("1"), keep("x", "Other")]}
    life.turn()
    life.full = False
    for value in ("2", "3"):
        life.plan = {DeadlineReached: [keep(value, urgent=value == "3"), UP]}
        life.turn()
        assert isinstance(life.heard[-1], StoreBroken)
    assert UP not in life.done
    life.plan = {}
    life.mono_ms += STORE_RETRY_MS
    life.turn()
    assert settings(life) == {"Interval": "3", "Other": "x"}


def test_a_disk_that_is_broken_for_weeks_fills_no_memory(life: Life) -> None:
    life.full = True
    for value in range(1_000):
        life.plan = {DeadlineReached: [keep(str(value))]}
        life.turn()
    assert len(life.performer._unkept) == 1


def test_after_it_is_mended_all_is_as_before(life: Life) -> None:
    life.full = True
    life.plan = {DeadlineReached: [keep("1")]}
    life.turn()
    life.full, life.plan = False, {}
    life.mono_ms += STORE_RETRY_MS
    life.turn()
    life.plan = {DeadlineReached: [keep("2"), UP]}
    life.turn()
    assert life.done[-2:] == ["disk", UP]


def test_a_batch_that_can_t_be_flushed_is_trouble_too(life: Life) -> None:
    """An idle box learns so that nothing may begin."""
    life.plan = {DeadlineReached: [keep("1", urgent=False)]}
    life.turn()
    life.plan, life.full = {}, True
    life.mono_ms += FLUSH_MS
    life.turn()
    assert life.heard[-1] == StoreBroken((), "the disk is full", True)
    assert life.performer.due_ms() == life.mono_ms + STORE_RETRY_MS
    life.full = False
    life.mono_ms += STORE_RETRY_MS
    life.turn()
    assert life.inbox == [StoreMended()]
    assert settings(life) == {"Interval": "1"}


# --- what breaks us ------------------------------------------------------------------------------------------

ASKED = FromCentral(CacheCleared("ref-1"))


def crash(life: Life, event: Event) -> None:
    """It breaks the station, and systemd starts another life."""
    life.breaks = True
    with pytest.raises(RuntimeError):
        life.steps(event).send(None)
    life.breaks = False
    life.restart()


def test_a_request_that_broke_us_three_times_is_refused(life: Life) -> None:
    for n in range(CRASHES):
        crash(life, FromCentral(CacheCleared(f"ref-{n}")))
    life.heard.clear()
    life.turn(ASKED)
    assert life.heard == []
    note, (what, ref, _) = life.done  # type: ignore[misc]
    assert (what, ref) == ("refused", "ref-1") and "CacheCleared is in quarantine" in str(note)


def test_two_times_are_not_enough(life: Life) -> None:
    for _ in range(CRASHES - 1):
        crash(life, ASKED)
    life.heard.clear()
    life.turn(ASKED)
    assert life.heard == [ASKED]


def test_what_the_box_itself_tells_is_never_set_aside(life: Life) -> None:
    for _ in range(2 * CRASHES):
        crash(life, DeadlineReached())
    life.heard.clear()
    life.turn()
    assert life.heard == [DeadlineReached()]


def test_a_report_that_broke_us_three_times_is_not_sent(life: Life) -> None:
    def break_down(effect: Send) -> None:
        raise RuntimeError("a bug")

    life.plan = {DeadlineReached: [SEND]}
    for _ in range(CRASHES):
        life.performer._hands.send = break_down  # type: ignore[method-assign]
        with pytest.raises(RuntimeError):
            life.steps().send(None)
        del life.send
        life.restart()
    life.turn()
    assert SEND not in life.done
    assert isinstance(life.inbox[0], Undelivered) and life.inbox[0].item == SEND.item


def test_a_good_run_forgets_all_blame(life: Life) -> None:
    for _ in range(CRASHES):
        crash(life, ASKED)
    life.mono_ms += FORGET_MS - 1
    life.turn()
    life.turn(ASKED)
    assert ASKED not in life.heard[-1:]
    life.mono_ms += 1
    life.turn()
    life.turn(ASKED)
    assert life.heard[-1] == ASKED
