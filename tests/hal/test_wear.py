"""The life of a contactor: what counts, how seldom it is written, what a power cut may cost, and a new contactor."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.wear import FILE, MOST_CLOSINGS, MOST_MS, Wear, Worn, replaced
from tests.hal.box import Box, sim_board


def close(wear: Wear, times: int, evse: int = 1, ms: int = 1_000, at_ms: int = 0) -> None:
    for _ in range(times):
        wear.of(evse).look(True, at_ms)
        wear.of(evse).look(False, at_ms + ms)
        at_ms += ms + 1_000


def life(folder: Path, evse: int = 1) -> tuple[int, int]:
    worn = Wear((1, 2), folder).of(evse)
    return worn.closings, worn.closed_ms


def test_each_closing_counts_once_and_its_time_wholly() -> None:
    worn = Worn(5, 3_599_000)
    for closed, now_ms in ((False, 0), (True, 10), (True, 500), (False, 1_009), (False, 5_000)):
        worn.look(closed, now_ms)
    assert (worn.closings, worn.closed_ms, worn.hours) == (6, 3_599_999, 0)
    worn.look(True, 6_000)
    worn.look(True, 6_001)
    assert (worn.closings, worn.hours) == (7, 1)


def test_it_is_written_seldom_and_a_cut_costs_no_more_than_that(tmp_path: Path) -> None:
    wear = Wear((1, 2), tmp_path)
    close(wear, MOST_CLOSINGS - 1)
    wear.flush()
    assert not (tmp_path / FILE).exists()
    close(wear, 1)
    wear.flush()
    assert life(tmp_path) == (MOST_CLOSINGS, MOST_CLOSINGS * 1_000)
    close(wear, 1, evse=2, ms=MOST_MS - 1)
    wear.flush()
    assert life(tmp_path, 2) == (0, 0)
    close(wear, 1, evse=2, ms=1)
    wear.flush()
    assert life(tmp_path, 2) == (2, MOST_MS)


def test_an_orderly_end_forgets_nothing_and_writes_nothing_twice(tmp_path: Path) -> None:
    wear = Wear((1, 2), tmp_path)
    wear.flush(wholly=True)
    assert not (tmp_path / FILE).exists()
    close(wear, 1)
    wear.flush(wholly=True)
    assert life(tmp_path) == (1, 1_000)
    (tmp_path / FILE).unlink()
    wear.flush(wholly=True)
    assert not (tmp_path / FILE).exists()


def test_a_disk_that_takes_nothing_is_told_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "later"
    wear = Wear((1,), folder)
    close(wear, MOST_CLOSINGS)
    wear.flush()
    wear.flush()
    assert len(caplog.records) == 1 and "may be forgotten" in caplog.text
    folder.mkdir()
    wear.flush(wholly=True)
    assert life(folder)[0] == MOST_CLOSINGS


@pytest.mark.parametrize("content", [b"", b"evse-hal contactor wear 1\n1 5 5\n", b"\xff"])
def test_a_damaged_file_is_told_of_and_counts_nothing(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert life(tmp_path) == (0, 0) and "counted from zero" in caplog.text


def test_a_new_contactor_begins_at_zero_and_the_others_go_on(tmp_path: Path) -> None:
    wear = Wear((1, 2), tmp_path)
    close(wear, 3, evse=1, ms=MOST_MS)
    close(wear, 4, evse=2)
    wear.flush(wholly=True)
    assert replaced(tmp_path, 1) == (3, 3)
    assert life(tmp_path) == (0, 0) and life(tmp_path, 2)[0] == 4
    with pytest.raises(LookupError):
        replaced(tmp_path, 3)


def test_the_feedback_is_counted_and_the_rating_is_a_warning_only() -> None:
    box = Box(sim_board(rated_closings=2))
    box.charge()
    assert box.outlet().contactor[:2] == (1, 0) and box.faults() == []
    box.say("unplug --force")
    box.run(11_000)
    box.charge()
    outlet = box.run(1_000)
    assert box.faults() == ["CONTACTOR_WORN"] and outlet.closed and not outlet.faults[0].opens
    assert outlet.contactor == (2, 0, 2)


def test_without_a_rating_nothing_is_worn() -> None:
    box = Box()
    close_often = box.tick._loops[1]._worn
    close_often.closings = 10_000_000
    box.charge()
    assert box.faults() == [] and box.outlet().contactor.rated == 0


def test_it_is_kept_over_lives_of_the_process(tmp_path: Path) -> None:
    wear = Wear((1,), tmp_path)
    Box(wear=wear).charge()
    wear.flush(wholly=True)
    again = Box(wear=Wear((1,), tmp_path))
    assert again.outlet().contactor.closings == 1 and again.outlet().closings == 0
