"""What passes the wire, one line each, for people: `> CALL 41 StatusNotification connectorId=1 status=Preparing`.

Only fields that the dialect lists are shown, so that no key and no card number ever is; what a peer sends is shown
without control characters and cut. With a tape each frame is also kept there, with all that may be told of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from evsed.ocpp.frames import Payload
from evsed.ocpp.tape import Recorder

LONGEST_WORD = 60
LONGEST_TEXT = 255

OUT, IN = ">", "<"


class Trace:
    """Writes lines with `write`, or nothing at all; `recorder`, if there is one, keeps the frames."""

    def __init__(
        self, write: Callable[[str], None] | None, shown: Iterable[str], recorder: Recorder | None = None
    ) -> None:
        self._write, self._recorder = write, recorder
        self._shown = tuple((path, path.split(".")) for path in shown)

    def call(self, arrow: str, id: str, action: str, payload: Payload) -> None:
        """A question passed."""
        if self._write is not None:
            self._write(f"{arrow} CALL {_clean(id)} {_clean(action)}{self._fields(payload)}")
        self._keep(f"{arrow} CALL {_clean(id)} {_clean(action)}", payload)

    def result(self, arrow: str, id: str, action: str, payload: Payload) -> None:
        """An answer to that action passed."""
        if self._write is not None:
            self._write(f"{arrow} RESULT {_clean(id)}{self._fields(payload)}")
        self._keep(f"{arrow} RESULT {_clean(id)} {_clean(action)}", payload)

    def error(self, arrow: str, id: str, action: str, code: str, text: str, details: Payload) -> None:
        """An error passed, as the answer to that action."""
        if self._write is not None:
            self._write(f"{arrow} ERROR {_clean(id)} {_clean(code)} {_clean(text)}".rstrip())
        words = _clean(text, LONGEST_TEXT)
        self._keep(f"{arrow} ERROR {_clean(id)} {_clean(action)} {_clean(code)} {words}".rstrip(), details)

    def unread(self, frame: str | bytes, why: str, refused: bool) -> None:
        """A frame came that is of no use."""
        self.note(f"{'refused' if refused else 'dropped'}: {why}")
        if self._recorder is not None:
            unit = "characters" if isinstance(frame, str) else "bytes"
            self._recorder.rest(f"{IN} {len(frame)} {unit}, {'refused' if refused else 'dropped'}: {why}")

    def note(self, text: str) -> None:
        """Something that did not go as it should."""
        if self._write is not None:
            self._write(f"! {text}")

    def _keep(self, head: str, payload: Payload) -> None:
        if self._recorder is not None:
            self._recorder.message(head, payload)

    def _fields(self, payload: Payload) -> str:
        found = [(path, _find(payload, steps)) for path, steps in self._shown if steps[0] in payload]
        return "".join(f" {path}={_clean(value)}" for path, value in found if isinstance(value, str | int))


def _find(payload: Any, steps: list[str]) -> Any:
    for step in steps:
        payload = payload.get(step) if isinstance(payload, dict) else None
    return payload


def _clean(value: str | int, longest: int = LONGEST_WORD) -> str:
    text = str(value)[:longest]
    return text if text.isprintable() else ascii(text)[1:-1]
