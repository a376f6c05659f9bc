"""The protocol of a bring-up: text for a terminal, and a page that an installer prints and signs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from hal.bringup.findings import Finding, Section, Verdict

_SIGNS = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.SKIPPED: "–"}


class Head(NamedTuple):
    """What the protocol is about. `ended_early` = somebody stopped it."""

    title: str
    board: str
    version: str
    machine: str
    date: str
    ended_early: bool


def line(finding: Finding) -> str:
    """One finding in words."""
    text = f"  {_SIGNS[finding.verdict]} {finding.what}: {finding.measured} (expected: {finding.expected})"
    return f"{text}\n    look at: {finding.advice}" if finding.advice else text


def verdict(sections: Sequence[Section], ended_early: bool) -> str:
    """The last line: how it came out."""
    counts = dict.fromkeys(Verdict, 0)
    for finding in (finding for section in sections for finding in section.findings):
        counts[finding.verdict] += 1
    numbers = f"{counts[Verdict.PASSED]} passed, {counts[Verdict.FAILED]} failed, {counts[Verdict.SKIPPED]} skipped"
    return f"{numbers}; stopped before its end" if ended_early else numbers


def as_text(head: Head, sections: Sequence[Section]) -> str:
    """The whole protocol for reading."""
    lines = [head.title, *(f"{name}: {value}" for name, value in _facts(head)), ""]
    for section in sections:
        lines += [_name(section), *map(line, section.findings), ""]
    return "\n".join([*lines, verdict(sections, head.ended_early), "", *_SIGNATURE, ""])


def as_page(head: Head, sections: Sequence[Section]) -> str:
    """The same as one HTML page without anything from elsewhere."""
    facts = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _facts(head))
    tables = "".join(map(_table, sections))
    last = escape(verdict(sections, head.ended_early))
    signature = "".join(f"<p class=sign>{escape(text)}</p>" for text in _SIGNATURE)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(head.title)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(head.title)}</h1><table>{facts}</table>{tables}"
        f"<p><strong>{last}</strong></p>{signature}</html>\n"
    )


def _facts(head: Head) -> Iterable[tuple[str, str]]:
    yield "Board", head.board
    yield "Version", head.version
    yield "Machine", head.machine
    yield "Date", head.date


def _name(section: Section) -> str:
    return f"Outlet {section.evse}: {section.title}" if section.evse else section.title


def _table(section: Section) -> str:
    rows = "".join(map(_row, section.findings))
    head = "<tr><th></th><th>Measured</th><th>Expected</th><th>Found</th><th>Look at</th></tr>"
    return f"<h2>{escape(_name(section))}</h2><table>{head}{rows}</table>"


def _row(finding: Finding) -> str:
    cells = (_SIGNS[finding.verdict], finding.what, finding.expected, finding.measured, finding.advice)
    return f"<tr class={finding.verdict.lower()}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


_SIGNATURE = ("Installer: ______________________________", "Place, date: ____________________________")
_STYLE = (
    "body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;margin:0 0 1em}"
    "td,th{border:1px solid #999;padding:.3em .6em;text-align:left}.failed{background:#fdd}.skipped{color:#666}"
    ".sign{margin-top:2em}@media print{.failed{font-weight:bold}}"
)
