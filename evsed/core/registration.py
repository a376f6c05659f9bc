"""Whether the central system has taken us: the boot states of OCPP 1.6 §4.2 and what may leave in each."""

from __future__ import annotations

from evsed.core.events import BootAnswer
from evsed.core.outbox import Stage
from evsed.core.words import Registration as State

OWN_WAIT_S = 60
"""Used where the central system names no interval, and when it does not answer a boot."""
LONGEST_WAIT_S = 86_400
"""Who is told to be silent for years is told so by mistake, and nothing but its power switch would bring it back."""


class Registration:
    """Boot, wait, try again; a mere reconnect is no boot."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.link_up = False
        self._accepted_here = False
        self._retry_ms = 0
        self._flush_pending = False

    @property
    def online(self) -> bool:
        """The link is up and we are accepted."""
        return self.link_up and self.state is State.ACCEPTED

    def connected(self) -> None:
        """The link came up; a boot that nobody answered yet need not wait, the link has its own pauses."""
        self.link_up, self._accepted_here, self._flush_pending = True, False, True
        self._retry_ms = 0 if self.state is None else self._retry_ms

    def flush_begins(self) -> bool:
        """True once for each connection and each acceptance, when we are online on it."""
        begins = self.online and self._flush_pending
        self._flush_pending = self._flush_pending and not begins
        return begins

    def forget(self) -> None:
        """This central system has not registered us."""
        self.state, self._retry_ms = None, 0

    def disconnected(self) -> None:
        """The link is gone; what the central system said of us stays."""
        self.link_up = False

    def boot_due(self, now_ms: int) -> bool:
        """Whether a BootNotification should be put now."""
        return self.link_up and self.state is not State.ACCEPTED and now_ms >= self._retry_ms

    def next_deadline(self) -> int | None:
        """When a boot becomes due."""
        return self._retry_ms if self.link_up and self.state is not State.ACCEPTED else None

    def answered(self, answer: BootAnswer, now_ms: int) -> None:
        """The central system decided."""
        self.state = answer.status
        self._accepted_here = answer.status is State.ACCEPTED
        self._flush_pending |= self._accepted_here
        # OCPP 1.6 §4.2: 0 = the station chooses a wait that floods nobody.
        wait_s = min(answer.interval_s, LONGEST_WAIT_S) if answer.interval_s > 0 else OWN_WAIT_S
        self._retry_ms = now_ms + wait_s * 1_000

    def unanswered(self, now_ms: int) -> None:
        """No usable answer to a boot."""
        self._retry_ms = now_ms + OWN_WAIT_S * 1_000

    def stage(self, now_ms: int) -> Stage:
        """What may leave now."""
        if not self.link_up:
            return Stage.NOTHING
        if self.state is State.ACCEPTED:
            return Stage.ALL
        if self.state is State.REJECTED and now_ms < self._retry_ms:
            return Stage.NOTHING  # OCPP 1.6 §4.2: silent until the interval is over
        return Stage.ASKED_FOR if self.state is State.PENDING else Stage.BOOT

    def boot_may_be_triggered(self, allowed_after_accepted: bool) -> bool:
        """Errata 3.35: after Accepted, until the next reconnect, a triggered boot is refused."""
        return allowed_after_accepted or not self._accepted_here
