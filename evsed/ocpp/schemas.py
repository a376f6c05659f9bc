"""The official message schemas of one OCPP version, each read and compiled when its message first passes.

Rules this file upholds:
- Both directions are checked, requests and answers.
- What is told of a violation names the field and never its value, which may be a secret.
- Dates are not judged here: central systems write them in more ways than the schemas' format allows.
"""

from __future__ import annotations

import json
from collections.abc import Container
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Any

from jsonschema_rs import Draft4Validator, ValidationError
from msgspec import Struct

from evsed.ocpp.frames import Payload
from evsed.ocpp.violations import Flaw

LONGEST_NAME = 50

# By jsonschema-rs kind: the flaw, and what is said of the field. The first kinds are told first.
_KINDS: dict[str, tuple[Flaw, str]] = {
    "AdditionalProperties": (Flaw.MALFORMED, "has fields that do not belong there"),
    "Required": (Flaw.OCCURRENCE, "is missing"),
    "MinItems": (Flaw.OCCURRENCE, "has too few items"),
    "MaxItems": (Flaw.OCCURRENCE, "has too many items"),
    "UniqueItems": (Flaw.OCCURRENCE, "has an item twice"),
    "Type": (Flaw.TYPE, "has the wrong type"),
    "Enum": (Flaw.VALUE, "is not one of the allowed words"),  # errata 3.24, 3.38
    "MaxLength": (Flaw.VALUE, "is too long"),
}
_ANY_OTHER = (Flaw.VALUE, "has a value that is not allowed")
_RANKS = {kind: rank for rank, kind in enumerate(_KINDS)}


class Violation(Struct, frozen=True):
    """What is wrong with a payload, and where."""

    flaw: Flaw
    field: str
    text: str


class Schemas:
    """The folder holds one file a message: NAME + `request` or `answer` + ".json"."""

    def __init__(self, folder: Traversable, *, request: str, answer: str) -> None:
        self._folder = folder
        self._request = request
        self._answer = answer
        self._validators: dict[str, Draft4Validator] = {}

    @cached_property
    def actions(self) -> frozenset[str]:
        """All actions that this version knows, whether the station supports them or not."""
        ending = f"{self._answer}.json"
        return frozenset(
            file.name.removesuffix(ending) for file in self._folder.iterdir() if file.name.endswith(ending)
        )

    def of_request(self, action: str, payload: Payload) -> Violation | None:
        """What is wrong with a request of a known action."""
        return _worst(self._validator(action + self._request), payload)

    def of_answer(self, action: str, payload: Payload, *, forgiving: bool = False) -> Violation | None:
        """What is wrong with an answer to a known action; `forgiving` lets it say more than it should."""
        return _worst(self._validator(action + self._answer), payload, {"AdditionalProperties"} if forgiving else ())

    def _validator(self, name: str) -> Draft4Validator:
        validator = self._validators.get(name)
        if validator is None:
            schema: dict[str, Any] = json.loads((self._folder / f"{name}.json").read_text("utf-8-sig"))
            validator = self._validators[name] = Draft4Validator(schema, validate_formats=False)
        return validator


def _worst(validator: Draft4Validator, payload: Payload, forgiven: Container[str] = ()) -> Violation | None:
    if validator.is_valid(payload):
        return None
    errors = [error for error in validator.iter_errors(payload) if _kind(error) not in forgiven]
    return _violation(min(errors, key=lambda error: _RANKS.get(_kind(error), len(_RANKS)))) if errors else None


def _violation(error: ValidationError) -> Violation:
    flaw, words = _KINDS.get(_kind(error), _ANY_OTHER)
    steps = [*error.instance_path, *([error.kind.property] if hasattr(error.kind, "property") else [])]
    field = ".".join(str(step) for step in steps)[:LONGEST_NAME]
    return Violation(flaw, field, f"{field or 'the payload'} {words}")


def _kind(error: ValidationError) -> str:
    return type(error.kind).__name__
