"""Mutants that change nothing that anybody could see, each with the reason why."""

from __future__ import annotations

import tomllib
from pathlib import Path

FILE = Path(__file__).with_name("equivalents.toml")


def equivalents(target: str) -> dict[str, str]:
    """Name and reason of each of a target."""
    rows = tomllib.loads(FILE.read_text()).get(target, [])
    return {row["mutant"]: row["why"] for row in rows}
