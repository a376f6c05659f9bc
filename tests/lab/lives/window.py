"""Which lines of a long log tell what went wrong: those before the first violation that says when it was.

What is only found in the end went wrong somewhere before it, mostly about the last act of the shortest story: then the
lines about that act are told, and the last ones.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from tests.lab.lives.invariants import Violation

AFTER_S = 1.0
SETTLED_S = 10.0  # after an act: a charge has ended and was told
_WHEN = re.compile(r"at ([\d.]+) s: ")


def window(
    lines: Sequence[str], violations: Sequence[Violation], most: int, last_act_s: float | None = None
) -> list[str]:
    """At most so many; the last ones, where no violation says when it was, with as many about the last act before them
    where that is known. Each line begins with its time.
    """
    times = [float(found[1]) for violation in violations if (found := _WHEN.match(violation.text)) is not None]
    end = len(lines)
    if times:
        end = _until(lines, min(times) + AFTER_S)
    last = lines[max(0, end - most) : end]
    if times or last_act_s is None:
        return list(last)
    middle = min(_until(lines, last_act_s + SETTLED_S), end - len(last))
    about = lines[max(0, middle - most) : middle]
    return [*about, *(["…"] if middle < end - len(last) else []), *last]


def _until(lines: Sequence[str], second: float) -> int:
    return bisect_right(lines, second, key=lambda line: float(line.split(maxsplit=1)[0]))
