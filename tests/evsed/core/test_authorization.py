"""Who may charge, who may stop: the table of OCPP 1.6 §3.5 with its errata, online and offline; cache, list, groups."""

from __future__ import annotations

from itertools import product

import pytest

from evsed.core import authorization, catalogue
from evsed.core import events as ev
from evsed.core.authorization import Decision, Opinion, Policy, TokenBook, decide
from evsed.core.local_list import LocalList
from evsed.core.records import KnownToken
from evsed.core.reports import AuthorizationAsked, StatusChanged, TransactionEnded, TransactionStarted
from evsed.core.turn import Turn
from evsed.core.variables import Variables
from evsed.core.words import Now, Registration, Stamp, Status, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, WALL0, World
from tests.evsed.core.plant import HOT
from tests.evsed.core.stories import LONG_AGO, knowing, shown

ACCEPTED, BLOCKED, INVALID = TokenStatus.ACCEPTED, TokenStatus.BLOCKED, TokenStatus.INVALID
NOT_ACCEPTED = [status for status in TokenStatus if status is not ACCEPTED]


# --- the table ---------------------------------------------------------------------------------------------------


PRE, OFFLINE, UNKNOWN = "LocalPreAuthorize", "LocalAuthorizeOffline", "AllowOfflineTxForUnknownId"
ROWS: dict[tuple[str, bool], tuple[tuple[str, ...], str]] = {
    # (what is known, online): the keys of which one that is true makes it start, outcome if none is
    ("list", True): ((PRE,), "ask"),
    ("cache", True): ((PRE,), "ask"),
    ("cache says no", True): ((), "ask"),
    ("cache has expired", True): ((), "ask"),
    ("nothing", True): ((), "ask"),
    ("list", False): ((OFFLINE, UNKNOWN), "refuse"),
    ("cache", False): ((OFFLINE, UNKNOWN), "refuse"),
    ("cache says no", False): ((), "refuse"),
    ("cache has expired", False): ((), "refuse"),
    ("nothing", False): ((UNKNOWN,), "refuse"),
}
CACHED = {"cache": (ACCEPTED, None), "cache says no": (BLOCKED, None), "cache has expired": (ACCEPTED, WALL0)}


def box(known: str, online: bool, keys: dict[str, bool]) -> World:
    if known in CACHED:
        status, expires_ms = CACHED[known]
        world = knowing(KnownToken(TAG, status, expires_ms, None, LONG_AGO))
    else:
        world = World(local=(TAG.value,) if known == "list" else ())
    for key, value in keys.items():
        world.set(key, value)
    world = world.online() if online else world.offline()
    world.plug_in()
    world.answer_all()
    return world


@pytest.mark.parametrize("values", list(product((True, False), repeat=3)), ids=str)
@pytest.mark.parametrize(("known", "online"), list(ROWS))
def test_the_table(known: str, online: bool, values: tuple[bool, bool, bool]) -> None:
    keys = dict(zip((PRE, OFFLINE, UNKNOWN), values, strict=True))
    opening, else_ = ROWS[known, online]
    expected = "start" if any(keys[key] for key in opening) else else_
    world = box(known, online, keys)
    world.swipe()
    started = world.tx() is not None
    asked = world.station.outlets[1].asking is not None
    refused = world.station.outlets[1].refusal is not None
    assert (started, asked, refused) == (expected == "start", expected == "ask", expected == "refuse")


def test_a_list_entry_that_is_not_accepted_is_asked_online_and_refused_offline_even_where_unknown_ones_charge() -> None:
    no = Opinion(BLOCKED, group=None)
    assert decide(no, Policy(True, True, True, True)) is Decision.ASK
    assert decide(no, Policy(False, True, True, True)) is Decision.REFUSE


def test_the_list_beats_the_cache() -> None:
    world = knowing(KnownToken(TAG, BLOCKED, None, None, LONG_AGO), local=(TAG.value,)).offline()
    world.plug_in()
    world.swipe()
    assert world.tx() is not None


