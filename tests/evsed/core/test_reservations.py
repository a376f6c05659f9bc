"""Reservations: whom an outlet waits for, and when it no longer does."""

from __future__ import annotations

import pytest

from evsed.core import events as ev
from evsed.core.listed import ListedToken, ListSent
from evsed.core.overview import Surroundings, overview
from evsed.core.records import KnownToken, Transaction
from evsed.core.reports import AuthorizationAsked, TransactionStarted
from evsed.core.reserved import Reservation
from evsed.core.status import HalStatus, LinkStatus
from evsed.core.why import why
from evsed.core.words import Status, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, World
from tests.evsed.core.plant import HOT
from tests.evsed.core.reservations_kit import HALF_AN_HOUR, cancel, kept, reserve, reserved, swipe
from tests.evsed.core.stories import LONG_AGO

A, P, R, U, X = Status.AVAILABLE, Status.PREPARING, Status.RESERVED, Status.UNAVAILABLE, Status.FAULTED


# --- whom it waits for -------------------------------------------------------------------------------------------


def test_it_is_told_and_its_token_begins_the_transaction_that_ends_it() -> None:
    world = reserved()
    assert (world.statuses(), kept(world)) == ([A, R], [7])
    swipe(world)
    assert (world.status(), kept(world)) == (P, [7])  # nothing has begun yet
    world.plug_in()
    world.answer_all()
    assert world.last(TransactionStarted).reservation == 7
    assert kept(world) == []
    assert R not in world.statuses()[2:]


def test_another_token_is_not_even_asked_about() -> None:
    world = reserved()
    world.plug_in()
    swipe(world, OTHER)
    assert world.reports(AuthorizationAsked) == []
    assert (world.status(), world.tx()) == (R, None)
    assert any("reserved for another card" in line for line in world.lines)


def test_a_plug_alone_changes_nothing_also_over_a_power_cut() -> None:
    world = reserved()
    world.plug_in()
    world.answer_all()
    assert world.status() is R
    world.power_cut()
    world.online()
    assert world.statuses()[-1] is R
    swipe(world)
    assert world.last(TransactionStarted).reservation == 7


def test_a_token_that_was_being_asked_about_when_it_was_made_comes_too_late() -> None:
    world = World().online()
    world.swipe(OTHER)
    assert isinstance(world.open.report if world.open else None, AuthorizationAsked)
    assert reserve(world) is Verdict.ACCEPTED
    assert (world.status(), world.station.outlets[1].grant) == (R, None)


def test_letters_of_its_token_may_be_of_any_case() -> None:
    world = reserved(token=Token("cafe"))
    world.plug_in()
    swipe(world, Token("CaFe"))
    assert world.last(TransactionStarted).reservation == 7


def test_its_driver_elsewhere_leaves_it_as_it_is() -> None:
    world = reserved(evse=1, outlets=2)
    world.plug_in(2)
    swipe(world, TAG, 2)
    assert world.last(TransactionStarted).reservation is None
    assert (kept(world), world.status(1)) == ([7], R)


def test_a_card_that_no_longer_counts_leaves_it_reserved() -> None:
    world = reserved()
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(TokenStatus.BLOCKED)
    swipe(world)
    assert (world.status(), kept(world)) == (R, [7])


def test_a_shown_card_that_waits_in_vain_for_its_cable_leaves_it_reserved() -> None:
    world = reserved()
    swipe(world)
    world.advance(61)
    world.answer_all()
    assert world.statuses()[-3:] == [P, A, R]
    assert kept(world) == [7]


@pytest.mark.parametrize(("free", "starts"), [(True, False), (False, False)])
def test_a_free_box_waits_too(free: bool, starts: bool) -> None:
    world = World(free=free).online()
    assert reserve(world) is Verdict.ACCEPTED
    world.plug_in()
    world.answer_all()
    assert (world.tx() is not None) is starts
    swipe(world)
    tx = world.tx()
    assert tx is not None and tx.token == TAG


# --- its group ---------------------------------------------------------------------------------------------------


def test_who_is_not_known_is_asked_about_to_learn_the_group() -> None:
    world = reserved(group="FAMILY").set("LocalPreAuthorize", True)
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(TokenStatus.ACCEPTED, group="FAMILY")
    world.plug_in()
    swipe(world, OTHER)
    assert world.last(TransactionStarted).reservation == 7


