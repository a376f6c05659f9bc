"""Two folders, a link and a trial: every cut leaves the old program or the new one, and a bad one is taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evsed.slots import MOST_STARTS, TRIAL, Slots

ROOT = Path(__file__).resolve().parent.parent.parent


def lay_down(slots: Slots, name: str) -> None:
    spare = slots.spare()
    spare.mkdir(parents=True, exist_ok=True)
    (spare / "name").write_text(name)


def runs(slots: Slots) -> str:
    current = slots.current()
    return "system" if current is None else (current / "name").read_text()


def test_without_a_link_the_program_of_the_system_runs(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    assert runs(slots) == "system" and not slots.on_trial() and slots.floor() is None
    assert slots.count() is False


def test_a_new_program_is_on_trial_until_it_is_confirmed(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    lay_down(slots, "one")
    slots.switch()
    assert runs(slots) == "one" and slots.on_trial()
    slots.confirm("1.0.0")
    assert not slots.on_trial() and slots.floor() == "1.0.0"
    lay_down(slots, "two")
    assert runs(slots) == "one", "what runs is not written to"
    slots.switch()
    assert runs(slots) == "two" and slots.on_trial()


def test_what_is_taken_back_leaves_what_was_before(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    lay_down(slots, "one")
    slots.switch()
    slots.roll_back()
    assert runs(slots) == "system"
    lay_down(slots, "one")
    slots.switch()
    slots.confirm("1")
    lay_down(slots, "two")
    slots.switch()
    slots.roll_back()
    assert runs(slots) == "one" and not slots.on_trial()
    slots.roll_back()
    assert runs(slots) == "one", "there is nothing on trial to be taken back"


def test_too_many_starts_take_it_back(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    lay_down(slots, "one")
    slots.switch()
    assert [slots.count() for _ in range(MOST_STARTS + 2)] == [False] * MOST_STARTS + [True, False]
    assert runs(slots) == "system"


def test_a_confirmed_program_may_start_as_often_as_it_likes(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    lay_down(slots, "one")
    slots.switch()
    slots.confirm("1")
    assert not any(slots.count() for _ in range(10))
    assert runs(slots) == "one"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"slot": 1}', '{"slot": "a", "starts": 0, "before": "/etc"}'])
def test_a_damaged_trial_harms_nothing(tmp_path: Path, text: str) -> None:
    slots = Slots(tmp_path)
    lay_down(slots, "one")
    slots.switch()
    (slots.folder / TRIAL).write_text(text)
    for _ in range(MOST_STARTS + 1):
        slots.count()
    assert runs(slots) in ("one", "system")


class Cut(Exception):
    """The power goes here."""


DOINGS: dict[str, Callable[[Slots], object]] = {
    "switch": Slots.switch,
    "confirm": lambda slots: slots.confirm("2"),
    "roll back": Slots.roll_back,
    "count": Slots.count,
}


@pytest.mark.parametrize("what", DOINGS)
def test_a_cut_at_any_call_leaves_a_program_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Each call that changes a folder is where the power may go; the same is then done again."""
    at = 0
    while True:
        slots = Slots(tmp_path / str(at))
        lay_down(slots, "one")
        slots.switch()
        slots.confirm("1")
        lay_down(slots, "two")
        if what != "switch":
            slots.switch()
        with monkeypatch.context() as patch:
            left = cut_at(patch, at)
            try:
                DOINGS[what](slots)
                cut = False
            except Cut:
                cut = True
        again = Slots(tmp_path / str(at))
        assert runs(again) in ("one", "two")
        if runs(again) == "two" and what == "roll back":
            assert again.on_trial(), "taken back, or still to be"
        DOINGS[what](again)
        assert runs(again) == ("one" if what == "roll back" else "two")
        if not cut:
            assert left() > 0
            return
        at += 1


def cut_at(patch: pytest.MonkeyPatch, at: int) -> Callable[[], int]:
    """The call number `at` that changes a folder does not come to be; how many calls were left at the end."""
    left = at + 1

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Cut
            return real(*args, **named)

        return call

    for owner, name in ((Path, "replace"), (Path, "symlink_to"), (Path, "unlink"), (os, "fsync")):
        patch.setattr(owner, name, watched(getattr(owner, name)))
    return lambda: left


def test_the_command_counts_with_the_standard_library_alone_and_never_fails(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    lay_down(slots, "one")
    slots.switch()
    for state in (*[tmp_path] * (MOST_STARTS + 1), tmp_path / "none", "/dev/null"):
        done = subprocess.run(
            [sys.executable, "-S", "-I", str(ROOT / "evsed/slots.py"), str(state)], check=False, capture_output=True
        )
        assert done.returncode == 0, done.stderr
    assert runs(slots) == "system"


@pytest.mark.parametrize("starts", ["[]", '"x"', "1e999", "null"])
def test_a_trial_whose_count_is_damaged_is_over(tmp_path: Path, starts: str) -> None:
    slots = Slots(tmp_path)
    lay_down(slots, "one")
    slots.switch()
    (slots.folder / "trial").write_text(f'{{"slot":"{slots.current().name}","before":null,"starts":{starts}}}')
    assert slots.count()
    assert runs(slots) == "system"


def test_a_trial_that_is_nothing_but_brackets_is_none(tmp_path: Path) -> None:
    slots = Slots(tmp_path)
    slots.folder.mkdir()
    for name in ("trial", "floor"):
        (slots.folder / name).write_text("[" * 100_000)
    assert not slots.count() and slots.floor() is None
