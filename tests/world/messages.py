"""What passes between station and central system, as the latter keeps it; and which status may follow which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft4Validator

Payload = dict[str, Any]

# OCPP 1.6 §4.9, rows A to I. Faulted leads back to whatever was before.
_LETTER = {
    "Available": "A",
    "Preparing": "P",
    "Charging": "C",
    "SuspendedEV": "V",
    "SuspendedEVSE": "S",
    "Finishing": "F",
    "Reserved": "R",
    "Unavailable": "U",
    "Faulted": "X",
}
_LEADS_TO = {
    "A": "PCVSRUX",
    "P": "ACVSFX",
    "C": "AVSFUX",
    "V": "ACSFUX",
    "S": "ACVFUX",
    "F": "APUX",
    "R": "APUX",
    "U": "APCVSX",
    "X": "APCVSFRU",
}


def may_follow(before: str, after: str) -> bool:
    """Whether the table of §4.9 has this change; saying the same again is no change."""
    return before == after or _LETTER[after] in _LEADS_TO[_LETTER[before]]


def iso(wall_ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=wall_ms)).isoformat().replace("+00:00", "Z")


def wall_ms(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1_000)


@cache
def schema(name: str) -> Draft4Validator:
    """The official one of a request, or of an answer ("…Response")."""
    text = (files("ocpp") / "v16" / "schemas" / f"{name}.json").read_text("utf-8-sig")
    return Draft4Validator(json.loads(text))  # with formats: our own dates must be RFC 3339


def tags_in(asked: Any) -> Iterator[str]:
    """All cards that a request names."""
    if isinstance(asked, list):
        for part in asked:
            yield from tags_in(part)
    elif isinstance(asked, dict):
        for name, part in asked.items():
            if name == "idTag" and isinstance(part, str):
                yield part
            yield from tags_in(part)


@dataclass(frozen=True)
class Message:
    """What the station sent; fields of the payload are attributes: `message.errorCode`."""

    id: str
    action: str
    payload: Payload
    at_ms: int

    def __getattr__(self, name: str) -> Any:
        try:
            return self.payload[name]
        except KeyError:
            raise AttributeError(f"{self.action} has no {name}: {self.payload}") from None


@dataclass
class Question:
    """What the central system asked, and how the station answered."""

    id: str
    action: str
    payload: Payload
    answer: Payload | None = None
    error: str | None = None

    @property
    def status(self) -> Any:
        assert self.answer is not None, f"{self.action}: no answer but {self.error}"
        return self.answer["status"]


@dataclass
class Charge:
    """One transaction as the central system books it."""

    number: int
    start: Message
    stop: Message | None = None
    samples: list[Message] = field(default_factory=list)

    @property
    def connector(self) -> int:
        """Where it took place."""
        return int(self.start.connectorId)

    @property
    def energy_wh(self) -> int:
        """What was sold."""
        assert self.stop is not None, f"transaction {self.number} is open"
        return int(self.stop.meterStop - self.start.meterStart)
