"""The answer to UnlockConnector, which is given when it is known whether the bolt opened (OCPP 1.6 §5.18)."""

from __future__ import annotations

from evsed.core.effects import Reply
from evsed.core.events import Ref
from evsed.core.seen import Seen
from evsed.core.turn import Turn
from evsed.core.words import Verdict

PATIENCE_MS = 20_000


class Unlocking:
    """Someone asked for the cable of one outlet and waits for the answer."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._asked: tuple[Ref, int] | None = None

    @property
    def waits(self) -> bool:
        """Whether there is an answer to give."""
        return self._asked is not None

    def begin(self, ref: Ref, turn: Turn) -> None:
        """Wait for the bolt; who asked before does not get it."""
        self._answer(Verdict.UNLOCK_FAILED, turn)
        self._asked = ref, turn.now.mono_ms

    def settle(self, turn: Turn) -> None:
        """Answer once the bolt is open, or won't be any more; nothing charges by now."""
        ends_ms = self.next_deadline()
        if self._seen.locked is False:
            self._answer(Verdict.UNLOCKED, turn)
        elif ends_ms is not None and turn.now.mono_ms >= ends_ms:
            self._answer(Verdict.UNLOCK_FAILED, turn)

    def next_deadline(self) -> int | None:
        """When the patience ends."""
        return None if self._asked is None else self._asked[1] + PATIENCE_MS

    def _answer(self, verdict: Verdict, turn: Turn) -> None:
        if self._asked is not None:
            turn.tell(Reply(self._asked[0], verdict))
        self._asked = None
