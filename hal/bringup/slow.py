"""Steps of the slow devices and of the machine: energy meter, card reader, light and buzzer, thermometers, watchdog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hal.bringup.bench import Bench
from hal.bringup.findings import Finding, judged, skipped
from hal.bringup.person import Person
from hal.contract import MeterReading
from hal.drivers.protocols import Meter, NoReading, PartFailed, Reader, Thermometer
from hal.lamp import Signals

MAINS_MV, MAINS_MHZ = (207_000, 253_000), (49_000, 51_000)
QUIET_MA = 500
CARD_MS, POLL_MS = 20_000, 200
_TRIES = 3
WATCHDOG = Path("/sys/class/watchdog/watchdog0")


def meter(bench: Bench, person: Person, part: Meter | None) -> Iterator[Finding]:
    """It answers, and what it says can be true of an outlet at rest."""
    if part is None:
        yield skipped("energy meter", "a whole reading", "site.toml names none for this outlet")
        return
    reading, why = _read(part)
    if reading is None:
        advice = "A and B of the line, address, baud and parity in site.toml; `evsectl meter scan` looks for it"
        yield judged("energy meter", "a whole reading", why, False, advice)
        return
    yield judged(
        "energy meter", "a whole reading", f"{reading.energy_wh / 1_000:.3f} kWh, {reading.power_w} W", True, ""
    )
    for number, millivolts in enumerate(reading.voltage_mv, 1):
        good = MAINS_MV[0] <= millivolts <= MAINS_MV[1]
        advice = _why_voltage(millivolts)
        yield judged(f"voltage of phase {number}", "207 to 253 V", f"{millivolts / 1_000:.1f} V", good, advice)
    if reading.frequency_mhz is not None:
        good = MAINS_MHZ[0] <= reading.frequency_mhz <= MAINS_MHZ[1]
        advice = "the model in site.toml is another one"
        yield judged("mains frequency", "49 to 51 Hz", f"{reading.frequency_mhz / 1_000:.2f} Hz", good, advice)
    most_ma = max(map(abs, reading.current_ma), default=0)
    advice = "something else is behind this meter, or its model in site.toml is another one"
    yield judged(
        "current at rest", f"at most {QUIET_MA / 1_000} A", f"{most_ma / 1_000:.2f} A", most_ma <= QUIET_MA, advice
    )


def _why_voltage(millivolts: int) -> str:
    if millivolts < MAINS_MV[0] // 4:
        return "this phase is not connected, or its fuse is out"
    return "the mains themselves, or the model in site.toml is another one"


def _read(part: Meter) -> tuple[MeterReading | None, str]:
    """A reading, or why there is none; a line may disturb one question."""
    why = ""
    for _ in range(_TRIES):
        try:
            return part.read(), ""
        except (NoReading, PartFailed) as silent:
            why = str(silent)
    return None, why


def reader(bench: Bench, person: Person, part: Reader | None) -> Iterator[Finding]:
    """It answers, and sees a card."""
    if part is None:
        return
    try:
        part.poll()
    except PartFailed as broken:
        yield judged("card reader", "answers", str(broken), False, "its plug, its path in the board file, its supply")
        return
    yield judged("card reader", "answers", "answers", True, "")
    if not person.do("Hold a card to the reader now.", ("swipe", "0123456789ABCD")):
        yield skipped("a card", "seen within 20 s", "not tried")
        return
    tag = None
    for _ in range(CARD_MS // POLL_MS):
        if (tag := part.poll()) is not None:
            break
        bench.time.pass_ms(POLL_MS)
    advice = "the card's kind (13.56 MHz or 125 kHz), or how the reader writes (form in the board file)"
    yield judged("a card", "seen within 20 s", f"{len(tag)} characters" if tag else "none", tag is not None, advice)


_COLOURS = (("red", (1_000, 0, 0)), ("green", (0, 1_000, 0)), ("blue", (0, 0, 1_000)))


def signals(person: Person, parts: Signals | None) -> Iterator[Finding]:
    """Each colour of the light, and the buzzer."""
    if parts is not None and (lights := parts.lights) is not None:
        for colour, permille in _COLOURS:
            lights.show(*permille)
            share = "/".join(str(value // 10) for value in permille)
            seen = person.sees(f"Is the light {colour}?", f"light {share} %")
            advice = "the order of the colours or the lines of the light in the board file"
            yield _looked(f"light, {colour}", colour, seen, advice)
        lights.show(0, 0, 0)
    if parts is not None and (buzzer := parts.buzzer) is not None:
        buzzer.sound(True)
        heard = person.sees("Do you hear the buzzer?", "buzzer on")
        buzzer.sound(False)
        yield _looked("buzzer", "heard", heard, "the buzzer's line in the board file, its driver, its supply")


def _looked(what: str, expected: str, seen: bool | None, advice: str) -> Finding:
    if seen is None:
        return skipped(what, expected, "not looked at")
    return judged(what, expected, expected if seen else f"not {expected}", seen, advice)


def thermometers(parts: Mapping[str, Thermometer]) -> Iterator[Finding]:
    """Each says what a box at rest may have."""
    for place, part in parts.items():
        what, expected = f"thermometer, {place}", "−10 to 50 °C"
        try:
            celsius = part.read() / 1_000
        except (NoReading, PartFailed) as silent:
            yield judged(what, expected, str(silent), False, _THERMOMETER)
            continue
        yield judged(what, expected, f"{celsius:.1f} °C".replace("-", "−"), -10 <= celsius <= 50, _THERMOMETER)


_THERMOMETER = "its wires, its table in the board file (resistor, beta), or the number of the 1-wire device"


def watchdog(real: bool) -> Iterator[Finding]:
    """The machine's own watchdog must be running: it ends a kernel that hangs."""
    what, expected = "hardware watchdog", "active, at most 15 s"
    if not real:
        yield skipped(what, expected, "a simulated board has none")
        return
    try:
        state = (WATCHDOG / "state").read_text().strip()
        timeout_s = int((WATCHDOG / "timeout").read_text())
    except (OSError, ValueError) as missing:
        yield judged(what, expected, f"cannot be read: {missing}", False, _WATCHDOG)
        return
    good = state == "active" and timeout_s <= 15
    yield judged(what, expected, f"{state}, {timeout_s} s", good, _WATCHDOG)


_WATCHDOG = "dtparam=watchdog=on in config.txt, and systemd/evse-watchdog.conf, which deploy/install.sh lays in place"
