"""What a step of the bring-up found: expected, measured, and what to look at when both differ."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How a measurement came out. SKIPPED names its reason in `measured`; it is neither good nor bad."""

    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "skipped"


class Finding(NamedTuple):
    """One line of the protocol. `advice` is empty unless it failed."""

    what: str
    expected: str
    measured: str
    verdict: Verdict
    advice: str = ""


def judged(what: str, expected: str, measured: str, good: bool, advice: str) -> Finding:
    """Passed or failed."""
    return Finding(what, expected, measured, Verdict.PASSED if good else Verdict.FAILED, "" if good else advice)


def skipped(what: str, expected: str, why: str) -> Finding:
    """Not tried."""
    return Finding(what, expected, why, Verdict.SKIPPED)


class Section(NamedTuple):
    """All findings of one part of one outlet."""

    evse: int
    title: str
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether anything did."""
        return any(finding.verdict is Verdict.FAILED for finding in self.findings)
