"""CPU that a station spends on one Heartbeat and on one validated MeterValues of 20 values, beside a plain `ocpp`
ChargePoint in the same run. Both talk to the same central system, a process of its own on loopback, in turns.

Prints JSON, one key a figure. Run: python -m tests.bench.ocpp_cost [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import subprocess
import sys
import time
from collections import defaultdict
from itertools import count
from statistics import median
from typing import Protocol

import websockets
from ocpp.v16 import ChargePoint, call, datatypes, enums
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from evsed.core.effects import Send
from evsed.core.events import Delivered, Event, LinkUp
from evsed.core.reports import HeartbeatDue, Report, TransactionUpdated
from evsed.core.words import Context, Measurand, MeterSet, Nameplate, SampledValue, Stamp
from evsed.ocpp.exchange import Exchange
from evsed.ocpp.transport import CentralSettings, Link
from evsed.ocpp.v16.dialect import DIALECT

OCPP16 = [Subprotocol("ocpp1.6")]
WALL_MS, TIMESTAMP = 1_798_761_600_000, "2027-01-01T00:00:00.000Z"
PHASES = ("L1", "L2", "L3")
HEARTBEATS, METER_VALUES = 300, 60
A, V = Measurand.CURRENT_IMPORT, Measurand.VOLTAGE
P, OFFERED = Measurand.POWER_IMPORT, Measurand.CURRENT_OFFERED

# One sample of 20 values, as both stations send it.
VALUES = (
    SampledValue(Measurand.ENERGY_IMPORT, 12_345_678),
    SampledValue(Measurand.ENERGY_EXPORT, 12),
    SampledValue(Measurand.POWER_OFFERED, 11_040),
    SampledValue(Measurand.FREQUENCY, 49_980),
    SampledValue(Measurand.POWER_FACTOR, 985),
    *(SampledValue(measurand, 15_953) for measurand in (P, A, OFFERED)),
    *(SampledValue(measurand, 15_953, phase) for measurand in (P, A, OFFERED) for phase in PHASES),
    *(SampledValue(V, 230_100, f"{phase}-N") for phase in PHASES),
)
assert len(VALUES) == 20


class Station(Protocol):
    """One of the two that are compared."""

    async def heartbeats(self, times: int) -> None: ...

    async def meter_values(self, times: int) -> None: ...

    async def close(self) -> None: ...


class Evsed:
    """Link, exchange and dialect of evsed; the core is played by us."""

    def __init__(self, url: str) -> None:
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._items = count()
        self._link = Link(
            CentralSettings(url, "evsed"),
            Exchange(DIALECT, Nameplate("Bench", "Bench", None, "0"), lambda stamp: stamp.wall_ms),
            lambda: time.monotonic_ns() // 1_000_000,
            self._inbox.put_nowait,
            log=lambda line: None,
            chance=lambda: 0.5,
        )
        self._running = asyncio.create_task(self._link.run())

    @classmethod
    async def connected(cls, url: str) -> Evsed:
        made = cls(url)
        assert await made._inbox.get() == LinkUp()
        return made

    async def _ask(self, report: Report, times: int) -> None:
        for _ in range(times):
            self._link.send(Send(str(next(self._items)), report, 30_000))
            assert isinstance(await self._inbox.get(), Delivered)

    async def heartbeats(self, times: int) -> None:
        await self._ask(HeartbeatDue(), times)

    async def meter_values(self, times: int) -> None:
        samples = (MeterSet(Stamp("bench", 0, WALL_MS), Context.SAMPLE_PERIODIC, VALUES),)
        await self._ask(TransactionUpdated("tx", 1, samples), times)

    async def close(self) -> None:
        await self._link.close()
        await self._running


class Plain:
    """A ChargePoint of the `ocpp` package as its README shows it, with its defaults."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self._station = ChargePoint("ocpp", connection)
        self._running = asyncio.create_task(self._station.start())

    @classmethod
    async def connected(cls, url: str) -> Plain:
        return cls(await websockets.connect(f"{url}/ocpp", subprotocols=OCPP16, compression=None, proxy=None))

    async def heartbeats(self, times: int) -> None:
        for _ in range(times):
            assert await self._station.call(call.Heartbeat()) is not None

    async def meter_values(self, times: int) -> None:
        for _ in range(times):
            values = [
                datatypes.SampledValue(
                    value=str(sampled.value / 1000),
                    measurand=enums.Measurand(sampled.measurand.value),
                    phase=enums.Phase(sampled.phase) if sampled.phase else None,
                    unit=enums.UnitOfMeasure.wh,
                )
                for sampled in VALUES
            ]
            sample = datatypes.MeterValue(timestamp=TIMESTAMP, sampled_value=values)
            asked = call.MeterValues(connector_id=1, transaction_id=1, meter_value=[sample])
            assert await self._station.call(asked) is not None

    async def close(self) -> None:
        self._running.cancel()
        await self._connection.close()


async def measure(url: str, rounds: int) -> dict[str, float]:
    """Medians over the rounds, and how far the rounds were apart."""
    stations: dict[str, Station] = {"evsed": await Evsed.connected(url), "ocpp": await Plain.connected(url)}
    taken: dict[str, list[float]] = defaultdict(list)
    for warm in (False, *[True] * rounds):
        for name, station in stations.items():
            for what, work, times in (
                ("heartbeat", station.heartbeats, HEARTBEATS),
                ("meter_values_20", station.meter_values, METER_VALUES),
            ):
                began = time.process_time()
                await work(times)
                if warm:
                    taken[f"{what}_{name}"].append((time.process_time() - began) / times * 1e6)
    for station in stations.values():
        await station.close()
    figures = {f"{what}_cpu_us": round(median(rows), 1) for what, rows in taken.items()}
    figures |= {f"{what}_cpu_spread_us": round(max(rows) - min(rows), 1) for what, rows in taken.items()}
    for what in ("heartbeat", "meter_values_20"):
        figures[f"{what}_cpu_ratio"] = round(figures[f"{what}_evsed_cpu_us"] / figures[f"{what}_ocpp_cpu_us"], 3)
    return figures


async def be_central() -> None:
    """The central system reads just enough to answer, until its standard input ends."""

    async def answer(connection: ServerConnection) -> None:
        async for frame in connection:
            _, id, action, _ = json.loads(frame)
            payload = {"currentTime": TIMESTAMP} if action == "Heartbeat" else {}
            await connection.send(json.dumps([3, id, payload]))

    async with serve(answer, "127.0.0.1", 0, subprotocols=OCPP16, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Start the central system, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--central", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.central:
        asyncio.run(be_central())
        return
    logging.disable(logging.CRITICAL)  # neither may spend its time on log lines
    command = [sys.executable, "-m", "tests.bench.ocpp_cost", "--central"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as central:
        assert central.stdout is not None
        url = f"ws://127.0.0.1:{central.stdout.readline().strip()}"
        print(json.dumps(asyncio.run(measure(url, options.rounds)), indent=2))


if __name__ == "__main__":
    main()
