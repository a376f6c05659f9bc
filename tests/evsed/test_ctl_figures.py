"""What evsectl says of what was counted, and what it does about an energy meter whose register fell."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from evsed.core import events
from evsed.core.status import HalStatus, LinkStatus, OutletFigures
from tests.evsed.desk_world import IDLE, World
from tests.evsed.test_ctl import run


def fallen() -> World:
    world = World()
    world.becomes(replace(IDLE, plugged=True, energy_wh=None, unassigned_wh=350, fell=(10_000_000, 17)))
    return world


def test_status_tells_what_belongs_to_no_charge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, fallen(), "status") == 0
    out = capsys.readouterr().out.splitlines()
    assert "  register        unknown" in out
    assert "  unassigned      0.350 kWh counted since the last transaction" in out
    assert "'evsectl meter-replaced --evse 1'" in next(line for line in out if "why" in line)


def test_a_replaced_meter_is_an_event_of_the_core(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = fallen()
    assert run(tmp_path, world, "meter-replaced") == 0
    assert capsys.readouterr() == ("", "")
    assert [replace(seen, ref="") for seen in world.requests] == [events.MeterReplaced("", 1)]


def test_a_meter_that_did_not_fall_is_none_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    assert run(tmp_path, world, "meter-replaced") == 1
    assert capsys.readouterr().err == "evsectl: The register of outlet 1 has not fallen, so it counts on as it is.\n"
    assert world.requests == []


def test_what_went_wrong_is_counted_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    figures = OutletFigures(short_c=2, wake_ups=0, closings=17, interruptions=1)
    world.becomes(replace(IDLE, figures=figures))
    world.state = replace(
        world.state, hal=HalStatus(up=True, garbled=3), link=LinkStatus(configured=True, counters={"late answers": 4})
    )
    assert run(tmp_path, world, "status") == 0
    station, outlet = (line for line in capsys.readouterr().out.splitlines() if "counted" in line)
    assert station.endswith("garbled datagrams of evse-hal: 3, late answers: 4")
    assert outlet.endswith(
        "closings of the contactor: 17, openings that nobody wanted: 1, too short wishes of the car: 2"
    )


@pytest.mark.parametrize(("rated", "more"), [(0, ""), (100_000, ", rated for 100000")])
def test_the_life_of_the_contactor_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rated: int, more: str
) -> None:
    world = World()
    counted = {"short_c": 0, "wake_ups": 0, "closings": 0, "interruptions": 0}
    figures = OutletFigures(**counted, life_closings=4_711, life_hours=901, rated_closings=rated)
    world.becomes(replace(IDLE, figures=figures))
    assert run(tmp_path, world, "status") == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  contactor"))
    assert line.endswith(f" 4711 closings and 901 h since it was new{more}")


def test_what_never_happened_is_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.becomes(replace(IDLE, figures=OutletFigures(short_c=0, wake_ups=0, closings=0, interruptions=0)))
    assert run(tmp_path, world, "status") == 0
    told = capsys.readouterr().out
    assert "counted" not in told and "  contactor" not in told
