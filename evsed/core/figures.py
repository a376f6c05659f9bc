"""Figures as people read them. Integers only; what is cut off is cut off, never rounded up."""

from __future__ import annotations


def amps(ma: int) -> str:
    """Milliamps: 16000 → "16.0 A"."""
    return f"{ma // 1_000}.{ma % 1_000 // 100} A"


def volts(mv: int) -> str:
    """Millivolts: 229871 → "229 V"."""
    return f"{mv // 1_000} V"


def kilowatts(w: int) -> str:
    """Watts: 10980 → "10.98 kW"."""
    return f"{w // 1_000}.{w % 1_000 // 10:02} kW"


def kilowatt_hours(wh: int) -> str:
    """Watt-hours: 3214 → "3.214 kWh"."""
    return f"{wh // 1_000}.{wh % 1_000:03} kWh"


def time_of_day(wall_ms: int) -> str:
    """A moment on the wall clock: "14:05 UTC"."""
    minutes = wall_ms // 60_000 % 1_440
    return f"{minutes // 60:02}:{minutes % 60:02} UTC"


def day(wall_ms: int) -> str:
    """A day of the calendar: "2027-01-15" (UTC). Years begin with March, so that a leap day is the last of one."""
    era, of_era = divmod(wall_ms // 86_400_000 + 719_468, 146_097)  # days since 0000-03-01; 400 years are one era
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    date = of_year - (153 * month + 2) // 5 + 1
    return f"{era * 400 + year + (month >= 10)}-{(month + 2) % 12 + 1:02}-{date:02}"


def duration(seconds: int) -> str:
    """A stretch of time in its two largest units: 3725 → "1 h 2 min"."""
    minutes, s = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (s, "s")) if n]
    return " ".join(parts[:2]) or "0 s"
