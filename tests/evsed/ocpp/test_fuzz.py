"""Whatever a central system asks or answers: one answer or one event, right by two validators, and the link goes on.

EVSED_LONG_TESTS draws some ten thousand.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.core.events import Delivered, FromCentral, SecurityNoticed, Undelivered
from evsed.core.words import Verdict
from evsed.ocpp.v16.dialect import INBOUND, OUTBOUND, SCHEMAS
from tests.evsed.ocpp.schema_kit import answers, requests, schema, valid
from tests.evsed.ocpp.test_second_opinion import REPORTS
from tests.evsed.ocpp.world import Peers
from tests.world.second_opinion import objection

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
MANY = settings(max_examples=10_000 if LONG else 300)
LONGEST_REPLY = 65_536
SENT = {OUTBOUND[type(report)].action: report for report, _ in REPORTS}


@MANY
@given(requests(), st.randoms(use_true_random=False))
def test_every_call_ends_in_one_answer_or_one_event(asked: tuple[str, Any], chance: random.Random) -> None:
    action, payload = asked
    peers = Peers()
    peers.events.clear()
    replies = peers.asked(action, payload)
    peers.events = [event for event in peers.events if not isinstance(event, SecurityNoticed)]
    assert len(replies) + len(peers.events) == 1
    for event in peers.events:
        assert isinstance(event, FromCentral)
        replies += peers.replies(event.request, chance.choice(list(Verdict)))
        assert len(replies) == 1
    (reply,) = replies
    frame = json.dumps(reply)
    assert len(frame) <= LONGEST_REPLY
    assert objection(frame, action) is None
    if reply[0] == 3:
        assert SCHEMAS.of_answer(action, reply[2]) is None
        taken = {} if payload is None else payload  # OCPP-J 1.6 §4.2.1: null is an empty payload
        assert SCHEMAS.of_request(action, taken) is None or INBOUND[action].unknown_words
    assert peers.asked("ClearCache", {}) == [] and isinstance(peers.events[-1], FromCentral)


@MANY
@given(answers())
def test_every_answer_delivers_or_fails_its_report(answered: tuple[str, Any]) -> None:
    action, payload = answered
    peers = Peers()
    peers.csms.silent_on(action)
    item = peers.report(SENT[action])
    peers.events.clear()
    assert peers.hears(json.dumps([3, item, payload])) == []
    peers.events = [event for event in peers.events if not isinstance(event, SecurityNoticed)]
    if not peers.events:  # no JSON that is read, as with endless numbers: as good as no answer
        assert not isinstance(payload, dict) or SCHEMAS.of_answer(action, payload) is not None
        peers.passes(30_000)
    (event,) = peers.events
    assert isinstance(event, Delivered | Undelivered) and event.item == item
    if isinstance(payload, dict) and SCHEMAS.of_answer(action, payload) is None:
        assert isinstance(event, Delivered)
    peers.csms.speaks_on(action)
    peers.report(SENT[action])
    assert isinstance(peers.events[-1], Delivered)


@settings(max_examples=100)
@given(st.data())
def test_what_is_drawn_as_valid_is(data: st.DataObject) -> None:
    """Else the fuzz would only ever knock at the door."""
    for name in sorted(INBOUND):
        payload = data.draw(valid(schema(name)))
        assert SCHEMAS.of_request(name, payload) is None, payload
