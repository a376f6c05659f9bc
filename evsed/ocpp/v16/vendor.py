"""DataTransfer, both ways.

What a vendor's message does is decided by a handler that someone registered for exactly that vendor and message
(`Lookups.vendors`); a name in a message never chooses code.
"""

from __future__ import annotations

from evsed.core.effects import VendorReply
from evsed.core.events import Ref, Request, VendorAnswer
from evsed.core.reports import VendorMessage
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Decoded, Lookups, RequestAnswer
from evsed.ocpp.frames import Payload
from evsed.ocpp.v16.plain import encode_verdict


def encode_transfer(report: VendorMessage, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.15."""
    fields = {"vendorId": report.vendor, "messageId": report.message, "data": report.data}
    return {name: value for name, value in fields.items() if value is not None}


def decode_transfer(payload: Payload, report: VendorMessage, lookups: Lookups) -> Decoded:
    """OCPP 1.6 §6.16."""
    return VendorAnswer(Verdict(payload["status"]), payload.get("data")), ()


def decode_transferred(payload: Payload, ref: Ref, lookups: Lookups) -> Request | VendorReply:
    """OCPP 1.6 §4.3: who has no implementation of the vendor or the message says so."""
    messages = lookups.vendors.get(payload["vendorId"].lower())
    if messages is None:
        return VendorReply(Verdict.UNKNOWN_VENDOR)
    message = payload.get("messageId")
    handler = messages.get(None if message is None else message.lower())
    return VendorReply(Verdict.UNKNOWN_MESSAGE) if handler is None else handler(payload.get("data"), ref, lookups)


def encode_transferred(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """A verdict, and data if there is some."""
    if isinstance(answer, VendorReply) and answer.data is not None:
        return {"status": answer.verdict.value, "data": answer.data}
    return encode_verdict(answer.verdict if isinstance(answer, VendorReply) else answer, asked, lookups)
