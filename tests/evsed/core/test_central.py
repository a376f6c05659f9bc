"""Heartbeats, settings of the link, and what leaves over it besides (OCPP 1.6 §4.3, §4.6)."""

from __future__ import annotations

import pytest

from evsed.core import events as ev
from evsed.core.effects import LinkSettings, VendorReply
from evsed.core.reports import (
    HeartbeatDue,
    VendorMessage,
)
from evsed.core.words import Verdict
from tests.evsed.core.box_world import World


def quiet() -> World:
    """Online, and nothing is measured by the clock."""
    return World().online().set("ClockAlignedDataInterval", 0)


def test_a_heartbeat_comes_after_silence_only() -> None:
    world = quiet()
    world.advance(200)
    world.plug_in()
    world.answer_all()
    world.advance(299)
    assert world.reports(HeartbeatDue) == []
    world.advance(1)
    assert len(world.reports(HeartbeatDue)) == 1


@pytest.mark.parametrize("code", [None, "NotImplemented"])
def test_a_heartbeat_that_is_refused_is_not_repeated_at_once(code: str | None) -> None:
    world = quiet()
    world.advance(300)
    world.fail(code)
    assert world.open is None
    world.advance(299)
    assert world.open is None
    world.advance(1)
    assert len(world.reports(HeartbeatDue)) == 2


def test_a_written_heartbeat_interval_counts_at_once() -> None:
    world = quiet()
    world.advance(100)
    world.set("HeartbeatInterval", 101)
    world.advance(1)
    assert len(world.reports(HeartbeatDue)) == 1


def test_the_transport_learns_a_new_ping_interval() -> None:
    world = World().online().set("WebSocketPingInterval", 0)
    assert LinkSettings(0) in world.effects


def test_a_vendor_message_gets_the_answer_of_the_central_system() -> None:
    world = World().online()
    world.do(ev.VendorMessageWanted("r1", "org.example", "hello", "data"))
    assert world.answer(ev.VendorAnswer(Verdict.UNKNOWN_VENDOR)) == VendorMessage("org.example", "hello", "data", "r1")
    world.do(ev.VendorMessageWanted("r2", "org.example", None, None))
    world.answer(ev.VendorAnswer(Verdict.ACCEPTED, "thanks"))
    assert world.replies == {
        "r1": VendorReply(Verdict.UNKNOWN_VENDOR),
        "r2": VendorReply(Verdict.ACCEPTED, "thanks"),
    }


def test_a_vendor_message_that_nobody_answers_says_so() -> None:
    world = World().online()
    world.do(ev.VendorMessageWanted("refused", "org.example", None, None))
    world.fail("InternalError")
    world.do(ev.VendorMessageWanted("cut", "org.example", None, None))
    world.disconnect()
    world.do(ev.VendorMessageWanted("offline", "org.example", None, None))
    assert world.replies == dict.fromkeys(("refused", "cut", "offline"), VendorReply(Verdict.NO_ANSWER))
    world.connect()
    world.answer_all()
    assert len(world.reports(VendorMessage)) == 2


def test_the_time_limit_of_a_call_is_the_variable() -> None:
    world = World().set("MessageTimeout", 7)
    world.hal_up()
    world.connect()
    assert world.open is not None
    assert world.open.timeout_ms == 7_000
