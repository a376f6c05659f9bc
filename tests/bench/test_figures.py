"""How figures are shown, and the parts of the bench that are pure."""

from __future__ import annotations

import json
from pathlib import Path

from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.store.journal import Journal
from tests.bench import backlog
from tests.bench.figures import Figure, document, quantile, table


def test_a_missed_goal_is_said() -> None:
    lines = table([Figure("fast_ms", [1, 2, 9], 2), Figure("slow_ms", [1, 3, 9], 2)]).splitlines()
    assert "MISSED" not in lines[1]
    assert lines[2].endswith("≤ 2  MISSED")


def test_the_document_has_the_median_and_the_spread() -> None:
    found = json.loads(document([Figure("wait_s", [3, 1, 2]), Figure("lost_count", [0])]))
    assert found == {"wait_s": 2, "wait_s_low": 1, "wait_s_high": 3, "lost_count": 0}


def test_a_quantile_is_a_value_that_was_measured() -> None:
    values = list(range(1000, 0, -1))
    assert quantile(values, 0.5) == 501
    assert quantile(values, 0.999) == 1000
    assert quantile([7], 0.99) == 7


def test_no_two_stations_of_a_storm_wait_alike() -> None:
    figures = {figure.key: figure for figure in backlog.storm()}
    first = figures["storm_first_retry_of_1000_stations_s"].values
    assert len(first) == len(set(first)) == backlog.STATIONS


def test_a_full_queue_is_what_a_journal_gives_back(tmp_path: Path) -> None:
    backlog.queue(tmp_path, 20)
    journal = Journal(tmp_path / "evsed")
    rows = journal.load().queue
    journal.close()
    assert [type(row.report) for row in rows] == [TransactionStarted, TransactionEnded] * 10
    assert [row.seq for row in rows] == list(range(1, 21))
