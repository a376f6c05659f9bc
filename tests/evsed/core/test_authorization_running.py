"""Cards while a transaction runs: who may stop it, and what a later refusal leads to (OCPP 1.6 §3.5.4, §3.10)."""

from __future__ import annotations

import pytest

from evsed.core import events as ev
from evsed.core.authorization import TokenBook
from evsed.core.local_list import LocalList
from evsed.core.records import KnownToken
from evsed.core.reports import AuthorizationAsked, TransactionEnded, TransactionStarted
from evsed.core.words import Status, StopReason, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, World
from tests.evsed.core.plant import Facts
from tests.evsed.core.stories import LONG_AGO, knowing, shown

ACCEPTED, BLOCKED, INVALID = TokenStatus.ACCEPTED, TokenStatus.BLOCKED, TokenStatus.INVALID
NOT_ACCEPTED = [status for status in TokenStatus if status is not ACCEPTED]


# --- stopping ----------------------------------------------------------------------------------------------------


def test_the_same_card_stops_without_a_question() -> None:
    world = World().online().charging()
    world.swipe(Token(TAG.value.lower()))
    world.advance(2)
    world.answer_all()
    assert len(world.reports(AuthorizationAsked)) == 1
    ended = world.last(TransactionEnded)
    assert (ended.reason, ended.token) == (StopReason.LOCAL, Token(TAG.value.lower()))


def family(group_of_other: str | None = "FAMILY") -> World:
    """TAG of a family charges; the cache may know OTHER as of a family."""
    world = World().online()
    if group_of_other is not None:
        world = knowing(KnownToken(OTHER, ACCEPTED, None, group_of_other, LONG_AGO)).online()
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(ACCEPTED, group="FAMILY")
    return world.charging()


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize(("group", "stops"), [("FAMILY", True), ("STRANGERS", False)])
def test_another_card_of_the_group_stops_from_the_cache(online: bool, group: str, stops: bool) -> None:
    world = family(group)
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(ACCEPTED, group=group)
    if not online:
        world.disconnect()
    world.swipe(OTHER)
    world.answer_all()
    world.advance(2)
    assert (world.tx() is None) is stops
    assert len(world.reports(AuthorizationAsked)) == (2 if online and not stops else 1)


@pytest.mark.parametrize(
    ("answer", "stops"),
    [
        (ev.TokenAnswer(ACCEPTED, group="FAMILY"), True),
        (ev.TokenAnswer(ACCEPTED, group="STRANGERS"), False),
        (ev.TokenAnswer(ACCEPTED), False),
        (ev.TokenAnswer(BLOCKED, group="FAMILY"), False),
    ],
)
def test_of_a_card_that_the_box_does_not_know_the_central_system_knows_the_group(
    answer: ev.TokenAnswer, stops: bool
) -> None:
    world = family(None)
    world.verdicts[AuthorizationAsked] = answer
    world.swipe(OTHER)
    world.answer_all()
    world.advance(2)
    world.answer_all()
    assert (world.tx() is None) is stops
    if stops:
        assert world.last(TransactionEnded).token == OTHER


def test_offline_an_unknown_card_stops_nothing() -> None:
    world = family(None)
    world.disconnect()
    world.swipe(OTHER)
    world.advance(2)
    assert world.tx() is not None


def test_without_groups_nobody_belongs_together() -> None:
    world = knowing(KnownToken(OTHER, ACCEPTED, None, None, LONG_AGO)).online().charging()
    world.disconnect()
    world.swipe(OTHER)
    world.advance(2)
    assert world.tx() is not None


def test_a_shown_card_is_never_compared_with_the_name_of_a_group() -> None:
    world = family(None)
    world.disconnect()
    world.swipe(Token("FAMILY"))
    world.advance(2)
    assert world.tx() is not None


@pytest.mark.parametrize(("online", "status"), [(False, ACCEPTED), (True, ACCEPTED), (True, BLOCKED)])
def test_a_foreign_card_is_told_for_some_seconds(online: bool, status: TokenStatus) -> None:
    world = family(None)
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(status)
    if not online:
        world.disconnect()
    world.swipe(OTHER)
    world.answer_all()
    assert shown(world) == "OtherCardCharges"
    world.advance(10)
    assert (shown(world), world.tx() is not None) == (None, True)


def test_a_foreign_card_that_nobody_answers_for_is_told_too() -> None:
    world = family(None)
    world.swipe(OTHER)
    assert shown(world) is None
    world.disconnect()
    assert shown(world) == "OtherCardCharges"


# --- a start that is not accepted afterwards ---------------------------------------------------------------------


