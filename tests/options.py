"""Numbers on the command lines of the long suites: each has a least one, and what is none is refused in a sentence."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole(least: int) -> Callable[[str], int]:
    """Reads a whole number that is no less."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
            raise ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return int(text)

    return read


def minutes(text: str) -> float:
    """Reads a length of time; 0 is one turn."""
    try:
        found = float(text)
    except ValueError:
        found = -1
    if not 0 <= found <= 1_000_000:
        raise ArgumentTypeError(f"{text!r} is no number of minutes")
    return found
