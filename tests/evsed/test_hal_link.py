"""evsed's connection to evse-hal over a real seqpacket socket, in virtual time; the tools' connection over another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from evsed.core import events as ev
from evsed.core.effects import Demand
from evsed.hal_link import NOT_RENEWED, RENEWED, RETRY_S, SILENT_S, HalClient, HalLink, HalSilent
from hal.contract import (
    LEASE_MS,
    MAX_DATAGRAM,
    RENEW_MS,
    ClearFaults,
    Lease,
    Request,
    SimAnswer,
    SimOrder,
    Update,
    decode_request,
    encode,
)
from tests.evsed.snapshots import IDLE, outlet, snapshot
from tests.evsed.virtual_time import now_ms, play

UP = Demand(1, 16_000, True, True)
SOON_S = 0.01


class Hal:
    """The other end: listens at `path` while it lives."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener: socket.socket | None = None
        self._peer: socket.socket | None = None
        self.dials = 0
        self.starts()

    def starts(self) -> None:
        Path(self._path).unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(self._path)
        self._listener.listen()
        self._listener.setblocking(False)

    def dies(self) -> None:
        for end in (self._peer, self._listener):
            if end is not None:
                end.close()
        self._peer = self._listener = None

    @property
    def peer(self) -> socket.socket:
        """The newest connection."""
        assert self._listener is not None
        with suppress(BlockingIOError):
            while True:
                newer, _ = self._listener.accept()
                newer.setblocking(False)
                self._peer, self.dials = newer, self.dials + 1
        assert self._peer is not None, "nobody dialled"
        return self._peer

    def says(self, *updates: Update | bytes) -> None:
        for update in updates:
            with suppress(BrokenPipeError):  # who has hung up does not hear it
                self.peer.send(update if isinstance(update, bytes) else encode(update))

    def heard(self) -> list[Request]:
        """All that was said since the last time."""
        found = []
        with suppress(BlockingIOError):
            while datagram := self.peer.recv(MAX_DATAGRAM):
                found.append(decode_request(datagram))
        return found


class World:
    """A link that runs, and what it told."""

    def __init__(self, path: str) -> None:
        self.hal = Hal(path)
        self.told: list[ev.Event] = []
        self.decides = True
        self.lines: list[str] = []
        self.link = HalLink(path, self.told.append, now_ms, decides=lambda: self.decides, note=self.lines.append)

    async def says(self, *updates: Update | bytes) -> None:
        self.hal.says(*updates)
        await passes()

    def kinds(self) -> list[type]:
        kinds = [type(event) for event in self.told]
        self.told.clear()
        return kinds


async def passes(seconds: float = SOON_S) -> None:
    await asyncio.sleep(seconds)  # virtual


def with_link(folder: Path, script: Callable[[World], Awaitable[None]]) -> None:
    async def story() -> None:
        world = World(str(folder / "hal.sock"))
        running = asyncio.create_task(world.link.run())
        await passes()
        try:
            await script(world)
            assert not running.done()
        finally:
            running.cancel()
            await asyncio.wait({running})
            world.hal.dies()

    play(story())


