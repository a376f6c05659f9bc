"""What evsed allows one outlet, and what is left of it when evsed falls silent.

Rules this file upholds:
- A permission ends by itself: LEASE_MS after it was given at the latest.
- A charge that ran when its lease ended goes on with the installer's fallback for the grace time, never with more
  than it had, and is not begun anew in that time.
"""

from __future__ import annotations

import msgspec

from hal.contract import LEASE_MS, MIN_MA, Lease, Limits
from hal.iec61851 import FAR_MS


class Permit:
    """The newest lease of one outlet and the grace after it. `grant` may come from another thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ended: Lease | None = None
        self.lease: Lease | None = None
        self.grace_until_ms = 0

    def grant(self, lease: Lease, now_ms: int) -> None:
        """Take a new lease, shortened to LEASE_MS from now."""
        self.lease = msgspec.structs.replace(lease, until_ms=min(lease.until_ms, now_ms + LEASE_MS))

    def limit_ma(self, lease: Lease | None, charging: bool, now_ms: int) -> int:
        """What `lease`, read once from this permit, allows now; 0 = nothing. `charging` = closed by feedback."""
        if lease is None or not lease.closes:
            self.grace_until_ms = 0
            return 0
        if now_ms < lease.until_ms:
            self.grace_until_ms = 0
            return lease.max_ma
        if lease is not self._ended:
            self._ended = lease
            self.grace_until_ms = lease.until_ms + self._limits.grace_s * 1_000
        if not charging or now_ms >= self.grace_until_ms or self._limits.fallback_ma < MIN_MA:
            self.grace_until_ms = 0
            return 0
        return min(self._limits.fallback_ma, lease.max_ma)

    def due_ms(self, lease: Lease | None, now_ms: int) -> int:
        """When the permission next ends or falls back by time alone."""
        if lease is None:
            return FAR_MS
        if now_ms < lease.until_ms:
            return lease.until_ms
        return self.grace_until_ms if now_ms < self.grace_until_ms else FAR_MS
