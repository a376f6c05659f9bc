"""Making a board safe reaches every part, whatever the others do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal import make_safe as module
from hal.boards import Board, assemble
from hal.make_safe import main, make_safe
from tests.hal.box import sim_board


class Recorder:
    """All three parts in one; notes what was asked, and fails where it is told to."""

    def __init__(self, fails: set[str]) -> None:
        self.fails, self.asked = fails, []  # type: ignore[var-annotated]

    def note(self, part: str, value: object) -> None:
        self.asked.append((part, value))
        if part in self.fails:
            raise OSError(f"{part} is gone")

    def order(self, closed: bool) -> None:
        self.note("contactor", closed)

    def drop(self) -> None:
        self.note("enable", None)

    def offer(self, permille: float) -> None:
        self.note("pilot", permille)


def board_of(recorder: Recorder) -> Board:
    board = assemble(sim_board(2, socket=False))
    for evse, outlet in board.outlets.items():
        parts = replace(outlet.parts, contactor=recorder, enable=recorder, pilot=recorder)  # type: ignore[arg-type]
        board.outlets[evse] = replace(outlet, parts=parts)
    return board


@pytest.mark.parametrize("fails", [set(), {"contactor"}, {"enable"}, {"pilot"}, {"contactor", "enable", "pilot"}])
def test_every_part_of_every_outlet_is_reached(fails: set[str]) -> None:
    recorder = Recorder(fails)
    refused = make_safe(board_of(recorder))
    assert recorder.asked == [("contactor", False), ("enable", None), ("pilot", 1000.0)] * 2
    assert len(refused) == 2 * len(fails)
    assert all("is gone" in sentence for sentence in refused)


def test_once_for_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--board", "sim"]) == 0
    assert capsys.readouterr().err == ""


def test_a_part_that_refuses_is_said_with_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "assemble_bare", lambda file: board_of(Recorder({"pilot"})))
    assert main(["--board", "sim"]) == 1
    assert capsys.readouterr().err.splitlines() == ["outlet 1: pilot: pilot is gone", "outlet 2: pilot: pilot is gone"]


def test_settings_that_cannot_be_obeyed_are_said_with_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EVSE_SITE", raising=False)
    monkeypatch.delenv("EVSE_BOARD", raising=False)
    assert main([]) == 2
    assert "give --site" in capsys.readouterr().err
    assert main(["--board", "none"]) == 2
    assert "no board `none`" in capsys.readouterr().err
