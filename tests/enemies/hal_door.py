"""The door of evse-hal's socket, with hostile peers at it.

FF FF FF FF stands between two datagrams of one peer, C1 C1 C1 C1 before another peer: no message of the contract has
them.

Rules this file upholds:
- The real server and the real tick over the simulated plant hear them; the plant refuses orders, as metal does.
- Whoever holds a lease may close for a car that asks, and nothing else: judged by the plant, 10 ms by 10 ms.
- Once all are silent, lease and grace end within their time, and a peer of good will is served.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hal.contract import (
    LEASE_MS,
    Lease,
    Limits,
    SimOrder,
    Snapshot,
    decode_update,
    encode,
)
from hal.iec61851 import STOP_WAIT_MS
from hal.server import MOST_PEERS, Server
from hal.sim.car import allowed_ma
from tests.enemies.hunt import OURS, Door
from tests.hal.box import Box
from tests.lab.lives.invariants import NORM_MS, danger

NEXT, OTHER = b"\xff" * 4, b"\xc1" * 4
GRACE_S = 6
FOLLOWS_MS = 5_100  # changes of an offer are 5 s apart
LIMITS = Limits(max_ma=13_000, fallback_ma=6_000, grace_s=GRACE_S)
CABLE_MA = 20_000
MOST_PEERS_TRIED, MOST_DATAGRAMS = 40, 200
_, HAL = OURS


class House:
    """The server, the tick and the plant. A car with a 20 A cable waits; the installer allows 13 A."""

    def __init__(self, folder: Path) -> None:
        self.box = Box(limits=LIMITS)
        self.box.say("plug-in --cable 20")
        self.box.tick._board = _Metal(self.box.board)  # type: ignore[assignment]
        self.path = folder / "hal.sock"
        self.server = Server(str(self.path), (), lambda: self.box.now_ms)
        self.box.tick._publish = self.server.publish
        self._danger_ms = 0

    def runs(self, ms: int) -> None:
        """Time goes by, and all that was said is heard."""
        bay = self.box.plant.bays[1]
        for _ in range(ms // 10):
            self.server.turn(self.box.tick, 0)
            self.box.tick_once()
            offered_ma = allowed_ma(bay.pilot._offered)
            assert offered_ma <= min(CABLE_MA, LIMITS.max_ma), f"{offered_ma} mA offered"
            why = danger(bay) if bay.contactor.main else None
            self._danger_ms = self._danger_ms + 10 if why else 0
            assert self._danger_ms <= NORM_MS, f"closed with {why}"

    def peer(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.setblocking(False)
        with suppress(BlockingIOError):
            peer.connect(str(self.path))
        self.server.turn(self.box.tick, 0)
        return peer


class _Metal:
    """The simulated board, which takes no orders of peers."""

    def __init__(self, board: Any) -> None:
        self.name, self.advance, self.next_change_ms = board.name, board.advance, board.next_change_ms

    def order(self, evse: int, words: tuple[str, ...]) -> tuple[bool, str]:
        return False, "no"


def leased(given: bytes) -> None:
    """All that these peers say; then silence, and then one of good will."""
    with TemporaryDirectory(prefix="evsed-") as folder:
        house, peers = House(Path(folder)), list[socket.socket]()
        try:
            for words in given.split(OTHER)[:MOST_PEERS_TRIED]:
                peers.append(house.peer())
                for datagram in words.split(NEXT)[:MOST_DATAGRAMS]:
                    with suppress(OSError):
                        peers[-1].send(datagram)
                    house.runs(20)
            bay = house.box.plant.bays[1]
            house.runs(LEASE_MS + FOLLOWS_MS)
            assert allowed_ma(bay.pilot._offered) <= LIMITS.fallback_ma, "a lease outlives its time"
            house.runs(GRACE_S * 1_000 + STOP_WAIT_MS + 100 - FOLLOWS_MS)
            assert not bay.contactor.main and not allowed_ma(bay.pilot._offered), "the grace outlives its time"
            _serves(house, peers)
        finally:
            house.server.close()
            for peer in peers:
                peer.close()


def _serves(house: House, peers: list[socket.socket]) -> None:
    """Whoever comes when there is room is told, and obeyed."""
    for peer in peers:
        peer.close()
    house.runs(20 * MOST_PEERS)
    with house.peer() as good:
        good.send(encode(Lease(1, 10_000, True, True, house.box.now_ms + LEASE_MS)))
        house.runs(60)
        assert isinstance(decode_update(good.recv(1 << 20)), Snapshot), "nobody is served any more"
        lease = house.box.tick.seen(1)[1]
        assert lease is not None and lease.max_ma == 10_000, "nobody is obeyed any more"


def _lease(ma: int, until_ms: int, closes: bool = True) -> bytes:
    return encode(Lease(1, ma, closes, True, until_ms))


LEASES = (
    NEXT.join(_lease(16_000, 1_003_000) for _ in range(60)),
    _lease(80_000, 2**62) + NEXT + encode(SimOrder(1, ("fault", "contactor-welded"))),
    NEXT.join((_lease(16_000, 2**62), _lease(0, 2**62, False)) * 20),
    OTHER.join(_lease(ma, 2**62) for ma in range(6_000, 40_000, 1_000)),
    b"junk" + NEXT + b"" + NEXT + b"\xc1" + NEXT + b"x" * 30_000 + OTHER + _lease(16_000, 2**62),
)

HAL_DOOR = Door(
    "hal socket",
    LEASES,
    leased,
    (),
    (NEXT, OTHER, _lease(16_000, 2**62)),
    tuple(f"{HAL}{name}" for name in ("server", "contract", "lease", "guard")),
    dear=5,
)
