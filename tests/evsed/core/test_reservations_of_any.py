"""Reservations of any outlet: the last free one waits, whichever that is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evsed.core import events as ev
from evsed.core.reports import TransactionStarted
from evsed.core.words import Status, Token, Verdict
from tests.evsed.core.box_world import OTHER, TAG
from tests.evsed.core.plant import HOT
from tests.evsed.core.reservations_kit import cancel, kept, reserve, reserved, swipe

A, P, R = Status.AVAILABLE, Status.PREPARING, Status.RESERVED


def test_while_two_are_free_all_may_be_used_and_then_the_last_one_waits() -> None:
    world = reserved(evse=0, outlets=2)
    assert (world.status(1), world.status(2)) == (A, A)
    world.plug_in(1)
    world.answer_all()
    assert (world.status(1), world.status(2)) == (P, R)
    swipe(world, OTHER, 2)
    assert world.station.outlets[2].grant is None
    swipe(world, OTHER, 1)
    assert world.last(TransactionStarted).reservation is None
    world.plug_in(2)
    swipe(world, TAG, 2)
    assert world.last(TransactionStarted).reservation == 7
    assert kept(world) == []


def test_it_ends_on_any_outlet() -> None:
    world = reserved(evse=0, outlets=2)
    world.plug_in(1)
    swipe(world, TAG, 1)
    assert world.last(TransactionStarted).reservation == 7
    assert (kept(world), world.status(2)) == ([], A)


def test_the_one_of_the_outlet_is_used_up_before_the_one_of_any() -> None:
    world = reserved(evse=0, outlets=2)
    assert reserve(world, 1, id=8) is Verdict.ACCEPTED
    world.plug_in(1)
    swipe(world, TAG, 1)
    assert world.last(TransactionStarted).reservation == 8
    assert kept(world) == [7]


def test_a_stranger_who_waits_in_vain_for_a_cable_frees_the_last_one() -> None:
    world = reserved(evse=0, outlets=2)
    swipe(world, OTHER, 1)
    assert (world.status(1), world.status(2)) == (P, R)
    world.advance(61)
    assert (world.status(1), world.status(2)) == (A, A)


def test_a_car_that_stands_there_is_not_told_as_reserved() -> None:
    world = reserved(evse=0, outlets=2)
    world.plug_in(1)
    world.fault(HOT, evse=2)
    world.answer_all()
    assert world.statuses(1) == [A, P]
    swipe(world, OTHER, 1)
    assert world.tx(1) is None
    world.fault(evse=2)
    world.answer_all()
    assert (world.status(1), world.status(2)) == (P, R)


def test_what_was_used_up_is_remembered_for_one_turn() -> None:
    world = reserved()
    world.charging()
    assert world.station.box.reservations._used == {}


def test_who_begins_to_use_one_leaves_the_other_to_all() -> None:
    world = reserved(evse=0, outlets=2)
    swipe(world, TAG, 1)
    assert (world.status(1), world.status(2)) == (P, A)


def test_a_car_without_a_card_does_not_take_the_last_one() -> None:
    world = reserved(evse=0, outlets=2)
    for evse in (1, 2):
        world.plug_in(evse)
        world.answer_all()
    assert (world.status(1), world.status(2)) == (P, R)
    swipe(world, OTHER, 1)
    swipe(world, OTHER, 2)
    assert [world.tx(evse) is not None for evse in (1, 2)] == [True, False]


def test_when_another_becomes_free_the_last_one_no_longer_waits() -> None:
    world = reserved(evse=0, outlets=2)
    world.plug_in(1)
    world.answer_all()
    world.unplug(1)
    world.answer_all()
    assert (world.status(1), world.status(2)) == (A, A)


def test_it_ends_only_when_no_outlet_can_serve() -> None:
    world = reserved(evse=0, outlets=2)
    world.fault(HOT, evse=1)
    assert (kept(world), world.status(2)) == ([7], R)
    world.asks(ev.AvailabilityRequested("off", 2, False))
    assert kept(world) == []


def test_the_last_free_one_is_not_reserved_for_somebody_else() -> None:
    world = reserved(evse=0, outlets=2)
    assert reserve(world, 1, id=8, token=OTHER) is Verdict.ACCEPTED
    assert (world.status(1), world.status(2)) == (R, R)
    assert cancel(world, 8) is Verdict.ACCEPTED
    world.plug_in(1)
    assert reserve(world, 2, id=8, token=OTHER) is Verdict.OCCUPIED


MOVES = st.lists(
    st.tuples(st.sampled_from(["plug", "unplug", "swipe", "other", "fault", "heal", "wait"]), st.sampled_from([1, 2])),
    max_size=14,
)


@given(MOVES)
def test_strangers_never_have_both(moves: list[tuple[str, int]]) -> None:
    """Whatever people and faults do: with any outlet reserved, two strangers never charge or wait at the same time."""
    world = reserved(evse=0, outlets=2)
    for move, evse in moves:
        {
            "plug": lambda evse=evse: world.plug_in(evse),
            "unplug": lambda evse=evse: world.unplug(evse),
            "swipe": lambda evse=evse: swipe(world, OTHER, evse),
            "other": lambda evse=evse: swipe(world, Token("C0FFEE00"), evse),
            "fault": lambda evse=evse: world.fault(HOT, evse=evse),
            "heal": lambda evse=evse: world.fault(evse=evse),
            "wait": lambda: world.advance(5),
        }[move]()
        world.answer_all()
        busy = [o for o in world.station.outlets.values() if o.grant is not None or o.charging.tx is not None]
        assert len(busy) < 2 or kept(world) == []
