"""One round of torture; EVSED_LONG_TESTS takes each blow once."""

from __future__ import annotations

import os

from tests.torture.rounds import Torture

ROUNDS = 1_000 if os.environ.get("EVSED_LONG_TESTS") else 1


def test_real_processes_that_are_really_killed_lose_nothing() -> None:
    with Torture(1) as torture:
        done = list(torture.rounds(float("inf"), min(ROUNDS, len(torture.blows))))
        told = [f"{round.name}: {wrong}" for round in done for wrong in round.violations]
        assert told == [], torture.box.tails()
