"""`evsectl bringup` and `evsectl selftest`: walk through the board of a site while evse-hal does not run.

Rules this file upholds:
- Nobody else may drive the board: the state folder is claimed as evse-hal does it. The board is made safe before the
  first step and after the last one, also when it is stopped by a signal.
- Exit code 0 = nothing failed, 1 = something failed or it was stopped, 2 = the settings cannot be obeyed.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from hal.alone import claimed, folder_of
from hal.boards import Board, BoardFile, assemble
from hal.bringup.bench import PlantTime, RealTime
from hal.bringup.person import Ended, Nobody, Person, SimulatedBuilder, Terminal
from hal.bringup.protocol import Head, as_page, as_text, verdict
from hal.bringup.walk import Devices, Walk
from hal.devices import open_meters
from hal.make_safe import make_safe
from hal.options import board_file, installation, meters, parse_walk
from hal.settings import SettingsError

_TITLES = {"bringup": "Bring-up protocol", "selftest": "Self-test"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk; returns the exit code."""
    options = parse_walk(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        return _run(options)
    except SettingsError as wrong:
        sys.stderr.write(f"evsectl {options.walk}: {wrong}\n")
        return 2
    except Ended:
        sys.stderr.write(f"evsectl {options.walk}: it was stopped before its first step.\n")
        return 1


def _stop(*_: object) -> None:
    """Once; what follows is the way out, and must not be broken off."""
    _go_on()
    raise Ended


def _go_on() -> None:
    """Nobody stops us any more."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _run(options: Namespace) -> int:
    site, file = installation(options), board_file(options)
    chosen = meters(site, file)
    state = folder_of(options.state)
    with claimed(state):
        board = assemble(file, keep=state)
        try:
            for refused in make_safe(board):
                raise SettingsError(f"board {file.name} cannot be made safe: {refused}")
            places = [f"{number} ({one.place})" for number, one in enumerate(file.thermometer, 1)]
            warmth = {places[number]: part for number, part in board.thermometers().items()}
            devices = Devices(open_meters(chosen, board), board.readers(), board.signals(), warmth)
            try:
                return _walk(options, file, board, devices)
            finally:
                devices.close()
        finally:
            for refused in make_safe(board):
                sys.stderr.write(f"evsectl {options.walk}: not made safe: {refused}\n")
            board.close()


def _walk(options: Namespace, file: BoardFile, board: Board, devices: Devices) -> int:
    simulated, attended = file.kind == "sim", options.walk == "bringup"
    if simulated:
        _prepare(board, options.sim)
    elif options.sim:
        raise SettingsError(f"--sim: board {file.name} is real")
    clock = PlantTime(board) if simulated else RealTime()
    walk = Walk(board, not simulated, devices, clock, attended)
    walk.go({evse: _person(simulated, attended, board, evse) for evse in board.outlets})
    _go_on()
    sections = tuple(walk.sections)
    sys.stdout.write(f"\n{verdict(sections, walk.ended_early)}\n")
    dated = f"bringup-{file.name}-{time.strftime('%Y%m%d-%H%M')}" if attended else None
    if (name := options.protocol or dated) is not None:
        _write(Path(name), _head(options, file, walk.ended_early), walk)
    return 1 if walk.ended_early or any(section.failed for section in sections) else 0


def _prepare(board: Board, orders: Sequence[str]) -> None:
    """Break what shall be found. Raises SettingsError."""
    for words in orders:
        done, said = board.order(1, tuple(words.split()))
        if not done:
            raise SettingsError(f"--sim {words!r}: {said}")


def _person(simulated: bool, attended: bool, board: Board, evse: int) -> Person:
    if not attended:
        return Nobody(sys.stdout)
    if simulated:
        return SimulatedBuilder(sys.stdout, board, evse)
    return Terminal(sys.stdout, input)


def _head(options: Namespace, file: BoardFile, ended_early: bool) -> Head:
    machine = f"{platform.node()}, {_model() or platform.machine()}, {platform.system()} {platform.release()}"
    date = time.strftime("%Y-%m-%d %H:%M %Z")
    return Head(_TITLES[options.walk], file.name, f"evsed {version('evsed')}", machine, date, ended_early)


def _model() -> str:
    try:
        return Path("/proc/device-tree/model").read_text(encoding="utf-8").rstrip("\0")
    except (OSError, ValueError):
        return ""


def _write(path: Path, head: Head, walk: Walk) -> None:
    """Both forms of the protocol, beside each other. Raises SettingsError."""
    for suffix, text in ((".txt", as_text(head, walk.sections)), (".html", as_page(head, walk.sections))):
        target = path.with_name(path.name + suffix)
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as failed:
            raise SettingsError(f"{target}: {os.strerror(failed.errno or 0)}; name another with --protocol") from None
        sys.stdout.write(f"protocol: {target}\n")


if __name__ == "__main__":
    sys.exit(main())
