"""GetLocalListVersion and SendLocalList."""

from __future__ import annotations

from evsed.core.listed import ListedToken, ListSent, ListVersion, ListVersionAsked
from evsed.core.words import Token
from evsed.ocpp.dialect import Lookups, Refusal, RequestAnswer
from evsed.ocpp.frames import Payload
from evsed.ocpp.v16.authorization import token_answer
from evsed.ocpp.violations import Flaw, LocalViolation

NO_LISTS = -1  # OCPP 1.6 §5.10


def decode_version(payload: Payload, ref: str, lookups: Lookups) -> ListVersionAsked:
    """OCPP 1.6 §5.10."""
    return ListVersionAsked(ref)


def encode_version(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """A station without lists has a number of its own."""
    if not isinstance(answer, ListVersion):
        raise LocalViolation(f"a {type(answer).__name__} where a list version was due")
    return {"listVersion": NO_LISTS if answer.version is None else answer.version}


def decode_list(payload: Payload, ref: str, lookups: Lookups) -> ListSent | Refusal:
    """OCPP 1.6 §6.41, §7.1: a card without status is to be forgotten. An expiry date that is none is refused: a card
    that never expires is worse than no list.
    """
    taken, forgotten = [], []
    for entry in payload.get("localAuthorizationList", []):
        token, info = Token(entry["idTag"]), entry.get("idTagInfo")
        if info is None:
            forgotten.append(token)
            continue
        said = token_answer(info)
        if "expiryDate" in info and said.expires_ms is None:
            return Refusal(Flaw.VALUE, "an expiryDate is no date")
        taken.append(ListedToken(token, said.status, said.expires_ms, said.group))
    return ListSent(ref, payload["listVersion"], payload["updateType"] == "Full", tuple(taken), tuple(forgotten))
