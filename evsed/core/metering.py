"""Meter samples: which values a set holds, and when the next set is due.

Samples of a transaction come at fixed distances from its start, on the monotonic clock. Clock-aligned ones come at
multiples of their interval since midnight UTC, and only when the wall clock is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from evsed.core.measurands import PAIRS, PHASES, TO_NEUTRAL
from evsed.core.words import Context, Measurand, MeterReading, MeterSet, Now, SampledValue, Stamp

DAY_MS = 86_400_000
FIELDS = tuple(name for name in MeterReading.__struct_fields__ if name not in ("at_ms", "energy_wh", "power_w"))
FRESH_MS = 5_000
STEP_MS = 1_000


class Offer(Struct, frozen=True):
    """What the pilot offers, and how warm each watched place is, for the measurands that say so."""

    offered_ma: int
    phases: int
    warmth: tuple[tuple[str, int], ...] = ()


def _one(measurand: Measurand, value: int | None) -> list[SampledValue]:
    return [] if value is None else [SampledValue(measurand, value)]


def _each(measurand: Measurand, values: tuple[int, ...], phases: tuple[str, ...] = PHASES) -> list[SampledValue]:
    return [SampledValue(measurand, value, phase) for value, phase in zip(values, phases, strict=False)]


def _voltages(reading: MeterReading) -> list[SampledValue]:
    return _each(Measurand.VOLTAGE, reading.voltage_mv, TO_NEUTRAL)


def _powers(reading: MeterReading) -> list[SampledValue]:
    """The whole first, which some central systems look for; then all phases (OCPP 1.6 §3.16.3)."""
    return _one(Measurand.POWER_IMPORT, reading.power_w) + _each(Measurand.POWER_IMPORT, reading.phase_power_w)


def _power_offered(reading: MeterReading, offer: Offer) -> int:
    volts_mv = reading.voltage_mv[: offer.phases] or (230_000,) * offer.phases
    return sum(volts_mv) * offer.offered_ma // 1_000_000


def _phase_powers(reading: MeterReading) -> tuple[int, ...]:
    """What a meter of one phase measures as a whole is the power of that phase."""
    alone = max(len(reading.current_ma), len(reading.voltage_mv)) == 1
    return reading.phase_power_w or ((reading.power_w,) if alone else ())


BY_PHASE: dict[Measurand, Callable[[MeterReading], tuple[int, ...]]] = {
    Measurand.POWER_IMPORT: _phase_powers,
    Measurand.CURRENT_IMPORT: lambda r: r.current_ma,
    Measurand.VOLTAGE: lambda r: r.voltage_mv,
}
Source = Callable[[MeterReading, Offer], list[SampledValue]]
SOURCES: dict[str, Source] = {
    Measurand.ENERGY_IMPORT: lambda r, o: _one(Measurand.ENERGY_IMPORT, r.energy_wh),
    Measurand.ENERGY_EXPORT: lambda r, o: _one(Measurand.ENERGY_EXPORT, r.export_wh),
    Measurand.POWER_IMPORT: lambda r, o: _powers(r),
    Measurand.POWER_OFFERED: lambda r, o: _one(Measurand.POWER_OFFERED, _power_offered(r, o)),
    Measurand.POWER_FACTOR: lambda r, o: _one(Measurand.POWER_FACTOR, r.power_factor_permille),
    Measurand.CURRENT_IMPORT: lambda r, o: _each(Measurand.CURRENT_IMPORT, r.current_ma),
    Measurand.CURRENT_OFFERED: lambda r, o: _one(Measurand.CURRENT_OFFERED, o.offered_ma),
    Measurand.VOLTAGE: lambda r, o: _voltages(r),
    Measurand.FREQUENCY: lambda r, o: _one(Measurand.FREQUENCY, r.frequency_mhz),
    Measurand.TEMPERATURE: lambda r, o: [SampledValue(Measurand.TEMPERATURE, mc, place=at) for at, mc in o.warmth],
}


def sample(reading: MeterReading, offer: Offer, words: Iterable[str], at: Stamp, why: Context) -> MeterSet | None:
    """One set of what is wanted and measured, each value once; None when nothing of it is there."""
    values = tuple(dict.fromkeys(value for word in words for value in _measured(word, reading, offer)))
    return MeterSet(at, why, values) if values else None


def _measured(word: str, reading: MeterReading, offer: Offer) -> list[SampledValue]:
    """A measurand with all its phases, or one phase of it alone under the name that was asked for."""
    if word not in PAIRS:
        return SOURCES[word](reading, offer)
    measurand, phase = PAIRS[word]
    values = dict(zip(PHASES, BY_PHASE[measurand](reading), strict=False))
    return [SampledValue(measurand, values[phase[:2]], phase)] if phase[:2] in values else []


def beyond(word: str, reading: MeterReading | None, offer: Offer) -> bool:
    """Whether an outlet whose meter tells at most this has no value for that word; while it is silent, nobody knows."""
    return reading is not None and not _measured(word, reading, offer)


def richer(known: MeterReading | None, reading: MeterReading) -> MeterReading:
    """A reading, with what an earlier one told and this one leaves out: a meter may be without a value for a while."""
    left_out = () if known is None else [name for name in FIELDS if getattr(reading, name) in (None, ())]
    kept = {name: getattr(known, name) for name in left_out}
    return replace(reading, **kept, energy_wh=reading.energy_wh or 0)


def fresh(reading: MeterReading | None, now_ms: int, max_age_ms: int = FRESH_MS) -> MeterReading | None:
    """Old data is no data."""
    return reading if reading is not None and now_ms - reading.at_ms <= max_age_ms else None


def next_sampled_ms(started_ms: int, interval_s: int, now_ms: int) -> int | None:
    """The next sample of a transaction, on the monotonic clock; None when switched off."""
    if interval_s == 0:
        return None
    interval_ms = interval_s * 1_000
    return started_ms + ((now_ms - started_ms) // interval_ms + 1) * interval_ms


class Aligned:
    """The clock-aligned moments (OCPP 1.6 §3.16.2: counted from midnight); none while the wall clock is not trusted."""

    def __init__(self) -> None:
        self.at_ms: int | None = None
        self._basis: tuple[int, int] | None = None

    def due(self, now: Now, interval_s: int) -> bool:
        """Whether such a moment has come; a changed interval or a stepped clock only moves the next one."""
        if interval_s == 0 or now.wall_ms is None:
            self.at_ms, self._basis = None, None
            return False
        offset_ms = now.wall_ms - now.mono_ms
        same = self._basis is not None and self._basis[0] == interval_s and abs(self._basis[1] - offset_ms) < STEP_MS
        due = same and self.at_ms is not None and now.mono_ms >= self.at_ms
        if due or not same:
            self._basis = interval_s, offset_ms
            of_day, interval_ms = now.wall_ms % DAY_MS, interval_s * 1_000
            self.at_ms = now.mono_ms + min((of_day // interval_ms + 1) * interval_ms, DAY_MS) - of_day
        return due


def thin(samples: tuple[MeterSet, ...], most: int) -> tuple[MeterSet, ...]:
    """Drop every second of those in between until it fits; first and last always stay (OCPP 1.6 errata 3.91)."""
    while len(samples) > max(most, 2):
        samples = (samples[0], *samples[2:-1:2], samples[-1])
    return samples
