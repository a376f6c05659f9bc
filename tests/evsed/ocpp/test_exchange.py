"""An exchange with a central system: what reaches the core, what goes back, what is only counted."""

from __future__ import annotations

import json

import pytest

from evsed.core.effects import Reply, Send
from evsed.core.events import (
    Delivered,
    FromCentral,
    LinkDown,
    LinkUp,
    Noted,
    ResetKind,
    ResetRequested,
    TimeAnswer,
    TokenAnswer,
    Undelivered,
)
from evsed.core.reports import AuthorizationAsked, Booted, HeartbeatDue, StatusChanged
from evsed.core.security_events import SecurityKind, SecurityNoticed
from evsed.core.words import Status, Token, TokenStatus, Verdict
from evsed.ocpp.exchange import NOTHING
from evsed.ocpp.session import CALLS_AT_MOST
from evsed.ocpp.v16.dialect import INBOUND
from tests.evsed.ocpp.world import T0, Peers, at

IDLE = StatusChanged(1, Status.AVAILABLE, at())
CARD = AuthorizationAsked(1, Token("CARD"))


@pytest.fixture
def peers() -> Peers:
    return Peers()


def test_a_report_is_delivered(peers: Peers) -> None:
    assert peers.answer_to(HeartbeatDue()) == TimeAnswer(T0)
    assert peers.csms.last("Heartbeat").id == "item-1"  # its identity is its id on the wire


def test_the_core_hears_of_both_ends_of_a_connection(peers: Peers) -> None:
    peers.disconnect()
    assert peers.events == [LinkUp(), LinkDown("cut")]
    peers.disconnect()
    assert len(peers.events) == 2


def test_without_a_connection_nothing_is_sent_and_nothing_fails(peers: Peers) -> None:
    peers.disconnect()
    assert peers.exchange.send(Send("x", IDLE, 1), 0) == NOTHING
    assert peers.exchange.receive("[]", 0) == NOTHING
    assert peers.exchange.tick(0) == NOTHING
    assert peers.exchange.next_deadline() is None


def test_an_error_is_an_attempt(peers: Peers) -> None:
    peers.csms.rejects_next("StatusNotification", "InternalError")
    assert peers.refused(IDLE) == Undelivered("item-1", "InternalError", "as told")


def test_no_answer_in_time_is_an_attempt(peers: Peers) -> None:
    peers.csms.silent_on("StatusNotification")
    peers.report(IDLE, timeout_ms=30_000)
    assert peers.exchange.next_deadline() == 30_000
    peers.passes(29_999)
    assert peers.events == [LinkUp()]
    peers.passes(1)
    assert peers.events[-1] == Undelivered("item-1", None, "no answer in time")
    assert peers.exchange.next_deadline() is None


def test_a_lost_connection_is_no_attempt(peers: Peers) -> None:
    peers.csms.silent_on("StatusNotification")
    peers.report(IDLE)
    peers.disconnect()
    peers.passes(60_000)
    assert peers.events == [LinkUp(), LinkDown("cut")]


def test_a_late_answer_changes_nothing(peers: Peers) -> None:
    peers.csms.silent_on("StatusNotification")
    peers.report(IDLE)
    peers.passes(30_000)
    seen = len(peers.events)
    assert peers.hears('[3,"item-1",{}]') == []
    assert len(peers.events) == seen
    assert peers.exchange.counters["late answers"] == 1


def test_an_answer_of_another_connection_changes_nothing(peers: Peers) -> None:
    peers.csms.silent_on("StatusNotification")
    peers.report(IDLE)
    peers.disconnect()
    peers.connect()
    seen = len(peers.events)
    assert peers.hears('[3,"item-1",{}]') == []
    assert len(peers.events) == seen


def concerns(peers: Peers) -> list[SecurityKind]:
    return [event.kind for event in peers.events if isinstance(event, SecurityNoticed)]


def test_what_is_no_message_is_of_interest_to_the_security_log(peers: Peers) -> None:
    for frame in ("nonsense", '[2,"a","Reset",{}]', '[2,"b","Reset",{"type":"Hard","x":1}]'):
        peers.hears(frame)
    assert concerns(peers) == [SecurityKind.INVALID_MESSAGES] * 3
    peers.hears('[2,"c","NoSuchAction",{}]')
    assert len(concerns(peers)) == 3  # another version may have it


