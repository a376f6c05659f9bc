"""Which modules are hunted through, each with the tests that must notice every mutant of it, the quickest first."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Target(NamedTuple):
    """A module and its tests: its own, not those of the whole wallbox that would notice something, somehow."""

    module: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Its source."""
        return ROOT / f"{self.module.replace('.', '/')}.py"


def _own(name: str, *tests: str) -> Target:
    return Target(f"hal.{name}", tuple(f"tests/hal/test_{test}.py" for test in tests or (name,)))


TARGETS = {
    "guard": _own("guard"),
    "iec61851": _own("iec61851", "iec61851_steps", "iec61851", "iec61851_sequences"),
    "ceilings": _own("ceilings"),
    "contacts": _own("contacts"),
    "latches": _own("latches"),
    "retries": _own("retries"),
    "heat": _own("heat"),
    "bolt": _own("bolt"),
    "voltages": _own("voltages"),
    "phases": _own("phases", "phases_steps", "phases"),
    "lease": _own("lease"),
}
