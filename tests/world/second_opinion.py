"""What the `ocpp` package's own reader and validator say of a frame of ours: judges from other hands than our engine.

Its validator is a thousand times slower than ours, so each shape of a message is shown to it once: its fields, their
types, and its words with all numbers alike.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from ocpp.messages import CallError, _validate_payload, unpack

_NUMBERS = re.compile(r"\d+")
_shown: set[str] = set()


def objection(frame: str, action: str) -> str | None:
    """Why the package would not take it; None: it takes it. `action` is what it asks, or what it answers."""
    shape = f"{action} {json.dumps(_shape(json.loads(frame)))}"
    if shape in _shown:
        return None
    try:
        message = unpack(frame)
        if isinstance(message, CallError):
            message.to_exception()
        else:
            message.action = action
            _validate_payload(message, "1.6")  # without the executor around it
    except (OCPPError, UnknownCallErrorCodeError) as error:
        return f"the package does not take {frame}: {error!r}"
    _shown.add(shape)
    return None


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    return _NUMBERS.sub("0", value) if isinstance(value, str) else type(value).__name__