def test_letters_may_be_of_any_case() -> None:
    world = World(local=("CaFe",)).offline()
    world.plug_in()
    world.swipe(Token("cAfE"))
    tx = world.tx()
    assert tx is not None
    assert tx.token == Token("cAfE")
    world.swipe(Token("CAFE"))
    world.advance(2)
    assert world.tx() is None


# --- the answer to a question ------------------------------------------------------------------------------------


def asking() -> World:
    world = World().online()
    world.plug_in()
    world.answer_all()
    world.swipe()
    assert isinstance(world.open.report if world.open else None, AuthorizationAsked)
    return world


def test_accepted_starts() -> None:
    world = asking()
    world.answer(ev.TokenAnswer(ACCEPTED, group="FAMILY"))
    tx = world.tx()
    assert tx is not None
    assert (tx.token, tx.group) == (TAG, "FAMILY")


@pytest.mark.parametrize("status", NOT_ACCEPTED)
def test_not_accepted_does_not_start_and_says_why(status: TokenStatus) -> None:
    world = asking()
    world.answer(ev.TokenAnswer(status))
    assert world.tx() is None
    assert shown(world) == status


def test_a_refusal_is_shown_until_something_newer() -> None:
    world = asking()
    world.answer(ev.TokenAnswer(BLOCKED))
    world.advance(10)
    assert shown(world) == "Blocked"
    world.unplug()
    assert shown(world) is None
    world.swipe()
    world.answer_one()
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(INVALID)
    world.answer_all()
    world.advance(10)
    assert shown(world) == "Invalid"
    world.verdicts.clear()
    world.swipe()
    world.answer_all()
    assert shown(world) is None


def test_a_refusal_is_shown_for_a_minute_or_until_the_car_comes() -> None:
    for later in (lambda world: world.advance(60), lambda world: world.plug_in()):
        world = World().online()
        world.swipe()
        world.verdicts[AuthorizationAsked] = ev.TokenAnswer(BLOCKED)
        world.answer_all()
        world.advance(59)
        assert shown(world) == "Blocked"
        later(world)
        assert shown(world) is None


def test_a_start_that_the_central_system_refuses_says_so() -> None:
    world = World().online().set("LocalPreAuthorize", True)
    world.verdicts[TransactionStarted] = ev.TokenAnswer(BLOCKED)
    world.station.box.tokens.learn(TAG, ev.TokenAnswer(ACCEPTED), world.now().stamp(), Turn(world.now()))
    world.plug_in()
    world.swipe()
    world.answer_all()
    world.advance(5)
    world.answer_all()
    assert (world.tx(), shown(world)) == (None, "Blocked")


@pytest.mark.parametrize(
    ("known", "said"), [("nothing", "Unknown"), ("cache says no", "RefusedEarlier"), ("list", "NotOffline")]
)
def test_alone_the_box_says_what_it_lacks(known: str, said: str) -> None:
    world = box(known, False, {PRE: False, OFFLINE: False, UNKNOWN: False})
    world.swipe()
    assert shown(world) == said


@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("how", ["link lost", "no answer", "refused with an error"])
def test_a_question_that_nobody_answers_is_decided_as_if_offline(how: str, allowed: bool) -> None:
    world = asking()
    world.set(UNKNOWN, allowed)
    if how == "link lost":
        world.disconnect()
    else:
        world.fail(None if how == "no answer" else "InternalError")
    assert (world.tx() is not None) is allowed
    assert world.station.outlets[1].asking is None


def test_a_question_that_waits_when_we_are_no_longer_accepted_is_decided_as_if_offline() -> None:
    world = World().online().set(UNKNOWN, True)
    world.plug_in()
    world.answer_all()
    world.disconnect()
    world.connect()
    world.asks(ev.Triggered("again", ev.TriggerKind.BOOT, None))
    world.swipe()
    assert world.tx() is None
    world.answer(ev.BootAnswer(Registration.PENDING, None, 60))
    assert world.tx() is not None
    assert world.open is None


