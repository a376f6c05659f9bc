"""Authorize, ClearCache, and the idTagInfo that several answers carry."""

from __future__ import annotations

from evsed.core.events import CacheCleared, Ref, TokenAnswer
from evsed.core.reports import AuthorizationAsked
from evsed.core.words import TokenStatus
from evsed.ocpp.dialect import Decoded, Lookups
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import read_date


def encode_authorize(report: AuthorizationAsked, lookups: Lookups) -> Payload:
    """The tag as it was shown; a longer one than OCPP 1.6 §7.28 allows is never cut to fit another."""
    return {"idTag": report.token.value}


def decode_authorize(payload: Payload, report: AuthorizationAsked, lookups: Lookups) -> Decoded:
    """What is said of the tag."""
    return token_answer(payload["idTagInfo"]), ()


def token_answer(info: Payload) -> TokenAnswer:
    """An idTagInfo (OCPP 1.6 §7.27). An expiry date that is none is not believed."""
    expiry = info.get("expiryDate")
    return TokenAnswer(
        status=TokenStatus(info["status"]),
        expires_ms=None if expiry is None else read_date(expiry),
        group=info.get("parentIdTag"),
    )


def decode_clear_cache(payload: Payload, ref: Ref, lookups: Lookups) -> CacheCleared:
    """OCPP 1.6 §5.4."""
    return CacheCleared(ref)
