"""What a board part must be able to do. A driver is one small class that fits one of these protocols.

The tick calls `Pilot`, `Contactor`, `Enable`, `Lock`, `Proximity`, `ResidualCurrent`, `ResidualTest`, `Input` and
`Phases` every 10 ms: they return at once and never block. The bus thread calls `Meter`, `Reader` and `Thermometer`,
which may take as long as their wire does.
A broken part raises `PartFailed`; the tick then treats its value as unsafe. One that cannot be built raises it too, or
OSError, and evse-hal does not start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hal.contract import MeterReading


class PartFailed(Exception):
    """A part of the board did not do what was asked; the text names the part and the reason."""


HUNG_MS = 10_000
"""Longer than the kernel waits for a bus that does not answer."""


class NoReading(Exception):
    """The meter gave no answer that could be believed; the text says why. Never a value instead."""


class Pilot(Protocol):
    """The control pilot: ±12 V behind 1 kΩ, 1 kHz.

    Both plateaus must come through one converter, so that a stuck one shows a single level, which no PWM has. Only the
    driver knows whether a value was measured or merely read again, so it counts, and what is not counted is old.
    """

    def offer(self, permille: float) -> None:
        """Drive it: 1000 = constant +12 V (x1), 0 = constant −12 V (state F), between = share of the high level."""

    def volts(self) -> tuple[float, float, int]:
        """(highest, lowest) plateau in volts of all that was measured since the last call, and how many measurements
        there have been since the start; 0 = none yet. At 1000 or 0 both plateaus are the one level.

        Only a finished measurement of the line moves the count. Without a new one the plateaus are the last ones; after
        35 ms the guard opens, after 200 ms it is a fault.
        """


class Delayed(Protocol):
    """An ability of a `Pilot` that measures beside the tick."""

    def age_ms(self) -> int:
        """How long before the last call of `volts` the measurement that it told was begun."""


class Hanging(Protocol):
    """An ability of a `Pilot` or `Proximity` that measures beside the tick."""

    def hangs(self) -> str:
        """Which measurement does not end though it has had HUNG_MS; "" = none. Only a new process gets over it."""


class PilotOut(Protocol):
    """The generator of a `Pilot` that is put together from two halves."""

    def drive(self, permille: float) -> None:
        """See `Pilot.offer`."""

    def verify(self) -> None:
        """Raises PartFailed where it is known not to drive what it was told. Asked in every tick."""

    def close(self) -> None:
        """Leave +12 V on the line."""


class PilotIn(Protocol):
    """The measuring half of such a `Pilot`."""

    def expect(self, permille: float) -> None:
        """What the line is driven with from now on; what was measured before counts no more."""

    def volts(self) -> tuple[float, float, int]:
        """See `Pilot.volts`."""

    def age_ms(self) -> int:
        """See `Delayed.age_ms`."""

    def close(self) -> None:
        """Give the converter back."""


class Contactor(Protocol):
    """The power contactor with its mirror contact."""

    def order(self, closed: bool) -> None:
        """Energise or release the coil."""

    def closed(self) -> bool:
        """What the feedback contact says now."""


class Enable(Protocol):
    """The heartbeat-fed gate in series with the coil: without beats the hardware opens by itself."""

    def beat(self) -> None:
        """One toggle; called only by a tick whose measurement of the pilot is at most 35 ms old."""

    def drop(self) -> None:
        """Stop the gate at once."""


class Lock(Protocol):
    """The bolt that holds the plug in a socket outlet."""

    def order(self, locked: bool) -> None:
        """Drive the bolt; repeated equal orders cost nothing."""

    def locked(self) -> bool:
        """What the bolt's feedback says now."""


class Proximity(Protocol):
    """The resistor in the plug that tells what the cable carries (socket outlets only)."""

    def ohms(self) -> float | None:
        """Resistance PP to PE; None = open (no plug)."""


class ResidualCurrent(Protocol):
    """RCD or RDC-DD: its output opens the contactor in hardware, software is only told."""

    def tripped(self) -> bool:
        """Whether the fault output is active."""


class ResidualTest(Protocol):
    """An ability of a `ResidualCurrent` that can be tried: its test input."""

    def test(self, active: bool) -> None:
        """Drive the test input; `tripped` must follow while it is active, and let go after."""


class Input(Protocol):
    """A contact that says one thing: emergency stop, an open enclosure, earth, a grid operator's wish, a button."""

    def active(self) -> bool:
        """Whether it says it now; a contact that bounces is the driver's to calm."""


class Phases(Protocol):
    """What chooses between one and three phases; only moved while the contactor is open."""

    def use(self, three: bool) -> None:
        """Choose; repeated equal orders cost nothing."""

    def three(self) -> bool:
        """What its feedback says now."""


class Thermometer(Protocol):
    """A temperature of the plug, the terminals or the enclosure."""

    def read(self) -> int:
        """Thousandths of a degree Celsius. Raises NoReading."""

    def close(self) -> None:
        """Give the line back."""


class Lights(Protocol):
    """What an outlet shows; asked beside the tick."""

    def show(self, red: int, green: int, blue: int) -> None:
        """Shine so, each in permille of what it can; one without a colour does what comes nearest."""

    def close(self) -> None:
        """Give the wire back."""


class Buzzer(Protocol):
    """What an outlet lets hear; asked beside the tick."""

    def sound(self, on: bool) -> None:
        """Be loud, or silent."""

    def close(self) -> None:
        """Give the wire back."""


class Meter(Protocol):
    """The energy meter of one outlet."""

    def read(self) -> MeterReading:
        """One whole set of values, dated when it was asked for. Raises NoReading."""

    def close(self) -> None:
        """Give the line back."""


class Reader(Protocol):
    """A card reader. Built though its device is not there yet: only `poll` looks for it."""

    def poll(self) -> str | None:
        """The tag of a new presentation, once; None otherwise."""

    def close(self) -> None:
        """Give the device back."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one outlet. None = the board has no such part: no bolt, a fixed cable, no residual-current input,
    no choice of phases.
    """

    pilot: Pilot
    contactor: Contactor
    enable: Enable
    lock: Lock | None
    proximity: Proximity | None
    residual: ResidualCurrent | None
    phases: Phases | None = None