def test_snapshots_become_events(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await world.says(snapshot())
        assert world.link.view.up and world.kinds()[0] is ev.HalUp
        await world.says(snapshot(outlet(closed=True), seq=2))
        assert world.told == [ev.ContactorMoved(1, True)]

    with_link(tmp_path, script)


def test_a_demand_is_a_lease_at_once_and_is_renewed(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.link.demand(UP)
        assert world.hal.heard() == [Lease(1, 16_000, True, True, now_ms() + LEASE_MS)]
        for n in range(5):
            await world.says(snapshot(seq=n))
            await passes(RENEW_MS / 1_000)
            (lease,) = world.hal.heard()
            assert isinstance(lease, Lease) and now_ms() + LEASE_MS - RENEW_MS < lease.until_ms <= now_ms() + LEASE_MS

    with_link(tmp_path, script)


def test_only_the_newest_demand_of_each_outlet_is_renewed(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        for demand in (UP, Demand(2, 6_000, True, False), Demand(1, 0, False, True)):
            world.link.demand(demand)
        world.hal.heard()
        await passes(RENEW_MS / 1_000)
        renewed = {(lease.evse, lease.max_ma) for lease in world.hal.heard() if isinstance(lease, Lease)}
        assert renewed == {(1, 0), (2, 6_000)}

    with_link(tmp_path, script)


def test_a_loop_that_hangs_lets_the_leases_run_out(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.link.demand(UP)
        world.hal.heard()
        world.decides = False
        for n in range(5):
            await world.says(snapshot(seq=n))
            await passes(RENEW_MS / 1_000)
            assert world.hal.heard() == []
        assert world.lines == [NOT_RENEWED]
        world.decides = True
        await passes(RENEW_MS / 1_000)
        assert [type(heard) for heard in world.hal.heard()] == [Lease]
        assert world.lines == [NOT_RENEWED, RENEWED]

    with_link(tmp_path, script)


def test_a_hal_that_comes_back_gets_no_lease_of_a_loop_that_hangs(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.link.demand(UP)
        world.decides = False
        world.hal.dies()
        world.hal.starts()
        await passes(3 * RETRY_S)
        assert world.hal.heard() == []

    with_link(tmp_path, script)


def test_acknowledged_faults_are_passed_on(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.link.clear_faults(2)
        assert world.hal.heard() == [ClearFaults(2)]

    with_link(tmp_path, script)


def test_a_hal_that_comes_back_gets_every_lease_at_once_and_tells_all_anew(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await world.says(snapshot())
        world.link.demand(UP)
        world.kinds()
        world.hal.dies()
        await passes()
        assert world.kinds() == [ev.HalDown]
        await passes(3 * RETRY_S)
        world.hal.starts()
        await passes(RETRY_S)
        assert [type(heard) for heard in world.hal.heard()] == [Lease]
        await world.says(snapshot(started_ms=9_000))
        assert world.kinds()[0] is ev.HalUp

    with_link(tmp_path, script)


def test_a_hal_that_is_not_there_is_dialled_again_and_again(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        world.hal.dies()
        await passes(30)
        world.link.demand(UP)
        world.link.clear_faults(1)
        assert world.told == []
        world.hal.starts()
        await passes(RETRY_S)
        await world.says(snapshot())
        assert world.link.view.up

    with_link(tmp_path, script)


def test_silence_is_death(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await world.says(snapshot())
        world.kinds()
        await passes(SILENT_S - 2 * SOON_S)
        assert world.told == []
        await passes(2 * SOON_S)
        assert world.kinds() == [ev.HalDown]
        await passes(RETRY_S)
        await world.says(snapshot())
        assert world.hal.dials == 2 and world.link.view.up

    with_link(tmp_path, script)


def test_what_can_t_be_read_is_counted_dropped_and_said_once(tmp_path: Path) -> None:
    """Also where it comes between good ones: the connection is kept, and the log is not flooded."""

    async def script(world: World) -> None:
        await world.says(snapshot())
        world.kinds()
        for n in range(50):
            await world.says(b"junk", snapshot(seq=n), b"x" * (MAX_DATAGRAM + 1))
            await passes(0.1)
        assert (world.link.garbled, world.hal.dials, world.told) == (100, 1, [])
        (line,) = world.lines
        assert line.startswith("! evse-hal says what can't be read")
        for n in range(4):
            await passes(1)
            await world.says(snapshot(outlet(closed=True), seq=n))
        assert world.told == [ev.ContactorMoved(1, True)]
        assert [line[0] for line in world.lines] == ["!", "="] and "100 datagrams" in world.lines[1]

    with_link(tmp_path, script)


def test_a_hal_of_another_contract_is_a_silent_one_and_said_once(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await world.says(snapshot())
        world.kinds()
        for _ in range(100):
            await world.says(b"junk")
            await passes(0.1)
        assert world.kinds() == [ev.HalDown]
        assert len(world.lines) == 1
        for n in range(8):
            await world.says(snapshot(seq=n))
            await passes(0.5)
        assert world.kinds()[0] is ev.HalUp
        assert len(world.lines) == 2

    with_link(tmp_path, script)


def test_since_says_how_long_it_has_been_so(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        await passes(5)
        await world.says(snapshot())
        came_ms = world.link.since_ms
        assert now_ms() - came_ms <= SOON_S * 1_000
        for n in range(4):
            await world.says(snapshot(seq=n))
            await passes(1)
        assert world.link.since_ms == came_ms
        world.hal.dies()
        await passes()
        assert now_ms() - world.link.since_ms <= SOON_S * 1_000

    with_link(tmp_path, script)


def test_a_full_socket_holds_up_nobody(tmp_path: Path) -> None:
    async def script(world: World) -> None:
        for _ in range(5_000):
            world.link.demand(UP)
        assert 0 < len(world.hal.heard()) < 5_000

    with_link(tmp_path, script)


# --- people's tools ------------------------------------------------------------------------------------------


@contextmanager
def answering(folder: Path, *updates: Update | bytes) -> Iterator[tuple[HalClient, Hal]]:
    """A tool that is connected to a hal which has said these."""
    hal = Hal(str(folder / "hal.sock"))
    with HalClient(str(folder / "hal.sock"), timeout_s=5) as client:
        assert hal.peer
        hal.says(*updates)
        yield client, hal
    hal.dies()


def test_a_tool_waits_for_its_answer_among_snapshots(tmp_path: Path) -> None:
    said = [*(snapshot(seq=n) for n in range(20)), SimAnswer(True, "done")]
    with answering(tmp_path, *said) as (client, hal):
        assert client.sim(2, ("fault", "rcd")) == SimAnswer(True, "done")
        assert hal.heard() == [SimOrder(2, ("fault", "rcd"))]


def test_a_tool_looks_at_the_next_snapshot(tmp_path: Path) -> None:
    with answering(tmp_path, SimAnswer(True, ""), snapshot(outlet(IDLE, closed=True))) as (client, _):
        assert client.snapshot().outlets[0].closed


def test_a_tool_that_hears_another_contract_says_so(tmp_path: Path) -> None:
    with answering(tmp_path, b"junk") as (client, _), pytest.raises(HalSilent, match="speaks another contract"):
        client.snapshot()


def test_a_tool_whose_hal_dies_says_so(tmp_path: Path) -> None:
    with answering(tmp_path) as (client, hal):
        hal.dies()
        with pytest.raises(HalSilent, match="hung up; its log says why"):
            client.snapshot()
        with pytest.raises(HalSilent, match="broke"):
            client.sim(1, ("state",))


def test_a_tool_without_a_hal_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(HalSilent, match=r"Nobody answers at .*; start evse-hal, or name its socket"):
        HalClient(str(tmp_path / "nobody"))


def test_an_order_that_can_t_be_sent_is_a_sentence(tmp_path: Path) -> None:
    with answering(tmp_path) as (client, _), pytest.raises(HalSilent, match="This order can't be sent"):
        client.sim(1, ("x" * 100,))
