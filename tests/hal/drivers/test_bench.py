"""The contracts of contactor and lock on metal: with `-m bench`, EVSE_BENCH_BOARD=board.toml and EVSE_BENCH_CLOSES=yes.

It closes the contactor and moves the bolt of outlet 1 of that board, again and again: with the mains of the power side
off. What only a world can do, such as a weld, is skipped. On the board "sim" it shows that it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest

from hal.boards import Board, assemble, load
from hal.bus import monotonic_ms
from hal.make_safe import make_safe
from tests.hal.drivers.contracts import ContactorContract, LockContract

BOARD = os.environ.get("EVSE_BENCH_BOARD", "") if os.environ.get("EVSE_BENCH_CLOSES") == "yes" else ""

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not BOARD, reason="it closes a real contactor: see the top of this file"),
]


class Bench:
    """A real outlet in real time; while it waits it feeds the gate and asks the part, as the tick does."""

    def __init__(self, board: Board, part: Any, look: Callable[[], bool]) -> None:
        self.board, self.part, self.look = board, part, look

    def run(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.board.advance(monotonic_ms())
            self.board.outlets[1].parts.enable.beat()
            self.look()
            Event().wait(0.01)

    def hold(self, on: bool) -> None:
        pytest.skip("nobody welds a contactor here")

    def jam(self, on: bool) -> None:
        pytest.skip("nobody holds the bolt here")


@pytest.fixture
def board() -> Iterator[Board]:
    board = assemble(load(BOARD))
    board.advance(monotonic_ms())
    yield board
    make_safe(board)
    board.close()


class TestContactor(ContactorContract):
    @pytest.fixture
    def rig(self, board: Board) -> Bench:
        contactor = board.outlets[1].parts.contactor
        return Bench(board, contactor, contactor.closed)


class TestLock(LockContract):
    @pytest.fixture
    def rig(self, board: Board) -> Bench:
        lock = board.outlets[1].parts.lock
        if lock is None:
            pytest.skip("this board has no lock")
        return Bench(board, lock, lock.locked)
