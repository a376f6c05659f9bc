"""`./evse peers`: whole sessions of the two real daemons against central systems from other hands.

The `ocpp` package's server and the npm package ocpp-rpc in strict mode each see every message the station can send and
ask every request it answers; the habits of evcc and Home Assistant are walked through besides. Zero breaches allowed.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.hands import StandFailed
from tests.peers.central import HERE, CentralSystem, Missing, Refused
from tests.peers.habits import HABITS
from tests.peers.session import STEPS, Unexpected, gaps
from tests.stand import Wallbox

Start = Callable[[], CentralSystem]
Outcome = tuple[CentralSystem, list[str]]
FAILURES = (Missing, Refused, Unexpected, StandFailed)


def say(line: str) -> None:
    print(line, flush=True)


def node_is_there() -> bool:
    """Whether the npm server can run; installs its packages from the lock where they are missing or old."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        say("node is not on this machine: the npm package ocpp-rpc is left out (apt install nodejs npm)")
        return False
    lock, made_from = HERE / "package-lock.json", HERE / "node_modules/.made-from"
    if not made_from.exists() or made_from.read_text() != lock.read_text():
        say("installing the packages of tests/peers/package-lock.json")
        command = ["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(command, cwd=HERE, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise Missing(f"npm ci failed, is there a network? It said: {(done.stderr or done.stdout).strip()[-300:]}")
        made_from.write_text(lock.read_text())
    return True


def judges_are_sharp() -> list[str]:
    """Nothing, if both servers find each breach of a station that breaks the rules."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(HERE)]
    done = subprocess.run(command, cwd=HERE.parent.parent, check=False, capture_output=True, text=True)
    say(f"{'both':16} find each breach of a bad station: {done.stdout.strip().splitlines()[-1]}")
    return [] if done.returncode == 0 else [f"the servers miss breaches: {done.stdout}"]


def whole_session(start: Start, running: list[CentralSystem | Wallbox]) -> Outcome:
    """The server after the session, and what went wrong. Whatever runs is in `running`, so that it can be ended."""
    wrong: list[str] = []
    with start() as central, Wallbox(central.url) as box:
        running += [central, box]
        for step in STEPS:
            began = time.monotonic()
            try:
                step(box, central)
            except FAILURES as failure:
                wrong.append(f"{step.__name__}: {failure}{box.tails()}")
                break
            say(f"{central.name:16} {step.__name__.replace('_', ' '):42} {time.monotonic() - began:5.1f} s")
        wrong += [] if wrong else gaps(central)
    wrong += [f"breach: {breach}" for breach in central.ledger.breaches]
    return central, [f"{central.name}: {text}" for text in wrong]


def side_by_side(starts: list[Start]) -> list[Outcome]:
    """A session with each, at the same time: daemons, sockets and folders are their own."""
    running: list[CentralSystem | Wallbox] = []
    with ThreadPoolExecutor() as pool:
        sessions = [pool.submit(whole_session, start, running) for start in starts]
        try:
            return [session.result() for session in sessions]
        except BaseException:  # Ctrl-C, for one: do not wait until they are through
            for each in reversed(running):
                each.close()
            raise


def habit(name: str) -> list[str]:
    """What a central system with this habit complains of."""
    with CentralSystem.of_package("--scenario", name) as central, Wallbox(central.url):
        try:
            central.wait(f"the end of {name}", lambda: any("scenario" in line for line in central.lines), timeout_s=120)
        except Missing as missing:
            return [str(missing)]
        complaints = [text for line in central.lines for text in line.get("complaints", ())]
        booted = central.seen("BootNotification")
        asked = sum(
            frame["requestedMessage"] == "BootNotification"
            for frame in central.frames("TriggerMessage", direction="out")
        )
    complaints += [] if booted == 1 + asked else [f"{booted} BootNotifications, {asked} of them triggered"]
    return [f"{name}: {text}" for text in complaints + central.ledger.breaches]


def table(servers: list[CentralSystem]) -> list[str]:
    """Each action and direction: how many were asked, answered and refused, at each server."""
    rows = sorted(
        {(action, dir_) for server in servers for action, kind, dir_ in server.ledger.counts if kind == "CALL"}
    )
    lines = [f"{'asked/answered/refused':24} {'asked by':16}" + "".join(f"{server.name:>18}" for server in servers)]
    for action, asked in rows:
        answered = {"in": "out", "out": "in"}[asked]
        cells = []
        for server in servers:
            counts = server.ledger.counts
            kinds = (
                counts[action, "CALL", asked],
                *(counts[action, kind, answered] for kind in ("CALLRESULT", "CALLERROR")),
            )
            cells.append(f"{'/'.join(map(str, kinds)):>18}")
        lines.append(f"{action:24} {'station' if asked == 'in' else 'central system':16}" + "".join(cells))
    return lines


def main() -> int:
    argparse.ArgumentParser(prog="./evse peers", description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the daemons are ended
    starts: list[Start] = [CentralSystem.of_package]
    servers, wrong = [], []
    try:
        if node_is_there():
            starts.append(CentralSystem.of_npm)
        wrong += judges_are_sharp()
        for central, failures in side_by_side(starts):
            servers.append(central)
            wrong += failures
        for name in HABITS:
            began = time.monotonic()
            wrong += habit(name)
            say(f"{'ocpp (PyPI)':16} {'the habits of ' + name:42} {time.monotonic() - began:5.1f} s")
    except FAILURES as failure:
        wrong.append(str(failure))
    except KeyboardInterrupt:
        say("peers: interrupted")
        return 130
    say("")
    for line in [*table(servers), "", *wrong]:
        say(line)
    frames = sum(server.ledger.counts.total() for server in servers)
    names = " and ".join(server.name for server in servers)
    say(
        f"peers: FAILED, {len(wrong)} complaints"
        if wrong
        else f"peers: zero breaches in {frames} messages, judged by {names}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
