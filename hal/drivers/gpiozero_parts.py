"""The family "gpiozero": parts on a Pi's pins, for who has gpiozero anyway. "gpiod" can do more.

Rules this file upholds:
- The board names the pin factory; another one is never taken in its place.
- gpiozero makes a pin an output first and sets its level after that. So there are only outputs that are active high, on
  pins that are low until then; a key for active-low ones does not exist.
- Inputs are looked at, never waited for: no thread of gpiozero runs. A trip shorter than a tick is not seen.
- No feedback by voltage, no lock and no phase relay here: their edges and pulses want the kernel's own clock.
- No pilot here: its PWM is made by software in whole percents, 16 A would become 15.6 A.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Literal

import msgspec

from hal.bus import monotonic_ms
from hal.drivers.claims import gpio_claim
from hal.drivers.kept_levels import kept_levels
from hal.drivers.line_parts import Contact, Fault, Heartbeat, Switch, when
from hal.drivers.lines import stirs_at_boot
from hal.drivers.protocols import PartFailed
from hal.lasting import Lasting

FACTORIES = {"lgpio": "gpiozero.pins.lgpio:LGPIOFactory", "rpigpio": "gpiozero.pins.rpigpio:RPiGPIOFactory"}

Gpio = Annotated[int, msgspec.Meta(ge=0, le=27)]
Pins = Annotated[tuple[Gpio, ...], msgspec.Meta(min_length=1, max_length=2)]


@cache
def factory(name: str) -> Any:
    """The pin factory of that name, the same for all parts. Raises PartFailed."""
    os.environ.setdefault("LG_WD", tempfile.gettempdir())  # lgpio makes a pipe where it stands, or fails
    module, _, kind = FACTORIES[name].partition(":")
    try:
        return getattr(import_module(module), kind)()
    except Exception as failed:  # each library has its own
        raise PartFailed(f"pin factory `{name}` cannot be had: {failed}") from None


def _check(factory: str, *switches: int) -> None:
    """Whether it is a factory that we know, and these pins may switch power. Raises ValueError."""
    if factory not in FACTORIES:
        raise ValueError(f"factory is one of {', '.join(FACTORIES)}, not `{factory}`")
    for gpio in switches:
        if why := stirs_at_boot(gpio):
            raise ValueError(why)


def _claims(*gpios: int) -> tuple[str, ...]:
    return tuple(map(gpio_claim, gpios))


def _several(pins: int | tuple[int, ...]) -> tuple[int, ...]:
    return pins if isinstance(pins, tuple) else (pins,)


class Output:
    """An `Out`."""

    def __init__(self, pins: str, gpio: int, what: str) -> None:
        from gpiozero import OutputDevice

        self._what = f"{what} on GPIO{gpio}"
        options = {"active_high": True, "initial_value": False, "pin_factory": factory(pins)}
        self._device = _built(self._what, lambda: OutputDevice(gpio, **options))

    def set(self, active: bool) -> None:
        """Drive it. Raises PartFailed."""
        try:
            self._device.value = active
        except Exception as failed:  # each factory has its own errors
            raise PartFailed(f"{self._what}: {failed}") from None

    def close(self) -> None:
        """Give it back; gpiozero makes it a floating input."""
        if not self._device.closed:
            try:
                self._device.off()
            finally:
                self._device.close()


class Watched:
    """An `In`: a contact to ground against the Pi's pull-up, calmed for `calm_ms`."""

    def __init__(self, pins: str, gpio: int, what: str, calm_ms: int, now_ms: Callable[[], int]) -> None:
        from gpiozero import InputDevice

        self._what = f"{what} on GPIO{gpio}"
        self._device = _built(self._what, lambda: InputDevice(gpio, pull_up=True, pin_factory=factory(pins)))
        self._now_ms, self._other = now_ms, Lasting(calm_ms)
        self._made = bool(self._device.value)

    def made(self) -> bool:
        """Whether it is made now. Raises PartFailed."""
        try:
            said = bool(self._device.value)
        except Exception as failed:  # each factory has its own errors
            raise PartFailed(f"{self._what}: {failed}") from None
        if self._other.lasts(said is not self._made, self._now_ms()):
            self._made = said
            self._other.lasts(False, 0)
        return self._made

    def close(self) -> None:
        """Give it back."""
        self._device.close()


