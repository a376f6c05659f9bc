"""The service manager's side channel: ready, alive, stopping. Without systemd all of it does nothing."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Tell systemd, e.g. "READY=1"; whoever does not listen is not asked twice."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)


def period_s() -> float | None:
    """How often WATCHDOG=1 should be said: half of what systemd allows; None if it does not watch."""
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2_000_000 if allowed_us.isdigit() and int(allowed_us) > 0 else None
