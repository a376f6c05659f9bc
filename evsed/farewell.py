"""How the life of evsed before this one ended, if it was not meant to end: for the security log.

    python -I -m evsed.farewell RUNTIME        (ExecStopPost of the unit: systemd says in SERVICE_RESULT how it ended)

Rules this file upholds:
- A mark lies in the runtime folder from the start until the end that evsed means. Who finds one there comes after a
  life that broke off. The folder is emptied by a reboot of the machine, so a power cut is no such end.
- Without systemd it is known that a life broke off, and not how. It needs the standard library only.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

MARK = "running"
ENDS = {
    "watchdog": "evsed stood still, and its watchdog restarted it",
    "oom-kill": "evsed was killed for want of memory, and restarted",
    "signal": "evsed was killed, and restarted",
    "core-dump": "evsed crashed, and was restarted",
    "exit-code": "evsed crashed, and was restarted",
}
UNKNOWN = "evsed broke off, and was restarted"


def greet(runtime: Path) -> str:
    """Once at the start: how the life before broke off, "" if it did not."""
    mark, before = runtime / MARK, ""
    with suppress(OSError):  # without a runtime folder nothing is known, and nothing depends on it
        if mark.exists():
            before = ENDS.get(mark.read_text(errors="replace").strip(), UNKNOWN)
        mark.write_text("")
    return before


def part(runtime: Path) -> None:
    """This end is meant."""
    with suppress(OSError):
        (runtime / MARK).unlink()


def note(runtime: Path, result: str) -> None:
    """It ended so, unless it was meant to."""
    mark = runtime / MARK
    with suppress(OSError):  # then it is known that it broke off, and not how
        if mark.exists():
            mark.write_text(result)


if __name__ == "__main__":
    note(Path(sys.argv[1]), os.environ.get("SERVICE_RESULT", ""))