def _built(what: str, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except PartFailed:
        raise
    except Exception as failed:  # each factory has its own errors
        raise PartFailed(f"{what}: {failed}") from None


class _Switching:
    """A part with outputs."""

    _held: tuple[Output | Watched, ...]

    def warning(self) -> str | None:
        """What the builder should hear at each start."""
        return kept_levels()

    def close(self) -> None:
        """Give all pins back, low."""
        for line in self._held:
            line.close()


class ContactorConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One coil, or two that follow the same order, and for each the contact that tells of its relay."""

    factory: str
    coil: Gpio | Pins
    feedback: Gpio | Pins
    contact: Literal["mirror", "auxiliary"]

    def __post_init__(self) -> None:
        """Raises ValueError."""
        _check(self.factory, *_several(self.coil))
        if len(_several(self.coil)) != len(_several(self.feedback)):
            raise ValueError("each coil needs the feedback of its own relay: give as many feedback pins as coils")

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return _claims(*_several(self.coil), *_several(self.feedback))


class GpiozeroContactor(_Switching, Switch):
    """A `Contactor`."""

    Config = ContactorConfig

    def __init__(self, config: ContactorConfig) -> None:
        pins, several = config.factory, _several(config.feedback)
        with ExitStack() as taken:  # a pin that can't be had gives back those before it
            coils = [taken.enter_context(closing(Output(pins, gpio, "coil"))) for gpio in _several(config.coil)]
            contacts = [
                taken.enter_context(closing(Watched(pins, gpio, "feedback", 0, monotonic_ms))) for gpio in several
            ]
            taken.pop_all()
        self._held = (*coils, *contacts)
        super().__init__(coils, [when(contact, config.contact == "auxiliary") for contact in contacts])


class EnableConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pin that carries the heartbeat."""

    factory: str
    pin: Gpio

    def __post_init__(self) -> None:
        """Raises ValueError."""
        _check(self.factory, self.pin)

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return _claims(self.pin)


class GpiozeroEnable(_Switching, Heartbeat):
    """An `Enable`."""

    Config = EnableConfig

    def __init__(self, config: EnableConfig) -> None:
        line = Output(config.factory, config.pin, "heartbeat")
        self._held = (line,)
        super().__init__(line)


class ResidualConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`fault` is its output: with "open" a broken wire counts as tripped. `test` is its test input, if it has one."""

    factory: str
    fault: Gpio
    tripped_when: Literal["made", "open"]
    test: Gpio | None = None

    def __post_init__(self) -> None:
        """Raises ValueError."""
        _check(self.factory, *(() if self.test is None else (self.test,)))

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return _claims(self.fault, *(() if self.test is None else (self.test,)))


class GpiozeroResidual(_Switching, Fault):
    """A `ResidualCurrent`."""

    Config = ResidualConfig

    def __init__(self, config: ResidualConfig) -> None:
        fault = Watched(config.factory, config.fault, "residual current", 0, monotonic_ms)
        self._held = (fault,)
        if config.test is not None:  # only then it is a `ResidualTest` too
            test = Output(config.factory, config.test, "residual test")
            self._held = (fault, test)
            self.test = test.set
        super().__init__(when(fault, config.tripped_when == "made"))


class InputConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A contact."""

    factory: str
    pin: Gpio
    active_when: Literal["made", "open"]
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=500)] = 50

    def __post_init__(self) -> None:
        """Raises ValueError."""
        _check(self.factory)

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board."""
        return _claims(self.pin)


class GpiozeroInput(Contact):
    """An `Input`."""

    Config = InputConfig

    def __init__(self, config: InputConfig, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._pin = Watched(config.factory, config.pin, "input", config.debounce_ms, now_ms)
        super().__init__(when(self._pin, config.active_when == "made"))

    def close(self) -> None:
        """Give the pin back."""
        self._pin.close()


PARTS = {
    "contactor": GpiozeroContactor,
    "enable": GpiozeroEnable,
    "residual": GpiozeroResidual,
    "input": GpiozeroInput,
}
