"""What may be told of a payload to whoever reads a trace: nothing, but for the fields that a dialect lists.

Rules this file upholds:
- A field that is not listed is not told, neither its name nor its content; of a listed one, what its veil lets through.
- Of a secret nothing is told but its length; of a card a name that is the same for the same card while evsed runs.
- What was hidden is remembered for a while, so that it can be looked for where it does not belong: in free text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from hashlib import blake2b, sha256
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from evsed.locations import secrets_of

LONGEST_TEXT = 200
MOST_ITEMS = 100
SHORTEST_REMEMBERED = 6  # shorter ones are half the words of any text
MOST_REMEMBERED = 128

_HOST = re.compile(r"([0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_NUMBER = re.compile(r"[-+]?[0-9.]{1,24}")


class Veil(Enum):
    """How much of a field is told."""

    OPEN = auto()  # a word, a number, a date: as it is
    HOLDS = auto()  # an object or a list: what is listed of its fields
    NUMBER = auto()  # a text, if it is a number
    SETTING = auto()  # the value of the key that stands beside it, where that may be told
    ADDRESS = auto()  # a URL, without user, password, query and fragment
    CARD = auto()  # who charges: only whether it is the same
    DIGEST = auto()  # certificates and signatures: whether it is the same, and its length
    CLOSED = auto()  # its length


class Veils(Struct, frozen=True):
    """Those of one dialect, by the name of the field; `within` those of names that mean something else in the field
    that holds them. `tells` says whether the value of a configuration key may be told.
    """

    fields: Mapping[str, Veil]
    within: Mapping[str, Mapping[str, Veil]]
    tells: Callable[[str], bool]


class Hidden:
    """The newest of what was hidden; a card never pushes out a secret."""

    def __init__(self) -> None:
        self._kept: dict[bool, dict[str, None]] = {False: {}, True: {}}

    def add(self, text: str, *, card: bool = False) -> None:
        """Remember it, if it is long enough to be looked for."""
        if SHORTEST_REMEMBERED <= len(text) <= LONGEST_TEXT:
            kept = self._kept[card]
            kept.pop(text, None)
            kept[text] = None
            if len(kept) > MOST_REMEMBERED:
                del kept[next(iter(kept))]

    def __iter__(self) -> Iterator[str]:
        return (text for kept in tuple(self._kept.values()) for text in tuple(kept))


class Curtain:
    """Draws the veils of a dialect over payloads; what it hides is put into `hidden`."""

    def __init__(self, veils: Veils, hidden: Hidden) -> None:
        self._veils, self._hidden = veils, hidden
        self._within = {holder: {**veils.fields, **own} for holder, own in veils.within.items()}
        self._salt = os.urandom(16)  # the numbers of cards are few enough to be tried out
        self._ways: dict[Veil, Callable[[str], str]] = {
            Veil.OPEN: _cut,
            Veil.NUMBER: lambda text: text if _NUMBER.fullmatch(text) else length(text),
            Veil.ADDRESS: self._address,
            Veil.CARD: self._card,
            Veil.DIGEST: lambda text: f"{length(text)[:-1]}, sha256 {sha256(text.encode()).hexdigest()[:16]}]",
        }

    def veiled(self, payload: Mapping[str, Any], holder: str = "") -> dict[str, Any]:
        """What may be told of an object; the fields left out are counted."""
        told, fields = {}, self._within.get(holder, self._veils.fields)
        for name, value in payload.items():
            veil = fields.get(name)
            if veil is Veil.SETTING:
                veil = self._of_setting(payload.get("key"), value)
            if veil is not None:
                told[name] = self._value(name, veil, value)
        left_out = len(payload) - len(told)
        return told | {"[not told]": left_out} if left_out else told

    def _value(self, name: str, veil: Veil, value: Any) -> Any:
        if isinstance(value, str):
            return self._ways.get(veil, length)(value)
        if isinstance(value, dict):
            return self.veiled(value, name) if veil is Veil.HOLDS else "[an object]"
        if isinstance(value, list):
            told = [self._value(name, veil, item) for item in value[:MOST_ITEMS]]
            return [*told, f"[{len(value) - MOST_ITEMS} more]"] if len(value) > MOST_ITEMS else told
        return value if veil is Veil.OPEN or value is None else "[a number]"

    def _of_setting(self, key: object, value: object) -> Veil:
        if isinstance(key, str) and self._veils.tells(key):
            return Veil.OPEN
        if isinstance(value, str):
            self._hidden.add(value)
        return Veil.CLOSED

    def _card(self, text: str) -> str:
        self._hidden.add(text, card=True)
        return f"[card {blake2b(text.casefold().encode(), digest_size=4, key=self._salt).hexdigest()}]"

    def _address(self, text: str) -> str:
        told = shown_address(text)
        for secret in (text, *secrets_of(text)) if told == length(text) else secrets_of(text):
            self._hidden.add(secret)
        return told


def shown_address(text: str) -> str:
    """Scheme, host and path of a URL; its length where it is doubtful which part is which."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return length(text)
    host = parts.netloc.rpartition("@")[2]
    behind = text.partition(parts.netloc)[2] if parts.netloc else text
    if not parts.scheme or _HOST.fullmatch(host) is None or "@" in behind:
        return length(text)
    return _cut(f"{parts.scheme}://{host}{parts.path}")


def length(text: str) -> str:
    """All that is told of a secret."""
    return f"[{len(text)} characters]"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
