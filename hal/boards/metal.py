"""A board of metal: each part is built by the family of drivers that the board file names for it.

    [outlet.contactor]
    driver = "NAME"        # a family of hal/drivers or of a package that is installed, see drivers/families.py
    line = 17              # … and what its class for this role wants to know

A pilot is one driver, or the two halves `[outlet.pilot.out]` and `[outlet.pilot.in]`, see drivers/pilot.py.

Rules this file upholds:
- Every driver is found and every key understood before the first part is built.
- What a driver's `Config` claims of the board, by `claims()` if it has that, no other part may claim: see
  drivers/claims.py.
- A contactor's `Config` may say by `least_feedback_ms()` how long its feedback takes; `timing.feedback_ms` is no less.
- A class of a family is built from its own `Config`; it may have `close()`, and `warning()` for what a builder should
  hear at each start.
- What must be made safe is built though other parts are broken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

from hal.boards import ROLES, BoardError, BoardFile, OutletBoard, OutletFile, outlet_board
from hal.contract import MeterChoice
from hal.drivers.claims import owner_of
from hal.drivers.families import FamilyError, parts_of
from hal.drivers.pilot import HALVES, TwoHalves
from hal.drivers.protocols import Contactor, PartFailed, Parts, Reader, Thermometer
from hal.lamp import Signals
from hal.settings import SettingsError, as_struct

log = logging.getLogger("hal.boards")

LOOK_MS = 5
SAFETY = ("contactor", "enable", "pilot")
MOST_SHOWN = 600


class RealBoard:
    """What boards of real parts have in common: all that is neither pilot nor contactor."""

    name: str
    _file: BoardFile
    _bare: bool
    _built: list[Any]

    def next_change_ms(self, now_ms: int) -> int | None:
        """Nobody knows."""
        return None

    def order(self, evse: int, words: tuple[str, ...]) -> tuple[bool, str]:
        """Refuse."""
        return False, f"board {self.name} is real: only a simulated board takes orders"

    def readers(self) -> dict[int, Reader]:
        """The card readers by outlet; they belong to whoever asks them, and are his to close. Raises BoardError."""
        found = {outlet.evse: self._part(outlet, "reader") for outlet in self._file.outlet}
        return {evse: reader for evse, reader in found.items() if reader is not None}

    def signals(self) -> dict[int, Signals]:
        """Lights and buzzers by outlet; they belong to whoever drives them, and are his to close. Raises BoardError."""
        found = {o.evse: Signals(self._part(o, "lights"), self._part(o, "buzzer")) for o in self._file.outlet}
        return {evse: signals for evse, signals in found.items() if signals != (None, None)}

    def thermometers(self) -> dict[int, Thermometer]:
        """The thermometers; they belong to whoever asks them, and are his to close. Raises BoardError."""
        return {sensor: build() for sensor, build in enumerate(_probes(self._file))}

    def meter_port(self, choice: MeterChoice) -> str:
        """Refuse. Raises BoardError."""
        raise BoardError(f'board {self.name} is real: meter.port: "sim" exists on a simulated board only')

    def _build_inputs(self) -> list[Any]:
        """The contacts of the board. Raises BoardError."""
        for number, build in enumerate(_inputs(self._file), 1):
            try:
                self._built.append(build())
            except (OSError, PartFailed) as failed:
                raise BoardError(f"board {self.name}: input[{number}]: {failed}") from None
        return list(self._built)

    def _part(self, outlet: OutletFile, role: str) -> Any:
        """One part, or None where there is no such. Raises BoardError."""
        build = _builder(self._file, outlet, role, self._bare)
        if build is None:
            return None
        try:
            return build()
        except Exception as failed:  # whatever a driver has: the other parts must be made safe
            why = f"{place(self._file, outlet, role)}: {failed}"
            if self._bare:
                return _Missing(why)
            if isinstance(failed, OSError | PartFailed):
                raise BoardError(why) from None
            raise


class MetalBoard(RealBoard):
    """A `Board` of real parts. `bare`: only those that are made safe, and one that cannot be built fails in use."""

    def __init__(self, board: BoardFile, bare: bool = False) -> None:
        self.name = board.name
        self._file, self._bare = board, bare
        self._built: list[Any] = []
        check(board)
        try:
            self._inputs = None if bare else self._build_inputs()
            self.outlets = {o.evse: self._outlet(o) for o in board.outlet}
        except BaseException:
            self.close()
            raise
        if not bare:
            for sentence in sorted({part.warning() or "" for part in self._built if hasattr(type(part), "warning")}):
                if sentence:
                    log.warning("! board %s: %s", self.name, sentence)

    def _outlet(self, outlet: OutletFile) -> OutletBoard:
        wanted = SAFETY if self._bare else ROLES
        parts: dict[str, Any] = {}
        for role in Parts.__dataclass_fields__:
            parts[role] = self._part(outlet, role) if role in wanted else None
            self._built.append(parts[role])
        return outlet_board(self._file, outlet, Parts(**parts), self._inputs)

    def advance(self, now_ms: int) -> None:
        """Real time needs no help."""

    def close(self) -> None:
        """Give all parts back; a phase relay, which drops then, once its contactor is open, and never behind a weld."""
        left = []
        for evse, outlet in getattr(self, "outlets", {}).items():
            parts, most_ms = outlet.parts, outlet.timing.feedback_ms
            if parts.phases is not None and not until_open(parts.contactor, most_ms):
                log.critical("! outlet %d: its contactor does not open, so its phase relay is left as it is", evse)
                left.append(parts.phases)
        for part in self._built:
            if hasattr(type(part), "close") and part not in left:
                part.close()


def until_open(contactor: Contactor, most_ms: int) -> bool:
    """Open it, and wait for its feedback; whether that says so. What comes next must not move under load."""
    with suppress(PartFailed):  # its feedback tells
        contactor.order(False)
    for _ in range(most_ms // LOOK_MS):
        with suppress(PartFailed):  # without feedback the whole time passes
            if not contactor.closed():
                return True
        sleep(LOOK_MS / 1_000)
    return False


class _Missing:
    """Stands for a part that could not be built: whatever it is asked to do fails."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __getattr__(self, name: str) -> Callable[..., None]:
        def fail(*_: object) -> None:
            raise PartFailed(self._why)

        return fail


