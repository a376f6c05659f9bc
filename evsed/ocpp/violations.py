"""Who broke the protocol, and how. A version spells each flaw in its own error code; one that it has no code for
gets no answer.
"""

from __future__ import annotations

from enum import Enum, auto


class Flaw(Enum):
    """What is wrong with a message."""

    MALFORMED = auto()
    OCCURRENCE = auto()
    TYPE = auto()
    VALUE = auto()
    UNKNOWN_ACTION = auto()
    UNSUPPORTED_ACTION = auto()
    UNKNOWN_TYPE = auto()
    INTERNAL = auto()
    OTHER = auto()


class RemoteViolation(Exception):
    """The central system sent what the protocol forbids. `id` is that of its call, None when it can't be read."""

    def __init__(self, flaw: Flaw, text: str, id: str | None = None) -> None:
        super().__init__(text)
        self.flaw = flaw
        self.text = text
        self.id = id


class LocalViolation(Exception):
    """We were about to send what the protocol forbids: our bug. The item is reported undelivered."""
