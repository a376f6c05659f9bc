"""Who may charge, who may stop: the table of OCPP 1.6 §3.5 with its errata, online and offline; cache, list, groups."""

from __future__ import annotations

from itertools import product

import pytest

from evsed.core import authorization
from evsed.core import events as ev
from evsed.core.authorization import Decision, Opinion, Policy, TokenBook, decide
from evsed.core.records import KnownToken
from evsed.core.reports import AuthorizationAsked, StatusChanged, TransactionEnded, TransactionStarted
from evsed.core.turn import Turn
from evsed.core.words import Now, Registration, Stamp, Status, StopReason, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, WALL0, World
from tests.evsed.core.plant import HOT

ACCEPTED, BLOCKED, INVALID = TokenStatus.ACCEPTED, TokenStatus.BLOCKED, TokenStatus.INVALID
LONG_AGO = Stamp("boot0", 1, WALL0 - 10**9)
NOT_ACCEPTED = [status for status in TokenStatus if status is not ACCEPTED]

# --- the table -------------------------------------------------------------------------------------------------

PRE, OFFLINE, UNKNOWN = "LocalPreAuthorize", "LocalAuthorizeOffline", "AllowOfflineTxForUnknownId"
ROWS: dict[tuple[str, bool], tuple[str | None, str, str]] = {
    # (what is known, online): the key that decides, outcome if it is true, outcome if it is false
    ("list", True): (PRE, "start", "ask"),
    ("cache", True): (PRE, "start", "ask"),
    ("cache says no", True): (None, "ask", "ask"),
    ("cache has expired", True): (None, "ask", "ask"),
    ("nothing", True): (None, "ask", "ask"),
    ("list", False): (OFFLINE, "start", "refuse"),
    ("cache", False): (OFFLINE, "start", "refuse"),
    ("cache says no", False): (None, "refuse", "refuse"),
    ("cache has expired", False): (None, "refuse", "refuse"),
    ("nothing", False): (UNKNOWN, "start", "refuse"),
}
CACHED = {"cache": (ACCEPTED, None), "cache says no": (BLOCKED, None), "cache has expired": (ACCEPTED, WALL0)}


def knowing(known: KnownToken, local: tuple[str, ...] = ()) -> World:
    """A box whose disk has a token, and whose clock is right."""
    world = World(local=local)
    world.disk.records[KnownToken, known.key] = known
    world.crash()
    world.wall_offset = WALL0
    return world


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
    decisive, if_true, if_false = ROWS[known, online]
    expected = if_true if decisive is None or keys[decisive] else if_false
    world = box(known, online, keys)
    world.swipe()
    started = world.tx() is not None
    asked = world.station.outlets[1].asking is not None
    refused = world.station.outlets[1].refused is not None
    assert (started, asked, refused) == (expected == "start", expected == "ask", expected == "refuse")


def test_a_list_entry_that_is_not_accepted_is_asked_online_and_refused_offline_even_where_unknown_ones_charge() -> None:
    no = Opinion(accepted=False, group=None)
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


# --- the answer to a question ----------------------------------------------------------------------------------


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
    assert world.station.outlets[1].refused is status


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


# --- the cache -------------------------------------------------------------------------------------------------


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
    book = TokenBook((), ())
    turn = Turn(Now("boot", 1, WALL0))

    def learn(name: str, status: TokenStatus = ACCEPTED, expires_ms: int | None = None) -> None:
        book.learn(Token(name), ev.TokenAnswer(status, expires_ms), Stamp("boot", 1, WALL0), turn)

    def known() -> set[str]:
        return {name for name in "abcdefgh" if book.opinion(Token(name), WALL0, use_cache=True) is not None}

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


# --- stopping --------------------------------------------------------------------------------------------------


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


# --- a start that is not accepted afterwards -------------------------------------------------------------------


def refused(status: TokenStatus = INVALID, stop: bool = True, energy_wh: int = 0, online: bool = True) -> World:
    """The card starts a charge; then the central system answers the start with `status`."""
    world = World(local=(TAG.value,))
    world.set("StopTransactionOnInvalidId", stop).set("MaxEnergyOnInvalidId", energy_wh).set(PRE, True)
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


# --- the cable of a refused card -------------------------------------------------------------------------------


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


def test_the_cable_waits_for_the_group_of_its_owner() -> None:
    world = held("FAMILY")
    world.verdicts.clear()
    world.disconnect()
    world.disk.flush()
    world.disk.records[KnownToken, OTHER.key] = KnownToken(OTHER, ACCEPTED, None, "FAMILY", LONG_AGO)
    world.station.box.tokens = TokenBook((), world.disk.of(KnownToken))
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
    assert world.station.outlets[1].holding is None


# --- the list against the central system -----------------------------------------------------------------------


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