def test_an_answer_that_comes_twice_is_of_interest_too(peers: Peers) -> None:
    item = peers.report(IDLE)
    assert concerns(peers) == []
    peers.hears(f'[3,"{item}",{{}}]')
    assert concerns(peers) == [SecurityKind.REPLAYED]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({}, "OccurenceConstraintViolation"),
        ({"idTagInfo": {"status": "Perhaps"}}, "PropertyConstraintViolation"),
        ({"idTagInfo": {"status": 7}}, "TypeConstraintViolation"),
        ({"idTagInfo": None}, "OccurenceConstraintViolation"),
        ({"idTagInfo": {"status": "Accepted", "parentIdTag": "p" * 21}}, "PropertyConstraintViolation"),
    ],
)
def test_an_answer_that_cannot_be_used_is_an_attempt(peers: Peers, answer: dict[str, object], code: str) -> None:
    peers.csms.answers_next("Authorize", answer)
    assert peers.refused(CARD).code == code


@pytest.mark.parametrize(
    "answer",
    [
        {"idTagInfo": {"status": "Accepted", "parentIdTag": None, "expiryDate": None}},
        {"idTagInfo": {"status": "Accepted", "vendorNote": "x"}, "extra": [1, {}]},
        {"idTagInfo": {"status": "Accepted", "expiryDate": "never"}},
    ],
)
def test_an_answer_that_says_more_than_it_should_is_used(peers: Peers, answer: dict[str, object]) -> None:
    peers.csms.answers_next("Authorize", answer)
    assert peers.answer_to(CARD) == TokenAnswer(TokenStatus.ACCEPTED)


def test_a_report_of_ours_that_breaks_the_schema_is_undelivered(peers: Peers) -> None:
    why = peers.refused(AuthorizationAsked(1, Token("x" * 21)))
    assert why.code == "InternalError" and "idTag is too long" in why.text
    assert peers.csms.received == []
    assert peers.exchange.counters["own violations"] == 1
    assert isinstance(peers.answer_to(IDLE), Noted)


def test_a_report_that_the_version_has_no_message_for_is_undelivered(peers: Peers) -> None:
    peers.exchange.send(Send("x", object(), 1), 0)  # type: ignore[arg-type]
    assert peers.exchange.counters["own violations"] == 1


def test_an_item_whose_id_is_no_message_id_is_undelivered(peers: Peers) -> None:
    output = peers.exchange.send(Send("i" * 37, IDLE, 1), 0)
    assert isinstance(output.events[0], Undelivered) and output.frames == ()


def test_silence_counts_from_the_first_question_until_anything_is_said(peers: Peers) -> None:
    peers.csms.silent_on("StatusNotification")
    assert peers.exchange.silent_ms(1_000) is None
    peers.report(IDLE, timeout_ms=20_000)
    peers.now_ms = 20_000
    peers.exchange.tick(20_000)
    peers.report(IDLE)
    assert peers.exchange.silent_ms(27_000) == 27_000
    peers.exchange.receive("[3]", 28_000)
    assert peers.exchange.silent_ms(30_000) is None


def test_a_request_reaches_the_core_and_its_answer_goes_back(peers: Peers) -> None:
    question = peers.csms.call("Reset", {"type": "Soft"})
    peers.carry()
    assert peers.events[-1] == FromCentral(ResetRequested("central-1", ResetKind.SOFT))
    for frame in peers.exchange.reply(Reply("central-1", Verdict.ACCEPTED)).frames:
        peers.csms.receive(frame)
    assert question.status == "Accepted"
    assert peers.exchange.reply(Reply("central-1", Verdict.ACCEPTED)) == NOTHING


def test_a_question_may_cross_ours(peers: Peers) -> None:
    peers.csms.silent_on("StatusNotification")
    peers.report(IDLE)
    request = peers.asks("ClearCache")
    assert peers.replies(request, Verdict.REJECTED) == [[3, "csms-1", {"status": "Rejected"}]]
    peers.hears('[3,"item-1",{}]')
    assert peers.events[-1] == Delivered("item-1", Noted())


