"""What a card reader says, in one form: the bytes of the card's UID as capital hexadecimal digits.

Rules this file upholds:
- One event for each presentation: a card that is held, or that its reader repeats, is the same presentation until it
  was away for `AWAY_POLLS` polls.
- What is damaged is nobody's card: it is dropped and counted, never mended.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Annotated, Literal

import msgspec

AWAY_POLLS = 5  # of 200 ms each: radio to a card fails now and then, and readers repeat a held card each half second
_MOST_WAITING = 20
LONGEST_LINE = 64
_TEXT = re.compile(r"[0-9A-Za-z.*|:=_-]{1,20}")  # an idTag has 20 characters (OCPP 1.6 §7.29)


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a reader that types writes a UID; its manual says so, or a card whose UID is known.

    `decimal` is one number made of `size` bytes; `text` is no UID but taken as it is; `reverse` turns the bytes round.
    """

    form: Literal["hex", "decimal", "text"] = "hex"
    size: Annotated[int, msgspec.Meta(ge=1, le=10)] = 4
    reverse: bool = False


def uid_text(uid: bytes) -> str:
    """The canonical form."""
    return uid.hex().upper()


def canonical(typed: str, script: Script) -> str:
    """The canonical form of what a reader typed. Raises ValueError, whose text never holds the card's number."""
    typed = typed.strip()
    if script.form == "text":
        if not _TEXT.fullmatch(typed):
            raise ValueError(f"{len(typed)} characters that are no card's text")
        return typed.upper()
    uid = _decimal(typed, script.size) if script.form == "decimal" else _hexadecimal(typed)
    return uid_text(uid[::-1] if script.reverse else uid)


def _decimal(typed: str, size: int) -> bytes:
    if not (typed.isascii() and typed.isdecimal() and len(typed) <= LONGEST_LINE):
        raise ValueError(f"{len(typed)} characters that are no decimal number")
    if (number := int(typed)) >> 8 * size:
        raise ValueError(f"a number that has more than {size} bytes")
    return number.to_bytes(size, "big")


def _hexadecimal(typed: str) -> bytes:
    digits = re.sub(r"[ :-]", "", typed)
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2}){1,10}", digits):
        raise ValueError(f"{len(typed)} characters that are no UID of 1 to 10 bytes in hexadecimal")
    return bytes.fromhex(digits)


class Presentations:
    """Makes presentations of sightings. The caller polls; time is counted in its polls."""

    def __init__(self) -> None:
        self._here: str | None = None
        self._away = 0
        self._waiting: deque[str] = deque(maxlen=_MOST_WAITING)

    def poll(self, sightings: list[str]) -> str | None:
        """What was seen since the last poll, in order → the next new presentation."""
        self._away += 1
        for tag in sightings:
            if tag != self._here or self._away > AWAY_POLLS:
                self._waiting.append(tag)
            self._here, self._away = tag, 0
        return self._waiting.popleft() if self._waiting else None


class Lines:
    """Cuts what a reader types into lines, whatever the pieces are in which it comes."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._line = ""
        self._spoilt = ""
        self.damaged = 0

    def put(self, text: str) -> list[str]:
        """The canonical form of each line that ends in `text`; damaged ones are counted and left out."""
        tags = []
        for character in text:
            if character in "\r\n":
                tags += self._finished()
            elif len(self._line) < LONGEST_LINE:
                self._line += character
            else:
                self._spoilt = "a line that does not end"
        return tags

    def spoil(self, why: str) -> None:
        """Part of the line in hand is lost."""
        self._spoilt = why

    def _finished(self) -> list[str]:
        line, spoilt = self._line, self._spoilt
        self._line = self._spoilt = ""
        if not line and not spoilt:
            return []
        try:
            if spoilt:
                raise ValueError(spoilt)
            return [canonical(line, self._script)]
        except ValueError:
            self.damaged += 1
            return []
