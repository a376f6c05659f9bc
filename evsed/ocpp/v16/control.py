"""Reset, UnlockConnector, TriggerMessage."""

from __future__ import annotations

from evsed.core.events import Ref, ResetKind, ResetRequested, Triggered, TriggerKind, UnlockRequested
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Lookups
from evsed.ocpp.frames import Payload

_KINDS = {kind.value: kind for kind in TriggerKind}
_OF_ONE_CONNECTOR = (TriggerKind.METER_VALUES, TriggerKind.STATUS)


def decode_reset(payload: Payload, ref: Ref, lookups: Lookups) -> ResetRequested:
    """OCPP 1.6 §5.14."""
    return ResetRequested(ref, ResetKind(payload["type"]))


def decode_unlock(payload: Payload, ref: Ref, lookups: Lookups) -> UnlockRequested:
    """OCPP 1.6 §5.18."""
    return UnlockRequested(ref, payload["connectorId"])


def decode_trigger(payload: Payload, ref: Ref, lookups: Lookups) -> Triggered | Verdict:
    """A message that we never send is NotImplemented; a connector is ignored where it says nothing (§5.17)."""
    kind = _KINDS.get(payload["requestedMessage"])
    if kind is None:
        return Verdict.NOT_IMPLEMENTED
    return Triggered(ref, kind, payload.get("connectorId") if kind in _OF_ONE_CONNECTOR else None)
