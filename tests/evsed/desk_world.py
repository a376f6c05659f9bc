"""A small station behind the control socket: a world with outlets, variables, transactions and a log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from evsed import control, desk
from evsed.core import events
from evsed.core.catalogue import ALL
from evsed.core.effects import VariablesReply, VariableView, VendorReply
from evsed.core.records import Transaction
from evsed.core.security_events import SecurityEntry, SecurityKind
from evsed.core.status import Dials, HalStatus, LinkStatus, OutletStatus, StationStatus, TickStatus
from evsed.core.variables import Variables
from evsed.core.words import FaultNote, Registration, Stamp, Status, StopReason, Token, Verdict

IDLE = OutletStatus(evse=1, energy_wh=10_000_000)
CHARGING = replace(
    IDLE,
    status=Status.CHARGING,
    plugged=True,
    ev_ready=True,
    closed=True,
    offered_ma=16_000,
    drawn_ma=(15_900, 16_000, 15_800),
    voltage_mv=(229_871, 230_020, 231_900),
    power_w=10_980,
    session_wh=3_214,
    tx="t2",
    token="…B2C3",
    limits=(("board", 32_000), ("cable", 16_000)),
    limited_by="cable",
)
WARNING = FaultNote("SHORT_C", False, False, "NoError", "The car asked for less than 200 ms.")
TRIPPED = FaultNote("RESIDUAL_CURRENT", True, True, "GroundFailure", "residual current detected")
STUCK = FaultNote("WELDED", True, True, "PowerSwitchFailure", "contactor stays closed though it was opened")
STATION = StationStatus(
    identity="box-1",
    version="0.1.0",
    hal=HalStatus(up=True, for_s=3_700),
    link=LinkStatus(configured=True, connected=True, for_s=61, url="wss://central.example/ocpp/box-1"),
    dials=Dials(profile=2, has_key=True),
    registration=Registration.ACCEPTED,
    queue_length=2,
    clock_trusted=True,
    tick=TickStatus(ticks=370_000, overruns=3, late_max_us=1_234),
    outlets=(IDLE,),
)
TRANSACTIONS = (
    Transaction("t2", 1, Token("04A1B2C3"), None, Stamp("b", 9, None), 9_996_786, 10_000_000),
    Transaction(
        id="t1",
        evse=1,
        token=Token("04A1B2C3"),
        group=None,
        started=Stamp("b", 1, 1_800_000_000_000),
        start_wh=9_000_000,
        last_wh=9_000_100,
        ended=Stamp("b", 2, 1_800_000_060_000),
        end_wh=9_000_150,
        reason=StopReason.LOCAL,
        unassigned_wh=350,
    ),
)
SECURITY_LOG = (
    SecurityEntry("s2", SecurityKind.RESET, Stamp("b", 1, 1_800_000_000_000), "Hard"),
    SecurityEntry("s1", SecurityKind.STARTED, Stamp("b", 0, None), ""),
)


class World:
    """A Desk whose station answers at once; the tests change its state and read what reached it."""

    def __init__(self) -> None:
        self.state = STATION
        self.variables = Variables(ALL, {})
        self.requests: list[events.Request | events.LocalRequest] = []
        self.cleared: list[int] = []
        self.verdict = Verdict.ACCEPTED
        self.silent = False
        self.data: str | None = None
        self._moved = asyncio.Event()

    def becomes(self, *outlets: OutletStatus) -> None:
        self.state = replace(self.state, outlets=outlets)
        self._moved.set()

    def status(self) -> StationStatus:
        return self.state

    async def changed(self) -> None:
        await self._moved.wait()
        self._moved.clear()

    async def ask(self, request: events.Request | events.LocalRequest) -> Verdict | VariablesReply | VendorReply:
        self.requests.append(request)
        if self.silent:
            await asyncio.Event().wait()
        if isinstance(request, events.VariablesRead):
            return VariablesReply(tuple(self._views(request.names)))
        if isinstance(request, events.VariableWritten):
            variable = self.variables.find(request.component, request.name)
            assert variable is not None
            self.variables.write(variable, request.value)
        if isinstance(request, events.VendorMessageWanted):
            return VendorReply(self.verdict, self.data)
        return self.verdict

    def _views(self, names: Sequence[tuple[str, str]]) -> list[VariableView]:
        return [
            VariableView(v.component, v.name, self.variables.text(v), v.writable)
            for v in ALL
            if not names or (v.component, v.name) in names
        ]

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        return TRANSACTIONS[:limit]

    async def security_log(self, limit: int) -> Sequence[SecurityEntry]:
        return SECURITY_LOG[:limit]

    def wall_ms(self, stamp: Stamp) -> int | None:
        return stamp.wall_ms

    def log_lines(self, most: int) -> Sequence[tuple[Stamp, str]]:
        dated = Stamp("b", 2, 1_800_000_060_000)
        undated = Stamp("b", 1, None)
        return ((dated, "= old"), (undated, "< CALL 41 Reset"), (dated, "> RESULT 41 Accepted"))[-most:]

    def clear_faults(self, evse: int) -> None:
        self.cleared.append(evse)
        (outlet,) = self.state.outlets
        self.becomes(replace(outlet, faults=tuple(fault for fault in outlet.faults if fault != TRIPPED)))


@asynccontextmanager
async def serving(world: World, path: Path) -> AsyncIterator[None]:
    """The control socket of this world at `path`, until the block ends."""
    answering: desk.Desk = world
    server = asyncio.create_task(control.serve(answering, control.listen(str(path))))
    try:
        yield
    finally:
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server


Talk = Callable[["Peer"], Awaitable[None]]


class Peer:
    """Somebody at the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def says(self, line: bytes) -> None:
        self._writer.write(line)

    async def hears(self) -> dict[str, Any] | None:
        line = await self._reader.readline()
        heard: dict[str, Any] | None = json.loads(line) if line else None
        return heard

    async def asks(self, **question: object) -> dict[str, Any]:
        self.says(json.dumps(question).encode() + b"\n")
        heard = await self.hears()
        assert heard is not None
        return heard

    def close(self) -> None:
        self._writer.close()


async def peer_at(path: Path) -> Peer:
    return Peer(*await asyncio.open_unix_connection(str(path)))


def talk(tmp_path: Path, world: World, script: Talk) -> None:
    async def play() -> None:
        path = tmp_path / "control.sock"
        async with serving(world, path):
            peer = await peer_at(path)
            await script(peer)
            peer.close()

    asyncio.run(play())


def ask(tmp_path: Path, world: World, **question: object) -> dict[str, Any]:
    heard: dict[str, Any] = {}

    async def script(peer: Peer) -> None:
        heard.update(await peer.asks(**question))

    talk(tmp_path, world, script)
    return heard