def test_one_decision_for_one_presentation() -> None:
    world = asking()
    world.swipe(OTHER)
    world.answer_all()
    assert [report.token for report in world.reports(AuthorizationAsked)] == [TAG]
    assert world.tx() is not None


def test_an_answer_that_comes_too_late_for_the_outlet_grants_nothing() -> None:
    world = asking()
    world.asks(ev.AvailabilityRequested("off", 1, False))
    world.answer(ev.TokenAnswer(ACCEPTED))
    assert world.tx() is None
    assert world.station.outlets[1].grant is None


def test_a_card_at_an_outlet_out_of_service_is_not_asked_about() -> None:
    world = World().online()
    world.fault(HOT)
    world.swipe()
    world.answer_all()
    world.fault()
    world.asks(ev.AvailabilityRequested("off", 1, False))
    world.swipe()
    world.answer_all()
    assert world.reports(AuthorizationAsked) == []


def test_a_free_box_asks_nobody_and_names_the_card_if_there_is_one() -> None:
    world = World(free=True).online()
    world.swipe()
    world.plug_in()
    world.answer_all()
    assert world.last(TransactionStarted).token == TAG
    world.swipe()
    world.advance(2)
    world.unplug()
    world.plug_in()
    world.answer_all()
    assert world.last(TransactionStarted).token == Token("FREE")
    assert world.reports(AuthorizationAsked) == []


# --- the cache ---------------------------------------------------------------------------------------------------


def cached(world: World) -> dict[str, TokenStatus]:
    """What a restart would know."""
    world.disk.flush()
    return {token.key: token.status for token in world.disk.of(KnownToken)}


@pytest.mark.parametrize("report", [AuthorizationAsked, TransactionStarted, TransactionEnded])
@pytest.mark.parametrize("status", [ACCEPTED, TokenStatus.CONCURRENT_TX, BLOCKED])
def test_every_answer_about_a_token_is_remembered(report: type, status: TokenStatus) -> None:
    world = World().online().set("StopTransactionOnInvalidId", False)
    world.verdicts[report] = ev.TokenAnswer(status)
    world.plug_in()
    world.swipe()
    world.answer_all()
    if world.tx() is not None:
        world.advance(1)
        world.swipe()
        world.advance(2)
        world.answer_all()
    if report is not TransactionStarted:
        assert cached(world) == {TAG.key: status}
    else:
        assert cached(world) == {TAG.key: ACCEPTED}  # the stop's answer came last
        assert world.transactions()[0].refused_wh == (None if status is ACCEPTED else 1_000_000)


def test_the_cache_outlives_a_power_cut() -> None:
    world = asking()
    world.answer(ev.TokenAnswer(BLOCKED))
    world.advance(31)
    world.power_cut()
    world.offline().set(UNKNOWN, True)
    world.plug_in()
    world.swipe()
    assert world.tx() is None


def test_tokens_of_the_list_are_not_cached() -> None:
    world = World(local=(TAG.value,)).online().charging()
    assert cached(world) == {}


def test_a_cache_that_is_off_neither_learns_nor_speaks() -> None:
    world = knowing(KnownToken(TAG, ACCEPTED, None, None, LONG_AGO)).set("AuthorizationCacheEnabled", False)
    world.online().set(PRE, True)
    world.swipe()
    world.answer_all()
    assert len(world.reports(AuthorizationAsked)) == 1
    assert world.asks(ev.CacheCleared("clear")) is Verdict.REJECTED
    world.swipe(OTHER)
    world.answer_all()
    assert set(cached(world)) == {TAG.key}


def test_clearing_the_cache_leaves_the_list() -> None:
    world = knowing(KnownToken(OTHER, ACCEPTED, None, None, LONG_AGO), local=(TAG.value,)).online()
    assert world.asks(ev.CacheCleared("clear")) is Verdict.ACCEPTED
    assert cached(world) == {}
    world.disconnect()
    world.plug_in()
    world.swipe(OTHER)
    assert world.tx() is None
    world.swipe(TAG)
    assert world.tx() is not None


