"""What was in hand when evsed broke down, so that the same thing cannot break it for ever.

An unexpected exception ends the process, and systemd starts it again. A request or a row of the outbox that was in hand
at three such ends is not taken up again: it is set aside and said in the log. A run of ten minutes forgets all blame.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

CRASHES = 3
FORGET_MS = 600_000

log = logging.getLogger("evsed")


class Quarantine:
    """Blame by digest, kept in one small file of the state folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "crashes.json"
        self._blame: dict[str, int] = {}
        # No file, or a damaged one: nobody is to blame.
        with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._blame = msgspec.json.decode(self._file.read_bytes(), type=dict[str, int])

    def holds(self, thing: object) -> bool:
        """Whether it broke us often enough."""
        return self._blame.get(_digest(thing), 0) >= CRASHES

    @contextmanager
    def in_hand(self, thing: object) -> Iterator[None]:
        """While it is handled: an exception is written to its account and goes on."""
        try:
            yield
        except Exception:
            digest = _digest(thing)
            self._blame[digest] = self._blame.get(digest, 0) + 1
            log.error("! broke down with %s in hand, %d. time", type(thing).__name__, self._blame[digest])
            self._write()
            raise

    def forget(self) -> None:
        """All went well for long enough."""
        if self._blame:
            self._blame.clear()
            self._write()

    def _write(self) -> None:
        with suppress(OSError):  # a full disk must not hide the first cause
            self._file.write_bytes(msgspec.json.encode(self._blame))


def _digest(thing: object) -> str:
    return hashlib.sha256(repr(thing).encode()).hexdigest()[:32]