def test_an_answer_never_reaches_another_connection(peers: Peers) -> None:
    request = peers.asks("ClearCache")
    peers.disconnect()
    peers.connect()
    peers.hears('[2,"csms-1","Reset",{"type":"Hard"}]')  # a new connection, the same id
    assert peers.replies(request, Verdict.ACCEPTED) == []
    again = peers.asks("ClearCache")
    assert again.ref != request.ref


def test_a_request_that_the_station_fails_at_is_answered_with_an_error(peers: Peers) -> None:
    request = peers.asks("ClearCache")
    (frame,) = peers.exchange.refuse(request.ref, "it broke").frames
    assert json.loads(frame)[:4] == [4, "csms-1", "InternalError", "it broke"]
    assert peers.exchange.counters["requests that failed"] == 1
    assert peers.exchange.refuse(request.ref, "it broke").frames == (), "once is enough"


def test_a_verdict_that_the_action_does_not_have_is_an_internal_error(peers: Peers) -> None:
    request = peers.asks("Reset", {"type": "Hard"})
    (reply,) = peers.replies(request, Verdict.UNLOCKED)
    assert reply[:3] == [4, "csms-1", "InternalError"]


@pytest.mark.parametrize("action", ["Authorize", "SignCertificate"])
def test_known_actions_that_we_do_not_have_are_not_supported(peers: Peers, action: str) -> None:
    assert peers.asked(action, {})[0][:3] == [4, "q", "NotSupported"]


@pytest.mark.parametrize("action", ["", "reset", "RESET", "Reset ", "__class__", "../Reset", "RequestStartTransaction"])
def test_unknown_actions_are_not_implemented(peers: Peers, action: str) -> None:
    assert peers.asked(action, {})[0][:3] == [4, "q", "NotImplemented"]


@pytest.mark.parametrize("action", sorted(INBOUND))
def test_a_payload_with_a_foreign_field_is_refused(peers: Peers, action: str) -> None:
    assert peers.asked(action, {"foreign": 1})[0][:3] == [4, "q", "FormationViolation"]


def test_while_rejected_nothing_is_answered(peers: Peers) -> None:
    peers.csms.boot_status = "Rejected"
    peers.answer_to(Booted())
    for frame in ('[2,"a","Foo",{}]', '[2,"b","Reset",{}]', '[2,"c"]', '[2,"d","DataTransfer",{"vendorId":"x"}]'):
        assert peers.hears(frame) == []
    peers.csms.boot_status = "Accepted"
    peers.answer_to(Booted())
    assert peers.hears('[2,"e","Foo",{}]') != []


def test_a_flood_reaches_the_core_only_as_fast_as_it_answers(peers: Peers) -> None:
    for n in range(1_000):
        peers.hears(json.dumps([2, str(n), "ClearCache", {}]))
    assert sum(isinstance(event, FromCentral) for event in peers.events) == CALLS_AT_MOST
    assert peers.exchange.counters["calls over the limit"] == 1_000 - CALLS_AT_MOST


def test_the_trace_shows_what_happens_and_no_secrets(peers: Peers) -> None:
    peers.answer_to(CARD)
    peers.answer_to(IDLE)
    written = peers.asks("ChangeConfiguration", {"key": "AuthorizationKey", "value": "hunter2"})
    peers.replies(written, Verdict.REJECTED)
    peers.asked("Nonsense\n\x1b[31m", {"status": "\u202e" * 999})
    peers.asked("Reset", {"type": {"card": "CARD"}, "status": ["CARD"]})
    peers.hears("garbage")
    text = "\n".join(peers.lines)
    assert "> CALL item-1 Authorize\n< RESULT item-1 idTagInfo.status=Accepted" in text
    assert "> CALL item-2 StatusNotification connectorId=1 status=Available errorCode=NoError" in text
    assert "< CALL csms-1 ChangeConfiguration key=AuthorizationKey\n> RESULT csms-1 status=Rejected" in text
    assert "hunter2" not in repr(written)
    assert "CARD" not in text and "hunter2" not in text
    assert all(line.isprintable() and len(line) < 400 for line in peers.lines)
