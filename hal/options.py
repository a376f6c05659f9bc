"""Options of evse-hal, each with its environment variable, and the site and board that they name.

Rules this file upholds: hal reads `[board]`, `[limits]` and `[[meter]]` of site.toml and no other table; what cannot
be obeyed is a `SettingsError` of one sentence.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from hal.boards import BoardFile, load, with_outlets
from hal.contract import MAX_EVSES, BoardChoice, Installation, MeterChoice
from hal.settings import SettingsError, as_struct, read_toml

SOCKET = "/run/evse-hal/hal.sock"
STATE = "/var/lib/evse-hal"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def parse(program: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; argparse ends the process with 2 at one that it does not know."""
    env = os.environ.get
    parser = argparse.ArgumentParser(program, description="The process that may close the contactor.")
    parser.add_argument("--site", default=env("EVSE_SITE"), help="site.toml [EVSE_SITE]")
    parser.add_argument("--board", default=env("EVSE_BOARD"), help="board name or .toml path, overrides the site")
    parser.add_argument("--evses", type=_evses, default=env("EVSE_EVSES"), help="outlets of a simulated board")
    parser.add_argument("--socket", default=env("EVSE_HAL_SOCKET", SOCKET), help=f"default {SOCKET} [EVSE_HAL_SOCKET]")
    parser.add_argument("--state", default=env("EVSE_HAL_STATE", STATE), help=f"default {STATE} [EVSE_HAL_STATE]")
    parser.add_argument(
        "--allow-user",
        action="append",
        default=env("EVSE_HAL_ALLOW_USER", "").split(),
        metavar="NAME",
        help="a user beside root and oneself who may speak to hal; may be repeated [EVSE_HAL_ALLOW_USER]",
    )
    parser.add_argument(
        "--log-level", type=str.upper, choices=LOG_LEVELS, default=env("EVSE_HAL_LOG_LEVEL", "INFO").upper()
    )
    parser.add_argument(
        "--service-clear", action="store_true", help="forget all latched faults after a repair, and end"
    )
    return parser.parse_args(arguments)


def _evses(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_EVSES:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to {MAX_EVSES}")
    return int(text)


def installation(options: argparse.Namespace) -> Installation:
    """What the installer decided. Raises SettingsError."""
    if options.site:
        path = Path(options.site)
        tables = read_toml(path)
        if options.board:
            tables["board"] = {"name": options.board}
        return as_struct(path, tables, Installation, only=("board", "limits", "meter"))
    if options.board:
        return Installation(BoardChoice(options.board))
    raise SettingsError("no site and no board: give --site FILE (or EVSE_SITE), or --board sim to try it out")


def board_file(options: argparse.Namespace) -> BoardFile:
    """The board that the options name. Raises SettingsError."""
    board = load(installation(options).board.name)
    return board if options.evses is None else with_outlets(board, options.evses)


def meters(site: Installation, board: BoardFile) -> tuple[MeterChoice, ...]:
    """Which meter counts for which outlet; a simulated board brings its own. Raises SettingsError."""
    outlets = {outlet.evse for outlet in board.outlet}
    counted: set[int] = set()
    for meter in site.meter:
        if meter.evse not in outlets:
            raise SettingsError(f"meter.evse: board {board.name} has no outlet {meter.evse}")
        if meter.evse in counted:
            raise SettingsError(f"meter.evse: outlet {meter.evse} has two meters; give each outlet at most one")
        counted.add(meter.evse)
    if site.meter or board.kind != "sim":
        return site.meter
    return tuple(MeterChoice(model="sdm630", port="sim", evse=evse) for evse in sorted(outlets))
