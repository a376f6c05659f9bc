"""A figure: what was measured how often, in which unit, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """`key` carries the unit in its name; `most` is the bound that it should keep, None where there is none."""

    key: str
    values: Sequence[float]
    most: float | None = None

    @property
    def typical(self) -> float:
        return median(self.values)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Iterable[Figure]) -> str:
    lines = [f"{'figure':58} {'median':>11} {'lowest':>11} {'highest':>11} {'n':>6}  goal"]
    for figure in figures:
        goal = ""
        if figure.most is not None:
            goal = f"≤ {figure.most:g}" + ("" if figure.typical <= figure.most else "  MISSED")
        numbers = (figure.typical, min(figure.values), max(figure.values))
        shown = " ".join(f"{number:>11.4g}" for number in numbers)
        lines.append(f"{figure.key:58} {shown} {len(figure.values):>6}  {goal}")
    return "\n".join(lines)


def document(figures: Iterable[Figure]) -> str:
    """One key a figure: its median; and its spread under the same key with `_low` and `_high`."""
    found: dict[str, float] = {}
    for figure in figures:
        found[figure.key] = figure.typical
        if len(figure.values) > 1:
            found[f"{figure.key}_low"] = min(figure.values)
            found[f"{figure.key}_high"] = max(figure.values)
    return json.dumps(found, indent=1)
