"""OCPP messages and the summary of a charge in a line or two, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Payload = dict[str, Any]

# What a sample shows first; the rest of its values is only counted.
SHOWN = ("Energy.Active.Import.Register", "Power.Active.Import", "Current.Offered")
DULL = ("errorCode=NoError", "currentTime", "timestamp")


def frame_text(frame: Payload) -> str:
    """One message as the central system saw it: → to the central system, ← to the wallbox."""
    arrow = "→" if frame["dir"] == "in" else "←"
    kind = {"CALL": "", "CALLRESULT": " answered", "CALLERROR": " refused"}.get(frame["kind"], " unreadable")
    text = f"{arrow} {frame['action'] or 'a frame'}{kind} {brief(frame['payload'])}".rstrip()
    return f"{text}  BREACH: {frame['breach']}" if frame["breach"] else text


def brief(payload: object) -> str:
    """The telling parts of a payload."""
    if isinstance(payload, dict) and "meterValue" in payload:
        return _samples(payload)
    words = (word for word in _leaves("", payload) if not word.startswith(DULL))
    return " ".join(words)


def _leaves(name: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(name, inner)
    else:
        yield f"{name}={value}"


def _samples(payload: Payload) -> str:
    newest = payload["meterValue"][-1]["sampledValue"]
    values = {value.get("measurand", SHOWN[0]): value for value in reversed(newest)}
    shown = [f"{values[name]['value']} {values[name].get('unit', '')}".strip() for name in SHOWN if name in values]
    return f"{', '.join(shown)}  ({len(newest)} values, {newest[0].get('context', 'Sample.Periodic')})"


def summary_text(summary: Payload) -> list[str]:
    """What the central system knows of it all, from the messages alone."""
    lines = ["What the central system saw", ""]
    for charge in summary["transactions"]:
        lines += [
            f"  transaction {charge['id']}: card {charge['tag']} at connector {charge['connector']}",
            f"    started  {charge['started']}  at {charge['start_wh']} Wh",
            f"    stopped  {charge['stopped']}  at {charge['stop_wh']} Wh, reason {charge['reason']}",
            f"    energy   {energy_wh(charge)} Wh, {charge['samples']} meter samples on the way",
        ]
    for connector, statuses in summary["statuses"].items():
        lines.append(f"  connector {connector}: {' → '.join(statuses)}")
    received = {key.rsplit(" ", 1)[-1]: n for key, n in summary["messages"].items() if key.startswith("in CALL ")}
    lines.append(f"  messages: {', '.join(f'{n} {action}' for action, n in sorted(received.items()))}")
    lines.append(f"  sent again under their old id: {summary['repeats']}")
    lines.append(f"  breaches of the protocol: {'; '.join(summary['breaches']) or 'none'}")
    return lines


def energy_wh(charge: Payload) -> int | None:
    """What a stopped transaction charged."""
    return None if charge["stop_wh"] is None else charge["stop_wh"] - charge["start_wh"]
