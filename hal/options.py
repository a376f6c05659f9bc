"""Options of evse-hal, each with its environment variable, and the site and board that they name.

Rules this file upholds: hal reads `[board]`, `[limits]`, `[voltage]`, `[retry]` and `[[meter]]` of site.toml and no
other table; what cannot be obeyed is one sentence: a `SettingsError`, or the end of the process with 2 where it is an
option.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from hal.boards import BoardFile, check_parts, claimed, load, with_outlets
from hal.contract import MAX_EVSES, BoardChoice, Installation, MeterChoice, objection
from hal.drivers.claims import file_claim, owner_of
from hal.drivers.meter_model import ModelError, load_model
from hal.settings import SettingsError, as_struct, read_toml

SOCKET = "/run/evse-hal/hal.sock"
STATE = "/var/lib/evse-hal"
SITE = "/etc/evse/site.toml"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class Parser(argparse.ArgumentParser):
    """One that says in one sentence what it does not understand."""

    def error(self, message: str) -> NoReturn:
        """End with 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


class _Version(argparse.Action):
    """Looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        sys.stdout.write(f"evse-hal {version('evsed')}\n")
        parser.exit()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of evse-hal. Ends the process with 2 at one that it does not know."""
    parser = _board_parser("evse-hal", "The process that may close the contactor.")
    parser.add_argument("--check", metavar="SITE", help="say what evse-hal would refuse of this site.toml, and end")
    parser.add_argument(
        "--service-clear",
        action="store_true",
        help="forget the latched faults of --state after a repair, say which, and end",
    )
    parser.add_argument(
        "--contactor-replaced",
        type=int,
        metavar="EVSE",
        help="count the closings of an outlet's contactor from zero in --state, say how many there were, and end",
    )
    parser.add_argument(
        "--socket", default=_env("EVSE_HAL_SOCKET") or SOCKET, help=f"where evsed finds it [EVSE_HAL_SOCKET, {SOCKET}]"
    )
    _state_option(parser)
    parser.add_argument(
        "--allow-user",
        action="append",
        default=(_env("EVSE_HAL_ALLOW_USER") or "").split(),
        metavar="NAME",
        help="a user beside root and oneself who may speak to hal; may be repeated [EVSE_HAL_ALLOW_USER]",
    )
    parser.add_argument(
        "--log-level",
        type=_log_level,
        default=_env("EVSE_HAL_LOG_LEVEL") or "INFO",
        metavar="LEVEL",
        help=f"{', '.join(LOG_LEVELS)} [EVSE_HAL_LOG_LEVEL, INFO]",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is, and end")
    options = parser.parse_args(arguments)
    if options.check is not None:
        options.site = options.check
    return options


def parse_board(program: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options that name a board and nothing else."""
    return _board_parser(program, "Contactor off, enable dropped, pilot to +12 V.").parse_args(arguments)


def parse_walk(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options of `evsectl bringup` and `evsectl selftest`. Ends the process with 2 at one that it does not know."""
    parser = _board_parser("evsectl", "Walk through the parts of the board while evse-hal does not run.")
    parser.add_argument("walk", choices=("bringup", "selftest"), help="with a person who helps, or without")
    _state_option(parser)
    parser.add_argument(
        "--protocol",
        metavar="PATH",
        help="where the protocol goes: PATH.txt and PATH.html; else of a bringup beside you, of a selftest none",
    )
    parser.add_argument(
        "--sim",
        action="append",
        default=[],
        metavar="ORDER",
        help="an order to outlet 1 of a simulated board before the walk, such as 'fault pilot-stuck'; may be repeated",
    )
    parser.usage = "evsectl bringup|selftest [OPTION]..."
    options = parser.parse_args(arguments)
    if options.site is None and options.board is None and Path(SITE).exists():
        options.site = SITE
    return options


def _state_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", default=_env("EVSE_HAL_STATE") or STATE, help=f"folder of latched faults [EVSE_HAL_STATE, {STATE}]"
    )


def _board_parser(program: str, description: str) -> argparse.ArgumentParser:
    words = "Every option may be given by the environment variable in brackets instead."
    parser = Parser(program, description=description, epilog=words)
    parser.add_argument("--site", default=_env("EVSE_SITE"), help="the installer's site.toml [EVSE_SITE]")
    parser.add_argument(
        "--board",
        default=_env("EVSE_BOARD"),
        metavar="NAME",
        help="a board by name, or the path of a .toml, instead of the one of the site [EVSE_BOARD]",
    )
    parser.add_argument(
        "--evses",
        type=_evses,
        default=_env("EVSE_EVSES"),
        metavar="N",
        help=f"outlets of a simulated board, 1 to {MAX_EVSES} [EVSE_EVSES]",
    )
    return parser


def _env(name: str) -> str | None:
    """A variable; an empty one is none."""
    return os.environ.get(name) or None


def _evses(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:3]) <= MAX_EVSES):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to {MAX_EVSES} (nor may EVSE_EVSES be)")
    return int(text)


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        known = ", ".join(LOG_LEVELS)
        raise argparse.ArgumentTypeError(f"{text} is not one of {known} (nor may EVSE_HAL_LOG_LEVEL be)")
    return text.upper()


