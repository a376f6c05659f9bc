"""Payloads drawn from the official schemas: such as are valid, such as are valid but for one thing, and any JSON.

The words that a field may hold are those that mean something here, and those that the corpus of malformed inputs names:
edges of numbers, dates that are none, half characters, words in the wrong case, lists out of order.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st

from evsed.ocpp.v16.dialect import INBOUND, OUTBOUND, SCHEMAS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
INTEGERS = (-(2**31), -1, 0, 1, 2, 3, 60, 86_400, 2**31 - 1, 2**31, 2**53 + 1)
LIMITS = (-0.1, 0, 0.1, 5.9, 6, 8.1, 16, 32, 11_000, 1e9)
DATES = (
    "2027-01-01T00:00:10Z",
    "2027-01-01T00:00:10.123456+01:00",
    "2026-12-31T23:59:60Z",
    "2027-01-01T00:00:10",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "1970-01-01T00:00:00Z",
)
# Where any value would do, mostly one that leads further.
WORDS: dict[str, tuple[Any, ...]] = {
    "chargingProfileId": (1, 2, -1, 2**31 - 1),
    "connectorId": (0, 1, 1, 1, 2, -1, 99, 2**31),
    "duration": (0, 1, 60, 86_400, -1, 2**31 - 1, 2**40),
    "idTag": ("04A1B2C3", "0B0B0B0B", "", "x" * 20, "04а1в2с3", "\u0000"),
    "interval": (-1, 0, 1, 30, 600),
    "key": ("HeartbeatInterval", "MeterValuesSampledData", "ConnectionTimeOut", "AuthorizationKey", "nope", ""),
    "listVersion": (-1, 0, 1, 2, 2**31 - 1),
    "location": ("file:///etc/shadow", "gopher://a/b", "ftp://u:p@[fe80::1%25eth0]/\r\nDELE x", "http://127.0.0.1:9/x"),
    "recurrencyKind": ("Daily", "Weekly"),
    "reservationId": (-1, 0, 1, 2, 2**31 - 1),
    "stackLevel": (0, 1, 99, 100, -1),
    "startPeriod": (0, 0, 0, 60, 61, -1, 2**31 - 1),
    "transactionId": (-1, 0, 1, 2, 2**31 - 1),
    "value": ("0", "1", "60", "true", "false", "-1", "Energy.Active.Import.Register", "", "1e3", "٣", "x" * 500),
}
NUMBERS_OF_PERIODS = (1, 1, 2, 3, 700)
# In the place of anything.
WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    2**31,
    2**63,
    1e300,
    "",
    "x" * 600,
    "\u0000",
    "\U0001f50c",
    "accepted",
    "2027-02-30T00:00:00Z",
    [],
    {},
    [[]],
    {"": {}},
)


@cache
def schema(name: str) -> dict[str, Any]:
    """As the package has it, with every definition in the place where it is named."""
    loaded: dict[str, Any] = json.loads((SCHEMAS._folder / f"{name}.json").read_text("utf-8-sig"))
    return dict(_inlined(loaded, loaded.get("definitions", {})))


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(inner, definitions) for inner in part]
    if not isinstance(part, dict):
        return part
    named = str(part.get("$ref", "")).removeprefix("#/definitions/")
    found = definitions[named] if named else part
    return {key: _inlined(inner, definitions) for key, inner in found.items() if key != "definitions"}


def valid(shape: dict[str, Any], field: str = "") -> st.SearchStrategy[Any]:
    """Whatever this part of a schema allows."""
    kind = shape.get("type")
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if kind == "object":
        return _object(shape)
    if kind == "array":
        least = shape.get("minItems", 0)
        items = valid(shape["items"], field)
        return st.lists(items, min_size=least, max_size=max(least, 3))
    if field in WORDS:
        return st.sampled_from([word for word in WORDS[field] if _is(word, kind, shape)] or [""])
    if kind == "string":
        if shape.get("format") == "date-time":
            return st.sampled_from(DATES)
        return st.text(max_size=min(shape.get("maxLength", 20), 20)) | st.just("x" * shape.get("maxLength", 20))
    if kind == "number":
        return st.sampled_from(LIMITS)
    return st.sampled_from(INTEGERS) if kind == "integer" else st.booleans()


def _is(word: Any, kind: str, shape: dict[str, Any]) -> bool:
    fits = isinstance(word, str) == (kind == "string")
    return fits and (kind != "string" or len(word) <= shape.get("maxLength", len(word)))


def _object(shape: dict[str, Any]) -> st.SearchStrategy[Any]:
    parts = {name: valid(part, name) for name, part in shape.get("properties", {}).items()}
    required = set(shape.get("required", ()))
    optional = {name: part for name, part in parts.items() if name not in required}
    return st.fixed_dictionaries({name: parts[name] for name in sorted(required)}, optional=optional)


@st.composite
def nearly(draw: st.DrawFn, payloads: st.SearchStrategy[Any]) -> Any:
    """One thing of it is wrong: taken out, added, or something else in its place."""
    payload = draw(payloads)
    place, key = draw(st.sampled_from(list(_places(payload)) or [({}, "")]))
    what = draw(st.sampled_from(("replace", "remove", "add")))
    if what == "remove" and key != "":
        del place[key]
    elif what == "add" and isinstance(place, dict):
        place[draw(st.sampled_from(("foreign", "", "type ", "__class__")))] = draw(st.sampled_from(WRONG))
    elif key != "":
        place[key] = draw(st.sampled_from(WRONG))
    return payload


def _places(value: Any) -> Any:
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


@cache
def _of(name: str) -> st.SearchStrategy[Any]:
    payloads = valid(schema(name))
    return payloads | nearly(payloads) | st.dictionaries(st.text(max_size=8), JSON, max_size=3) | JSON


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    """An action of the version, mostly one that the station has, and something for a payload."""
    action = draw(st.sampled_from(sorted(INBOUND)) | st.sampled_from(sorted(SCHEMAS.actions)))
    return action, draw(_of(action))


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, Any]:
    """An action that the station sends, and something for an answer."""
    action = draw(st.sampled_from(sorted({outbound.action for outbound in OUTBOUND.values()})))
    return action, draw(_of(f"{action}Response"))
