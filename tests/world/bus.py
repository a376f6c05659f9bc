"""What hal's slow devices say: the real drivers over the simulated plant, asked without threads, the answers in a
mailbox as hal/bus.py puts them there.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from hal.bus import Mailbox
from hal.contract import MeterReading
from hal.drivers.protocols import Meter, NoReading, PartFailed, Reader
from hal.heat import Warmth
from hal.sim.meter import Flow

if TYPE_CHECKING:
    from tests.world.clockwork import Clockwork


class Bus:
    """All of them; `mailbox` is that of the hal that runs."""

    def __init__(self, world: Clockwork, model: str) -> None:
        self._world, self._model = world, model
        self._meters: dict[int, Meter] = {}
        self._known: dict[int, tuple[Flow, MeterReading]] = {}
        self._readers: dict[int, Reader] = world.board.readers()
        self._thermometers = world.board.thermometers()
        self.felt_mc: list[int] = []  # what thermometers said in the last round
        self.mailbox = Mailbox()

    def start(self) -> None:
        """A new life of hal knows nothing."""
        self.mailbox = Mailbox()
        self._meters = {evse: self._world.plant.meter_values(evse, self._model) for evse in self._world.board.outlets}
        self._known.clear()

    def register(self, evse: int) -> int:
        """What a meter's register truly says, asked beside hal, in Wh."""
        meter = self._world.plant.bays[evse].meter
        lies, meter.faults = meter.faults, set()
        frozen, meter._frozen = meter._frozen, None
        try:
            return self._world.plant.meter_values(evse, self._model).read().energy_wh
        finally:
            meter.faults, meter._frozen = lies, frozen

    def ask(self) -> None:
        """Thermometers and meters, each second."""
        self._feel()
        for evse in self._meters:
            try:
                reading = self._reading(evse)
            except NoReading as silent:
                self._world.note(f"meter {evse}: {silent}")
                self.mailbox.put_silence(evse, str(silent))
                continue
            self.mailbox.put_meter(evse, msgspec.structs.replace(reading, at_ms=self._world.mono_ms))
            self._world.stir()

    def has_news(self) -> bool:
        """Whether one would say something else now than in the last round. Energy that goes on flowing, and the
        voltage of each minute, are none.
        """
        felt = self.felt_mc != [thermometer.mc for thermometer in self._world.plant.thermometers]
        bays = self._world.plant.bays
        return felt or any(flow.current_ma != bays[evse].flow().current_ma for evse, (flow, _) in self._known.items())

    def poll(self, up: bool) -> None:
        """Card readers, each time; what is shown to one while hal is not `up` is lost."""
        for evse, reader in self._readers.items():
            try:
                tag, mute = reader.poll(), ""
            except PartFailed as gone:
                tag, mute = None, str(gone)
            if mute != self.mailbox.mute(evse):
                self.mailbox.put_mute(evse, mute)
                self._world.stir()
            if tag is not None and up:
                self.mailbox.put_tag(evse, tag, self._world.mono_ms)
                self._world.stir()

    def _feel(self) -> None:
        self.felt_mc = [thermometer.mc for thermometer in self._world.plant.thermometers]
        for sensor, thermometer in self._thermometers.items():
            with suppress(NoReading):
                self.mailbox.put_warmth(sensor, Warmth(thermometer.read(), self._world.mono_ms))
                self._world.stir()

    def _reading(self, evse: int) -> MeterReading:
        """What the driver makes of the meter; while nothing flows, what it made of it before."""
        bay = self._world.plant.bays[evse]
        flow, known = bay.flow(), self._known.pop(evse, None)
        same = known is not None and known[0] == flow and not bay.meter.faults
        reading = known[1] if same and known is not None else self._meters[evse].read()
        self._known[evse] = flow, reading
        return reading
