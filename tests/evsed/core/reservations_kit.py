"""Steps with reservations, for the tests of them."""

from __future__ import annotations

from typing import Any

from evsed.core.reserved import Reservation, ReservationCancelled, ReserveAsked
from evsed.core.words import Token, Verdict
from tests.evsed.core.box_world import TAG, WALL0, World

HALF_AN_HOUR = 1_800


def reserve(world: World, evse: int = 1, id: int = 7, token: Token = TAG, **more: Any) -> Verdict:
    """A central system reserves for half an hour from now."""
    now = world.now()
    until_ms = (now.wall_ms or WALL0) + more.pop("seconds", HALF_AN_HOUR) * 1_000
    reply = world.asks(ReserveAsked(world.ref(), id, evse, token, more.pop("group", None), until_ms))
    world.answer_all()
    assert isinstance(reply, Verdict)
    return reply


def reserved(evse: int = 1, outlets: int = 1, **more: Any) -> World:
    world = World(outlets).online()
    assert reserve(world, evse, **more) is Verdict.ACCEPTED
    return world


def cancel(world: World, id: int = 7) -> Verdict:
    reply = world.asks(ReservationCancelled(world.ref(), id))
    world.answer_all()
    assert isinstance(reply, Verdict)
    return reply


def kept(world: World) -> list[int]:
    return [reservation.id for reservation in world.disk.of(Reservation)]


def swipe(world: World, token: Token = TAG, evse: int = 1) -> None:
    world.swipe(token, evse)
    world.answer_all()
