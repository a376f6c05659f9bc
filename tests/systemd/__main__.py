"""The systemd checks of `./evse test`: one line a unit, exit code 1 if any is not clean."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.systemd import units


def main() -> int:
    if not units.here():
        print("systemd-analyze is not on this machine: the units were not checked (apt install systemd)")
        return 0
    bad = 0
    with tempfile.TemporaryDirectory(prefix="evse-units-") as folder:
        laid_out = units.lay_out(Path(folder))
        said = units.complaints(laid_out)
        for line in said:
            print(f"verify: {line}")
        if not said:
            print(f"verify: {len(list(laid_out.iterdir()))} units clean")
        for service in sorted(laid_out.glob("*.service")):
            passes, verdict = units.exposure(service)
            bad += not passes
            print(f"security: {verdict.removeprefix('→ ')}")
    return 1 if bad or said else 0


if __name__ == "__main__":
    sys.exit(main())
