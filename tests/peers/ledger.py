"""What a central system knows from the messages alone: transactions, statuses, counts, breaches.

Works on the frames that both servers print, so both are judged by the same book.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

Payload = dict[str, Any]


@dataclass(slots=True)
class Frame:
    """One message. `dir` is "in" for those to the central system; `breach` is the server's own verdict."""

    at: str
    dir: str
    kind: str
    id: str | None
    action: str | None
    payload: Any
    breach: str | None = None

    def as_dict(self) -> Payload:
        """As it is printed."""
        return asdict(self)


@dataclass(slots=True)
class Charge:
    """One transaction as the central system saw it; None = not seen."""

    id: int | None
    connector: int
    tag: str
    started: str
    start_wh: int
    samples: int = 0
    stopped: str | None = None
    stop_wh: int | None = None
    stop_tag: str | None = None
    reason: str | None = None

    @property
    def kwh(self) -> float | None:
        """What was charged."""
        return None if self.stop_wh is None else (self.stop_wh - self.start_wh) / 1_000


@dataclass(slots=True)
class Ledger:
    """Fed with each frame in its order; `summary` at any time."""

    charges: list[Charge] = field(default_factory=list)
    statuses: dict[int, list[str]] = field(default_factory=dict)
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)
    repeats: int = 0
    _ids: set[str] = field(default_factory=set)
    _starts: dict[str, Charge] = field(default_factory=dict)

    def note(self, frame: Frame) -> None:
        """One more message."""
        self.counts[frame.action or "?", frame.kind, frame.dir] += 1
        if frame.breach is not None:
            way = "to the central system" if frame.dir == "in" else "to the station"
            self.breaches.append(f"{frame.action or 'a frame'} {frame.kind} {way}: {frame.breach}")
        elif frame.kind == "CALL" and frame.dir == "in":
            with suppress(KeyError, TypeError):  # a server that gives its verdict later shows a malformed one first
                self._note_news(frame)
        elif frame.kind == "CALLRESULT" and frame.action == "StartTransaction" and frame.id in self._starts:
            self._starts[frame.id].id = frame.payload["transactionId"]

    def _note_news(self, frame: Frame) -> None:
        said, id_ = frame.payload, str(frame.id)
        self.repeats += id_ in self._ids
        if frame.action == "StatusNotification":
            seen = self.statuses.setdefault(said["connectorId"], [])
            seen.append(said["status"] if said["errorCode"] == "NoError" else f"{said['status']}/{said['errorCode']}")
        elif frame.action == "StartTransaction" and id_ not in self._ids:
            charge = Charge(None, said["connectorId"], said["idTag"], said["timestamp"], said["meterStart"])
            self.charges.append(charge)
            self._starts[id_] = charge
        elif frame.action in ("MeterValues", "StopTransaction"):
            self._note_charge(frame.action, said)
        self._ids.add(id_)

    def _note_charge(self, action: str, said: Payload) -> None:
        charge = next((c for c in self.charges if c.id is not None and c.id == said.get("transactionId")), None)
        if charge is None:
            if action == "StopTransaction":
                self.breaches.append(f"StopTransaction of a transaction never started: {said['transactionId']}")
        elif action == "MeterValues":
            charge.samples += len(said["meterValue"])
        else:
            charge.stopped, charge.stop_wh = said["timestamp"], said["meterStop"]
            charge.reason, charge.stop_tag = said.get("reason", "Local"), said.get("idTag")

    def summary(self) -> Payload:
        """All of it, ready for JSON."""
        return {
            "transactions": [asdict(charge) | {"kwh": charge.kwh} for charge in self.charges],
            "statuses": {str(connector): seen for connector, seen in sorted(self.statuses.items())},
            "messages": {f"{dir_} {kind} {action}": n for (action, kind, dir_), n in sorted(self.counts.items())},
            "repeats": self.repeats,
            "breaches": self.breaches,
        }
