"""A long life stays as small as it was, and what would grow in a year is found out, or lost in an outage, or confused
by a clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from evsed.core import outbox
from evsed.core.outbox import Outbox
from evsed.core.reports import TransactionStarted
from evsed.core.turn import Turn
from evsed.edges import lease
from evsed.ocpp.exchange import Exchange, Output
from evsed.store import journal
from tests.lab.lives import year
from tests.world.wallbox import TAG, Wallbox

SHORT = {"days": 3, "sessions": 7, "reconnects": 6, "offline_s": 600}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(year, "WARM_UP", 0)
    monkeypatch.setattr(outbox, "MOST_QUEUED", 20)


def test_a_long_life_stays_as_small_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(year, "MOST_BLOCKS", 100_000)  # in three days no cache is full
    monkeypatch.setattr(year, "MOST_RSS", 100_000_000)
    figures, wrong = year.lived(tmp_path, **SHORT)
    assert wrong == []
    assert figures.passed == list(year.WRAPS)
    assert figures.queued == 20 and figures.thinned
    assert len(figures.lines()) == 8


def test_what_grows_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection leaves something behind, no row of the journal goes, and a log is never cut."""
    kept: list[list[int]] = []
    opened, flush = Exchange.opened, journal.Journal.flush

    def opens(self: Exchange, now_ms: int, chain: tuple[str, ...] = ()) -> Output:
        kept.append(list(range(1_000, 61_000)))
        return opened(self, now_ms, chain)

    def logs(self: journal.Journal) -> None:
        with (tmp_path / "log").open("ab") as log:
            log.truncate(log.tell() + 1_000_000)
        flush(self)

    monkeypatch.setattr(Exchange, "opened", opens)
    monkeypatch.setattr(journal.Journal, "flush", logs)
    monkeypatch.setattr(journal, "_DROP", "SELECT ?, ?")
    _, wrong = year.lived(tmp_path, **SHORT)
    told = {line.rpartition(" grew ")[0] for line in wrong}
    assert told >= {"I14 the state folder", "I14 blocks", "I14 rss", "I14 rows"}


def test_a_stop_that_a_full_queue_loses_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def thin(self: Outbox, turn: Turn) -> None:
        for row in tuple(self._queue) if len(self._queue) > outbox.MOST_QUEUED else ():
            if not isinstance(row.report, TransactionStarted):
                self._remove(row, turn)

    monkeypatch.setattr(Outbox, "_thin", thin)
    world, figures = Wallbox(tmp_path, leaps=True, tags=(TAG,)), year.Figures(1)
    start_wh = world.register()
    world.advance(5)
    year._outage(world, figures, SHORT["offline_s"])
    found = list(year._books(world, figures, start_wh))
    world.close()
    assert any(line.startswith("I7 ") for line in found)


def test_a_clock_that_has_too_few_bits_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of evsed: its leases end before they begin."""
    monkeypatch.setattr(
        "tests.world.clockwork.lease", lambda demand, now_ms, shine: lease(demand, now_ms % 2**31, shine)
    )
    bound = year.WRAPS[0]
    world = Wallbox(tmp_path, presets=year.PRESETS, leaps=True, uptime_ms=bound - year.LEAD_S * 1_000)
    found = next(year._wrapped(world, year.Figures(1), bound))
    world.close()
    assert found.startswith("I10 the contactor moved as the clock passed ")
