"""The contracts on metal, with `-m bench` and EVSE_BENCH_BOARD=board.toml: all parts of outlet 1 of that board.

| beside it | lets them |
| --- | --- |
| EVSE_BENCH_CLOSES=yes | close the contactor and move the bolt, again and again: with the mains of the power side off |
| EVSE_BENCH_HANDS=yes, and `-s` | ask a person to press, to hold a card, to pull a plug |
| EVSE_BENCH_OHMS=882 | find this behind a diode on the pilot instead of nothing |
| EVSE_BENCH_SITE=site.toml | read the meter that it names for outlet 1 |

What only a world can do, such as a weld, is skipped. On the board "sim" it shows that it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from hal.boards import Board, assemble, load
from hal.bringup.bench import RealTime
from hal.bringup.person import Nobody, Person, Terminal
from hal.contract import Installation
from hal.devices import open_meters
from hal.drivers.protocols import Meter
from hal.make_safe import make_safe
from hal.options import installation, meters, parse
from hal.sim.circuit import Load
from tests.hal.drivers.on_metal import (
    Metal,
    OnContactor,
    OnEnable,
    OnInputs,
    OnLock,
    OnMeter,
    OnPhases,
    OnPilot,
    OnReader,
    OnResidual,
)

BOARD, SITE = os.environ.get("EVSE_BENCH_BOARD", ""), os.environ.get("EVSE_BENCH_SITE", "")
WIRED = Load(float(os.environ["EVSE_BENCH_OHMS"])) if "EVSE_BENCH_OHMS" in os.environ else Load()
CLOSES, HANDS = (os.environ.get(f"EVSE_BENCH_{what}") == "yes" for what in ("CLOSES", "HANDS"))
INPUTS = tuple(one.means for one in load(BOARD).input if 1 in (one.evses or (1,))) if BOARD else ()

pytestmark = [pytest.mark.bench, pytest.mark.skipif(not BOARD, reason="EVSE_BENCH_BOARD names no board of metal")]


class BenchTime(RealTime):
    """Real time, in which a simulated board goes on too."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def pass_ms(self, ms: int) -> None:
        super().pass_ms(ms)
        self._board.advance(self.now_ms())


def meter_of(board: Board) -> Meter | None:
    if not SITE:
        return None
    site: Installation = installation(parse(["--site", SITE]))
    return open_meters((choice for choice in meters(site, load(BOARD)) if choice.evse == 1), board).get(1)


@pytest.fixture
def metal() -> Iterator[Metal]:
    board = assemble(load(BOARD))
    time = BenchTime(board)
    time.pass_ms(0)
    person: Person = Terminal(sys.stderr, sys.stdin.readline) if HANDS else Nobody(sys.stderr)
    reader, meter = board.readers().get(1), meter_of(board)
    yield Metal(board, time, person, CLOSES, meter, reader, INPUTS, WIRED)
    for refused in make_safe(board):
        pytest.fail(refused)
    for device in (reader, meter):
        if device is not None:
            device.close()
    board.close()


TestPilot, TestContactor, TestEnable, TestLock = OnPilot, OnContactor, OnEnable, OnLock
TestResidual, TestPhases, TestMeter, TestReader = OnResidual, OnPhases, OnMeter, OnReader


@pytest.mark.parametrize("number", range(len(INPUTS)))
class TestInputs(OnInputs):
    pass
