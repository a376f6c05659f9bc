"""The bolt when its supply is weak or the mains fail, over the simulated plant."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hal.boards import BoardError, BoardFile, load
from hal.boards.shared import InputFile
from hal.contacts import Means
from hal.sim.car import Manner
from hal.sim.socket import SimLock
from tests.hal.box import Box, sim_board

INPUTS = (InputFile(means=Means.LOCK_POWER_LOW), InputFile(means=Means.MAINS_FAILING))


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
