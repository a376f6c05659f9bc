"""A central system that answers just enough, in a process of its own; with --flood it also never stops asking.

    python -m tests.bench.central [--flood] [--port PORT] [--messages N]

Its first line is its port; then one line with the monotonic time of each BootNotification, and one when it has answered
N messages of transactions. It ends with its stdin.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import suppress
from itertools import count

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

NOW = "2027-01-01T00:00:00.000Z"
PERIODS = [{"startPeriod": 60 * n, "limit": 6.0 + n % 26, "numberPhases": 3} for n in range(200)]
PROFILE = {
    "connectorId": 1,
    "csChargingProfiles": {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": "A", "startSchedule": NOW, "chargingSchedulePeriod": PERIODS},
    },
}
ACCEPTED = {"status": "Accepted", "currentTime": NOW, "interval": 3600}
TAG = {"idTagInfo": {"status": "Accepted"}}
ANSWERS = {
    "BootNotification": ACCEPTED,
    "Heartbeat": {"currentTime": NOW},
    "Authorize": TAG,
    "StartTransaction": TAG | {"transactionId": 1},
}


async def serve_station(connection: ServerConnection, flood: bool, messages: int) -> None:
    ids, answered = count(), 0
    if flood:
        body = json.dumps(PROFILE)
        for _ in range(4):  # so many are always under way
            await connection.send(f'[2,"f{next(ids)}","SetChargingProfile",{body}]')
    async for frame in connection:
        kind, id, *rest = json.loads(frame)
        if kind == 2:
            if rest[0] == "BootNotification":
                print(time.monotonic(), flush=True)
            await connection.send(json.dumps([3, id, ANSWERS.get(rest[0], {})]))
            answered += rest[0] in ("StartTransaction", "StopTransaction")
            if messages and answered == messages:
                print(time.monotonic(), flush=True)
        elif flood:
            await connection.send(f'[2,"f{next(ids)}","SetChargingProfile",{body}]')


async def run(flood: bool, port: int, messages: int) -> None:
    async def meet(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await serve_station(connection, flood, messages)

    subprotocols = [Subprotocol("ocpp1.6")]
    async with serve(meet, "127.0.0.1", port, subprotocols=subprotocols, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flood", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--messages", type=int, default=0)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):  # a Ctrl-C is for all; the bench says it
        asyncio.run(run(options.flood, options.port, options.messages))


if __name__ == "__main__":
    main()
