"""The page of faults is the catalogue: what hal calls them, what a central system gets, what a driver is told.

`python -m tests.test_faults_page` writes it anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from evsed.core import advice
from evsed.ocpp.v16.status import CHARGEX
from hal.faults import CATALOGUE, Clears, Kind, Name

PAGE = Path(__file__).resolve().parent.parent / "docs" / "faults.md"
HEAD = f"""# Faults and warnings

Written by `python -m tests.test_faults_page` from the catalogue of `hal/faults.py`; do not edit it by hand.

A fault keeps the contactor open; a warning is only told.
Over OCPP 1.6 a StatusNotification bears `errorCode`.
Where the list of minimum required error codes of ChargeX has the fault, `vendorErrorCode` is its code, `vendorId` is
`{CHARGEX}`, and `info` begins with our name.
Else `vendorErrorCode` is our name and `vendorId` the vendor of `site.toml`.
OCPP 2.x gets the text.
OVER_CURRENT and RESIDUAL_CURRENT end by themselves too, as often and as late as `[retry]` of `site.toml` says.
With Faulted, EVCommunicationError is sent as OtherError, since it may not go with that status.

| name | kind | text | ends | errorCode | ChargeX | what to do |
| --- | --- | --- | --- | --- | --- | --- |
"""


def ends(kind: Kind) -> str:
    """How it clears."""
    if kind.clears is not Clears.BY_ITSELF:
        return kind.clears.value
    held = f"{kind.hold_ms // 1_000} s after its cause has gone, or at unplugging"
    return held if kind.hold_ms else "once its cause has gone"


def row(name: Name, kind: Kind) -> str:
    told = advice.on_fault(name, latched=True, opens=kind.opens, evse=1)
    what = "fault" if kind.opens else "warning"
    return f"| {name} | {what} | {kind.text} | {ends(kind)} | {kind.code16} | {kind.mrec or '–'} | {told} |"


def page() -> str:
    return HEAD + "".join(f"{row(name, kind)}\n" for name, kind in CATALOGUE.items())


def test_the_page_is_of_today() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.test_faults_page"


if __name__ == "__main__":
    sys.exit(PAGE.write_text(page()) and None)