def installation(options: argparse.Namespace) -> Installation:
    """What the installer decided. Raises SettingsError."""
    if options.site:
        path = Path(options.site)
        tables = read_toml(path)
        if options.board:
            tables["board"] = {"name": options.board}
        site = as_struct(path, tables, Installation, only=("board", "limits", "voltage", "retry", "meter"))
        if (wrong := objection(site)) is not None:
            raise SettingsError(f"{path}: {wrong}")
        return site
    if options.board:
        return Installation(BoardChoice(options.board))
    raise SettingsError("no site and no board: give --site FILE (or EVSE_SITE), or --board sim to try it out")


def board_file(options: argparse.Namespace) -> BoardFile:
    """The board that the options name, with drivers that exist. Raises SettingsError."""
    board = load(installation(options).board.name)
    check_parts(board)
    return board if options.evses is None else with_outlets(board, options.evses)


def suit(site: Installation, board: BoardFile) -> None:
    """Whether the board can do what the site asks of it. Raises SettingsError."""
    if site.limits.switch_phases and board.kind != "sim" and all(outlet.phases is None for outlet in board.outlet):
        raise SettingsError(f"limits.switch_phases: board {board.name} can't choose phases; leave it false")


def meters(site: Installation, board: BoardFile) -> tuple[MeterChoice, ...]:
    """Which meter counts for which outlet; a simulated board brings its own. Raises SettingsError."""
    outlets, owners = {outlet.evse for outlet in board.outlet}, claimed(board)
    for number, meter in enumerate(site.meter, 1):
        if meter.evse not in outlets:
            raise SettingsError(f"meter[{number}].evse: board {board.name} has no outlet {meter.evse}")
        if meter.port == "sim" and board.kind != "sim":
            raise SettingsError(f'meter[{number}].port: board {board.name} is real; "sim" is for simulated ones only')
        try:
            load_model(meter.model)
        except ModelError as wrong:
            raise SettingsError(f"meter[{number}].model: {wrong}") from None
        wanted = f"{file_claim(meter.port)} address {meter.address}"
        if (owner := owner_of(wanted, owners)) is not None:
            raise SettingsError(f"meter[{number}]: {wanted} is taken by {owner} of board {board.name}")
    if site.meter or board.kind != "sim":
        return site.meter
    return tuple(MeterChoice(model="sdm630", port="sim", evse=evse) for evse in sorted(outlets))


def worries(chosen: Iterable[MeterChoice]) -> Iterator[str]:
    """A sentence for each meter that can be read but whose table is not sure."""
    for meter in chosen:
        if load_model(meter.model).beta:
            yield f"outlet {meter.evse}: meter {meter.model} is beta: compare what it reads with its display"
