"""Three crashes with the same thing in hand set it aside; everything that may be wrong with the file blames nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from evsed.core.events import CacheCleared, UnlockRequested
from evsed.quarantine import CRASHES, Quarantine

THING = UnlockRequested("", 1)


def crash(folder: Path, thing: object = THING) -> None:
    """A life that ends with it in hand."""
    with pytest.raises(RuntimeError), Quarantine(folder).in_hand(thing):
        raise RuntimeError("a bug")


def test_three_lives_that_end_with_it(tmp_path: Path) -> None:
    for n in range(CRASHES):
        assert not Quarantine(tmp_path).holds(THING), n
        crash(tmp_path)
    assert Quarantine(tmp_path).holds(THING)


def test_only_what_was_in_hand_is_to_blame(tmp_path: Path) -> None:
    for _ in range(CRASHES):
        crash(tmp_path)
    assert not Quarantine(tmp_path).holds(UnlockRequested("", 2))
    assert not Quarantine(tmp_path).holds(CacheCleared(""))


def test_what_goes_well_is_not_to_blame(tmp_path: Path) -> None:
    for _ in range(2 * CRASHES):
        with Quarantine(tmp_path).in_hand(THING):
            pass
    assert not Quarantine(tmp_path).holds(THING)


def test_being_told_to_end_is_no_crash(tmp_path: Path) -> None:
    for _ in range(CRASHES):
        with pytest.raises(KeyboardInterrupt), Quarantine(tmp_path).in_hand(THING):
            raise KeyboardInterrupt
    assert not Quarantine(tmp_path).holds(THING)


def test_blame_is_forgotten_for_good(tmp_path: Path) -> None:
    for _ in range(CRASHES):
        crash(tmp_path)
    life = Quarantine(tmp_path)
    life.forget()
    assert not life.holds(THING)
    assert not Quarantine(tmp_path).holds(THING)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": "b"}', b"\xff\x00", b'{"\xff":1}'])
def test_a_damaged_file_blames_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "crashes.json").write_bytes(content)
    assert not Quarantine(tmp_path).holds(THING)
    crash(tmp_path)


def test_a_file_that_can_t_be_written_hides_no_cause(tmp_path: Path) -> None:
    (tmp_path / "crashes.json").mkdir()
    crash(tmp_path)


def test_the_file_shows_nothing_of_the_thing(tmp_path: Path) -> None:
    crash(tmp_path, "04A1B2C3")
    assert b"04A1" not in (tmp_path / "crashes.json").read_bytes()