def refused(status: TokenStatus = INVALID, stop: bool = True, energy_wh: int = 0, online: bool = True) -> World:
    """The card starts a charge; then the central system answers the start with `status`."""
    world = World(local=(TAG.value,))
    world.set("StopTransactionOnInvalidId", stop).set("MaxEnergyOnInvalidId", energy_wh).set("LocalPreAuthorize", True)
    world.verdicts[TransactionStarted] = ev.TokenAnswer(status)
    world = world.online() if online else world.offline()
    world.plug_in()
    world.swipe()
    world.wants()
    if not online:
        assert world.status() is Status.CHARGING
        world.advance(10)
        world.connect()
    world.answer_all()
    return world


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("status", NOT_ACCEPTED)
def test_it_stops_and_says_why(status: TokenStatus, online: bool) -> None:
    world = refused(status, online=online)
    world.advance(2)
    world.answer_all()
    ended = world.last(TransactionEnded)
    assert (ended.reason, ended.token) == (StopReason.DEAUTHORIZED, None)
    assert world.status() is Status.FINISHING


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("status", NOT_ACCEPTED)
def test_it_may_stay_without_energy(status: TokenStatus, online: bool) -> None:
    world = refused(status, stop=False, online=online)
    world.advance(120)
    assert world.status() is Status.SUSPENDED_EVSE
    assert not world.bays[1].facts.closed
    world.swipe()
    world.advance(2)
    world.answer_all()
    assert world.last(TransactionEnded).reason is StopReason.LOCAL


@pytest.mark.parametrize("stop", [True, False])
def test_a_rest_of_energy_may_flow(stop: bool) -> None:
    world = refused(stop=stop, energy_wh=300)
    assert world.status() is Status.CHARGING
    world.advance(200)
    world.answer_all()
    assert world.bays[1].register - 1_000_000 == 300
    assert world.status() is (Status.FINISHING if stop else Status.SUSPENDED_EVSE)
    if stop:
        assert world.last(TransactionEnded).reason is StopReason.DEAUTHORIZED


def test_the_rest_counts_from_the_refusal_and_survives_a_crash() -> None:
    world = refused(energy_wh=300, online=False)
    start = 1_000_000 + 30
    world.advance(50)
    world.crash()
    world.advance(100)
    assert world.bays[1].register - start == 300


def test_accepted_goes_on() -> None:
    world = refused(ACCEPTED)
    world.advance(60)
    assert world.status() is Status.CHARGING


def test_an_answer_after_the_end_changes_nothing_but_the_cache() -> None:
    world = World().online()
    world.plug_in()
    world.swipe()
    world.until(TransactionStarted)
    world.disconnect()
    world.swipe()
    world.advance(2)
    assert world.tx() is None
    world.verdicts[TransactionStarted] = ev.TokenAnswer(INVALID)
    world.connect()
    world.answer_all()
    assert world.last(TransactionEnded).reason is StopReason.LOCAL
    assert world.transactions()[0].refused_wh is None


# --- the cable of a refused card ---------------------------------------------------------------------------------


def held(group: str | None = None) -> World:
    world = World().online()
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(ACCEPTED, group=group)
    world.verdicts[TransactionStarted] = ev.TokenAnswer(INVALID, group=group)
    world.plug_in()
    world.swipe()
    world.answer_all()
    world.advance(2)
    world.answer_all()
    assert world.tx() is None
    assert world.bays[1].facts.locked
    return world


def test_the_cable_waits_for_its_owner() -> None:
    world = held()
    world.disconnect()
    world.swipe(OTHER)
    world.advance(60)
    assert world.bays[1].facts.locked
    world.swipe(TAG)
    assert not world.bays[1].facts.locked
    assert world.tx() is None


@pytest.mark.parametrize("restart", ["crash", "power cut"])
def test_the_cable_waits_for_its_owner_over_a_restart(restart: str) -> None:
    world = held()
    if restart == "crash":
        world.crash()
    else:
        world.power_cut()
        world.bays[1].facts = Facts(plugged=True, cable_ma=32_000, locked=True)
        world.hal_up()
    world.advance(60)
    assert world.bays[1].facts.locked
    world.swipe(TAG)
    world.advance(31)
    assert not world.bays[1].facts.locked
    world.crash()
    assert not world.bays[1].facts.locked


def test_the_cable_waits_for_the_group_of_its_owner() -> None:
    world = held("FAMILY")
    world.verdicts.clear()
    world.disconnect()
    world.disk.flush()
    world.disk.records[KnownToken, OTHER.key] = KnownToken(OTHER, ACCEPTED, None, "FAMILY", LONG_AGO)
    box = world.station.box
    box.tokens = TokenBook((), LocalList(), world.disk.of(KnownToken), box.variables)
    world.swipe(OTHER)
    assert not world.bays[1].facts.locked


def test_the_operator_may_free_it() -> None:
    world = held()
    assert world.asks(ev.UnlockRequested("free", 1)) is Verdict.UNLOCKED


def test_a_new_charge_of_the_owner_frees_it_at_its_end() -> None:
    world = held()
    world.verdicts.clear()
    assert world.asks(ev.StartRequested("start", 1, TAG)) is Verdict.ACCEPTED
    world.answer_all()
    assert world.tx() is not None
    world.swipe()
    world.advance(2)
    assert not world.bays[1].facts.locked


def test_a_fixed_cable_is_nobody_s_to_hold() -> None:
    world = World(socket=False).online()
    world.verdicts[TransactionStarted] = ev.TokenAnswer(INVALID)
    world.plug_in()
    world.swipe()
    world.answer_all()
    world.advance(2)
    assert world.station.outlets[1].cable.holding is None
