"""Certificates as the security whitepaper, edition 3, has them: §5.1 to 5.4, 5.7, 5.8, 5.11, 5.12, 5.17 and 5.18."""

from __future__ import annotations

from evsed.core.credentials import (
    ChainSent,
    HashData,
    RootsAsked,
    RootSent,
    RootsReply,
    RootUnwanted,
    RootUse,
    SigningAnswer,
    SigningAsked,
)
from evsed.core.events import Ref
from evsed.ocpp.dialect import Decoded, Lookups, RequestAnswer
from evsed.ocpp.frames import Payload
from evsed.ocpp.violations import LocalViolation

# §6.4
USES = {
    "CentralSystemRootCertificate": RootUse.CENTRAL,
    "ManufacturerRootCertificate": RootUse.MANUFACTURER,
}


def decode_install(payload: Payload, ref: Ref, lookups: Lookups) -> RootSent:
    """§5.11."""
    return RootSent(ref, USES[payload["certificateType"]], payload["certificate"])


def decode_delete(payload: Payload, ref: Ref, lookups: Lookups) -> RootUnwanted:
    """§5.3."""
    told = payload["certificateHashData"]
    fields = (told[name] for name in ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber"))
    return RootUnwanted(ref, HashData(*fields))


def decode_ids(payload: Payload, ref: Ref, lookups: Lookups) -> RootsAsked:
    """§5.7."""
    return RootsAsked(ref, USES[payload["certificateType"]])


def encode_ids(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """§5.8."""
    if not isinstance(answer, RootsReply):
        raise LocalViolation(f"a {type(answer).__name__} where roots were due")
    if not answer.called:
        return {"status": "NotFound"}  # M03.FR.02
    return {"status": "Accepted", "certificateHashData": [_written(called) for called in answer.called]}


def _written(called: HashData) -> Payload:
    return {
        "hashAlgorithm": called.algorithm,
        "issuerNameHash": called.issuer_name,
        "issuerKeyHash": called.issuer_key,
        "serialNumber": called.serial,
    }


def decode_signed(payload: Payload, ref: Ref, lookups: Lookups) -> ChainSent:
    """§5.1."""
    return ChainSent(ref, payload["certificateChain"])


def encode_signing(report: SigningAsked, lookups: Lookups) -> Payload:
    """§5.17."""
    return {"csr": report.request}


def decode_signing(payload: Payload, report: SigningAsked, lookups: Lookups) -> Decoded:
    """§5.18."""
    return SigningAnswer(payload["status"] == "Accepted"), ()