def check(board: BoardFile) -> None:
    """Whether every driver is there and understands its keys. Raises BoardError."""
    for outlet in board.outlet:
        for role in ROLES:
            _builder(board, outlet, role)
        _check_feedback(board, outlet)
    check_shared(board)


def _check_feedback(board: BoardFile, outlet: OutletFile) -> None:
    """A feedback that is slower than the board waits for it would be a weld. Raises BoardError."""
    where = place(board, outlet, "contactor")
    config = _config(where, outlet.contactor or {}, "contactor")[1]
    least_ms = config.least_feedback_ms() if hasattr(config, "least_feedback_ms") else 0
    if board.timing.feedback_ms < least_ms:
        said = f"timing.feedback_ms must be at least {least_ms} for this feedback, not {board.timing.feedback_ms}"
        raise BoardError(f"{where}: {said}")


def check_shared(board: BoardFile) -> None:
    """The same of what outlets share, and whether nothing is claimed twice. Raises BoardError."""
    list(_probes(board))
    list(_inputs(board))
    claimed(board)


def claimed(board: BoardFile) -> dict[str, str]:
    """Each line, channel or device that a part claims, and which part. Raises BoardError where two claims clash."""
    owners: dict[str, str] = {}
    for where, options, role in _tables(board):
        config = _config(where, options, role)[1]
        for claim in config.claims() if hasattr(config, "claims") else ():
            if (owner := owner_of(claim, owners)) is not None:
                raise BoardError(f"{where}: {claim} is taken by {owner}; give each a place of its own")
            owners[claim] = where.removeprefix(f"board {board.name}: ")
    return owners


