"""Edges of the car, wherever they fall between two ticks: what the pilot makes of them, and how soon."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import Make


@pytest.mark.parametrize("phase_ms", range(10))
def test_a_plug_moved_at_any_moment_is_no_fault(make: Make, phase_ms: int) -> None:
    world = make(phase_ms=phase_ms)
    world.advance(1)
    for _ in range(3):
        world.plug_in()
        assert world.outlet().faults == ()
        world.unplug()
        assert world.outlet().faults == ()
    world.advance(1)
    assert set(world.statuses()) == {"Available", "Preparing"}


@pytest.mark.parametrize("phase_ms", range(10))
def test_a_car_that_lets_go_at_any_moment_is_no_fault(make: Make, phase_ms: int) -> None:
    world = make(phase_ms=phase_ms)
    world.advance(1)
    world.charge(5)
    world.finish()  # it opens S2 at +12 V, within its own time
    assert world.statuses() == ["Available", "Preparing", "Charging", "Finishing", "Available"]
