"""What a car is offered and draws: the least of what the installer, the board and the cable allow."""

from __future__ import annotations

import pytest

from hal.contract import Limits
from tests.scenarios.conftest import Make
from tests.world.wallbox import Wallbox

BOARD = 32
CAR_MA = 80_000


def charge(world: Wallbox, cable: int) -> None:
    world.bay().car.max_ma = CAR_MA
    world.plug_in(cable=cable)
    world.swipe()
    world.advance(20)


def draws_and_is_offered(world: Wallbox) -> list[int]:
    """Amperes by the clamp and by the pilot."""
    return [max(world.bay().flow().current_ma) // 1_000, world.outlet().offered_ma // 1_000]


@pytest.mark.parametrize("cable", [13, 20, 32, 63])
@pytest.mark.parametrize("installer", [6, 10, 16, 32, 80])
def test_the_least_of_installer_board_and_cable(make: Make, installer: int, cable: int) -> None:
    world = make(limits=Limits(max_ma=installer * 1_000))
    world.advance(2)
    charge(world, cable)
    assert draws_and_is_offered(world) == [min(installer, BOARD, cable)] * 2


def test_a_limit_that_only_hal_knows_yet(make: Make) -> None:
    world = make(limits=Limits(max_ma=32_000))
    world.advance(2)
    world.kill_hal()
    world.limits = Limits(max_ma=10_000)
    world.start_hal()
    world.advance(2)
    charge(world, 32)
    assert draws_and_is_offered(world) == [10, 10]
