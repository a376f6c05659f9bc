"""Calls of both sides: one of ours at a time, answers that count once, ids in flight, nothing that ends the loop."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.ocpp.session import ANSWER_WITHIN_MS, CALLS_AT_MOST, Answered, Asked, Dropped, Failed, Session
from evsed.ocpp.v16.dialect import CODES
from evsed.ocpp.violations import Flaw, LocalViolation


@pytest.fixture
def counters() -> Counter[str]:
    return Counter()


@pytest.fixture
def session(counters: Counter[str]) -> Session:
    return Session(CODES, counters)


def dropped(incoming: object) -> Dropped:
    assert isinstance(incoming, Dropped), incoming
    return incoming


def test_a_call_is_answered_once(session: Session, counters: Counter[str]) -> None:
    assert json.loads(session.call("a", "Heartbeat", {}, 1_000)) == [2, "a", "Heartbeat", {}]
    assert session.deadline_ms == 1_000
    assert session.receive('[3,"a",{"x":1}]', 5) == Answered({"x": 1})
    assert session.deadline_ms is None
    dropped(session.receive('[3,"a",{"x":1}]', 6))
    assert counters["repeated answers"] == 1


def test_an_answer_to_nothing_is_counted_and_dropped(session: Session, counters: Counter[str]) -> None:
    session.call("a", "Heartbeat", {}, 1_000)
    assert dropped(session.receive('[3,"b",{}]', 1)).reply is None
    assert dropped(session.receive('[4,"b","InternalError","",{}]', 1)).reply is None
    assert counters["unknown answers"] == 2
    assert session.deadline_ms == 1_000


def test_a_call_times_out_at_its_deadline_and_its_late_answer_is_dropped(
    session: Session, counters: Counter[str]
) -> None:
    session.call("a", "Heartbeat", {}, 1_000)
    assert not session.expire(999)
    assert session.expire(1_000)
    assert not session.expire(1_001)
    dropped(session.receive('[3,"a",{}]', 1_002))
    assert counters == {"timed out calls": 1, "late answers": 1}


def test_a_retry_under_the_same_id_takes_the_answer(session: Session) -> None:
    session.call("a", "StartTransaction", {}, 1_000)
    session.expire(1_000)
    session.call("a", "StartTransaction", {}, 2_000)
    assert session.receive('[3,"a",{}]', 1_500) == Answered({})


def test_a_newer_call_supersedes_one_that_the_core_has_given_up(session: Session, counters: Counter[str]) -> None:
    session.call("a", "Heartbeat", {}, 1_000)
    session.call("b", "Heartbeat", {}, 2_000)
    assert counters["superseded calls"] == 1
    dropped(session.receive('[3,"a",{}]', 1))
    assert session.receive('[3,"b",{}]', 1) == Answered({})


def test_an_error_ends_the_call_whatever_its_code(session: Session) -> None:
    for code in (*CODES.values(), "SecurityError", "ProtocolError", "MadeUp", ""):
        session.call("a", "X", {}, 1_000)
        assert session.receive(json.dumps([4, "a", code, "why", {}]), 1) == Failed(code or "GenericError", "why", {})


def test_an_answer_that_is_no_object_ends_the_call_too(session: Session) -> None:
    session.call("a", "X", {}, 1_000)
    assert session.receive('[3,"a",[]]', 1) == Failed("FormationViolation", "the answer is no object", {})


def test_calls_of_both_sides_cross(session: Session) -> None:
    session.call("same", "Heartbeat", {}, 1_000)
    assert session.receive('[2,"same","Reset",{"type":"Soft"}]', 1) == Asked("same", "Reset", {"type": "Soft"})
    assert json.loads(session.answer("same", {}) or "") == [3, "same", {}]
    assert session.receive('[3,"same",{}]', 2) == Answered({})


def test_a_call_is_answered_or_refused_once(session: Session) -> None:
    session.receive('[2,"a","Reset",{}]', 0)
    assert session.refuse("a", Flaw.OCCURRENCE, "type is missing") == (
        '[4,"a","OccurenceConstraintViolation","type is missing",{}]'
    )
    assert session.refuse("a", Flaw.OCCURRENCE, "") is None
    assert session.answer("a", {}) is None
    session.receive('[2,"a","Reset",{}]', 0)
    assert session.answer("a", {}) == '[3,"a",{}]'


def test_an_answer_that_cannot_be_written_leaves_the_call_waiting(session: Session) -> None:
    session.receive('[2,"a","Reset",{}]', 0)
    with pytest.raises(LocalViolation):
        session.answer("a", {"status": object()})
    assert session.refuse("a", Flaw.INTERNAL, "ours") is not None


def test_an_id_in_flight_is_refused(session: Session, counters: Counter[str]) -> None:
    session.receive('[2,"a","Reset",{}]', 0)
    reply = dropped(session.receive('[2,"a","Reset",{}]', 1)).reply
    assert reply is not None and json.loads(reply)[:3] == [4, "a", "GenericError"]
    assert counters["repeated calls"] == 1


def test_calls_that_nobody_answers_are_bounded_and_forgotten(session: Session, counters: Counter[str]) -> None:
    for n in range(CALLS_AT_MOST):
        assert isinstance(session.receive(f'[2,"{n}","Reset",{{}}]', n), Asked)
    reply = dropped(session.receive('[2,"x","Reset",{}]', ANSWER_WITHIN_MS - 1)).reply
    assert reply is not None and json.loads(reply)[2] == "GenericError"
    assert counters["calls over the limit"] == 1
    assert isinstance(session.receive('[2,"y","Reset",{}]', ANSWER_WITHIN_MS), Asked)
    assert session.answer("0", {}) is None


def test_unknown_message_types_are_ignored_and_malformed_calls_refused(session: Session) -> None:
    assert dropped(session.receive('[6,"a","Reset",{}]', 0)).reply is None
    assert dropped(session.receive("nonsense", 0)).reply is None
    assert dropped(session.receive(b"\x00", 0)).reply is None
    assert dropped(session.receive('[2,"a","Reset"]', 0)).reply == (
        '[4,"a","FormationViolation","a call has four elements",{}]'
    )


FRAMES = [
    '[2,"a","Reset",{"type":"Soft"}]',
    '[3,"own",{"currentTime":"2027-01-01T00:00:00Z"}]',
    '[4,"own","InternalError","",{}]',
]


@settings(max_examples=100)
@given(st.sampled_from(FRAMES), st.randoms(use_true_random=False), st.text(max_size=5), st.integers(0, 10**12))
def test_no_frame_ends_the_loop(frame: str, chance: random.Random, insert: str, now_ms: int) -> None:
    session = Session(CODES, Counter())
    session.call("own", "Heartbeat", {}, 1_000)
    for _ in range(5):
        place = chance.randrange(len(frame) + 1)
        frame = frame[:place] + insert + frame[place + chance.randrange(3) :]
        assert isinstance(session.receive(frame, now_ms), Asked | Answered | Failed | Dropped)
