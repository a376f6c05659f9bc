"""Firmware in the core alone: what is asked of the shell, in which order, and what is not believed."""

from __future__ import annotations

from typing import Any

import pytest

from evsed.core.errands import (
    Abandon,
    Confirm,
    Errand,
    ErrandDone,
    Fetch,
    FirmwareOrder,
    FirmwareOrdered,
    Judge,
    Outcome,
    Patience,
    ProgramStarted,
    Purpose,
    RollBack,
    Signed,
    Stage,
)
from evsed.core.firmware import PROVE_MS
from evsed.core.security_variables import SECURITY_PROFILE
from evsed.core.words import Verdict
from tests.evsed.core.box_world import WALL0, World

NOW = FirmwareOrder("ftp://h/fw", WALL0, Patience(1, 10))
SIGNED = FirmwareOrder("ftp://h/fw", WALL0, Patience(1, 10), 7, None, Signed("pem", "sig"))


@pytest.fixture
def world() -> World:
    world = World().online()
    world.do(ProgramStarted(False))
    return world


def order(world: World, wanted: FirmwareOrder = NOW) -> Any:
    return world.asks(FirmwareOrdered(world.ref(), wanted))


def errands(world: World) -> list[Errand]:
    return world.errands


def last(world: World, kind: type) -> Any:
    return [errand for errand in errands(world) if isinstance(errand, kind)][-1]


def test_a_plain_order_is_refused_where_security_is_in_use(world: World) -> None:
    world.station.box.variables.write(SECURITY_PROFILE, "2")
    assert order(world) is Verdict.NOT_SUPPORTED
    assert errands(world) == []


def test_what_an_abandoned_errand_says_counts_for_nothing(world: World) -> None:
    order(world)
    old = last(world, Fetch)
    order(world)
    assert errands(world)[-2:] == [Abandon(Purpose.FIRMWARE), last(world, Fetch)]
    world.do(ErrandDone(old.job, Outcome.DONE), ErrandDone("stranger", Outcome.DONE))
    assert not any(isinstance(errand, Stage) for errand in errands(world))


def test_only_the_newest_order_is_judged(world: World) -> None:
    first, second = FirmwareOrdered("one", SIGNED), FirmwareOrdered("two", SIGNED)
    assert world.asks(first) is None and world.asks(second) is None
    assert world.replies["one"] is Verdict.REJECTED
    world.do(ErrandDone(last(world, Judge).job, Outcome.DONE))
    assert world.replies["two"] is Verdict.ACCEPTED


def test_a_judgement_that_cannot_be_made_refuses(world: World) -> None:
    world.asks(FirmwareOrdered("one", SIGNED))
    world.do(ErrandDone(last(world, Judge).job, Outcome.FAILED, "no time"))
    assert world.replies["one"] is Verdict.REJECTED


def test_a_program_on_trial_without_an_order_is_proven_too() -> None:
    world = World()
    world.do(ProgramStarted(True))
    world.online()
    world.do(ErrandDone(last(world, Confirm).job, Outcome.DONE))
    assert not world.station.upkeep.firmware.closes_box


def test_a_program_on_trial_that_finds_nobody_is_taken_back() -> None:
    world = World()
    world.do(ProgramStarted(True))
    world.offline()
    world.advance(PROVE_MS / 1_000 - 5)
    assert errands(world) == []
    world.advance(10)
    world.do(ErrandDone(last(world, RollBack).job, Outcome.DONE))
    assert world.restarts


def test_a_location_is_forgotten_when_the_order_is_over(world: World) -> None:
    order(world)
    for _ in range(2):
        world.do(ErrandDone(last(world, Fetch).job, Outcome.FAILED))
        world.advance(11)
    update = world.station.upkeep.firmware.update
    assert update is not None and update.order.location == ""
    assert errands(world)[-1] == Abandon(Purpose.FIRMWARE)


def test_nothing_is_begun_that_the_disk_does_not_keep(world: World) -> None:
    order(world)
    fetch = last(world, Fetch)
    world.breaks()
    world.do(ErrandDone(fetch.job, Outcome.DONE))
    assert not any(isinstance(errand, Stage) for errand in errands(world))
    world.mends()
    assert isinstance(errands(world)[-1], Stage)
