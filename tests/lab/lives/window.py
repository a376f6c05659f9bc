"""Which lines of a long log tell what went wrong: those before the first violation that says when it was."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from tests.lab.lives.invariants import Violation

AFTER_S = 1.0
_WHEN = re.compile(r"at ([\d.]+) s: ")


def window(lines: Sequence[str], violations: Sequence[Violation], most: int) -> list[str]:
    """At most so many; the last ones, where no violation says when it was. Each line begins with its time."""
    times = [float(found[1]) for violation in violations if (found := _WHEN.match(violation.text)) is not None]
    end = len(lines)
    if times:
        end = bisect_right(lines, min(times) + AFTER_S, key=lambda line: float(line.split(maxsplit=1)[0]))
    return list(lines[max(0, end - most) : end])