@pytest.mark.parametrize("group", [None, "OTHERS"])
def test_who_is_accepted_but_of_another_group_must_wait(group: str | None) -> None:
    world = reserved(group="FAMILY")
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(TokenStatus.ACCEPTED, group=group)
    world.plug_in()
    swipe(world, OTHER)
    assert (world.tx(), kept(world)) == (None, [7])
    asked = len(world.reports(AuthorizationAsked))
    swipe(world, OTHER)  # the cache knows by now
    assert len(world.reports(AuthorizationAsked)) == asked == 1


def test_a_token_that_reads_like_the_group_is_not_of_it() -> None:
    world = reserved(group=OTHER.value)
    world.plug_in()
    swipe(world, OTHER)
    assert world.tx() is None


@pytest.mark.parametrize("where", ["list", "cache"])
@pytest.mark.parametrize(("group", "starts"), [("FAMILY", True), (None, False)])
def test_offline_the_list_or_the_cache_knows_the_group(where: str, group: str | None, starts: bool) -> None:
    world = reserved(group="FAMILY").set("AllowOfflineTxForUnknownId", True)
    if where == "list":
        entry = ListedToken(OTHER, TokenStatus.ACCEPTED, None, group)
        world.asks(ListSent(world.ref(), 1, True, (entry,)))
    else:
        answer = ev.TokenAnswer(TokenStatus.ACCEPTED, group=group)
        world.verdicts[AuthorizationAsked] = answer
        world.station.box.tokens._cache[OTHER.key] = KnownToken(OTHER, answer.status, None, group, LONG_AGO)
    world.disconnect()
    world.plug_in()
    swipe(world, OTHER)
    assert (world.tx() is not None) is starts


def test_offline_an_unknown_card_is_of_no_group() -> None:
    world = reserved(group="FAMILY").set("AllowOfflineTxForUnknownId", True)
    world.disconnect()
    world.plug_in()
    swipe(world, OTHER)
    assert world.tx() is None


# --- its end -----------------------------------------------------------------------------------------------------


def test_it_is_over_in_time() -> None:
    world = reserved()
    world.advance(HALF_AN_HOUR - 2)
    assert world.status() is R
    world.advance(3)
    world.answer_all()
    assert (world.statuses()[-1], kept(world)) == (A, [])


def test_its_end_is_waited_for() -> None:
    world = reserved(seconds=2)
    assert world.station.next_deadline() == world.mono_ms + 2_000


def test_it_is_over_while_the_power_is_off() -> None:
    world = reserved()
    world.power_cut(off_s=HALF_AN_HOUR + 1)
    world.online()
    world.advance(1)
    world.answer_all()
    assert (world.statuses()[-1], kept(world)) == (A, [])


def test_a_box_that_does_not_know_the_time_keeps_it_no_longer_than_it_was_made_for() -> None:
    world = reserved()
    world.power_cut()
    world.offline()
    assert world.status() is R
    world.advance(HALF_AN_HOUR - 5)
    assert world.status() is R
    world.advance(10)
    assert (world.status(), kept(world)) == (A, [])


def test_it_is_cancelled_once() -> None:
    world = reserved()
    assert cancel(world, 8) is Verdict.REJECTED
    assert cancel(world) is Verdict.ACCEPTED
    assert (world.statuses()[-1], kept(world)) == (A, [])
    assert cancel(world) is Verdict.REJECTED


def test_it_ends_with_the_service_of_its_outlet() -> None:
    world = reserved()
    assert world.asks(ev.AvailabilityRequested("off", 1, False)) is Verdict.ACCEPTED
    world.answer_all()
    assert (world.statuses()[-1], kept(world)) == (U, [])
    world.asks(ev.AvailabilityRequested("on", 1, True))
    world.answer_all()
    assert world.statuses()[-1] is A


def test_it_ends_with_a_fault_of_its_outlet() -> None:
    world = reserved()
    world.fault(HOT)
    world.answer_all()
    assert (world.statuses()[-1], kept(world)) == (X, [])
    world.fault()
    world.answer_all()
    assert world.statuses()[-1] is A


def test_it_outlives_a_silence_of_hal() -> None:
    world = reserved()
    world.hal_down()
    world.answer_all()
    assert (world.statuses()[-1], kept(world)) == (X, [7])
    world.hal_up()
    world.answer_all()
    assert world.statuses()[-1] is R


def test_a_transaction_that_never_began_gives_it_back() -> None:
    world = reserved()
    world.plug_in()
    world.answer_all()
    world.breaks()
    swipe(world)
    assert world.tx() is None
    world.mends()
    assert (kept(world), world.disk.of(Transaction)) == ([7], ())
    swipe(world)
    assert world.last(TransactionStarted).reservation == 7


# --- the answers -------------------------------------------------------------------------------------------------


