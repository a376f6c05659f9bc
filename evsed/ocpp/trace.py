"""What passes the wire, one line each, for people: `> CALL 41 StatusNotification connectorId=1 status=Preparing`.

Only fields that the dialect lists are shown, so that no key and no card number ever is; what a peer sends is shown
without control characters and cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from evsed.ocpp.frames import Payload

LONGEST_WORD = 60

OUT, IN = ">", "<"


class Trace:
    """Writes lines with `write`, or nothing at all."""

    def __init__(self, write: Callable[[str], None] | None, shown: Iterable[str]) -> None:
        self._write = write
        self._shown = tuple((path, path.split(".")) for path in shown)

    def call(self, arrow: str, id: str, action: str, payload: Payload) -> None:
        """A question passed."""
        if self._write is not None:
            self._write(f"{arrow} CALL {_clean(id)} {_clean(action)}{self._fields(payload)}")

    def result(self, arrow: str, id: str, payload: Payload) -> None:
        """An answer passed."""
        if self._write is not None:
            self._write(f"{arrow} RESULT {_clean(id)}{self._fields(payload)}")

    def error(self, arrow: str, id: str, code: str, text: str) -> None:
        """An error passed."""
        if self._write is not None:
            self._write(f"{arrow} ERROR {_clean(id)} {_clean(code)} {_clean(text)}".rstrip())

    def note(self, text: str) -> None:
        """Something that did not go as it should."""
        if self._write is not None:
            self._write(f"! {text}")

    def _fields(self, payload: Payload) -> str:
        found = ((path, _find(payload, steps)) for path, steps in self._shown)
        return "".join(f" {path}={_clean(value)}" for path, value in found if isinstance(value, str | int))


def _find(payload: Any, steps: list[str]) -> Any:
    for step in steps:
        payload = payload.get(step) if isinstance(payload, dict) else None
    return payload


def _clean(value: str | int) -> str:
    text = str(value)[:LONGEST_WORD]
    return text if text.isprintable() else ascii(text)[1:-1]
