"""What follows the calls knows each way in which they can follow one another wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.world.calls import Calls, Patience
from tests.world.messages import iso

TIMEOUT_MS, ATTEMPTS, INTERVAL_MS = 10_000, 3, 20_000


class Line:
    """A station and a central system, by hand; time in seconds."""

    def __init__(self) -> None:
        self.breaches: list[str] = []
        self.calls = Calls(self.breaches.append, self.patience)
        self.calls.begins(0)
        self.clock_ms = 0

    def patience(self) -> Patience:
        return Patience(TIMEOUT_MS, ATTEMPTS, INTERVAL_MS, self.clock_ms)

    def start(self, id: str, at: float, *, of: float = 0) -> None:
        payload = {"connectorId": 1, "idTag": "A", "meterStart": 1, "timestamp": iso(round(of * 1_000))}
        self.call(id, "StartTransaction", payload, at)

    def beat(self, id: str, at: float) -> None:
        self.call(id, "Heartbeat", {}, at)

    def call(self, id: str, action: str, payload: dict[str, Any], at: float) -> None:
        self.calls.said(json.dumps([2, id, action, payload]), round(at * 1_000))

    def answer(self, id: str, at: float) -> None:
        answer = {"transactionId": 1, "idTagInfo": {"status": "Accepted"}, "currentTime": iso(0)}
        answer = {"currentTime": iso(0)} if id.startswith("beat") else {k: answer[k] for k in list(answer)[:2]}
        self.calls.heard(json.dumps([3, id, answer]), round(at * 1_000))

    def error(self, id: str, at: float) -> None:
        self.calls.heard(json.dumps([4, id, "InternalError", "", {}]), round(at * 1_000))


def second_while_open(line: Line) -> None:
    line.start("a", 0)
    line.beat("beat", 1)


def closed_by_another_answer(line: Line) -> None:
    line.beat("beat 1", 0)
    line.start("a", 10)
    line.answer("beat 1", 11)
    line.beat("beat 2", 11)


def again_after_its_answer(line: Line) -> None:
    line.start("a", 0)
    line.answer("a", 1)
    line.start("a", 30)


def of_its_moment_and_again(line: Line) -> None:
    line.beat("beat", 0)
    line.error("beat", 0)
    line.beat("beat", 60)


def too_early_after_an_error(line: Line) -> None:
    line.start("a", 0)
    line.error("a", 1)
    line.start("a", 20.9)


def not_multiplied(line: Line) -> None:
    line.start("a", 0)
    line.start("a", 30)
    line.start("a", 60)


def too_late(line: Line) -> None:
    line.start("a", 0)
    line.start("a", 32)


def tried_too_often(line: Line) -> None:
    for at in (0, 30, 80, 150):
        line.start("a", at)


def given_up_too_early(line: Line) -> None:
    line.start("a", 0)
    line.error("a", 0)
    line.start("b", 1, of=1)


def given_up_by_a_restart(line: Line) -> None:
    line.start("a", 0)
    line.calls.begins(5_000)
    line.start("b", 6, of=1)


def given_up_too_early_by_a_new_life(line: Line) -> None:
    line.start("a", 0)
    line.error("a", 0)
    line.calls.begins(5_000)
    line.start("a", 6)
    line.error("a", 6)
    line.start("b", 7, of=1)


def too_early_in_a_new_life(line: Line) -> None:
    line.start("a", 0)
    line.error("a", 0)
    line.calls.begins(5_000)
    line.start("a", 6)
    line.error("a", 6)
    line.start("a", 25)


def too_late_in_a_new_life(line: Line) -> None:
    line.start("a", 0)
    line.error("a", 0)
    line.calls.begins(5_000)
    line.start("a", 6)
    line.error("a", 6)
    line.start("a", 48)


def out_of_order(line: Line) -> None:
    line.start("a", 0, of=2)
    line.answer("a", 0)
    line.start("b", 1, of=1)


WRONG = (
    second_while_open,
    closed_by_another_answer,
    again_after_its_answer,
    of_its_moment_and_again,
    too_early_after_an_error,
    not_multiplied,
    too_late,
    tried_too_often,
    given_up_too_early,
    given_up_by_a_restart,
    given_up_too_early_by_a_new_life,
    too_early_in_a_new_life,
    too_late_in_a_new_life,
    out_of_order,
)


@pytest.mark.parametrize("happens", WRONG)
def test_what_must_not_be_is_a_breach(happens: Callable[[Line], None]) -> None:
    line = Line()
    happens(line)
    assert len(line.breaches) == 1


def test_three_tries_with_growing_waits_are_right_and_then_it_is_over() -> None:
    line = Line()
    line.start("a", 0)
    line.start("a", 30)
    line.start("a", 80)
    assert line.calls.owed() == "StartTransaction a"
    line.answer("a", 90)  # too late
    line.start("b", 91, of=1)
    line.answer("b", 92)
    assert line.breaches == [] and line.calls.owed() is None


def test_a_line_that_breaks_is_no_try_and_a_new_life_may_repeat() -> None:
    line = Line()
    line.start("a", 0)
    line.calls.connected(1_000)
    line.start("a", 1)
    line.answer("a", 2)
    line.calls.begins(3_000)
    line.start("a", 4)
    assert line.breaches == []


@pytest.mark.parametrize("again", [26, 46])
def test_a_new_life_waits_with_or_without_the_try_of_the_one_before(again: float) -> None:
    line = Line()
    line.start("a", 0)
    line.error("a", 0)
    line.calls.begins(5_000)
    line.start("a", 6)
    line.error("a", 6)
    line.start("a", again)
    assert line.breaches == []


def test_a_new_life_gives_up_what_was_tried_in_those_before_it() -> None:
    """A deadline that passed with the life may have been a try too; a life without a call changes nothing."""
    line = Line()
    line.start("a", 0)
    line.error("a", 0)
    line.calls.begins(5_000)
    line.start("a", 6)
    line.calls.begins(17_000)
    line.calls.begins(18_000)
    line.start("a", 19)
    line.error("a", 19)
    line.start("b", 19, of=1)
    assert line.breaches == []


def test_a_try_that_failed_before_its_line_broke_is_one() -> None:
    line = Line()
    line.start("a", 0)
    line.start("a", 30)
    line.calls.ended(41_000)
    line.calls.connected(45_000)
    line.start("a", 80)
    assert line.breaches == []


def test_what_keeps_the_line_busy_excuses_a_late_try() -> None:
    line = Line()
    line.start("a", 0)
    line.error("a", 0)
    line.beat("beat", 19)
    line.start("a", 29)
    assert line.breaches == []


def test_a_disk_that_takes_nothing_excuses_a_late_try() -> None:
    line = Line()
    line.start("a", 0)
    line.error("a", 0)
    line.calls.written_again(40_000)
    line.start("a", 40.5)
    assert line.breaches == []


def test_a_clock_that_was_set_excuses_earlier_times() -> None:
    line = Line()
    line.start("a", 0, of=4_000)
    line.answer("a", 0)
    line.clock_ms = -3_600_000
    line.start("b", 1, of=401)
    assert line.breaches == []


def test_so_does_one_that_was_set_and_set_back_while_nothing_was_said() -> None:
    line = Line()
    for line.clock_ms in (0, 3_600_000, 0):
        line.calls.look_at_clock()
    line.start("a", 0, of=4_000)
    line.answer("a", 0)
    line.start("b", 1, of=401)
    assert line.breaches == []
