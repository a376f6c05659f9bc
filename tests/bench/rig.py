"""The real tick thread in a process of its own, over the simulated plant, with a probe at the contactor.

    python -m tests.bench.rig edges --count N --socket PATH --meter PORT    latencies of openings in ms, a JSON list
    python -m tests.bench.rig pulses --count N --socket PATH --meter PORT   C pulses of 200 ms: given, reported, closed
    python -m tests.bench.rig lateness --seconds S [--meter PORT …]         how late each tick began, in ms

With a socket it is a whole evse-hal: the real server publishes to whoever connects, and the bus polls the meter. It
says `listening` and begins when the first lease comes. What evsed is granted there is decoded and taken, and then the
rig's own wish is put over it, since the rig plays the charges.
Edges fall at a random microsecond of tick and PWM period; what is timed is the moment at which the coil is written.
Only here the 500 ms for which C must be held, and the rest between two closings, are shortened: they delay closing,
never opening, and with them ten thousand edges would take hours.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import msgspec

from hal import guard, iec61851
from hal.boards import Board, assemble, load, with_outlets
from hal.bus import Bus, Mailbox
from hal.contract import Lease, Limits, MeterChoice, Snapshot
from hal.drivers import open_meter
from hal.drivers.protocols import Contactor, Pilot
from hal.faults import Name
from hal.server import Server
from hal.sim.plant import Plant
from hal.system import Notifier
from hal.tick import Tick, TickThread

DUTIES = (50.0, 100.0, 267.0, 533.0, 850.0, 50.0, 100.0, 850.0)  # permille
SWITCH_S = 0.0005  # as evse-hal sets it
TICK_NS = 10_000_000
MISSED_MS = 500
PULSE_MS = 200


class NoMemory:
    """Faults of a bench need not outlive it."""

    failed = ""

    def recall(self, evse: int) -> tuple[Name, ...]:
        return ()

    def keep(self, evse: int, names: tuple[Name, ...]) -> None:
        """Forget them."""


class Probe:
    """A contactor that notes when its coil is released."""

    def __init__(self, part: Contactor) -> None:
        self._part = part
        self.ordered = False
        self.released_us = 0
        self.closings = 0

    def order(self, closed: bool) -> None:
        self._part.order(closed)
        if self.ordered and not closed:
            self.released_us = time.monotonic_ns() // 1_000
        self.closings += closed and not self.ordered
        self.ordered = closed

    def closed(self) -> bool:
        return self._part.closed()


class FixedDuty:
    """A pilot whose PWM has this duty whatever is offered; constant levels pass."""

    def __init__(self, part: Pilot, permille: float) -> None:
        self._part = part
        self._permille = permille

    def offer(self, permille: float) -> None:
        self._part.offer(self._permille if 0 < permille < 1_000 else permille)

    def volts(self) -> tuple[float, float, int]:
        return self._part.volts()


class Rig:
    """Board, tick and thread, with something to do after each tick."""

    def __init__(self, evses: int, mailbox: Mailbox, metered: Sequence[int] = ()) -> None:
        self.file = with_outlets(load("sim"), evses)
        outlets = tuple(msgspec.structs.replace(o, socket=False, max_ma=63_000) for o in self.file.outlet)
        self.board: Board = assemble(msgspec.structs.replace(self.file, outlet=outlets))
        self.plant: Plant = self.board._plant  # type: ignore[attr-defined]
        self.probes: dict[int, Probe] = {}
        for evse, outlet in self.board.outlets.items():
            self.probes[evse] = Probe(outlet.parts.contactor)
            pilot = FixedDuty(outlet.parts.pilot, DUTIES[evse - 1])
            parts = replace(outlet.parts, contactor=self.probes[evse], pilot=pilot)
            timing = msgspec.structs.replace(outlet.timing, close_spacing_ms=0)
            self.board.outlets[evse] = replace(outlet, parts=parts, timing=timing, spots=())
        self.last: Snapshot | None = None
        now_ms = time.monotonic_ns() // 1_000_000
        self.tick = Tick(self.board, Limits(63_000), mailbox, self._publish, NoMemory(), now_ms, metered=metered)
        self.late_ms: list[float] = []

    def _publish(self, snapshot: Snapshot) -> None:
        self.last = snapshot

    def start(self) -> TickThread:
        thread = TickThread(self.tick, self.board, Notifier(), lambda: None)
        thread.start()
        return thread

    def plugged(self) -> TickThread:
        """Started, with a car at each outlet that has a lease."""
        thread = self.start()
        for bay in self.plant.bays.values():
            bay.car.plug(True)
        self.lease_all()
        return thread

    def watch_lateness(self) -> None:
        """Note how late each tick begins after its place in the 10 ms schedule; a missed place starts it anew."""
        run_once, due_ns = self.tick.run_once, 0

        def timed(now_ms: int) -> None:
            nonlocal due_ns
            now_ns = time.monotonic_ns()
            late_ns = now_ns - due_ns - TICK_NS if due_ns else 0
            self.late_ms.append(max(0, late_ns) / 1e6)
            due_ns = now_ns - max(0, late_ns) % TICK_NS
            run_once(now_ms)

        self.tick.run_once = timed  # type: ignore[method-assign]

    def lease_all(self) -> None:
        now_ms = time.monotonic_ns() // 1_000_000
        for evse in self.board.outlets:
            self.tick.grant(Lease(evse, 63_000, True, False, now_ms + 3_000), now_ms)


class Attached(Rig):
    """A rig with the server and the bus of evse-hal, for an evsed of its own."""

    def __init__(self, path: str, port: str) -> None:
        mailbox = Mailbox()
        meters = {1: open_meter(MeterChoice("sdm630", port, 1), port)}
        super().__init__(len(DUTIES), mailbox, metered=tuple(meters))
        self._bus = Bus(meters, {}, mailbox)
        self._server = Server(path, (), lambda: time.monotonic_ns() // 1_000_000)
        self.granted = 0
        grant = self.tick.grant

        def count(lease: Lease, now_ms: int) -> bool:
            self.granted += 1
            known = grant(lease, now_ms)
            self.lease_all()
            return known

        self.grant, self.tick.grant = grant, count  # type: ignore[method-assign]
        print("listening", flush=True)

    def lease_all(self) -> None:
        now_ms = time.monotonic_ns() // 1_000_000
        for evse in self.board.outlets:
            self.grant(Lease(evse, 63_000, True, False, now_ms + 3_000), now_ms)

    def _publish(self, snapshot: Snapshot) -> None:
        super()._publish(snapshot)
        self._server.publish(snapshot)

    def listen(self, seconds: float) -> None:
        """Be the main thread of evse-hal for a while."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._server.turn(self.tick, left_s)
        self.lease_all()

    def plugged(self) -> TickThread:
        thread = super().plugged()
        self._bus.start()
        while not self.granted:
            self.listen(0.5)
        return thread

    def close(self, thread: TickThread) -> None:
        thread.stop()
        self._bus.stop()
        self._server.close()


