"""Reservations and those who start from afar."""

from __future__ import annotations

from evsed.core import events as ev
from evsed.core.reports import AuthorizationAsked, TransactionStarted
from evsed.core.words import Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, World
from tests.evsed.core.reservations_kit import reserved


def start(world: World, token: Token, evse: int | None = None) -> Verdict:
    reply = world.asks(ev.StartRequested(world.ref(), evse, token))
    assert isinstance(reply, Verdict)
    world.answer_all()
    return reply


def test_a_remote_start_is_for_its_token_alone() -> None:
    world = reserved()
    assert start(world, OTHER, 1) is Verdict.REJECTED
    assert start(world, TAG, 1) is Verdict.ACCEPTED
    world.plug_in()
    world.answer_all()
    assert world.last(TransactionStarted).reservation == 7


def test_a_remote_start_without_outlet_takes_the_reserved_one_or_leaves_it() -> None:
    world = reserved(evse=2, outlets=2)
    assert start(world, TAG) is Verdict.ACCEPTED
    assert start(world, OTHER) is Verdict.ACCEPTED
    grants = [outlet.grant.token if outlet.grant else None for outlet in world.station.outlets.values()]
    assert grants == [OTHER, TAG]


def test_a_remote_start_for_the_group_asks_even_where_none_must_be_asked() -> None:
    """OCPP 1.6 §5.13: else nobody knows the group of the token."""
    world = reserved(group="FAMILY")
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(TokenStatus.ACCEPTED, group="FAMILY")
    assert start(world, OTHER, 1) is Verdict.ACCEPTED
    assert len(world.reports(AuthorizationAsked)) == 1
    world.plug_in()
    world.answer_all()
    assert world.last(TransactionStarted).reservation == 7
