"""The OCPP-J envelope: text into messages and back. Nothing that a peer sends gets past here unchecked.

Rules this file upholds:
- Length, depth and number of values are judged before anything is parsed.
- Stricter than JSON parsers: no duplicate keys, no NaN, no endless numbers, no half characters.
- `read` returns a message or raises RemoteViolation, which carries the id of the call wherever one can be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from evsed.ocpp.violations import Flaw, LocalViolation, RemoteViolation

LONGEST_FRAME = 262_144
DEEPEST = 24
MOST_COMMAS = 20_000
LONGEST_NUMBER = 19  # fits 64 bits
LONGEST_ID = 36  # OCPP-J 1.6 §4.1.4
LONGEST_ECHOED_ID = 255
LONGEST_TEXT = 255

Payload = dict[str, Any]

_CALL, _RESULT, _ERROR = 2, 3, 4

# A string that never ends runs to the end of the text, so that no start is tried twice.
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_READABLE_ID = re.compile(r'\s*\[\s*2\s*,\s*"([^"\\\x00-\x1f]{1,36})"\s*,')
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Call(Struct, frozen=True):
    """The peer asks."""

    id: str
    action: str
    payload: Payload


class Result(Struct, frozen=True):
    """The peer answers; `payload` is None when the answer is no object."""

    id: str
    payload: Payload | None


class Error(Struct, frozen=True):
    """The peer answers that it could not; `details` are empty where they are no object."""

    id: str
    code: str
    text: str
    details: Payload


def read(frame: str | bytes) -> Call | Result | Error:
    """The message in a frame. Raises RemoteViolation."""
    message = _parse(frame)
    if not isinstance(message, list) or not message:
        raise RemoteViolation(Flaw.MALFORMED, "not an array")
    kind = message[0]
    if type(kind) is not int or kind not in _READERS:  # a JSON true or 2.0 equals an int, but is none
        raise RemoteViolation(Flaw.UNKNOWN_TYPE, "unknown message type")
    if len(message) < 2 or not isinstance(message[1], str):
        raise RemoteViolation(Flaw.MALFORMED, "the message id is no string")
    return _READERS[kind](message[1], message[2:])


def call_frame(id: str, action: str, payload: Payload) -> str:
    """The frame that asks. Raises LocalViolation when it can't be written."""
    if not 0 < len(id) <= LONGEST_ID:
        raise LocalViolation(f"message id {id!r} must have 1 to {LONGEST_ID} characters")
    return _write([_CALL, id, action, payload])


def result_frame(id: str, payload: Payload) -> str:
    """The frame that answers. Raises LocalViolation when it can't be written."""
    return _write([_RESULT, id, payload])


def error_frame(id: str, code: str, text: str) -> str:
    """The frame that refuses; never fails."""
    return json.dumps([_ERROR, id, code, text[:LONGEST_TEXT], {}], separators=(",", ":"))


def _parse(frame: str | bytes) -> Any:
    if isinstance(frame, bytes):
        raise RemoteViolation(Flaw.MALFORMED, "a binary frame")  # OCPP-J 1.6 §4.1.2: text
    if len(frame) > LONGEST_FRAME:
        raise RemoteViolation(Flaw.MALFORMED, f"longer than {LONGEST_FRAME} characters", _readable_id(frame))
    if frame.count(",") > MOST_COMMAS:
        raise RemoteViolation(Flaw.MALFORMED, f"more than {MOST_COMMAS} values", _readable_id(frame))
    if _too_deep(frame):
        raise RemoteViolation(Flaw.MALFORMED, f"nested deeper than {DEEPEST}", _readable_id(frame))
    try:
        message = _decoder.decode(frame)
        if _ESCAPED_SURROGATE.search(frame):
            _encoder.encode(message)  # half a character raises UnicodeEncodeError
    except ValueError:
        raise RemoteViolation(Flaw.MALFORMED, "not valid JSON", _readable_id(frame)) from None
    return message


def _too_deep(frame: str) -> bool:
    if frame.count("[") + frame.count("{") <= DEEPEST:
        return False
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(frame):
        mark = frame[match.start()]
        if mark in "[{":
            depth += 1
            if depth > DEEPEST:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _readable_id(frame: str) -> str | None:
    match = _READABLE_ID.match(frame)
    return match[1] if match else None


def _read_call(id: str, rest: list[Any]) -> Call:
    if not 0 < len(id) <= LONGEST_ID:
        echo = id if len(id) <= LONGEST_ECHOED_ID else None  # OCPP-J 1.6 §4.2.3: "unique identifier too long"
        raise RemoteViolation(Flaw.MALFORMED, f"a message id has 1 to {LONGEST_ID} characters", echo)
    if len(rest) != 2:
        raise RemoteViolation(Flaw.MALFORMED, "a call has four elements", id)
    action, payload = rest
    if not isinstance(action, str):
        raise RemoteViolation(Flaw.MALFORMED, "the action is no string", id)
    if payload is None:  # OCPP-J 1.6 §4.2.1 allows it
        payload = {}
    if not isinstance(payload, dict):
        raise RemoteViolation(Flaw.MALFORMED, "the payload is no object", id)
    return Call(id, action, payload)


def _read_result(id: str, rest: list[Any]) -> Result:
    payload = rest[0] if len(rest) == 1 else False
    if payload is None:  # OCPP-J 1.6 §4.2.2 allows it
        payload = {}
    return Result(id, payload if isinstance(payload, dict) else None)


def _read_error(id: str, rest: list[Any]) -> Error:
    code, text = (str(word) if isinstance(word, str) else "" for word in [*rest, "", ""][:2])
    details = rest[2] if len(rest) > 2 and isinstance(rest[2], dict) else {}
    return Error(id, code[:LONGEST_TEXT], text[:LONGEST_TEXT], details)


_READERS: dict[int, Callable[[str, list[Any]], Call | Result | Error]] = {
    _CALL: _read_call,
    _RESULT: _read_result,
    _ERROR: _read_error,
}


def _object(pairs: list[tuple[str, Any]]) -> Payload:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice")
    return made


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("an endless number")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if len(digits) > 2 * LONGEST_NUMBER or value in (float("inf"), float("-inf")):
        raise ValueError("an endless number")
    return value


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)
_encoder = msgspec.json.Encoder()


def _write(message: list[Any]) -> str:
    try:
        return _encoder.encode(message).decode()
    except (UnicodeEncodeError, TypeError) as broken:
        raise LocalViolation(f"it can't be written as JSON: {type(broken).__name__}") from None
