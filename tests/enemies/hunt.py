"""A small coverage-guided mutator: what makes the code walk a new way is kept, and bent further.

Rules this file upholds:
- One seed, one hunt: the same inputs in the same order.
- A door may take its input or refuse it in its own words; any other exception is a finding.
- No clock decides: an input after which too many lines ran is one that never ends.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, NamedTuple

LINES = 500_000
"""So many lines of our own code nobody needs for one input, unless the door says more."""
LARGEST = 40_000
KEPT = 400
ROOT = Path(__file__).resolve().parents[2]
OURS = (f"{ROOT}/evsed/", f"{ROOT}/hal/")
LONGEST_REFUSAL = 1_200
LONGEST_TOLD = 300


class Endless(BaseException):
    """An input after which the code did not come to an end."""


class Door(NamedTuple):
    """Where something comes in: what is known to come, what takes it, and how it may be refused. One that is `dear`
    is knocked at so many times less often; one input may be worth so many `lines` of our own code.
    """

    name: str
    seeds: tuple[bytes, ...]
    enter: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...] = ()
    words: tuple[bytes, ...] = ()
    rooms: tuple[str, ...] = OURS
    dear: int = 1
    lines: int = LINES

    def knocks(self, inputs: int) -> int:
        """How often it is knocked at where others are so often; with all that is known to come at least."""
        return max(len(self.seeds), inputs // self.dear)


class Finding(NamedTuple):
    """What a door must not do, with what made it do so."""

    door: str
    input: bytes
    wrong: str


def hunted(door: Door, seed: int, inputs: int) -> Iterator[Finding]:
    """Knock so many times; each way of going wrong is told once."""
    dice, known, kept, told = Random(f"{door.name} {seed}"), set[int](), list(door.seeds), set[str]()
    for number in range(door.knocks(inputs)):
        given = door.seeds[number] if number < len(door.seeds) else bent(dice, kept, door.words)
        ways, wrong = knock(door, given)
        if not ways <= known and len(kept) < KEPT:
            known |= ways
            kept.append(given)
        if wrong and (place := wrong.partition(": ")[0]) not in told:
            told.add(place)
            yield Finding(door.name, given, wrong)


def knock(door: Door, given: bytes) -> tuple[set[int], str]:
    """The ways that the code went, and what was wrong, if anything."""
    ways, wrong = set[int](), ""
    steps = _Steps(door.rooms, ways, door.lines)
    before = sys.gettrace()
    sys.settrace(steps.call)
    try:
        door.enter(given)
    except door.refuses as refused:
        if len(str(refused)) > LONGEST_REFUSAL:
            wrong = f"{_where(refused)}: a refusal that is too long"
    except Endless:
        wrong = "it does not end"
    except AssertionError as crash:
        wrong = f"{_where(crash)}: {str(crash)[:LONGEST_TOLD]}"
    except Exception as crash:
        wrong = f"{_where(crash)}: {type(crash).__name__}"
    except BaseExceptionGroup as several:  # how tasks tell of it
        if several.subgroup(Endless) is None:
            raise
        wrong = "it does not end"
    finally:
        sys.settrace(before)
    return ways, wrong


def _where(crash: Exception) -> str:
    """The line of ours where it happened, else the last one."""
    while isinstance(crash, ExceptionGroup):
        crash = crash.exceptions[0]
    frames = traceback.extract_tb(crash.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(OURS)]
    frame = (ours or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


class _Steps:
    """Counts the lines of our rooms, and notes from where to where they led."""

    def __init__(self, rooms: tuple[str, ...], ways: set[int], lines: int) -> None:
        self._rooms, self._ways, self._left = rooms, ways, lines

    def call(self, frame: FrameType, event: str, arg: Any) -> Callable[..., Any] | None:
        return self._inside(frame) if frame.f_code.co_filename.startswith(self._rooms) else None

    def _inside(self, frame: FrameType) -> Callable[..., Any]:
        code, was = id(frame.f_code), 0

        def line(frame: FrameType, event: str, arg: Any) -> Callable[..., Any]:
            nonlocal was
            self._left -= 1
            if self._left < 0:
                raise Endless
            self._ways.add(hash((code, was, frame.f_lineno)))
            was = frame.f_lineno
            return line

        return line


# --- bending -----------------------------------------------------------------------------------------------------

EDGES = (b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b'"', b"[", b"{", b"-", b"0", b"9", b"\xc3\x28", b"\xed\xa0\x80")
NUMBERS = (b"0", b"-1", b"1", b"2147483648", b"9223372036854775808", b"1e999", b"nan", b"9" * 5_000, b"0.1", b"true")


def bent(dice: Random, kept: list[bytes], words: tuple[bytes, ...]) -> bytes:
    """One of those that are kept, wrong in one or some places."""
    data = bytearray(dice.choice(kept))
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        dice.choice(BENDS)(dice, data, kept, words)
    return bytes(data[:LARGEST])


def _place(dice: Random, data: bytearray) -> tuple[int, int]:
    start = dice.randrange(len(data) + 1)
    return start, min(len(data), start + dice.choice((1, 1, 2, 4, 16, 64, 500)))


def _flip(dice: Random, data: bytearray, *_: Any) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _set(dice: Random, data: bytearray, *_: Any) -> None:
    if data:
        data[dice.randrange(len(data))] = dice.randrange(256)


def _cut(dice: Random, data: bytearray, *_: Any) -> None:
    start, end = _place(dice, data)
    del data[start : dice.choice((end, len(data)))]


def _double(dice: Random, data: bytearray, *_: Any) -> None:
    start, end = _place(dice, data)
    if len(data) < LARGEST // 10:
        data[start:start] = data[start:end] * dice.choice((1, 1, 2, 40, 2_000 if end - start < 20 else 2))


def _insert(dice: Random, data: bytearray, kept: list[bytes], words: tuple[bytes, ...]) -> None:
    start, end = _place(dice, data)
    data[start : dice.choice((start, end))] = dice.choice((*EDGES, *words))


def _splice(dice: Random, data: bytearray, kept: list[bytes], words: tuple[bytes, ...]) -> None:
    other = dice.choice(kept)
    start, end = _place(dice, data)
    data[start:end] = other[slice(*sorted((dice.randrange(len(other) + 1), dice.randrange(len(other) + 1))))]


def _number(dice: Random, data: bytearray, *_: Any) -> None:
    """Another number where one stands."""
    at = [n for n, byte in enumerate(data) if 0x30 <= byte <= 0x39]
    if at:
        start = end = dice.choice(at)
        while end < len(data) and 0x30 <= data[end] <= 0x39:
            end += 1
        data[start:end] = dice.choice(NUMBERS)


BENDS: tuple[Callable[..., None], ...] = (_flip, _set, _cut, _double, _insert, _insert, _splice, _number)