def test_a_token_expires_while_the_box_runs() -> None:
    world = knowing(KnownToken(TAG, ACCEPTED, WALL0 + 100_000, None, LONG_AGO)).offline()
    world.advance(90)
    world.swipe()
    assert world.station.outlets[1].grant is not None
    world.advance(70)
    world.swipe()
    assert world.station.outlets[1].grant is None


def test_while_no_time_is_known_nothing_is_known_to_have_expired() -> None:
    world = knowing(KnownToken(TAG, ACCEPTED, WALL0 - 1, None, LONG_AGO))
    world.wall_offset = None
    world.offline().swipe()
    assert world.station.outlets[1].grant is not None


def test_a_full_cache_drops_what_is_not_valid_then_the_oldest_and_never_the_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(authorization, "CACHE_SIZE", 3)
    book = TokenBook((), LocalList(), (), Variables(catalogue.ALL, {}))
    turn = Turn(Now("boot", 1, WALL0))

    def learn(name: str, status: TokenStatus = ACCEPTED, expires_ms: int | None = None) -> None:
        book.learn(Token(name), ev.TokenAnswer(status, expires_ms), Stamp("boot", 1, WALL0), turn)

    def known() -> set[str]:
        return {name for name in "abcdefgh" if book.opinion(Token(name), WALL0) is not None}

    learn("a")
    learn("b", BLOCKED)
    learn("c", expires_ms=WALL0 - 1)
    learn("d")
    assert known() == {"a", "c", "d"}
    learn("e")
    assert known() == {"a", "d", "e"}
    learn("a")
    learn("f", INVALID)
    assert known() == {"a", "e", "f"}


@pytest.mark.parametrize(("life_s", "starts"), [(3_600, False), (864_000, True), (0, True)])
def test_what_was_said_long_ago_no_longer_counts(life_s: int, starts: bool) -> None:
    ten_hours_ago = Stamp("boot0", 1, WALL0 - 36_000_000)
    world = knowing(KnownToken(TAG, ACCEPTED, None, None, ten_hours_ago))
    world.set("AuthorizationCacheLifeTime", life_s).offline().swipe()
    assert (world.station.outlets[1].grant is not None) is starts


def test_what_is_said_again_counts_anew_also_after_a_power_cut() -> None:
    world = World().set("AuthorizationCacheLifeTime", 3_600).online()
    for _ in range(3):
        world.swipe()
        world.answer_all()
        world.advance(2_000)
    world.power_cut()
    world.wall_offset = WALL0
    world.offline().swipe()
    assert world.station.outlets[1].grant is not None


def test_after_a_restart_too_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "CACHE_SIZE", 2)
    known = (
        KnownToken(Token(name), ACCEPTED, None, None, Stamp("boot0", 1, WALL0 + ms))
        for name, ms in (("b", 2), ("a", 1))
    )
    book = TokenBook((), LocalList(), known, Variables(catalogue.ALL, {}))
    book.learn(Token("c"), ev.TokenAnswer(ACCEPTED), Stamp("boot", 1, WALL0 + 3), Turn(Now("boot", 1, WALL0)))
    assert [name for name in "abc" if book.opinion(Token(name), WALL0) is not None] == ["b", "c"]


# --- the list against the central system -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "told"), [(BLOCKED, 1), (INVALID, 1), (TokenStatus.CONCURRENT_TX, 0), (ACCEPTED, 0)]
)
def test_a_contradicted_list_is_reported(status: TokenStatus, told: int) -> None:
    world = World(local=(TAG.value,)).online()
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(status)
    world.plug_in()
    world.swipe()
    world.answer_all()
    conflicts = [
        report
        for report in world.reports(StatusChanged)
        if report.fault is not None and report.fault.code16 == "LocalListConflict"
    ]
    assert [(report.evse, report.status) for report in conflicts] == [(0, Status.AVAILABLE)] * told
