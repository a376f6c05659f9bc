"""Every limit of an outlet has its owner, and the least of them counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hal.boards import OutletBoard, assemble
from hal.ceilings import Ceilings
from hal.contacts import Contact, Dim, Means, Said
from hal.contract import Ceiling, Lease, Limits, Owner
from hal.heat import Heat, HeatSteps, Spot, Warmth
from hal.iec61851 import FAR_MS
from hal.lease import Permit
from hal.senses import Inputs
from hal.sim.contact import SimInput
from tests.hal.box import sim_board

NOW = 100_000
BOARD_MA = 32_000
INSTALLER_MA = 30_000
CABLE_MA = 20_000
LEASE = Lease(evse=1, max_ma=31_000, closes=True, holds_cable=True, until_ms=NOW + 1_000)
DIM = Contact(Means.GRID_DIM, SimInput(), Dim(max_ma=7_000, hold_s=10))
ALL = Inputs(lease=LEASE)


def outlet(socket: bool = True) -> OutletBoard:
    """One of the simulated board, that knows how to dim."""
    plain = assemble(sim_board(socket=socket)).outlets[1]
    return replace(plain, board_ma=BOARD_MA, contacts=(DIM,))


class Limited:
    """The ceilings of one outlet whose heat and permit the test knows."""

    def __init__(self, board: OutletBoard | None = None, installer_ma: int = INSTALLER_MA) -> None:
        self.heat = Heat([Spot(0, "plug", HeatSteps())], NOW)
        self.permit = Permit(Limits(fallback_ma=6_000, grace_s=60))
        self.ceilings = Ceilings(board or outlet(), installer_ma, self.permit, self.heat)

    def least(self, inputs: Inputs = ALL, cable_ma: int | None = None, charging: bool = True, now_ms: int = NOW) -> int:
        return self.ceilings.least(inputs, cable_ma, charging, now_ms)

    def of(self, owner: Owner) -> int | None:
        return dict(self.ceilings.all).get(owner)

    def warm(self, celsius: int) -> None:
        self.heat.look({0: Warmth(celsius * 1_000, NOW)}, NOW)


def test_all_limits_are_told_the_least_first_and_who_has_none_is_left_out() -> None:
    limited = Limited()
    assert limited.ceilings.all == ()
    assert limited.least(cable_ma=CABLE_MA) == CABLE_MA
    assert limited.ceilings.all == (
        Ceiling(Owner.CABLE, CABLE_MA),
        Ceiling(Owner.INSTALLER, INSTALLER_MA),
        Ceiling(Owner.LEASE, 31_000),
        Ceiling(Owner.BOARD, BOARD_MA),
    )


def test_each_owner_can_be_the_least() -> None:
    assert Limited(installer_ma=10_000).least() == 10_000
    limited = Limited(replace(outlet(), board_ma=9_000))
    assert (limited.least(), limited.ceilings.all[0]) == (9_000, Ceiling(Owner.BOARD, 9_000))
    limited = Limited()
    assert limited.least(ALL._replace(said=Said(frozenset({Means.SWITCHED_OFF})))) == 0
    assert limited.ceilings.all[0] == Ceiling(Owner.SWITCH, 0)
    assert limited.least(ALL._replace(said=Said(frozenset({Means.GRID_DIM})))) == 7_000
    assert limited.ceilings.all[0] == Ceiling(Owner.GRID, 7_000)
    assert limited.least(ALL._replace(lease=None)) == 0
    assert limited.ceilings.all[0] == Ceiling(Owner.LEASE, 0)


def test_a_plug_that_says_nothing_allows_nothing_and_a_fixed_cable_has_no_say() -> None:
    limited = Limited()
    assert (limited.least(cable_ma=0), limited.of(Owner.CABLE)) == (0, 0)
    limited = Limited(outlet(socket=False))
    assert (limited.least(cable_ma=0), limited.of(Owner.CABLE)) == (INSTALLER_MA, None)


@pytest.mark.parametrize(
    ("installer_ma", "board_ma", "cable_ma", "half_ma"),
    [
        (30_000, 32_000, 20_000, 10_000),
        (30_000, 24_000, None, 12_000),
        (16_000, 32_000, 20_000, 8_000),
        (30_000, 28_000, 0, 14_000),
    ],
)
def test_heat_leaves_a_part_of_what_installer_board_and_cable_allow(
    installer_ma: int, board_ma: int, cable_ma: int | None, half_ma: int
) -> None:
    limited = Limited(replace(outlet(), board_ma=board_ma), installer_ma)
    limited.warm(65)
    limited.least(ALL._replace(lease=Lease(1, 6_500, True, True, NOW + 1)), cable_ma)
    assert limited.of(Owner.HEAT) == half_ma


def test_a_thermometer_grows_old_by_the_time_that_is_told() -> None:
    limited = Limited()
    limited.least(now_ms=NOW + 9_999)
    assert limited.of(Owner.HEAT) is None
    limited.least(now_ms=NOW + 10_000)
    assert limited.of(Owner.HEAT) == INSTALLER_MA // 4


@pytest.mark.parametrize(("charging", "left_ma"), [(True, 6_000), (False, 0)])
def test_the_fallback_after_a_lease_is_for_who_charges(charging: bool, left_ma: int) -> None:
    assert Limited().least(charging=charging, now_ms=LEASE.until_ms) == left_ma


def test_the_dimming_lasts_and_its_end_is_the_next_moment() -> None:
    limited = Limited()
    assert limited.ceilings.due_ms(NOW) == FAR_MS
    limited.least(ALL._replace(said=Said(frozenset({Means.GRID_DIM}))))
    limited.least(now_ms=NOW + 10)
    assert limited.of(Owner.GRID) == 7_000
    assert limited.ceilings.due_ms(NOW + 10) == NOW + 10_010
    limited.least(now_ms=NOW + 10_010)
    assert limited.of(Owner.GRID) is None