def _tables(board: BoardFile) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every table that names a driver: where it stands, its keys, the role."""
    for outlet in board.outlet:
        for role in (*ROLES, "controller"):
            options, where = getattr(outlet, role) or {}, place(board, outlet, role)
            if "driver" in options:
                yield where, options, role
            elif role == "pilot":
                yield from ((f"{where}.{key}", options[key], half) for key, half in HALVES.items() if key in options)
    for number, thermometer in enumerate(board.thermometer, 1):
        yield f"board {board.name}: thermometer[{number}].probe", thermometer.probe or {}, "thermometer"
    for number, one in enumerate(board.input, 1):
        yield f"board {board.name}: input[{number}].contact", one.contact or {}, "input"


def _probes(board: BoardFile) -> Iterator[Callable[[], Any]]:
    """What builds each thermometer. Raises BoardError."""
    for number, thermometer in enumerate(board.thermometer, 1):
        yield _named(f"board {board.name}: thermometer[{number}].probe", thermometer.probe, "thermometer")


def _inputs(board: BoardFile) -> Iterator[Callable[[], Any]]:
    """What builds each contact. Raises BoardError."""
    for number, one in enumerate(board.input, 1):
        yield _named(f"board {board.name}: input[{number}].contact", one.contact, "input")


def _named(where: str, options: dict[str, Any] | None, role: str) -> Callable[[], Any]:
    if options is None:
        raise BoardError(f"{where}: is missing; name its driver")
    return _of_driver(where, options, role)


def _builder(board: BoardFile, outlet: OutletFile, role: str, bare: bool = False) -> Callable[[], Any] | None:
    """What builds one part of a board of metal; None = there is no such part. Raises BoardError."""
    needed = ("pilot", "contactor", "enable", *(("lock", "proximity") if outlet.socket else ()))
    build = part_builder(board, outlet, role, bare)
    if build is None and role in needed:
        raise BoardError(f"{place(board, outlet, role)}: is missing; such an outlet needs {', '.join(needed)}")
    return build


def part_builder(board: BoardFile, outlet: OutletFile, role: str, bare: bool = False) -> Callable[[], Any] | None:
    """What builds the part that a board file names for a role; None = it names none. Raises BoardError."""
    options, where = getattr(outlet, role), place(board, outlet, role)
    if options is None:
        return None
    if role == "pilot" and "driver" not in options and options.keys() & HALVES.keys():
        return _of_halves(where, options, bare)
    return _of_driver(where, options, role)


def _of_driver(where: str, options: dict[str, Any], role: str) -> Callable[[], Any]:
    """What builds the part of one driver. Raises BoardError."""
    driver, config = _config(where, options, role)
    return partial(driver, config)


def _config(where: str, options: dict[str, Any], role: str) -> tuple[Any, Any]:
    """The class that a table names, and its keys. Raises BoardError."""
    driver = _driver(where, options.get("driver"), role)
    own = {key: value for key, value in options.items() if key != "driver"}
    try:
        return driver, as_struct(Path(where), own, driver.Config)
    except SettingsError as wrong:
        raise BoardError(str(wrong)) from None


def _of_halves(where: str, options: dict[str, Any], bare: bool) -> Callable[[], Any]:
    """What builds a pilot of two halves; bare, it only drives. Raises BoardError."""
    for key in options.keys() | HALVES.keys():
        if key not in HALVES or not isinstance(options.get(key), dict):
            raise BoardError(f"{where}: `{key}` is missing or none of its tables, which are {', '.join(HALVES)}")
    build = {key: _of_driver(f"{where}.{key}", options[key], role) for key, role in HALVES.items()}

    def both() -> TwoHalves:
        out = build["out"]()
        try:
            return TwoHalves(out, None if bare else build["in"]())
        except BaseException:
            out.close()
            raise

    return both


def _driver(where: str, family: object, role: str) -> Any:
    """The class of a family for a role, by exact names. Raises BoardError."""
    try:
        parts = parts_of(family)
    except FamilyError as unusable:
        raise BoardError(f"{where}: {unusable!s:.{MOST_SHOWN}}") from None
    if role not in parts:
        raise BoardError(f"{where}: driver `{family}` has no {role}; it has {', '.join(sorted(parts))}")
    return parts[role]


def place(board: BoardFile, outlet: OutletFile, role: str) -> str:
    """Where in which board, for people."""
    return f"board {board.name}: outlet {outlet.evse}: {role}"