def edges(rig: Attached, count: int) -> list[float | None]:
    """Open S2 at random moments, `count` times over all outlets; None = not opened in time."""
    guard.CONFIRM_MS = iec61851.CONFIRM_MS = 20
    random = Random(1)
    found: list[float | None] = []
    given: dict[int, int] = {}
    run_once = rig.tick.run_once

    def look(now_ms: int) -> None:
        run_once(now_ms)
        for evse, probe in rig.probes.items() if rig.granted else ():
            car = rig.plant.bays[evse].car
            if evse in given:
                late_ms = (probe.released_us - given[evse]) / 1_000
                if late_ms >= 0 or now_ms - given[evse] / 1_000 > MISSED_MS:
                    found.append(late_ms if late_ms >= 0 else None)
                    del given[evse]
                    car.move_s2(True, after_us=random.randrange(20_000, 30_000))
            elif probe.ordered and probe.closed() and len(found) + len(given) < count:
                delay_us = random.randrange(5_000, 25_000)
                given[evse] = now_ms * 1_000 + delay_us
                car.move_s2(False, after_us=delay_us)

    rig.tick.run_once = look  # type: ignore[method-assign]
    thread = rig.plugged()
    while len(found) < count and thread.failure is None:
        rig.listen(0.5)
    rig.close(thread)
    return found


def pulses(rig: Attached, count: int) -> dict[str, int]:
    """Close S2 for 200 ms, `count` times over all outlets."""
    for bay in rig.plant.bays.values():
        bay.car.want(False)
    thread = rig.plugged()
    rounds = -(-count // len(DUTIES))
    random = Random(2)
    for _ in range(rounds):
        for bay in rig.plant.bays.values():
            after_us = random.randrange(10_000)
            bay.car.move_s2(True, after_us=after_us)
            bay.car.move_s2(False, after_us=after_us + PULSE_MS * 1_000)
        rig.listen(0.5)
    rig.listen(1.5)
    rig.close(thread)
    assert rig.last is not None
    reported = sum(outlet.short_c for outlet in rig.last.outlets)
    closings = sum(probe.closings for probe in rig.probes.values())
    return {"given": rounds * len(DUTIES), "reported": reported, "closings": closings}


def lateness(seconds: float, ports: Sequence[str]) -> list[float]:
    """How late ticks begin beside a plugged-in car, with a bus thread for each meter."""
    mailbox = Mailbox()
    evses = max(1, len(ports))
    meters = {n: open_meter(MeterChoice("sdm630", port, n), port) for n, port in enumerate(ports, 1)}
    rig = Rig(evses, mailbox, metered=tuple(meters))
    bus = Bus(meters, {}, mailbox)
    rig.watch_lateness()
    for bay in rig.plant.bays.values():
        bay.car.want(False)
    thread = rig.plugged()
    bus.start()
    time.sleep(3)
    rig.late_ms.clear()
    time.sleep(seconds)
    late = list(rig.late_ms)
    thread.stop()
    bus.stop()
    if ports and not all(mailbox.meter(evse) for evse in meters):
        raise SystemExit("a meter was never read: the figure would mean nothing")
    return late


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["edges", "pulses", "lateness"])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--meter", action="append", default=[])
    parser.add_argument("--socket")
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    if options.what == "lateness":
        found: object = lateness(options.seconds, options.meter)
    else:
        measure = edges if options.what == "edges" else pulses
        found = measure(Attached(options.socket, *options.meter), options.count)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
