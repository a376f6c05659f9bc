"""The two plainest conversions: a request answered with {"status": verdict}, a report answered with nothing."""

from __future__ import annotations

from evsed.core.events import Noted
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Decoded, Lookups, RequestAnswer
from evsed.ocpp.frames import Payload
from evsed.ocpp.violations import LocalViolation


def encode_verdict(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """Whether the action may say this verdict is the schema's business."""
    if not isinstance(answer, Verdict):
        raise LocalViolation(f"a {type(answer).__name__} where a verdict was due")
    return {"status": answer.value}


def decode_nothing(payload: Payload, report: object, lookups: Lookups) -> Decoded:
    """The central system took it."""
    return Noted(), ()
