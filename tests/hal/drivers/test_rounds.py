"""Rounds of measuring, done at once instead of in their thread."""

from __future__ import annotations

from contextlib import suppress

import pytest

from hal.drivers import rounds
from hal.drivers.protocols import HUNG_MS, PartFailed
from hal.drivers.rounds import Rounds
from tests.hal.drivers.pilot_world import AtOnce


class Script(Rounds):
    """Gives the next of `says` in each round: levels, None, an error, or a new drive in the middle of the round."""

    def __init__(self, *says: object) -> None:
        super().__init__("pilot: bench")
        self.says = list(says)
        self.drives: list[float] = []
        self._start()

    def _begin(self, permille: float) -> None:
        self.drives.append(permille)

    def _round(self) -> tuple[float, float] | None:
        say = self.says.pop(0) if self.says else None
        if isinstance(say, Exception):
            raise say
        if isinstance(say, float):
            self.expect(say)
            return 1.0, 1.0
        return say  # type: ignore[return-value]


clock = [0]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "Beside", AtOnce)
    monkeypatch.setattr(rounds, "monotonic_ms", lambda: clock[0])


def test_only_a_round_that_knows_the_plateaus_moves_the_count() -> None:
    pilot = Script((9.0, -12.0), None, (6.0, -12.0))
    assert pilot.volts() == (9.0, -12.0, 1)
    assert pilot.volts() == (9.0, -12.0, 1)
    assert pilot.volts() == (6.0, -12.0, 2)


def test_a_round_that_spans_a_change_of_the_drive_is_thrown_away() -> None:
    pilot = Script((9.0, -12.0), 500.0, (6.0, -12.0))
    assert pilot.volts() == (9.0, -12.0, 1)
    assert pilot.volts() == (6.0, -12.0, 2)  # of the round after the change
    assert pilot.drives == [1_000.0, 500.0]


@pytest.mark.parametrize("failed", [OSError(5, "Input/output error"), PartFailed("Input/output error")])
def test_a_round_that_failed_is_a_failed_part_until_one_succeeds(failed: Exception) -> None:
    pilot = Script((9.0, -12.0), failed, failed, (9.0, -12.0))
    assert pilot.volts() == (9.0, -12.0, 1)
    for _ in range(2):
        with pytest.raises(PartFailed, match=r"^pilot: bench: Input/output error$"):
            pilot.volts()
    assert pilot.volts() == (9.0, -12.0, 2)


def test_before_the_first_round_nothing_is_counted() -> None:
    assert Script(None, None).volts()[2] == 0


def test_a_round_is_as_old_as_its_begin_though_it_was_told_late() -> None:
    pilot = Script((9.0, -12.0))
    clock[0] += 7
    pilot.says.append((6.0, -12.0))
    assert pilot.volts()[2] == 1 and pilot.age_ms() == 7
    clock[0] += 35
    assert pilot.volts()[2] == 2 and pilot.age_ms() == 35


def test_a_thread_that_ended_by_a_bug_ends_who_asks_it() -> None:
    pilot = Script((9.0, -12.0))
    pilot._beside.ended_by = bug = ZeroDivisionError("bug")
    with pytest.raises(RuntimeError, match=r"^pilot: bench: its thread has ended$") as ended:
        pilot.volts()
    assert ended.value.__cause__ is bug
    pilot.expect(1_000.0)  # making safe goes on


def test_a_round_that_does_not_end_is_told_and_one_that_fails_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pilot = Script((9.0, -12.0), OSError(5, "Input/output error"))
    told = []

    def stuck() -> tuple[float, float]:
        for _ in range(3):
            told.append(pilot.hangs())
            clock[0] += HUNG_MS // 2
        return 6.0, -12.0

    with suppress(PartFailed):
        pilot.volts()
    clock[0] += 2 * HUNG_MS
    assert pilot.hangs() == ""
    monkeypatch.setattr(pilot, "_round", stuck)
    with suppress(PartFailed):
        pilot.volts()
    assert told == ["", "", "pilot: bench: a measurement does not end"] and pilot.hangs() == ""
