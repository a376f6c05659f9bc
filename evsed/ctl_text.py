"""The answers of evsed as people read them: plain text, coloured where `paint` says so.

Rules this file upholds:
- Text that came from outside (logs, faults, names) can't move the cursor: only printable characters pass.
- Nothing heavy is imported; evsectl starts on the smallest Pi without a wait.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evsed.core.figures import amps, duration, kilowatt_hours, kilowatts, volts

Document = dict[str, Any]
Paint = Callable[[str, str], str]

INDENT = 18
FIGURES = {
    "closings": "closings of the contactor",
    "interruptions": "openings that nobody wanted",
    "short_c": "too short wishes of the car",
    "wake_ups": "pulses to wake it",
}
WIDEST = 40  # a cell that is longer moves the rest of its own line only
MOMENT = 19  # characters of a time
NARROWEST = 40  # in a narrower terminal lines are left as they are

CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "dim": "2"}
COLOURS = {"Charging": "green", "Faulted": "red", "Unavailable": "red", "Available": "bold"}


def plainly(_: str, text: str) -> str:
    """A paint without colours."""
    return text


def in_colours(colour: str, text: str) -> str:
    """A paint for terminals."""
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m"


def printable(text: str) -> str:
    """The text with whatever could steer a terminal made visible as "?"."""
    return "".join(c if c.isprintable() else "?" for c in text)


def status_text(status: Document, paint: Paint, width: int | None = None) -> str:
    """Everything of `status` on one page, at most so wide."""
    title = paint("bold", printable(f"{status['identity']}, evsed {status['version']}"))
    lines = [title, *_rows(_station(status), width)]
    for outlet in status["outlets"]:
        name = paint("bold", f"outlet {outlet['evse']}")
        state = paint(COLOURS.get(outlet["status"], "yellow"), outlet["status"])
        lines += ["", f"{name}  {state}", *_rows(_outlet(outlet), width)]
    return "\n".join(lines)


def _rows(rows: Iterable[tuple[str, str]], width: int | None) -> list[str]:
    return [line for name, text in rows if text for line in wrapped(f"  {name:<15} {printable(text)}", INDENT, width)]


def wrapped(line: str, indent: int, width: int | None) -> list[str]:
    """The line, or several of at most `width` characters of which all but the first are indented."""
    if width is None or width < NARROWEST:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False, drop_whitespace=True)


def _station(status: Document) -> Iterable[tuple[str, str]]:
    hal, tick, waiting = status["hal"], status["tick"], status["queue_length"]
    yield "central system", status["link"]["sentence"]
    if status["link"]["configured"]:
        yield "address", _address(status)
        yield "registration", status["registration_sentence"]
        yield "queue", f"{waiting} report{'' if waiting == 1 else 's'} to deliver"
    yield "hardware", f"evse-hal {'answers' if hal['up'] else 'is silent'} for {duration(hal['for_s'])}"
    if tick:
        worst = f"the worst by {tick['late_max_us'] // 1_000}.{tick['late_max_us'] % 1_000 // 100} ms"
        yield "tick", f"{tick['overruns']} of {tick['ticks']} late, {worst}"
    dropped = {"datagrams dropped by evse-hal": hal["dropped"], "garbled datagrams of evse-hal": hal["garbled"]}
    yield "counted", _counted(dropped | status["link"]["counters"])
    worth_a_word = (c for c in status["certificates"] if c["warning"] and (c["in_use"] or c["early"]))
    yield "certificates", "; ".join(f"{c['kind']} “{c['title']}” {c['warning']}" for c in worth_a_word)
    yield "clock", "" if status["clock_trusted"] else "not known yet; records are dated once it is"
    yield "journal", status["store"]


def _address(status: Document) -> str:
    """Where the central system is dialled, and how."""
    dials = status["dials"]
    older = f", with the {dials['older']} before the newest" if dials["older"] else ""
    return f"{status['link']['url']} with security profile {dials['profile']}{older}"


def _outlet(outlet: Document) -> Iterable[tuple[str, str]]:
    drawn = " / ".join(amps(ma) for ma in outlet["drawn_ma"]) or "unknown"
    session, register = outlet["session_wh"], outlet["energy_wh"]
    yield "why", outlet["why"]
    mains = " / ".join(volts(mv) for mv in outlet["voltage_mv"])
    yield "current", f"{amps(outlet['offered_ma'])} offered, {drawn} drawn{f' at {mains}' if mains else ''}"
    yield "limits", ", ".join(f"{owner} {amps(ma)}" for owner, ma in outlet["limits"])
    yield "phases", "" if outlet["phases"] is None else f"{outlet['phases']} of 3"
    yield "temperature", ", ".join(f"{place} {mc / 1_000:.1f} °C" for place, mc in outlet["warmth"])
    yield "power", "unknown" if outlet["power_w"] is None else kilowatts(outlet["power_w"])
    yield "this charge", "" if session is None else kilowatt_hours(session)
    yield "register", "unknown" if register is None else kilowatt_hours(register)
    yield "unassigned", _unassigned(outlet["unassigned_wh"])
    figures = outlet["figures"] or {}
    yield "counted", _counted({words: figures.get(name, 0) for name, words in FIGURES.items()})
    yield "contactor", _life(figures)
    yield "card", outlet["token"] or ""
    yield "transaction", outlet["tx"] or ""
    for fault in outlet["faults"]:
        weight = "warning" if not fault["opens"] else "latched fault" if fault["latched"] else "fault"
        advice = f"; {fault['advice']}" if fault["advice"] else ""
        yield weight, f"{fault['name']}: {fault['text'].rstrip('.')}{advice}"


def _counted(figures: dict[str, int]) -> str:
    """What has happened at all, in one line."""
    return ", ".join(f"{words}: {count}" for words, count in figures.items() if count)


def _life(figures: dict[str, int]) -> str:
    """What the contactor did since it was new."""
    closings, rated = figures.get("life_closings", 0), figures.get("rated_closings", 0)
    told = f"{closings} closings and {figures.get('life_hours', 0)} h since it was new"
    return f"{told}, rated for {rated}" if rated else told if closings else ""


def _unassigned(wh: int) -> str:
    """What flowed behind a silent meter, or in a circuit that is none of ours."""
    return f"{kilowatt_hours(wh)} counted since the last transaction" if wh else ""


def certificates_text(certificates: Sequence[Document]) -> str:
    """One line a certificate; the one in use is marked."""
    if not certificates:
        return "There are no certificates."
    rows = [
        (
            c["kind"],
            c["title"],
            _day(c["until_ms"]),
            c["serial"],
            ", ".join(filter(None, (c["in_use"] * "in use", c["warning"]))),
        )
        for c in certificates
    ]
    return table(("KIND", "SUBJECT", "UNTIL", "SERIAL", "MORE"), rows)


def security_text(events: Sequence[Document]) -> str:
    """One line an event."""
    rows = [(_moment(e["at_ms"]), e["kind"], printable(e["info"])) for e in events]
    return table(("WHEN", "WHAT", "MORE"), rows)


def log_text(lines: Sequence[Document]) -> str:
    """Each line behind the time at which it was said."""
    return "".join(f"{_moment(line['at_ms']):{MOMENT}}  {printable(line['text'])}\n" for line in lines)


def transactions_text(transactions: Sequence[Document], width: int | None = None) -> str:
    """One line a transaction, and one for what was counted before it and is nobody's; its long name only where there is
    room for it.
    """
    rows = [row for t in transactions for row in _transaction(t)]
    head = ("OUTLET", "CARD", "STARTED", "ENDED", "ENERGY", "REASON", "TRANSACTION")
    whole = table(head, rows)
    return whole if _fits(whole, width) else table(head[:-1], [row[:-1] for row in rows])


def _transaction(t: Document) -> Iterable[tuple[str, ...]]:
    ended = "running" if t["running"] else _moment(t["ended_ms"])
    evse, began, energy = str(t["evse"]), _moment(t["started_ms"]), kilowatt_hours(t["energy_wh"])
    yield evse, t["card"] or "-", began, ended, energy, t["reason"] or "-", t["id"]
    if t["unassigned_wh"]:
        yield evse, "nobody", "-", began, kilowatt_hours(t["unassigned_wh"]), "-", "-"


def variables_text(variables: Sequence[Document], width: int | None = None) -> str:
    """One line a variable: how it is named, what it is, whether it can be written; two where that is too wide."""
    rows = [
        (v["name"], value_text(v), v["unit"] or "-", v["help"] + ("" if v["writable"] else " (read-only)"))
        for v in variables
    ]
    whole = table(("NAME", "VALUE", "UNIT", "MEANING"), rows)
    if _fits(whole, width):
        return whole
    lines: list[str] = []
    for name, value, unit, meaning in rows:
        lines += wrapped(f"{name} = {value.replace(',', ', ')}{'' if unit == '-' else f' {unit}'}", 8, width)
        lines += wrapped(f"    {printable(meaning)}", 4, width)
    return "\n".join(lines)


def _fits(text: str, width: int | None) -> bool:
    return width is None or max(map(len, text.splitlines())) <= width


def value_text(variable: Document) -> str:
    """The value alone, as scripts want it; of a secret only whether there is one."""
    if variable["secret"]:
        return f"({'set' if variable['set'] else 'not set'}; it can't be read)"
    return printable("" if variable["value"] is None else variable["value"])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, each as wide as its widest cell that is not overlong; the last one as it comes."""
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(cell) for cell in column if len(cell) <= WIDEST) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _day(wall_ms: int | None) -> str:
    return "unknown" if wall_ms is None else time.strftime("%Y-%m-%d", time.gmtime(wall_ms / 1_000))


def _moment(wall_ms: int | None) -> str:
    if wall_ms is None:
        return "not dated yet"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_ms / 1_000))
