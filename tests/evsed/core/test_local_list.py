"""The central system's list: taken wholly or not at all, older than its next change, and obeyed card by card."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evsed.core import events as ev
from evsed.core.effects import Persist
from evsed.core.listed import ListedToken, ListMark, ListSent, ListVersion, ListVersionAsked
from evsed.core.local_list import LocalList, Room, refusal
from evsed.core.records import KnownToken
from evsed.core.reports import AuthorizationAsked, StatusChanged, TransactionEnded, TransactionStarted
from evsed.core.turn import Turn
from evsed.core.words import Now, Refused, Status, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, WALL0, World
from tests.evsed.core.disk import Disk
from tests.evsed.core.stories import LONG_AGO, knowing

ACCEPTED, BLOCKED, EXPIRED = TokenStatus.ACCEPTED, TokenStatus.BLOCKED, TokenStatus.EXPIRED
ROOM = Room(items=4, entries=5)


def card(token: Token = TAG, status: TokenStatus = ACCEPTED, **more: Any) -> ListedToken:
    return replace(ListedToken(token, status, None, None), **more)


def full(version: int, *cards: ListedToken) -> ListSent:
    return ListSent(f"full {version}", version, True, cards)


def changes(version: int, *cards: ListedToken, forget: tuple[Token, ...] = ()) -> ListSent:
    return ListSent(f"changes {version}", version, False, cards, forget)


def version(world: World) -> int | None:
    reply = world.asks(ListVersionAsked(world.ref()))
    assert isinstance(reply, ListVersion)
    return reply.version


def sent(world: World, request: ListSent) -> Verdict:
    reply = world.asks(replace(request, ref=world.ref()))
    assert isinstance(reply, Verdict)
    return reply


def kept(world: World) -> dict[str, TokenStatus]:
    return {entry.key: entry.status for entry in world.disk.of(ListedToken)}


# --- the list itself ---------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "A", "b", "B", "c", "d", "e", "f"])
CARDS = st.builds(ListedToken, NAMES.map(Token), st.sampled_from(TokenStatus), st.sampled_from([None, 1]), st.none())
SENT = st.builds(
    ListSent,
    st.just("ref"),
    st.integers(-2, 6),
    st.booleans(),
    st.lists(CARDS, max_size=5).map(tuple),
    st.lists(NAMES.map(Token), max_size=2).map(tuple),
)


def obey(model: dict[str, ListedToken], known: int, told: ListSent) -> tuple[dict[str, ListedToken], int, Verdict]:
    """What a dictionary becomes, written down once more as the specification says it."""
    keys = [one.key for one in (*told.taken, *told.forgotten)]
    if not told.full and told.version <= known:
        return model, known, Verdict.VERSION_MISMATCH
    after = ({} if told.full else model) | {one.key: one for one in told.taken}
    after = {key: one for key, one in after.items() if key not in {token.key for token in told.forgotten}}
    bad = told.version < 1 or len(keys) > 4 or len(set(keys)) < len(keys) or (told.full and told.forgotten)
    if bad or len(after) > 5:
        return model, known, Verdict.FAILED
    return after, told.version if after else 0, Verdict.ACCEPTED


@given(st.lists(st.tuples(SENT, st.booleans()), max_size=12))
def test_any_updates_make_what_a_dictionary_would_be_also_after_restarts(story: list[tuple[ListSent, bool]]) -> None:
    here, disk = LocalList(), Disk()
    model: dict[str, ListedToken] = {}
    known = 0
    for told, restart in story:
        refused = refusal(here, told, ROOM)
        model, known, verdict = obey(model, known, told)
        assert (refused[0] if refused else Verdict.ACCEPTED) is verdict
        if refused is None:
            turn = Turn(Now("boot", 1, WALL0))
            here.take(told, turn)
            (commit,) = turn.effects()
            assert isinstance(commit, Persist) and commit.urgent
            disk.keep(commit, 0)
        if restart:
            here = LocalList(disk.of(ListMark), disk.of(ListedToken))
        assert {name: here.find(Token(name)) for name in "aBcDeF"} == {n: model.get(n.casefold()) for n in "aBcDeF"}
        assert (len(here), here.version) == (len(model), known)


@pytest.mark.parametrize(
    ("told", "verdict", "why"),
    [
        (changes(3, card()), Verdict.VERSION_MISMATCH, "as new or newer"),
        (changes(-1, card()), Verdict.VERSION_MISMATCH, "as new or newer"),
        (full(0, card()), Verdict.FAILED, "its version is none"),
        (full(-1, card()), Verdict.FAILED, "its version is none"),
        (full(9, *(card(Token(name)) for name in "abcde")), Verdict.FAILED, "more cards than one message"),
        (full(9, card(Token("x")), card(Token("X"))), Verdict.FAILED, "a card twice"),
        (changes(9, card(), forget=(TAG,)), Verdict.FAILED, "a card twice"),
        (replace(full(9, card()), forgotten=(OTHER,)), Verdict.FAILED, "without status"),
        (changes(9, *(card(Token(name)) for name in "abcd")), Verdict.FAILED, "no more cards"),
    ],
)
def test_what_is_refused_and_why(told: ListSent, verdict: Verdict, why: str) -> None:
    here = LocalList((ListMark(3, 2),), (card(), card(OTHER)))
    refused = refusal(here, told, ROOM)
    assert refused is not None
    assert refused[0] is verdict
    assert why in refused[1]


def test_an_older_full_list_may_replace_a_newer_one() -> None:
    assert refusal(LocalList((ListMark(3, 1),), (card(),)), full(1, card(OTHER)), ROOM) is None


def test_a_list_that_lost_a_card_on_the_disk_is_none_and_its_rest_goes_with_the_next_one() -> None:
    damaged = LocalList((ListMark(3, 3),), (card(), card(OTHER)))
    assert (damaged.version, damaged.find(TAG)) == (0, None)
    turn = Turn(Now("boot", 1, WALL0))
    damaged.take(full(4, card()), turn)
    disk = Disk()
    disk.records = {(ListedToken, one.key): one for one in (card(), card(OTHER))}
    (commit,) = turn.effects()
    assert isinstance(commit, Persist)
    disk.keep(commit, 0)
    assert LocalList(disk.of(ListMark), disk.of(ListedToken)).version == 4
    assert disk.of(ListedToken) == (card(),)


def test_only_what_differs_is_written() -> None:
    here = LocalList((ListMark(3, 2),), (card(), card(OTHER)))
    turn = Turn(Now("boot", 1, WALL0))
    here.take(full(4, card(), card(OTHER, BLOCKED)), turn)
    (commit,) = turn.effects()
    assert isinstance(commit, Persist)
    assert len(commit.changes) == 2


# --- asked by a central system -----------------------------------------------------------------------------------


def test_it_is_on_the_disk_before_the_answer_and_outlives_a_power_cut() -> None:
    world = World().online()
    assert version(world) == 0
    assert sent(world, full(7, card(), card(OTHER, BLOCKED))) is Verdict.ACCEPTED  # Watch judges the order
    world.power_cut()
    world.online()
    assert version(world) == 7
    assert kept(world) == {TAG.key: ACCEPTED, OTHER.key: BLOCKED}
    assert sent(world, changes(7, card())) is Verdict.VERSION_MISMATCH
    assert sent(world, changes(8, forget=(OTHER,))) is Verdict.ACCEPTED
    assert kept(world) == {TAG.key: ACCEPTED}
    assert sent(world, changes(9)) is Verdict.ACCEPTED
    assert version(world) == 9


def test_an_empty_full_list_forgets_all_and_is_version_0() -> None:
    world = World().online()
    sent(world, full(7, card()))
    assert sent(world, full(8)) is Verdict.ACCEPTED
    assert (version(world), kept(world)) == (0, {})
    assert sent(world, changes(1, card())) is Verdict.ACCEPTED
    assert version(world) == 1


def test_a_list_that_is_switched_off_is_neither_taken_nor_told_nor_obeyed_and_comes_back() -> None:
    world = World().online()
    sent(world, full(7, card()))
    world.set("LocalAuthListEnabled", False)
    assert version(world) is None
    assert sent(world, full(8, card(OTHER))) is Verdict.NOT_SUPPORTED
    world.disconnect()
    world.plug_in()
    world.swipe()
    assert world.tx() is None
    world.set("LocalAuthListEnabled", True)
    world.swipe()
    assert world.tx() is not None


def test_a_broken_disk_takes_no_list() -> None:
    world = World().online()
    sent(world, full(7, card()))
    world.breaks()
    world.set("HeartbeatInterval", 77)
    assert sent(world, full(8, card(OTHER))) is Verdict.FAILED
    assert version(world) == 7


def test_no_line_of_the_log_has_a_card_number() -> None:
    world = World().online()
    sent(world, full(7, card()))
    sent(world, full(8, card(), card()))
    assert any("version 7 and 1 cards" in line for line in world.lines)
    assert any("version 8 of the local list is refused: it names a card twice" in line for line in world.lines)
    assert not any(TAG.value in line for line in world.lines)


# --- who may charge ----------------------------------------------------------------------------------------------

PRE, OFFLINE, UNKNOWN = "LocalPreAuthorize", "LocalAuthorizeOffline", "AllowOfflineTxForUnknownId"
NOT_GOOD = [card(TAG, BLOCKED), card(TAG, TokenStatus.CONCURRENT_TX), card(expires_ms=WALL0)]


def listing(*cards: ListedToken, local: tuple[str, ...] = ()) -> World:
    """A box whose disk has this list, and whose clock is right."""
    world = World(local=local)
    for record in (*cards, ListMark(1, len(cards))):
        world.disk.records[type(record), record.key] = record
    world.crash()
    world.wall_offset = WALL0
    return world


def shown(world: World) -> World:
    world.plug_in()
    world.answer_all()
    world.swipe()
    return world


@pytest.mark.parametrize("key", [PRE, OFFLINE])
@pytest.mark.parametrize("value", [True, False])
def test_an_accepted_card_starts_as_the_keys_say(key: str, value: bool) -> None:
    world = listing(card()).set(key, value)
    shown(world.online() if key == PRE else world.offline())
    assert (world.tx() is not None) is value
    assert (world.station.outlets[1].asking is not None) is (key == PRE and not value)


@pytest.mark.parametrize("entry", NOT_GOOD, ids=["blocked", "in use", "expired"])
def test_any_other_card_is_asked_about_online_and_refused_offline_even_where_unknown_ones_charge(
    entry: ListedToken,
) -> None:
    world = shown(listing(entry).set(PRE, True).online())
    assert world.station.outlets[1].asking is not None
    world = shown(listing(entry).set(UNKNOWN, True).offline())
    assert world.tx() is None
    refusal = world.station.outlets[1].refusal
    assert refusal is not None and refusal.why is Refused.EARLIER


def test_the_central_list_beats_the_cards_of_the_installer_and_the_cache() -> None:
    world = listing(card(TAG, BLOCKED), local=(TAG.value,))
    assert shown(world.offline()).tx() is None
    world = knowing(KnownToken(TAG, BLOCKED, None, None, LONG_AGO)).online()
    assert sent(world, full(1, card())) is Verdict.ACCEPTED
    world.disconnect()
    assert shown(world).tx() is not None


def test_what_the_list_says_is_no_more_known_from_answers() -> None:
    world = knowing(KnownToken(TAG, ACCEPTED, None, None, LONG_AGO)).online()
    sent(world, full(1, card(TAG, BLOCKED)))
    sent(world, full(2))
    assert world.disk.of(KnownToken) == ()
    world.disconnect()
    assert shown(world).tx() is None


def test_cards_of_the_list_are_not_cached_while_it_counts() -> None:
    world = listing(card()).online().charging()
    world.disk.flush()
    assert world.disk.of(KnownToken) == ()
    world = listing(card()).set("LocalAuthListEnabled", False).online().charging()
    world.disk.flush()
    assert [known.key for known in world.disk.of(KnownToken)] == [TAG.key]


def test_clearing_the_cache_leaves_the_list() -> None:
    world = listing(card()).online()
    assert world.asks(ev.CacheCleared("clear")) is Verdict.ACCEPTED
    assert version(world) == 1


def test_a_card_of_the_same_group_stops_without_being_asked_about() -> None:
    world = listing(card(group="FAMILY"), card(OTHER, group="FAMILY")).offline()
    assert shown(world).tx() is not None
    world.swipe(OTHER)
    world.advance(3)
    assert world.tx() is None


def test_a_card_is_never_compared_with_a_group() -> None:
    world = listing(card(group=OTHER.value), card(OTHER)).offline()
    shown(world).swipe(OTHER)
    world.advance(3)
    assert world.tx() is not None


def test_a_remote_start_that_is_authorized_first_asks_the_list() -> None:
    world = listing(card()).set("AuthorizeRemoteTxRequests", True).set(PRE, True).online()
    world.plug_in()
    world.answer_all()
    assert world.asks(ev.StartRequested("start", None, TAG)) is Verdict.ACCEPTED
    assert world.tx() is not None


# --- contradictions ----------------------------------------------------------------------------------------------


def conflicts(world: World) -> list[StatusChanged]:
    reports = world.reports(StatusChanged)
    return [report for report in reports if report.fault and report.fault.code16 == "LocalListConflict"]


@pytest.mark.parametrize(
    ("listed", "answered", "differ"),
    [
        (ACCEPTED, BLOCKED, True),
        (ACCEPTED, TokenStatus.CONCURRENT_TX, False),
        (BLOCKED, ACCEPTED, True),
        (BLOCKED, TokenStatus.INVALID, False),
        (TokenStatus.CONCURRENT_TX, ACCEPTED, False),
    ],
)
def test_a_difference_is_told_whichever_of_the_two_refuses(
    listed: TokenStatus, answered: TokenStatus, differ: bool
) -> None:
    world = listing(card(TAG, listed)).online()
    world.swipe()
    world.answer(ev.TokenAnswer(answered))
    world.answer_all()
    assert [(report.evse, report.status) for report in conflicts(world)] == [(0, Status.AVAILABLE)] * differ


@pytest.mark.parametrize("report", [TransactionStarted, TransactionEnded])
def test_what_is_said_of_a_charge_is_compared_too(report: type) -> None:
    world = listing(card()).set("StopTransactionOnInvalidId", False).online()
    world.verdicts[report] = ev.TokenAnswer(BLOCKED)
    shown(world)
    world.answer_all()
    world.swipe()
    world.advance(3)
    world.answer_all()
    assert world.reports(TransactionEnded)
    assert len(conflicts(world)) == 1


def test_a_card_that_the_list_lets_expire_is_no_conflict() -> None:
    world = listing(card(expires_ms=WALL0)).online()
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(EXPIRED)
    shown(world)
    world.answer_all()
    assert conflicts(world) == []
