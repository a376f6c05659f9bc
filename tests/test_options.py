"""What a person may mistype after ./evse lab, matrix, cuts, torture and enemies is refused, and nothing is claimed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

WRONG = (
    ("lab.lives", "--seeds 0", "'0' is no whole number of at least 1"),
    ("lab.lives", "--jobs 0", "'0' is no whole number of at least 1"),
    ("lab.lives", "--days -1", "expected one argument|'-1' is no whole number of at least 1"),
    ("lab.lives", "--story /nowhere", "/nowhere: No such file or directory"),
    ("lab.lives", "--year --seed 3", "not allowed with argument"),
    ("lab.lives", "--year --dense", "--dense is for lives that are drawn"),
    ("lab.lives", "--dense --days 3", "--days is for lives that are drawn and not dense"),
    ("lab.lives", "--seed 3 --first 2", "--first is the first of --seeds"),
    ("matrix", "--jobs 0", "'0' is no whole number of at least 1"),
    ("matrix", "--fault 12 --moment 1 --variant nope", "no variant is named 'nope'; there are 'once', "),
    ("lab.cuts", "--every 0", "'0' is no whole number of at least 1"),
    ("torture", "--minutes nan", "'nan' is no number of minutes"),
    ("torture", "--rounds 0", "'0' is no whole number of at least 1"),
    ("enemies", "--minutes soon", "'soon' is no number of minutes"),
)


@pytest.mark.parametrize(("suite", "words", "said"), WRONG)
def test_what_is_mistyped_is_refused(suite: str, words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"tests.{suite}.__main__").main(words.split())
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == "" and any(each in told.err for each in said.split("|"))


def test_a_story_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stories").write_text('{"x":1}\n')
    with pytest.raises(SystemExit):
        importlib.import_module("tests.lab.lives.__main__").main(["--story", str(tmp_path / "stories")])
    assert "stories:1: is no story; ./evse lab tells one at each violation" in capsys.readouterr().err
