"""GetConfiguration and ChangeConfiguration: keys of OCPP 1.6 are variables of the catalogue by another name."""

from __future__ import annotations

from evsed.core.capacities import ITEMS_PER_GET
from evsed.core.catalogue import all_with_key16, by_key16
from evsed.core.central_systems import Secret, SecretWritten
from evsed.core.effects import VariablesReply
from evsed.core.events import Ref, VariablesRead, VariableWritten
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Lookups, Refusal, RequestAnswer
from evsed.ocpp.frames import Payload
from evsed.ocpp.violations import Flaw, LocalViolation

_KEYS = {(variable.component, variable.name): variable.key16 for variable in all_with_key16()}
_READABLE = tuple((variable.component, variable.name) for variable in all_with_key16() if not variable.secret)


def decode_get(payload: Payload, ref: Ref, lookups: Lookups) -> VariablesRead | VariablesReply | Refusal:
    """No key asked for = all of them (OCPP 1.6 §5.8) that have a value to be read (OCPP-J 1.6 §6.2.2). Keys without
    regard to case, each once.
    """
    keys = payload.get("key", [])
    if not keys:
        return VariablesRead(ref, _READABLE)
    if len(keys) > ITEMS_PER_GET.default:
        return Refusal(
            Flaw.OCCURRENCE, f"key has {len(keys)} items, GetConfigurationMaxKeys is {ITEMS_PER_GET.default}"
        )
    known = [variable for variable in map(by_key16, keys) if variable is not None]
    if not known:
        return VariablesReply(())
    return VariablesRead(ref, tuple(dict.fromkeys((variable.component, variable.name) for variable in known)))


def encode_get(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """A write-only variable is listed without a value."""
    if not isinstance(answer, VariablesReply):
        raise LocalViolation(f"a {type(answer).__name__} where variables were due")
    payload: Payload = {"configurationKey": []}
    for view in answer.found:
        entry: Payload = {"key": _KEYS[view.component, view.name], "readonly": not view.writable}
        if view.value is not None:
            entry["value"] = view.value
        payload["configurationKey"].append(entry)
    unknown = list(dict.fromkeys(key for key in asked.get("key", []) if by_key16(key) is None))
    if unknown:
        payload["unknownKey"] = unknown
    return payload


def decode_change(payload: Payload, ref: Ref, lookups: Lookups) -> VariableWritten | SecretWritten | Verdict:
    """OCPP 1.6 §5.3: an unknown key is NotSupported; whether the value fits is the core's business."""
    variable = by_key16(payload["key"])
    if variable is None:
        return Verdict.NOT_SUPPORTED
    if variable.secret:
        return SecretWritten(ref, variable.component, variable.name, Secret(payload["value"].encode()))
    return VariableWritten(ref, variable.component, variable.name, payload["value"])
