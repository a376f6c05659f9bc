"""The newest frames of both sides, for a log upload: time, direction, id, action, and what may be told of the payload.

Rules this file upholds:
- It is kept in memory alone, and no more of it than MOST_BYTES: the card is not written for it.
- Secrets never get here: each payload passes the veils first. What is no JSON is kept as its size.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from evsed.core.words import Stamp
from evsed.ocpp.frames import Payload
from evsed.ocpp.veils import Curtain, Hidden, Veils

MOST_BYTES = 262_144
LONGEST_LINE = 4_096
OVERHEAD = 256  # what Python needs beside the text of a line

_encode = msgspec.json.Encoder().encode


class Tape:
    """The ring; `hidden` is what was left out of it, to be looked for elsewhere."""

    def __init__(self, stamp: Callable[[], Stamp]) -> None:
        self._stamp = stamp
        self._lines: deque[tuple[Stamp, bytes]] = deque()
        self._bytes = 0
        self.hidden = Hidden()

    def add(self, line: bytes) -> None:
        """The newest; a long one is cut, and the oldest make room."""
        kept = line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + b"... %d bytes" % len(line)
        self._lines.append((self._stamp(), kept))
        self._bytes += len(kept) + OVERHEAD
        while self._bytes > MOST_BYTES:
            self._bytes -= len(self._lines.popleft()[1]) + OVERHEAD

    def __iter__(self) -> Iterator[tuple[Stamp, str]]:
        """All, oldest first, as they are now."""
        return ((at, line.decode(errors="replace")) for at, line in tuple(self._lines))


class Recorder:
    """Puts the frames of a dialect on a tape."""

    def __init__(self, tape: Tape, veils: Veils) -> None:
        self._tape = tape
        self._curtain = Curtain(veils, tape.hidden)

    def message(self, head: str, payload: Payload) -> None:
        """One that could be read; the head says what it is."""
        self._tape.add(b"%b %b" % (head.encode(), _encode(self._curtain.veiled(payload))))

    def rest(self, head: str) -> None:
        """One that could not."""
        self._tape.add(head.encode())