def test_the_same_number_replaces_also_elsewhere() -> None:
    world = reserved(evse=1, outlets=2)
    assert reserve(world, 2, token=OTHER) is Verdict.ACCEPTED
    assert (world.status(1), world.status(2), kept(world)) == (A, R, [7])
    world.plug_in(2)
    swipe(world, OTHER, 2)
    assert world.last(TransactionStarted).reservation == 7


def test_a_reservation_of_any_outlet_may_become_one_of_the_last_outlet() -> None:
    world = reserved(evse=0)
    assert reserve(world, 1) is Verdict.ACCEPTED
    assert (world.status(), kept(world)) == (R, [7])


def test_a_replacement_that_finds_no_place_changes_nothing() -> None:
    world = reserved(evse=1, outlets=2)
    world.plug_in(2)
    world.answer_all()
    assert reserve(world, 2, token=OTHER) is Verdict.OCCUPIED
    assert world.disk.of(Reservation)[0].evse == 1
    assert world.status(1) is R


@pytest.mark.parametrize("evse", [1, 0])
def test_occupied(evse: int) -> None:
    world = World().online()
    world.plug_in()
    world.answer_all()
    assert reserve(world, evse) is Verdict.OCCUPIED
    world.unplug()
    swipe(world, OTHER)
    assert reserve(world, evse) is Verdict.OCCUPIED


@pytest.mark.parametrize("token", [TAG, OTHER])
def test_reserved_for_the_same_or_another_is_occupied(token: Token) -> None:
    assert reserve(reserved(), id=8, token=token) is Verdict.OCCUPIED
    assert reserve(reserved(evse=0, outlets=2), evse=0, id=8, token=token) is Verdict.OCCUPIED


@pytest.mark.parametrize("evse", [1, 0])
def test_faulted_and_unavailable(evse: int) -> None:
    world = World().online()
    world.fault(HOT)
    assert reserve(world, evse) is Verdict.FAULTED
    world.fault()
    world.hal_down()
    assert reserve(world, evse) is Verdict.FAULTED
    world.hal_up()
    world.asks(ev.AvailabilityRequested("off", evse, False))
    assert reserve(world, evse) is Verdict.UNAVAILABLE


def test_of_two_outlets_the_one_that_may_become_free_is_told_of() -> None:
    world = World(2).online()
    world.fault(HOT, evse=1)
    assert reserve(world, 0, id=1) is Verdict.ACCEPTED
    cancel(world, 1)
    world.plug_in(2)
    assert reserve(world, 0) is Verdict.OCCUPIED


def test_rejected() -> None:
    world = World().online()
    assert reserve(world, 2) is Verdict.REJECTED
    assert reserve(world, seconds=0) is Verdict.REJECTED
    world.set("ReservationEnabled", False)
    assert reserve(world) is Verdict.REJECTED
    world = World(presets={"ReservationCtrlr.NonEvseSpecific": "false"}).online()
    assert (reserve(world, 0), reserve(world, 1)) == (Verdict.REJECTED, Verdict.ACCEPTED)


def test_a_broken_disk_takes_none() -> None:
    world = World().online()
    world.breaks()
    world.set("HeartbeatInterval", 77)
    assert reserve(world) is Verdict.REJECTED


def test_before_the_board_is_known_it_is_faulted() -> None:
    world = World()
    world.connect()
    world.advance(6)
    world.answer_all()
    assert reserve(world) is Verdict.FAULTED


def test_no_line_of_the_log_has_a_card_number() -> None:
    world = reserved()
    swipe(world, OTHER)
    cancel(world)
    assert not any(token.value in line for line in world.lines for token in (TAG, OTHER))


# --- what people are told ----------------------------------------------------------------------------------------


def sentence(world: World) -> str:
    around = Surroundings("box", "1", HalStatus(up=True), LinkStatus(), None, frozenset({1}))
    station = overview(world.station, around, world.now())
    return why(station.outlets[0], station)


def test_people_are_told_for_whom_and_until_when() -> None:
    world = reserved()
    assert sentence(world).startswith("The outlet is reserved for card …B2C3 until ")
    assert sentence(world).endswith(" UTC, 30 min from now; show that card to charge.")
    world.power_cut()
    world.offline()
    assert "until 29 min 59 s from now at the latest; " in sentence(world)
    swipe(world)
    assert sentence(world).startswith("The last card is not known here; ")
    world.set("AllowOfflineTxForUnknownId", True)
    swipe(world)
    assert sentence(world) == "Card …B2C3 is accepted; plug in the car."
