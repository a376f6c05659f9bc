"""One outlet of the plant: generator, car, power path, socket, mains and meter, wired to each other.

Rules this file upholds:
- Energy flows exactly while the power contacts are closed, the mains are there and the car draws; what the meter
  counts is what the battery gets.
- Power is constant between two changes, so the integral is exact however far the clock jumps.
"""

from __future__ import annotations

from random import Random

from hal.drivers.protocols import Parts
from hal.sim.agenda import Agenda
from hal.sim.car import Car
from hal.sim.circuit import Load
from hal.sim.contact import SimInput
from hal.sim.eeprom import Eeprom
from hal.sim.grid import GridFault, next_minute_us, voltages_mv
from hal.sim.meter import Flow, SimMeter, power_uw
from hal.sim.phases import SimPhases
from hal.sim.pilot import SimPilot
from hal.sim.power import SimContactor, SimGate, SimResidual
from hal.sim.reader import SimReader
from hal.sim.signals import SimBuzzer, SimLights
from hal.sim.socket import SimLock, SimProximity
from hal.sim.thermometer import SimThermometer


class Bay:
    """All that stands at one outlet. `lock` and `proximity` are None with a fixed cable."""

    def __init__(self, agenda: Agenda, random: Random, socket: bool, eeprom: Eeprom, gate_ms: int) -> None:
        self._agenda = agenda
        self._since_us = agenda.now_us
        self._eeprom = eeprom
        self._flow = Flow(energy_pj=eeprom.value)
        self.car = Car(agenda, self._carry, self._refresh)
        self.pilot = SimPilot(agenda, random, self.car.hear)
        self.contactor = SimContactor(agenda, self._refresh)
        self.gate = SimGate(agenda, self._refresh, gate_ms)
        self.residual = SimResidual(agenda, self._refresh)
        self.phases = SimPhases(agenda, self._refresh, lambda: self.contactor.main)
        self.lock = SimLock(agenda) if socket else None
        self.proximity = SimProximity() if socket else None
        self.grid_faults: set[GridFault] = set()
        self.meter = SimMeter(self.flow)
        self.reader = SimReader()
        self.lights, self.buzzer = SimLights(), SimBuzzer()
        self.thermometers: dict[str, SimThermometer] = {}
        self.inputs: dict[str, SimInput] = {}

    def parts(self) -> Parts:
        """What the tick gets."""
        return Parts(self.pilot, self.contactor, self.gate, self.lock, self.proximity, self.residual, self.phases)

    def flow(self) -> Flow:
        """What goes through the meter now. Any thread may ask."""
        with self._agenda.lock:
            self._settle()
            return self._flow

    def grid_fault(self, name: GridFault, on: bool) -> None:
        """Break or repair the mains."""
        with self._agenda.lock:
            (self.grid_faults.add if on else self.grid_faults.discard)(name)
            self._say("mains-failing", GridFault.LOST in self.grid_faults)
            self._refresh()

    def weaken_lock(self, on: bool) -> None:
        """Let the supply of the bolt's motor be too low, or mend it."""
        if self.lock is not None:
            self.lock.weak = on
            self._say("lock-power-low", on)

    def _say(self, means: str, on: bool) -> None:
        """The world itself moves a contact, where there is such a one."""
        if means in self.inputs:
            self.inputs[means].on = on

    def fill(self, percent: int) -> None:
        """Let the battery be so full."""
        with self._agenda.lock:
            self._settle()
            self.car.battery.set(percent)
            self.car.look()

    def _carry(self, load: Load) -> None:
        self.pilot.carry(load)

    def _refresh(self) -> None:
        """Something moved: let the coil, the car and the current follow, and arrange the next change of the current."""
        self.contactor.supply(self.gate.alive and not self.residual.tripped())
        self.car.feel(self.contactor.main and GridFault.LOST not in self.grid_faults)
        self._settle()
        now_us = self._agenda.now_us
        idle_mv = voltages_mv(now_us, (0, 0, 0), self.grid_faults)
        drawn_ma = self.car.drawn_ma
        through = self.car.phases if self.phases.closed else 1
        l1, l2, l3 = (drawn_ma if phase < through and mv else 0 for phase, mv in enumerate(idle_mv))
        volts = voltages_mv(now_us, (l1, l2, l3), self.grid_faults)
        if self.phases.before_meter and not self.phases.closed:
            volts = (volts[0], 0, 0)
        self._flow = self._flow._replace(voltage_mv=volts, current_ma=(l1, l2, l3))
        power = self._power_uw()
        minute, taper = (self, "minute"), (self, "taper")
        if power:
            self._agenda.after(next_minute_us(now_us) - now_us, minute, self._refresh, seen=False)
            self._agenda.after(self.car.battery.next_step_us(power), taper, self._step)
        else:
            self._agenda.drop(minute)
            self._agenda.drop(taper)

    def _step(self) -> None:
        """The battery takes less from here on, or nothing."""
        self._settle()
        self.car.look()

    def _power_uw(self) -> int:
        return sum(power_uw(mv, ma) for mv, ma in zip(self._flow.voltage_mv, self._flow.current_ma, strict=True))

    def _settle(self) -> None:
        """Count the energy up to now."""
        now_us = self._agenda.now_us
        counted = self._power_uw() * (now_us - self._since_us)
        self._since_us = now_us
        if counted:
            self._flow = self._flow._replace(energy_pj=self._flow.energy_pj + counted)
            self._eeprom.value = self._flow.energy_pj
            self.car.battery.take(counted)
