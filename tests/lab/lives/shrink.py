"""The shortest story that still goes wrong: delta debugging over the list of acts (Zeller's ddmin)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrunk(acts: Sequence[T], fails: Callable[[Sequence[T]], bool], most_tries: int = 200) -> list[T]:
    """A part of `acts` that `fails` as well and from which hardly any act can be left out; `fails(acts)` is so."""
    left, pieces, tries = list(acts), 2, 0
    while len(left) >= 2 and tries < most_tries:
        size = max(1, len(left) // pieces)
        for at in range(0, len(left), size):
            without = left[:at] + left[at + size :]
            tries += 1
            if fails(without):
                left, pieces = without, max(pieces - 1, 2)
                break
        else:
            if size == 1:
                break
            pieces = min(len(left), pieces * 2)
    return left
