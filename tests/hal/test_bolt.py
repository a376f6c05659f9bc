"""Where the bolt shall be, rule by rule; then with a weak supply and failing mains, over the simulated plant."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec
import pytest

from hal.boards import BoardError, BoardFile, load
from hal.boards.shared import InputFile
from hal.bolt import Bolt
from hal.contacts import Means
from hal.contract import Cp, Lease
from hal.faults import FaultBook, Name
from hal.iec61851 import FAR_MS, PLAIN, PilotState, Wish
from hal.senses import Inputs
from hal.sim.car import Manner
from hal.sim.socket import SimLock
from tests.hal.box import Box, sim_board

NOW = 100_000
HELD = Lease(evse=1, max_ma=16_000, closes=True, holds_cable=True, until_ms=NOW + 1)
BACK = Lease(evse=1, max_ma=0, closes=False, holds_cable=False, until_ms=NOW + 1)
OFFER = Wish(16_000, fault=False)
NOTHING = Wish(0, fault=False)
ANYWHERE = (None, False, True)
INPUTS = (InputFile(means=Means.LOCK_POWER_LOW), InputFile(means=Means.MAINS_FAILING))


def decided(
    before: bool | None,
    cp: Cp = Cp.C,
    lease: Lease | None = HELD,
    wish: Wish = OFFER,
    cable_ma: int | None = 20_000,
    live: bool = False,
    faults: Collection[Name] = (),
    frees: bool = False,
    for_ms: int = 500,
) -> bool | None:
    """Where the bolt shall be after so long of that, if it was told `before` last."""
    bolt, book = Bolt(frees), FaultBook(faults, 0)
    bolt.ordered = before
    pilot, inputs = PilotState(level=PLAIN[cp], wish=wish), Inputs(cable_ma=cable_ma, lease=lease)
    bolt.decide(pilot, inputs, book, live, NOW - for_ms)
    return bolt.decide(pilot, inputs, book, live, NOW)


@pytest.mark.parametrize("cp", [Cp.B, Cp.C, Cp.D])
@pytest.mark.parametrize(
    ("lease", "wish"),
    [(HELD, OFFER), (HELD, NOTHING), (None, OFFER), (BACK, OFFER), (None, Wish(1, fault=False))],
)
def test_a_plug_that_has_settled_is_locked_for_an_offer_and_for_a_held_cable(
    cp: Cp, lease: Lease | None, wish: Wish
) -> None:
    for before in ANYWHERE:
        assert decided(before, cp, lease, wish) is True
    assert decided(False, cp, lease, wish, for_ms=499) is False
    assert decided(True, cp, lease, wish, for_ms=499) is True


@pytest.mark.parametrize("before", ANYWHERE)
@pytest.mark.parametrize("cp", list(Cp)[1:])
@pytest.mark.parametrize("wish", [NOTHING, Wish(16_000, fault=True)])
@pytest.mark.parametrize("lease", [None, HELD, BACK])
def test_without_a_lease_nothing_moves_the_bolt_of_a_car_without_an_offer(
    before: bool | None, cp: Cp, wish: Wish, lease: Lease | None
) -> None:
    over = None if lease is None else msgspec.structs.replace(lease, until_ms=NOW - 500)
    assert decided(before, cp, over, wish) is before


def test_a_lease_counts_until_its_last_millisecond() -> None:
    for late_ms, moved in ((1, False), (0, True), (-1, True)):
        assert decided(True, lease=msgspec.structs.replace(BACK, until_ms=NOW + late_ms), wish=NOTHING) is moved


def test_a_held_cable_without_a_car_stays_where_it_was_locked() -> None:
    for before in (None, True):
        assert decided(before, Cp.A) is True
        assert decided(before, Cp.A, cable_ma=None) is False  # nobody's cable any more
        assert decided(before, Cp.A, BACK) is False
        assert decided(before, Cp.E, BACK, OFFER) is before
    assert decided(False, Cp.A) is False
    assert decided(False, Cp.E) is False
    assert decided(None, Cp.E) is True


def test_a_held_plug_that_wobbles_and_has_no_resistor_stays() -> None:
    for before in ANYWHERE:
        assert decided(before, lease=HELD, wish=NOTHING, cable_ma=None, for_ms=499) is before


def test_at_a_the_plug_is_free_after_it_has_settled() -> None:
    for before in ANYWHERE:
        assert decided(before, Cp.A, None, for_ms=500) is False
        assert decided(before, Cp.A, None, for_ms=499) is before
        assert decided(before, Cp.A, None, live=True) is before


@pytest.mark.parametrize("cp", list(Cp))
def test_what_evsed_gives_back_is_free_at_once_but_never_under_load(cp: Cp) -> None:
    for before in ANYWHERE:
        assert decided(before, cp, BACK, NOTHING, for_ms=0) is False
        assert decided(before, cp, BACK, NOTHING, live=True) is before
        assert decided(before, cp, BACK, OFFER, for_ms=0) is before  # it is just being offered anew


def test_a_weak_supply_moves_nothing_whatever_is_wanted() -> None:
    for before in ANYWHERE:
        for faults in ((Name.LOCK_POWER_LOW,), (Name.LOCK_POWER_LOW, Name.MAINS_FAILING)):
            assert decided(before, faults=faults, frees=True) is before
            assert decided(before, Cp.A, BACK, NOTHING, faults=faults, frees=True) is before


def test_failing_mains_free_the_plug_where_the_board_wants_it_and_nothing_flows() -> None:
    for before in ANYWHERE:
        assert decided(before, faults=(Name.MAINS_FAILING,), frees=True) is False
        assert decided(before, faults=(Name.MAINS_FAILING,), frees=True, live=True) is before
        assert decided(before, faults=(Name.MAINS_FAILING,)) is True
        assert decided(before, frees=True) is True


@pytest.mark.parametrize(("cp", "due"), [(Cp.A, [FAR_MS, NOW + 500]), (Cp.B, [NOW + 500, FAR_MS])])
def test_the_end_of_the_wobbling_is_the_next_moment(cp: Cp, due: list[int]) -> None:
    bolt = Bolt(False)
    bolt.decide(PilotState(level=PLAIN[cp]), Inputs(), FaultBook((), 0), False, NOW)
    assert bolt.deadlines(NOW) == due


# --- over the simulated plant ----------------------------------------------------------------------------------


def board(frees: bool) -> BoardFile:
    return msgspec.structs.replace(sim_board(unlock_on_mains_loss=frees), input=INPUTS)


def bolt(box: Box) -> SimLock:
    lock = box.plant.bays[1].lock
    assert lock is not None
    return lock


def test_failing_mains_open_and_then_free_the_plug_while_the_buffer_lasts() -> None:
    box = Box(board(frees=True))
    box.plant.bays[1].car.behave(Manner.NEVER_STOPS)
    box.charge()
    box.run(2_000)
    box.say("fault grid-lost")
    assert box.faults() == ["MAINS_FAILING"] and not box.tick.loaded
    assert bolt(box).locked()  # not while the contacts are on their way
    box.until(closed=False)
    box.run(700)
    assert not bolt(box).holds
    box.say("clear grid-lost")
    box.run(29_000)
    assert box.outlet().locked is False and box.faults() == ["MAINS_FAILING"]
    box.until(closed=True)
    assert box.outlet().locked is True and box.faults() == []


def test_a_welded_contactor_keeps_the_plug_though_the_mains_fail() -> None:
    box = Box(board(frees=True))
    box.charge()
    box.say("fault contactor-welded")
    box.say("fault grid-lost")
    assert box.run(5_000).locked is True


def test_without_a_buffer_the_plug_stays_held() -> None:
    box = Box(board(frees=False))
    box.charge()
    box.say("fault grid-lost")
    outlet = box.run(5_000)
    assert outlet.locked is True and not outlet.closed


def test_a_lock_whose_supply_is_low_is_not_asked_to_move_until_it_is_well() -> None:
    box = Box(board(frees=True))
    box.say("fault lock-weak")
    box.say("plug-in")
    box.allow(16_000)
    outlet = box.run(10_000)
    assert box.faults() == ["LOCK_POWER_LOW"] and outlet.closings == 0 and outlet.locked is False
    box.say("clear lock-weak")
    box.until(closed=True)
    assert box.faults() == [] and box.outlet().locked is True


def test_a_supply_that_sinks_in_mid_charge_ends_it_and_keeps_the_bolt() -> None:
    box = Box(board(frees=True))
    box.charge()
    box.say("fault lock-weak")
    box.allow(0, closes=False, holds_cable=False)
    outlet = box.run(10_000)
    assert not outlet.closed and outlet.locked is True
    box.say("clear lock-weak")
    assert box.run(7_000).locked is False


@pytest.mark.parametrize(
    ("socket", "inputs", "wrong"),
    [(True, "mains-failing", False), (True, "lock-power-low", True), (False, "mains-failing", True)],
)
def test_a_board_that_frees_the_plug_has_a_socket_and_is_told_of_it(
    tmp_path: Path, socket: bool, inputs: str, wrong: bool
) -> None:
    text = (
        f'name = "b"\nkind = "sim"\n[[outlet]]\nevse = 1\nmax_ma = 32000\nsocket = {str(socket).lower()}\n'
        f'unlock_on_mains_loss = true\n[[input]]\nmeans = "{inputs}"\n'
    )
    file = tmp_path / "b.toml"
    file.write_text(text)
    if not wrong:
        assert load(str(file)).outlet[0].unlock_on_mains_loss
        return
    with pytest.raises(BoardError, match="unlock_on_mains_loss: needs a socket and an"):
        load(str(file))
