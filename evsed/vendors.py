"""Handlers of vendors' messages (DataTransfer) that come with packages of an OEM's own.

Rules this file upholds:
- A package names its vendor in the entry-point group `evsed.vendors`; a name in a message never chooses code.
- What an entry point gives is `{message or None: handler}`; a handler is a function of (data, ref, lookups) that
  returns a VendorReply or a request for the core. It touches nothing else: the core decides.
- A package that can't be loaded keeps evsed from starting, with one sentence; a handler that breaks is answered for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from evsed.core.effects import VendorReply
from evsed.core.events import Ref, Request
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Lookups, VendorHandler

GROUP = "evsed.vendors"

log = logging.getLogger("evsed")


class VendorError(Exception):
    """A package that can't be used; the text is one sentence."""


def handlers() -> dict[str, dict[str | None, VendorHandler]]:
    """All that is installed, by vendor and message in lower case. Raises VendorError."""
    found: dict[str, dict[str | None, VendorHandler]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        vendor = point.name.lower()
        if vendor in found:
            raise VendorError(f"vendor {point.name} is handled by two packages; remove one of them")
        found[vendor] = _messages(point)
    return found


def _messages(point: EntryPoint) -> dict[str | None, VendorHandler]:
    try:
        messages = point.load()
    except Exception as broken:  # whatever the package's code raises
        why = f"{type(broken).__name__}: {broken}"
        raise VendorError(f"vendor {point.name}: {point.value} can't be loaded ({why}); mend or remove it") from None
    if not isinstance(messages, Mapping) or not all(_fits(*item) for item in messages.items()):
        raise VendorError(f"vendor {point.name}: {point.value} is no table of message names (or None) and functions")
    return {message and message.lower(): _guarded(point.name, handler) for message, handler in messages.items()}


def _fits(message: object, handler: object) -> bool:
    return (message is None or (isinstance(message, str) and message != "")) and callable(handler)


def _guarded(vendor: str, handler: VendorHandler) -> VendorHandler:
    def handle(data: str | None, ref: Ref, lookups: Lookups) -> Request | VendorReply:
        try:
            return handler(data, ref, lookups)
        except Exception as broken:  # a foreign package must not end evsed
            log.error("! the handler of vendor %s broke: %s: %s", vendor, type(broken).__name__, broken)
            return VendorReply(Verdict.REJECTED)

    return handle
