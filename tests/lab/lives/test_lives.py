"""The laboratory finds what is wrong, shrinks it, and lives old failures again; a few lives of each run's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evsed import image
from evsed.core import schedules, smart_charging
from hal import faults, outlet
from hal.guard import Reason, View, reason_to_open
from hal.heat import Heat
from tests.hardship.blows import QUESTIONS
from tests.lab.lives.__main__ import STORIES, Told, judge, live, main, read, report, written
from tests.lab.lives.acts import DAY_MS, DEEDS, REST, Act, told
from tests.lab.lives.draw import Character, character, story
from tests.lab.lives.invariants import Violation
from tests.lab.lives.life import lived, until_of
from tests.lab.lives.shrink import shrunk
from tests.world.clockwork import Clockwork
from tests.world.csms import Csms
from tests.world.wallbox import TAG

PLAIN = Character(1, 0, False, {"SampledDataCtrlr.TxUpdatedInterval": "30"})
VISIT = [
    Act(5_000, "plug-in", (1, 20)),
    Act(9_000, "swipe", (1, TAG)),
    Act(20_000, "drop"),
    Act(30_000, "kill-evsed", (0.5,)),
    Act(60_000, "car", (1, "stop")),
    Act(90_000, "tear-out", (1,)),
]


@pytest.mark.parametrize("line", STORIES.read_text().splitlines())
def test_what_once_went_wrong_goes_well(line: str) -> None:
    seed, made, acts = read(line)
    assert lived(seed, made, acts, until_of(acts, 0))[0] == []


@pytest.mark.parametrize("seed", [6])
def test_a_day_of_a_random_life(seed: int) -> None:
    assert live(seed, days=1).violations == []


@pytest.mark.parametrize("seed", [5, 306])
def test_a_dense_quarter_of_an_hour(seed: int) -> None:
    lived_through = live(seed, days=0)
    assert lived_through.violations == []
    assert lived_through.days < 0.1


@pytest.mark.parametrize("seed", range(7_000, 7_040) if os.environ.get("EVSED_LONG_TESTS") else [7_012])
def test_a_life_is_the_same_with_all_of_its_quiet_seconds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    leapt = live(seed, days=0, shrink=False)
    monkeypatch.setattr(Clockwork, "_leap", lambda world, until: None)
    assert live(seed, days=0, shrink=False) == leapt


def test_a_life_is_the_same_each_time_and_its_line_says_all() -> None:
    acts = story(3, 2)
    assert acts == story(3, 2)
    assert read(written(3, character(3), acts)) == (3, character(3), acts)
    assert acts == sorted(acts)
    assert all(told(act) for act in acts)


def test_every_deed_is_drawn_by_some_seed() -> None:
    drawn = {act.name for seed in range(100) for act in story(seed, 1)}
    assert drawn == set(DEEDS) - {REST}


def test_a_guard_that_looks_away_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(view: View) -> Reason | None:
        return None if view.ordered and view.closed else reason_to_open(view)

    monkeypatch.setattr(outlet, "reason_to_open", blind)
    found = {violation.invariant for violation in lived(1, PLAIN, VISIT, 0)[0]}
    assert "I1" in found


def test_a_start_that_is_not_booked_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(csms: Csms, message: Any) -> dict[str, Any]:
        return {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}

    monkeypatch.setitem(__import__("tests.world.csms", fromlist=["ANSWERS"]).ANSWERS, "StartTransaction", forgets)
    found = {violation.invariant for violation in lived(1, PLAIN, VISIT, 0)[0]}
    assert {"I6", "I7"} <= found


def test_two_outlets_that_share_too_much_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    together = [
        Act(at + evse, act.name, (evse, *act.args[1:]))
        for evse in (1, 2)
        for at, act in zip((5_000, 9_000), VISIT, strict=False)
    ]
    acts = sorted([Act(2_000, "cap", (20.0,)), *together, Act(40_000, "warm", (25,))])
    made = PLAIN._replace(evses=2)
    assert lived(1, made, acts, 0)[0] == []
    monkeypatch.setattr(smart_charging, "maximum_at", lambda scene, at_ms: None)
    monkeypatch.setattr(schedules, "share", lambda total_ma, wants: dict.fromkeys(wants, total_ma))
    assert {violation.invariant for violation in lived(1, made, acts, 0)[0]} == {"I4"}


@pytest.mark.parametrize(
    ("name", "act", "invariant"),
    [
        ("EMERGENCY_STOP", Act(30_000, "contact", (1, "emergency-stop", "on")), "I1"),
        ("OVER_TEMPERATURE", Act(30_000, "warm", (80,)), "I1"),
    ],
)
def test_a_fault_that_opens_nothing_is_found_out(
    monkeypatch: pytest.MonkeyPatch, name: str, act: Act, invariant: str
) -> None:
    fault = faults.Name(name)
    monkeypatch.setitem(faults.CATALOGUE, fault, faults.CATALOGUE[fault]._replace(opens=False))
    if name == "OVER_TEMPERATURE":
        monkeypatch.setattr(Heat, "limit_ma", lambda heat, whole_ma, now_ms: None)
    acts = [*VISIT[:2], act, Act(50_000, "drop")]
    assert invariant in {violation.invariant for violation in lived(1, PLAIN, acts, 0)[0]}


def test_a_strangers_image_that_is_taken_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    acts = [Act(2_000, "offers", ("1.0.0", "stranger", False)), Act(60_000, "drop")]
    assert lived(1, PLAIN, acts, 0)[0] == []
    monkeypatch.setattr(image, "check_certificate", lambda *known: None)
    assert "I11" in {violation.invariant for violation in lived(1, PLAIN, acts, 0)[0]}


def test_a_story_shrinks_to_what_matters() -> None:
    def fails(acts: Sequence[int]) -> bool:
        return {3, 17} <= set(acts)

    assert shrunk(range(30), fails) == [3, 17]


def test_a_story_that_goes_wrong_in_the_quiet_after_it_ends_with_that_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(seed: int, made: Character, acts: Sequence[Act], until_ms: int) -> tuple[list[Violation], list[str]]:
        wrong = until_ms >= DAY_MS and any(act.name == "swipe" for act in acts)
        return [Violation("I14", "it grew for a day")] * wrong, []

    monkeypatch.setattr("tests.lab.lives.__main__.lived", late)
    found = judge(1, PLAIN, VISIT, 1, shrink=True)
    assert [act.name for act in found.acts] == ["swipe", REST]
    assert judge(1, PLAIN, found.acts, 0, shrink=False).violations


def test_a_story_of_a_file_is_told_and_the_last_line_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stories").write_text(written(1, PLAIN, VISIT) + "\n")
    assert main(["--story", str(tmp_path / "stories")]) == 0
    assert capsys.readouterr().out == "1 lives, 0 days, 0 violations\n"


def test_what_is_asked_and_said_is_told_by_its_words() -> None:
    assert told(Act(0, "say", (2,))) == "day 1 00:00:00.000  the central system says '[]'"
    assert all(QUESTIONS[n][0] in told(Act(0, "ask", (n,))) for n in range(len(QUESTIONS)))


def test_what_went_wrong_is_told_in_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    report(Told(7, 1, [Violation("I1", "it stays closed")], VISIT, ["     0.100 the last line"]), PLAIN)
    said = capsys.readouterr().out
    assert "seed 7: 1 violations, a story of 6 acts\n  I1: it stays closed" in said
    assert "day 1 00:00:05.000  at outlet 1 a car is plugged in with a 20 A cable" in said
    assert read(said.splitlines()[-1]) == (7, PLAIN, VISIT)
