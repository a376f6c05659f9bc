"""From a board file to parts: what a board is made of, what it carries, and how long its parts take.

Rules this file upholds:
- A board file is TOML, strict: an unknown key, a wrong type, a value out of range or a driver that does not exist is
  a `BoardError` of one sentence, never a warning or a fall-back.
- Drivers are chosen by exact name and imported only when a board names them.
- Only the simulated board obeys orders from people; a real one refuses.

A board file names its kind and its outlets. Kind "sim" takes its parts from the simulated plant; kind "pi" names the
driver of each part, with the driver's own keys beside it: see metal.py. Kind "external" names a controller that has
pilot and contactor of its own: see external.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import msgspec

from hal.boards.shared import InputFile, ThermometerFile, contacts, objections, says, spots
from hal.contacts import Contact, Means
from hal.contract import Evse, MeterChoice
from hal.drivers.protocols import Input, Parts, Reader, Thermometer
from hal.heat import Spot
from hal.lamp import Signals
from hal.settings import SettingsError, as_struct, read_toml

if TYPE_CHECKING:
    from hal.controller import ControllerLink

HERE = Path(__file__).parent


class BoardError(SettingsError):
    """A board that cannot be built; the text is one sentence for people."""


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the parts of a board take, and how long they must rest.

    `gate_ms` is the shortest time for which the gate before the coil surely holds without a heartbeat: a later beat is
    not given. A board of kind "pi" must say it; 500 is the simulated one's.
    `residual_…` is how soon a residual-current device trips after its test has begun, and lets go after it has ended.
    """

    close_spacing_ms: Annotated[int, msgspec.Meta(ge=1_000, le=600_000)] = 10_000
    feedback_ms: Annotated[int, msgspec.Meta(ge=50, le=1_000)] = 250
    gate_ms: Annotated[int, msgspec.Meta(ge=100, le=500)] = 500
    lock_ms: Annotated[int, msgspec.Meta(ge=500, le=10_000)] = 4_000
    residual_trip_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 1_000
    residual_clear_ms: Annotated[int, msgspec.Meta(ge=50, le=10_000)] = 3_000
    meter_silent_ms: Annotated[int, msgspec.Meta(ge=2_000, le=600_000)] = 10_000


class OutletFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[outlet]]` of a board file; NAMED says which part tables are for which kind."""

    evse: Evse
    max_ma: Annotated[int, msgspec.Meta(ge=6_000, le=80_000)]
    socket: bool
    allow_d: bool = False
    wake_up: bool = False
    rated_closings: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0  # of the contactor under load; 0 = not known
    unlock_on_mains_loss: bool = False  # the lock has a buffer, and an input says `mains-failing` while it lasts
    pilot: dict[str, Any] | None = None
    contactor: dict[str, Any] | None = None
    enable: dict[str, Any] | None = None
    lock: dict[str, Any] | None = None
    proximity: dict[str, Any] | None = None
    residual: dict[str, Any] | None = None
    phases: dict[str, Any] | None = None
    reader: dict[str, Any] | None = None
    lights: dict[str, Any] | None = None
    buzzer: dict[str, Any] | None = None
    controller: dict[str, Any] | None = None


ROLES = ("pilot", "contactor", "enable", "lock", "proximity", "residual", "phases", "reader", "lights", "buzzer")


NAMED = {"sim": (), "pi": ROLES, "external": ("controller", "reader", "lights", "buzzer")}


class BoardFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a board file says."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    kind: Literal["sim", "pi", "external"]
    outlet: Annotated[tuple[OutletFile, ...], msgspec.Meta(min_length=1, max_length=8)]
    timing: Timing = Timing()
    thermometer: Annotated[tuple[ThermometerFile, ...], msgspec.Meta(max_length=16)] = ()
    input: Annotated[tuple[InputFile, ...], msgspec.Meta(max_length=32)] = ()
    seed: int = 1


@dataclass(frozen=True, slots=True)
class OutletBoard:
    """One outlet as the tick needs it."""

    parts: Parts
    board_ma: int
    socket: bool
    allow_d: bool
    wake_up: bool
    timing: Timing
    spots: tuple[Spot, ...] = ()
    contacts: tuple[Contact, ...] = ()
    unlock_on_mains_loss: bool = False
    rated_closings: int = 0
    controller: ControllerLink | None = None  # whom pilot and contactor belong to, where they are not ours


class Board(Protocol):
    """What the tick and the shell need of any board."""

    name: str
    outlets: dict[int, OutletBoard]

    def advance(self, now_ms: int) -> None:
        """Let simulated time pass; nothing on metal."""

    def next_change_ms(self, now_ms: int) -> int | None:
        """When the simulated plant next does something by itself; None on metal."""

    def order(self, evse: int, words: tuple[str, ...]) -> tuple[bool, str]:
        """A person's command to the simulated plant: (done, what it says)."""

    def readers(self) -> dict[int, Reader]:
        """The card readers by outlet. Raises BoardError."""

    def signals(self) -> dict[int, Signals]:
        """Lights and buzzers by outlet, where there are any. Raises BoardError."""

    def thermometers(self) -> dict[int, Thermometer]:
        """The thermometers, by their place in the board file. Raises BoardError."""

    def meter_port(self, choice: MeterChoice) -> str:
        """The serial line of the board's own meter, for port "sim". Raises BoardError where there is none."""

    def close(self) -> None:
        """Give all parts back."""


def load(name_or_path: str) -> BoardFile:
    """Read a board file of this folder by name, or any by a path that ends in .toml. Raises BoardError."""
    is_path = name_or_path.endswith(".toml")
    path = Path(name_or_path) if is_path else HERE / f"{name_or_path}.toml"
    known = sorted(found.stem for found in HERE.glob("*.toml"))
    if not is_path and name_or_path not in known:
        raise BoardError(f"no board `{name_or_path}`; known are {', '.join(known)}, or a path that ends in .toml")
    try:
        tables = read_toml(path)
        board = as_struct(path, tables, BoardFile)
    except SettingsError as wrong:
        raise BoardError(str(wrong)) from None
    _check(path, board)
    if board.kind == "pi" and "gate_ms" not in tables.get("timing", {}):
        raise BoardError(f"{path}: timing.gate_ms is missing; for how long does the gate surely hold without a beat?")
    return board


def _check(path: Path, board: BoardFile) -> None:
    """What types alone do not tell."""
    numbers = [outlet.evse for outlet in board.outlet]
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        raise BoardError(f"{path}: outlet.evse: {numbers} must be 1 to {len(numbers)}, each once")
    if board.kind == "sim" and len({outlet.socket for outlet in board.outlet}) > 1:
        raise BoardError(f"{path}: outlet.socket: a simulated board has sockets everywhere or nowhere")
    for outlet in board.outlet:
        for role in (*ROLES, "controller"):
            if getattr(outlet, role) is not None and role not in NAMED[board.kind]:
                may = ", ".join(NAMED[board.kind]) or "no drivers"
                raise BoardError(f"{path}: outlet {outlet.evse}: {role}: a board of kind {board.kind} names {may}")
        if outlet.unlock_on_mains_loss and not (outlet.socket and says(board, Means.MAINS_FAILING, outlet.evse)):
            raise BoardError(
                f"{path}: outlet {outlet.evse}: unlock_on_mains_loss: needs a socket and an [[input]] that means "
                f"{Means.MAINS_FAILING}"
            )
        if board.kind == "external" and (outlet.socket or outlet.wake_up):
            raise BoardError(f"{path}: outlet {outlet.evse}: socket and wake_up must be false with a controller")
    for wrong in objections(board, numbers, simulated=board.kind == "sim"):
        raise BoardError(f"{path}: {wrong}")


def with_outlets(board: BoardFile, count: int) -> BoardFile:
    """The simulated board with `count` outlets like its first. Raises BoardError for a real one."""
    if board.kind != "sim":
        raise BoardError(f"board {board.name}: only a board of kind sim can be given another number of outlets")
    first = board.outlet[0]
    outlets = tuple(msgspec.structs.replace(first, evse=evse) for evse in range(1, count + 1))
    return msgspec.structs.replace(board, outlet=outlets)


def assemble(board: BoardFile, keep: Path | None = None) -> Board:
    """Build the parts that a board file names; simulated meters keep their registers in `keep`. Raises BoardError."""
    if board.kind == "sim":
        return _SimBoard(board, keep)
    if board.kind == "external":
        from hal.boards.external import ExternalBoard

        return ExternalBoard(board)
    from hal.boards.metal import MetalBoard

    return MetalBoard(board)


def assemble_bare(board: BoardFile) -> Board:
    """Only what must be made safe; what cannot be built fails when it is used. Raises BoardError."""
    if board.kind == "sim":
        return _SimBoard(board, None)
    if board.kind == "external":
        from hal.boards.external import ExternalBoard

        return ExternalBoard(board, bare=True)
    from hal.boards.metal import MetalBoard

    return MetalBoard(board, bare=True)


def check_parts(board: BoardFile) -> None:
    """Whether `assemble` will find all drivers and understand their keys; touches no part. Raises BoardError."""
    if board.kind == "external":
        from hal.boards import external

        external.check(board)
    elif board.kind == "pi":
        from hal.boards import metal

        metal.check(board)


def claimed(board: BoardFile) -> dict[str, str]:
    """What its parts claim of the machine, and which part does. Raises BoardError where two claims clash."""
    if board.kind == "sim":
        return {}
    from hal.boards import metal

    return metal.claimed(board)


def outlet_board(board: BoardFile, outlet: OutletFile, parts: Parts, inputs: Sequence[Input] | None) -> OutletBoard:
    """One outlet of a board with its parts; `inputs` are those of the board, None = nobody asks them."""
    return OutletBoard(
        parts,
        outlet.max_ma,
        outlet.socket,
        outlet.allow_d,
        outlet.wake_up,
        board.timing,
        spots(board, outlet.evse),
        () if inputs is None else contacts(board, inputs, outlet.evse),
        outlet.unlock_on_mains_loss,
        outlet.rated_closings,
    )


class _SimBoard:
    """Parts of the simulated plant."""

    def __init__(self, board: BoardFile, keep: Path | None) -> None:
        from hal.sim.plant import Plant

        socket, gate_ms = board.outlet[0].socket, board.timing.gate_ms
        numbers = [outlet.evse for outlet in board.outlet]
        warm = [(thermometer.place, thermometer.evses or numbers) for thermometer in board.thermometer]
        wired = [(one.means, one.evses or numbers) for one in board.input]
        self._plant = Plant(len(numbers), socket, board.seed, keep=keep, gate_ms=gate_ms, warm=warm, wired=wired)
        self.name = board.name
        plant, inputs = self._plant, self._plant.inputs
        self.outlets = {o.evse: outlet_board(board, o, plant.parts(o.evse), inputs) for o in board.outlet}
        self.advance = self._plant.advance
        self.next_change_ms = self._plant.next_change_ms
        self.order = self._plant.order
        self.close = self._plant.close

    def readers(self) -> dict[int, Reader]:
        return {evse: self._plant.reader(evse) for evse in self.outlets}

    def signals(self) -> dict[int, Signals]:
        return {evse: Signals(bay.lights, bay.buzzer) for evse, bay in self._plant.bays.items()}

    def thermometers(self) -> dict[int, Thermometer]:
        return dict(enumerate(self._plant.thermometers))

    def meter_port(self, choice: MeterChoice) -> str:
        return self._plant.meter_port(choice.evse, choice.model, choice.address)
