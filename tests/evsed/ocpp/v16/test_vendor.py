"""DataTransfer: nobody's messages, somebody's messages, ours."""

from __future__ import annotations

import pytest

from evsed.core.effects import VendorReply
from evsed.core.events import Ref, Request, VendorAnswer, VendorRequested
from evsed.core.reports import VendorMessage
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Lookups
from tests.evsed.ocpp.world import Peers


def ask_core(data: str | None, ref: Ref, lookups: Lookups) -> Request | VendorReply:
    return VendorRequested(ref, "org.example", "ask", data)


def echo(data: str | None, ref: Ref, lookups: Lookups) -> Request | VendorReply:
    return VendorReply(Verdict.ACCEPTED, data)


VENDORS = {"org.example": {"ask": ask_core, None: echo}}


@pytest.mark.parametrize("vendor", ["", "org.example", "__import__", "os.system"])
def test_by_default_no_vendor_is_known(vendor: str) -> None:
    replies = Peers().asked("DataTransfer", {"vendorId": vendor, "messageId": "echo", "data": "x"})
    assert replies == [[3, "q", {"status": "UnknownVendorId"}]]


def test_a_known_vendor_has_known_messages() -> None:
    replies = Peers(vendors=VENDORS).asked("DataTransfer", {"vendorId": "org.example", "messageId": "other"})
    assert replies == [[3, "q", {"status": "UnknownMessageId"}]]


def test_a_handler_may_answer_at_once() -> None:
    replies = Peers(vendors=VENDORS).asked("DataTransfer", {"vendorId": "ORG.Example", "data": "x"})
    assert replies == [[3, "q", {"status": "Accepted", "data": "x"}]]


def test_a_handler_may_ask_the_core() -> None:
    peers = Peers(vendors=VENDORS)
    request = peers.asks("DataTransfer", {"vendorId": "org.example", "messageId": "Ask", "data": "d"})
    assert request == VendorRequested("central-1", "org.example", "ask", "d")
    assert peers.replies(request, VendorReply(Verdict.REJECTED)) == [[3, "csms-1", {"status": "Rejected"}]]
    again = peers.asks("DataTransfer", {"vendorId": "org.example", "messageId": "ask"})
    assert peers.replies(again, Verdict.ACCEPTED) == [[3, "csms-2", {"status": "Accepted"}]]


def test_data_is_text() -> None:
    replies = Peers(vendors=VENDORS).asked("DataTransfer", {"vendorId": "org.example", "data": {"a": 1}})
    assert replies[0][:3] == [4, "q", "TypeConstraintViolation"]


def test_ours_go_out_with_what_they_have() -> None:
    peers = Peers()
    assert peers.sends(VendorMessage("org.example")) == {"vendorId": "org.example"}
    whole = VendorMessage("org.example", "note", '{"snake_case": 1, "HTTPPort": 2}')
    assert peers.sends(whole)["data"] == '{"snake_case": 1, "HTTPPort": 2}'
    peers.csms.answers_next("DataTransfer", {"status": "Rejected", "data": "no"})
    assert peers.answer_to(whole) == VendorAnswer(Verdict.REJECTED, "no")
    for status in ("Accepted", "UnknownVendorId", "UnknownMessageId"):
        peers.csms.answers_next("DataTransfer", {"status": status})
        assert peers.answer_to(whole) == VendorAnswer(Verdict(status))
