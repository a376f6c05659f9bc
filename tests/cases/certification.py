"""The cases by which a station is certified, by module, and where their numbers stand in a test's name.

A scenario bears its case as `test_tc_003_…`, or one parameter of it as `[TC_014_CS]`. The steps of 007, 023, 037
and 061 are public without the parts of their numbers; there the parts are orders and settings in which the case can go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

OCPP16: dict[str, str] = {
    "Cold boot": "001 002",
    "Start": "003 004_1 004_2",
    "Stop": "005_1 005_2 005_3 068 069",
    "Cache": "007_1 007_2 061_1 061_2",
    "Remote start and stop": "010 011_1 011_2 012",
    "Reset": "013 014 015 016",
    "Unlock": "017_1 017_2 018_1 018_2",
    "Configuration": "019 021",
    "Meter values": "070 071",
    "Start refused": "023_4 023_5 024",
    "Remote start and stop refused": "026 027 028",
    "Unlock refused": "030 031",
    "Power failure": "032_1 032_2 034",
    "Offline": "036 037_1 037_2 037_3 038 039",
    "Configuration refused": "040_1 040_2",
    "Fault": "041",
    "Local list": "008_1 008_2 042_1 042_2 043 043_1 043_2 043_3",
    "Firmware": "044_1 044_2 044_3",
    "Diagnostics": "045_1 045_2",
    "Reservation": "046_1 046_2 047 048_1 048_2 048_3 048_4 049 050_1 050_2 050_3 050_4 051 052 053_1 053_2",
    "Trigger": "054 055",
    "Smart charging": "056 057 058_1 058_2 059 060 066 067 072 082",
    "Data transfer": "062",
    "Security": "073 074 075_1 075_2 076 077 078 079 080 081 083 084 085 086 087",
}
SUITES = {"1.6": OCPP16}

# A case that can't be walked through here, and why.
NOT_HERE: dict[str, str] = {
    "032_1": "needs a back-up power source and its signal, which no board of ours has; 032_2 is the case without one",
}

_IN_A_NAME = re.compile(r"tc_(\d{3}(?:_\d)?)_", re.IGNORECASE)


def cases(suite: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Each case with its module, in the order of the certification."""
    for module, numbers in suite.items():
        for number in numbers.split():
            yield module, number


def case_of(nodeid: str) -> str | None:
    """The case that a test bears, or None."""
    found = _IN_A_NAME.search(nodeid.rpartition("::")[2])
    return found and found[1]
