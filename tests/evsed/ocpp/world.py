"""A dialect's exchange and a central system, joined by hand: what one sends, the other receives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from evsed.core.effects import Answered, Reply, Send
from evsed.core.events import Answer, Binding, Delivered, Event, FromCentral, Request, Undelivered
from evsed.core.reports import Report
from evsed.core.words import Nameplate, Stamp
from evsed.ocpp.dialect import VendorHandler
from evsed.ocpp.exchange import Exchange, Output
from evsed.ocpp.tape import Tape
from evsed.ocpp.v16.dialect import DIALECT
from tests.world.csms import NEW_YEAR_2027, Csms

NAMEPLATE = Nameplate("Hearth & Home", "Wallbox", "SN-1", "0.1.0")
T0 = NEW_YEAR_2027
BOOT = "boot-1"


def at(seconds: float = 0) -> Stamp:
    """A stamp of a trusted clock."""
    return Stamp(BOOT, int(seconds * 1000), T0 + int(seconds * 1000))


UNDATED = Stamp("an older boot", 5, None)


class Peers:
    """An exchange that talks to `csms`; `events` is what reached the core, `lines` is the trace."""

    def __init__(
        self,
        bindings: Iterable[Binding] = (),
        vendors: Mapping[str, Mapping[str | None, VendorHandler]] | None = None,
        nameplate: Nameplate = NAMEPLATE,
        tape: Tape | None = None,
    ) -> None:
        self.csms = Csms()
        self.csms.registered = True
        self.lines: list[str] = []
        self.events: list[Event] = []
        self.now_ms = 0
        self._items = count(1)
        self.exchange = Exchange(
            DIALECT,
            nameplate,
            lambda stamp: stamp.wall_ms,
            bindings,
            vendors=vendors,
            trace=self.lines.append,
            tape=tape or Tape(at),
        )
        self.connect()

    def connect(self) -> None:
        self._done(self.exchange.opened(self.now_ms))

    def disconnect(self) -> None:
        self._done(self.exchange.closed(self.now_ms, "cut"))
        self.csms.disconnected()

    def report(self, report: Report, timeout_ms: int = 30_000) -> str:
        """Send it and carry frames both ways; returns its item."""
        item = f"item-{next(self._items)}"
        self._done(self.exchange.send(Send(item, report, timeout_ms), self.now_ms))
        self.carry()
        return item

    def answer_to(self, report: Report) -> Answer:
        """What the core learns of a report that is delivered."""
        self.report(report)
        event = self.events[-1]
        assert isinstance(event, Delivered), event
        return event.answer

    def sends(self, report: Report) -> dict[str, Any]:
        """The payload that the central system receives."""
        self.report(report)
        assert isinstance(self.events[-1], Delivered), self.events[-1]
        assert self.csms.breaches == []
        return self.csms.received[-1].payload

    def refused(self, report: Report) -> Undelivered:
        """Why it does not arrive."""
        self.report(report)
        event = self.events[-1]
        assert isinstance(event, Undelivered), event
        return event

    def asks(self, action: str, payload: dict[str, Any] | None = None) -> Request:
        """What reaches the core when the central system asks this."""
        before = len(self.events)
        self.csms.call(action, payload)
        self.carry()
        (event,) = self.events[before:]
        assert isinstance(event, FromCentral)
        return event.request

    def hears(self, frame: str | bytes) -> list[Any]:
        """What goes straight back when the station gets this frame."""
        output = self.exchange.receive(frame, self.now_ms)
        self.events += output.events
        return [json.loads(reply) for reply in output.frames]

    def asked(self, action: str, payload: object) -> list[Any]:
        """The same, for a call of the central system."""
        return self.hears(json.dumps([2, "q", action, payload]))

    def replies(self, request: Request, answer: Answered) -> list[Any]:
        """The frames with which the core's answer goes back."""
        return [json.loads(frame) for frame in self.exchange.reply(Reply(request.ref, answer)).frames]

    def passes(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        self._done(self.exchange.tick(self.now_ms))

    def carry(self) -> None:
        """Until nothing is under way."""
        while frames := self.csms.take():
            for frame in frames:
                self._done(self.exchange.receive(frame, self.now_ms))

    def _done(self, output: Output) -> None:
        self.events += output.events
        for frame in output.frames:
            self.csms.receive(frame)
