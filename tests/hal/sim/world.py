"""A small hand that drives a plant as the tick does: every 10 ms one look at the pilot and one beat of the gate."""

from __future__ import annotations

from hal.sim.bay import Bay
from hal.sim.plant import Plant

SIXTEEN_AMPERES = 266.67


class Hand:
    """Time and outlet 1 of a plant."""

    def __init__(self, socket: bool = True, evses: int = 1, seed: int = 0) -> None:
        self.plant = Plant(evses=evses, socket=socket, seed=seed)
        self.bay: Bay = self.plant.bays[1]
        self.parts = self.plant.parts(1)
        self.now_ms = 1_000_000
        self.beats = True
        self.plant.advance(self.now_ms)
        self.seen = self.parts.pilot.volts()[:2]

    def say(self, *words: str) -> str:
        """Must be done."""
        done, text = self.plant.order(1, words)
        assert done, text
        return text

    def refused(self, *words: str) -> str:
        """Must not be done."""
        done, text = self.plant.order(1, words)
        assert not done, text
        return text

    def wait(self, ms: int) -> tuple[float, float]:
        """Let so many ms of ticks pass; gives the last sample."""
        for _ in range(ms // 10):
            self.now_ms += 10
            self.plant.advance(self.now_ms)
            self.seen = self.parts.pilot.volts()[:2]
            if self.beats:
                self.parts.enable.beat()
        return self.seen

    def charge(self, *plug_in: str) -> None:
        """Plug in, offer 16 A, close when the car asks, and let it draw."""
        self.say("plug-in", *plug_in)
        self.wait(50)
        self.parts.pilot.offer(SIXTEEN_AMPERES)
        self.wait(1_000)
        assert self.bay.car.s2
        self.parts.contactor.order(True)
        self.wait(2_000)

    @property
    def drawn_ma(self) -> int:
        """On L1."""
        return self.bay.flow().current_ma[0]
