"""Dates on the wire (ISO 8601, RFC 3339) to and from milliseconds since 1970, UTC. Knows no clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_S = 86_400
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d|60)(?:[.,](\d{1,20}))?)?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d)?)?",
    re.ASCII,
)

# A central system that says anything else is not telling the time.
_BELIEVABLE_MS = range(
    (date(2020, 1, 1).toordinal() - _EPOCH_DAY) * _DAY_S * 1000,
    (date(2100, 1, 1).toordinal() - _EPOCH_DAY) * _DAY_S * 1000,
)


def write_date(wall_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-20T23:30:00.000Z."""
    return (_EPOCH + timedelta(milliseconds=wall_ms)).isoformat(timespec="milliseconds")[:-6] + "Z"


def read_date(text: str) -> int | None:
    """Milliseconds since 1970 of a date with any fraction and offset; without a zone it is UTC. None: no date."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        day = date(int(match[1]), int(match[2]), int(match[3])).toordinal() - _EPOCH_DAY
    except ValueError:  # the 30th of February, the year 0
        return None
    seconds = day * _DAY_S + int(match[4]) * 3600 + int(match[5]) * 60 + int(match[6] or 0)
    offset = int(match[9] or 0) * 3600 + int(match[10] or 0) * 60
    seconds += offset if match[8] == "-" else -offset
    return seconds * 1000 + int(f"{match[7] or '0':0<3}"[:3])


def read_clock(text: str) -> int | None:
    """As `read_date`, but only what can be the present time: 2020 to 2099."""
    wall_ms = read_date(text)
    return wall_ms if wall_ms is not None and wall_ms in _BELIEVABLE_MS else None
