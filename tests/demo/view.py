"""Two views of a scene: redrawn in place on a terminal, or plain lines where something has changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import TextIO

from evsed.core.figures import amps, kilowatts
from evsed.ctl_text import Paint, in_colours, plainly, printable, wrapped
from hal.contract import Outlet
from hal.iec61851 import duty_permille
from tests.demo.scene import Document, Scene

PILOT = {
    "A": "no car",
    "B": "a car that asks for nothing",
    "C": "the car asks for energy",
    "D": "the car asks for energy and ventilation",
    "E": "shorted or without supply",
    "F": "the box is not available",
}
BAR = 32
FULL_MA = 32_000
SMALLEST = (60, 16)
INDENT = 13


class Live:
    """ANSI: home, overwrite, erase the rest. `size` is asked at each drawing, since windows change."""

    def __init__(self, out: TextIO, clock_s: Callable[[], float], hint: tuple[str, ...] = ()) -> None:
        self._out, self._clock_s, self._hint = out, clock_s, hint
        self._paint: Paint = plainly if os.environ.get("NO_COLOR") else in_colours
        out.write("\x1b[?25l\x1b[2J")

    def show(self, scene: Scene) -> None:
        """Draw all of it anew."""
        columns, rows = shutil.get_terminal_size(SMALLEST)
        lines = self._lines(scene, columns - 1, rows - 1)
        drawn = "".join(f"{_cut(line, columns - 1)}\x1b[K\n" for line in lines[: rows - 1])
        self._out.write(f"\x1b[H{drawn}\x1b[J")
        self._out.flush()

    def close(self) -> None:
        """Give the terminal back; what was drawn last stays."""
        self._out.write("\x1b[?25h")
        self._out.flush()

    def _lines(self, scene: Scene, columns: int, rows: int) -> list[str]:
        head = [
            f"{self._paint('bold', scene.title)}   {self._clock_s():.0f} s",
            *(line for hint in self._hint for line in wrapped(hint, 2, columns)),
            "",
            *wrapped(self._paint("yellow", f"▶ {scene.step}"), 2, columns),
            "",
            *(
                line
                for name, text in facts(scene, self._paint)
                for line in wrapped(f"  {name:<10} {text}", INDENT, columns)
            ),
            "",
            self._paint("dim", f"  {scene.trace_title}"),
        ]
        left = max(rows - len(head), 3)
        return head + [f"  {printable(line)}" for line in scene.trace[-left:]]


class Plain:
    """One line for each change that a person would want to know of."""

    def __init__(self, out: TextIO, clock_s: Callable[[], float]) -> None:
        self._out, self._clock_s = out, clock_s
        self._step = ""
        self._traced = 0
        self._key: object = None

    def show(self, scene: Scene) -> None:
        """Print what is new."""
        if scene.step != self._step:
            self._step = scene.step
            self._say(f"▶ {scene.step}")
        for line in scene.trace[self._traced :]:
            self._say(f"  {printable(line)}")
        self._traced = len(scene.trace)
        key = _key(scene)
        if key != self._key:
            self._key = key
            self._say(f"  = {gist(scene)}")

    def close(self) -> None:
        """Nothing is left to do."""

    def _say(self, text: str) -> None:
        self._out.write(f"{self._clock_s():6.1f} s  {text}\n")
        self._out.flush()


View = Live | Plain


def facts(scene: Scene, paint: Paint) -> list[tuple[str, str]]:
    """What is so now, by name."""
    charge = scene.charge
    return [
        *(_hal_facts(scene.outlet, charge, paint) if scene.outlet else [("evse-hal", "is starting")]),
        *(_charge_facts(charge, paint) if charge else []),
        ("central", _central(scene.status)),
    ]


def gist(scene: Scene) -> str:
    """The same in one line."""
    outlet, charge = scene.outlet, scene.charge
    parts = ["evse-hal is starting"]
    if outlet:
        contactor = "CLOSED" if outlet.closed else "open"
        parts = [f"pilot {_level(outlet)}, contactor {contactor}, offered {amps(outlet.offered_ma)}"]
    if charge:
        drawn = max(charge["drawn_ma"], default=None)
        parts.append(f"drawn {'unknown' if drawn is None else amps(drawn)}, {charge['session_wh'] or 0} Wh")
        parts.append(printable(charge["why"]).rstrip("."))
    return "; ".join([*parts, f"central system: {_central(scene.status)}"])


def _level(outlet: Outlet) -> str:
    return f"{outlet.cp}{2 if outlet.pwm else 1}"


def _hal_facts(outlet: Outlet, charge: Document | None, paint: Paint) -> list[tuple[str, str]]:
    pwm = f", PWM {duty_permille(outlet.offered_ma) / 10:.1f} %" if outlet.pwm and outlet.offered_ma else ""
    owner = f"  limit of the {charge['limited_by']}" if charge and charge["limited_by"] and outlet.offered_ma else ""
    return [
        ("pilot", f"{_level(outlet)}  {PILOT[outlet.cp]}{pwm}"),
        ("contactor", paint("green", "CLOSED") if outlet.closed else "open"),
        ("offered", f"{amps(outlet.offered_ma):>7} {_bar(outlet.offered_ma)}{owner}"),
    ]


def _charge_facts(charge: Document, paint: Paint) -> list[tuple[str, str]]:
    drawn = max(charge["drawn_ma"], default=None)
    power = "" if charge["power_w"] is None else f"  {kilowatts(charge['power_w'])}"
    session = "" if charge["session_wh"] is None else f"{charge['session_wh']} Wh in this charge, "
    register = "unknown" if charge["energy_wh"] is None else f"{charge['energy_wh']} Wh"
    return [
        ("drawn", "unknown" if drawn is None else f"{amps(drawn):>7} {_bar(drawn)}{power}"),
        ("energy", f"{session}register {register}"),
        ("status", charge["status"]),
        ("why", paint("bold", printable(charge["why"]))),
    ]


def _central(status: Document | None) -> str:
    if status is None:
        return "evsed is starting"
    waiting = status["queue_length"]
    queue = f" {waiting} message{'' if waiting == 1 else 's'} waiting." if waiting else ""
    return printable(status["link"]["sentence"]) + queue


def _bar(ma: int) -> str:
    full = min(ma * BAR // FULL_MA, BAR)
    return "█" * full + "·" * (BAR - full)


def _key(scene: Scene) -> object:
    """What plain lines are for: currents that waver by themselves are left out, each 10 Wh count."""
    outlet, charge = scene.outlet, scene.charge
    link = scene.status["link"]["connected"] if scene.status else None
    return (
        (outlet.cp, outlet.pwm, outlet.offered_ma, outlet.closed) if outlet else None,
        (charge["status"], charge["tx"], (charge["session_wh"] or 0) // 10) if charge else None,
        link,
    )


def _cut(line: str, columns: int) -> str:
    """At most so many visible characters; colours cost none."""
    shown, at = 0, 0
    while at < len(line) and shown < columns:
        if line[at] == "\x1b":
            at = line.index("m", at)
        else:
            shown += 1
        at += 1
    return line if at == len(line) else line[:at] + ("\x1b[0m" if "\x1b" in line else "")
