"""The family "gpiod": parts on GPIO lines by libgpiod 2. What a board names is the electrical truth, see lines.py.

    [outlet.contactor]
    driver = "gpiod"
    coil = "GPIO23"
    feedback = "GPIO24"
    contact = "mirror"

Each class takes its lines from its `Config` and gives them back with `close`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Annotated, Any, Literal

import msgspec

from hal.bus import monotonic_ms
from hal.drivers.gpiod_lines import GpiodIn, GpiodOut
from hal.drivers.kept_levels import kept_levels
from hal.drivers.line_parts import Contact, Fault, Heartbeat, PhaseRelay, Switch, when
from hal.drivers.lines import InName, OutName, as_in, as_out, check_switch, claim
from hal.drivers.live_wire import LEAST_FEEDBACK_MS, LiveWire
from hal.drivers.motor_lock import After, Drive, MotorLock, after

ContactKind = Literal["mirror", "auxiliary", "voltage"]
"""mirror: forced, made while the contactor is open. auxiliary: made while it is closed; its broken wire hides a weld.
voltage: pulses of an opto-coupler behind the contacts; slow, see live_wire.py.
"""


class _Lines:
    """What a part holds; its lines go back in the end, also when one of them could not be had."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def out(self, name: OutName, what: str, active: bool = False) -> GpiodOut:
        line = GpiodOut(as_out(name), what, active)
        self._stack.callback(line.close)
        return line

    def contact(self, name: InName, what: str, edges: bool = False) -> GpiodIn:
        line = GpiodIn(as_in(name), what, edges)
        self._stack.callback(line.close)
        return line

    def seen(self, name: InName, kind: ContactKind, what: str, now_ms: Callable[[], int]) -> Callable[[], bool]:
        """Whether a relay is closed."""
        if kind == "voltage":
            return LiveWire(self.contact(name, what, edges=True).edges_ms, now_ms).live
        return when(self.contact(name, what), made=kind == "auxiliary")

    def close(self) -> None:
        """Give all lines back."""
        self._stack.close()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, kind: object, *_: Any) -> None:
        if kind is not None:
            self.close()


class _Switching:
    """A part that may leave a line driven."""

    _lines: _Lines

    def warning(self) -> str | None:
        """What the builder should hear at each start."""
        return kept_levels()

    def close(self) -> None:
        """Give all lines back, inactive."""
        self._lines.close()


class ContactorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One coil, or two with a feedback each, that follow the same order."""

    coil: OutName | Annotated[tuple[OutName, ...], msgspec.Meta(min_length=1, max_length=2)]
    feedback: InName | Annotated[tuple[InName, ...], msgspec.Meta(min_length=1, max_length=2)]
    contact: ContactKind

    def __post_init__(self) -> None:
        """Raises ValueError."""
        check_switch(_several(self.coil))
        if len(_several(self.coil)) != len(_several(self.feedback)):
            raise ValueError("each coil needs the feedback of its own relay: give as many feedback lines as coils")

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (*_outs(self.coil), *_ins(self.feedback))

    def least_feedback_ms(self) -> int:
        """How long its feedback may take where all is well."""
        return LEAST_FEEDBACK_MS if self.contact == "voltage" else 0


class GpiodContactor(_Switching, Switch):
    """A `Contactor`."""

    Config = ContactorConfig

    def __init__(self, config: ContactorConfig, now_ms: Callable[[], int] = monotonic_ms) -> None:
        with _Lines() as lines:
            coils = [lines.out(coil, "coil") for coil in _several(config.coil)]
            seen = [lines.seen(name, config.contact, "feedback", now_ms) for name in _several(config.feedback)]
        self._lines = lines
        super().__init__(coils, seen)


class EnableConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line that carries the heartbeat."""

    line: OutName

    def __post_init__(self) -> None:
        """Raises ValueError."""
        check_switch((self.line,))

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return _outs(self.line)


class GpiodEnable(_Switching, Heartbeat):
    """An `Enable`."""

    Config = EnableConfig

    def __init__(self, config: EnableConfig) -> None:
        with _Lines() as lines:
            out = lines.out(config.line, "heartbeat")
        self._lines = lines
        super().__init__(out)


class LockConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An H-bridge or two solenoids, driven for `pulse_ms`, and the contact that tells where the bolt is."""

    lock: OutName
    unlock: OutName
    feedback: InName
    locked_when: Literal["made", "open"] = "made"
    pulse_ms: Annotated[int, msgspec.Meta(ge=50, le=4_000)] = 600

    def __post_init__(self) -> None:
        """Raises ValueError."""
        check_switch((self.lock, self.unlock))  # a bolt must not move by itself

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (*_outs(self.lock), *_outs(self.unlock), *_ins(self.feedback))


class GpiodLock(_Switching, MotorLock):
    """A `Lock`."""

    Config = LockConfig

    def __init__(self, config: LockConfig, now_ms: Callable[[], int] = monotonic_ms, later: After = after) -> None:
        with _Lines() as lines:
            ways = lines.out(config.lock, "lock"), lines.out(config.unlock, "unlock")
            seen = when(lines.contact(config.feedback, "bolt"), config.locked_when == "made")
        self._lines = lines
        self._bridge = Drive(*ways, config.pulse_ms, later)
        super().__init__(self._bridge, seen, config.pulse_ms, now_ms)

    def close(self) -> None:
        """Stop the motor and give all lines back."""
        self._bridge.forget()
        super().close()


class ResidualConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`fault` is its output: with "open" a broken wire counts as tripped. `test` is its test input, if it has one."""

    fault: InName
    tripped_when: Literal["made", "open"]
    test: OutName | None = None

    def __post_init__(self) -> None:
        """Raises ValueError."""
        check_switch(() if self.test is None else (self.test,))

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (*_ins(self.fault), *(() if self.test is None else _outs(self.test)))


class GpiodResidual(_Switching, Fault):
    """A `ResidualCurrent`. A trip that is over before it is looked at is seen once."""

    Config = ResidualConfig

    def __init__(self, config: ResidualConfig) -> None:
        with _Lines() as lines:
            line, made = lines.contact(config.fault, "residual current", edges=True), config.tripped_when == "made"
            if config.test is not None:  # only then it is a `ResidualTest` too
                self.test = lines.out(config.test, "residual test").set
        self._lines = lines
        super().__init__(lambda: line.was(made))


class InputConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact."""

    line: InName
    active_when: Literal["made", "open"]

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return _ins(self.line)


class GpiodInput(Contact):
    """An `Input`."""

    Config = InputConfig

    def __init__(self, config: InputConfig) -> None:
        self._line = GpiodIn(as_in(config.line), "input")
        super().__init__(when(self._line, config.active_when == "made"))

    def close(self) -> None:
        """Give the line back."""
        self._line.close()


class PhasesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The relay that adds the second and third phase."""

    coil: OutName
    feedback: InName
    contact: ContactKind

    def __post_init__(self) -> None:
        """Raises ValueError."""
        check_switch((self.coil,))

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return (*_outs(self.coil), *_ins(self.feedback))


class GpiodPhases(_Switching, PhaseRelay):
    """A `Phases`. Built, the relay stays as it is: the contactor before it may still be on its way open, or welded."""

    Config = PhasesConfig

    def __init__(self, config: PhasesConfig, now_ms: Callable[[], int] = monotonic_ms) -> None:
        with _Lines() as lines:
            seen = lines.seen(config.feedback, config.contact, "phase feedback", now_ms)
            three = seen()
            coil = lines.out(config.coil, "phase relay", active=three)
        self._lines = lines
        super().__init__(Switch([coil], [seen]), three)


class BuzzerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A buzzer that sounds by itself while its line is active."""

    line: OutName

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return _outs(self.line)


class GpiodBuzzer:
    """A `Buzzer`."""

    Config = BuzzerConfig

    def __init__(self, config: BuzzerConfig) -> None:
        self._line = GpiodOut(as_out(config.line), "buzzer")

    def sound(self, on: bool) -> None:
        """Be loud, or silent."""
        self._line.set(on)

    def close(self) -> None:
        """Silent, and give the line back."""
        self._line.close()


def _several(names: Any) -> tuple[Any, ...]:
    return names if isinstance(names, tuple) else (names,)


def _outs(names: Any) -> tuple[str, ...]:
    return tuple(claim(as_out(name)) for name in _several(names))


def _ins(names: Any) -> tuple[str, ...]:
    return tuple(claim(as_in(name)) for name in _several(names))


PARTS = {
    "contactor": GpiodContactor,
    "enable": GpiodEnable,
    "lock": GpiodLock,
    "residual": GpiodResidual,
    "input": GpiodInput,
    "phases": GpiodPhases,
    "buzzer": GpiodBuzzer,
}
