"""The door of people at the box: evsed's control socket, with a whole wallbox in a virtual world behind it.

An input is what some clients say at the same time: 1E stands between two of them, 1F between two writes of one. A
client whose words end with 1D never reads; one whose words end with 1C hangs up at once; the others read all of it.

Rules this file upholds:
- The real server listens at a real socket; time is virtual, so that what patience ends is ended.
- Each answer is one line, one JSON object, and bounded; a refusal is one sentence; a secret is in none.
- Whatever was said, the server lives, whoever asks afterwards is answered, and the judges of the world are content.
- The answers of a server that is no evsed end evsectl with one sentence.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evsed import control
from evsed.core.central_systems import CentralSystem
from evsed.core.effects import Answered
from evsed.core.events import LocalRequest, Request
from evsed.core.overview import Surroundings, overview
from evsed.core.records import Transaction
from evsed.core.security_events import SecurityEntry
from evsed.core.status import HalStatus, LinkStatus, StationStatus
from evsed.core.words import Stamp
from evsed.ctl_link import Control, Trouble
from tests.enemies.hunt import LINES, LONGEST_REFUSAL, OURS, Door
from tests.evsed.virtual_time import play
from tests.lab.lives.life import folder
from tests.world.wallbox import TAG, Wallbox

NEXT, PAUSE, DEAF, GONE = b"\x1e", b"\x1f", b"\x1d", b"\x1c"
MOST_CLIENTS, MOST_HEARD, MOST_LINES = 200, 2_000_000, 40
LONGEST_ANSWER = 400_000
SECRET = "canary-0123456789"
EVSED, _ = OURS
ROOMS = tuple(f"{EVSED}{name}" for name in ("control", "ctl_link", "desk", "questions", "site_file", "core/"))


class WorldDesk:
    """A `Desk`: what the supervisor offers, in a world that stands still while nobody asks."""

    def __init__(self, state: Path) -> None:
        self.world = Wallbox(state, leaps=True, tags=(TAG,), systems=(CentralSystem("ws://csms", "basis"),))
        self.world.plug_in()
        self.world.advance(2)

    def status(self) -> StationStatus:
        evsed = self.world.evsed
        assert evsed is not None
        around = Surroundings(
            "BOX", "1", HalStatus(up=evsed.view.up), LinkStatus(configured=True, connected=evsed.connected), None
        )
        return overview(evsed.station, around, evsed.now())

    async def changed(self) -> None:
        await asyncio.Event().wait()

    async def ask(self, request: Request | LocalRequest) -> Answered:
        """As the supervisor does; a restart takes the answer with it."""
        assert self.world.evsed is not None
        self.world.evsed.inbox.append(request)
        if not self.world.becomes(lambda: request.ref in self.world.answers, within=30):
            raise TimeoutError
        answer: Answered = self.world.answers.pop(request.ref)
        return answer

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        assert self.world.evsed is not None
        return self.world.evsed.journal.transactions(limit)

    async def security_log(self, limit: int) -> Sequence[SecurityEntry]:
        assert self.world.evsed is not None
        return self.world.evsed.journal.security_log(limit)

    def wall_ms(self, stamp: Stamp) -> int | None:
        assert self.world.evsed is not None
        return self.world.evsed.date(stamp)

    def log_lines(self, most: int) -> Sequence[tuple[Stamp, str]]:
        return [(Stamp("boot", 1, None), line) for line in self.world.lines[-most:]]

    def clear_faults(self, evse: int) -> None:
        assert self.world.tick is not None
        self.world.tick.acknowledge(evse)


def asked(given: bytes) -> None:
    """All these clients at once; afterwards somebody asks in peace."""
    with folder() as state:
        desk = WorldDesk(state)
        try:
            play(_storm(desk, state / "control.sock", given.split(NEXT)[:MOST_CLIENTS]))
            desk.world.advance(5)
            assert desk.world.watch.breaches == [], desk.world.watch.breaches[0]
        finally:
            desk.world.close()


async def _storm(desk: WorldDesk, path: Path, clients: list[bytes]) -> None:
    server = asyncio.ensure_future(control.serve(desk, control.listen(str(path))))
    talks = asyncio.gather(*(_client(path, words, alone=len(clients) == 1) for words in clients))
    while not talks.done():
        await asyncio.wait({talks}, timeout=1)
        served = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "_talk"]
        assert len(served) <= control.MAX_CLIENTS, f"{len(served)} are served at the same time"
    talks.result()
    if server.done():
        server.result()  # says why it ended
    heard = await _say(path, b'{"do":"status"}\n')
    assert b'"outlets"' in heard, "nobody is served any more"
    server.cancel()
    with suppress(asyncio.CancelledError):
        await server


async def _client(path: Path, words: bytes, *, alone: bool) -> None:
    deaf, gone = words.endswith(DEAF), words.endswith(GONE)
    heard = await _say(path, words, reads=not deaf and not gone, stays=deaf)
    watches = b'"watch"' in words
    _judge(heard, words.count(b"\n") + 1 if not watches else MOST_LINES)
    longest = max(map(len, words.replace(PAUSE, b"").split(b"\n")))
    if alone and heard and not watches and longest > control.MAX_LINE:
        assert b"at most" in heard.splitlines()[-1], f"a request of {longest} bytes is read"


async def _say(path: Path, words: bytes, *, reads: bool = True, stays: bool = False) -> bytes:
    """What is answered, until the server hangs up or has said enough."""
    loop, heard = asyncio.get_running_loop(), b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.setblocking(False)
        try:
            await loop.sock_connect(peer, str(path))
            for piece in words.split(PAUSE):
                await loop.sock_sendall(peer, piece)
                await asyncio.sleep(0)
            if reads:
                peer.shutdown(socket.SHUT_WR)
            while reads and heard.count(b"\n") < MOST_LINES and len(heard) < MOST_HEARD:
                said = await loop.sock_recv(peer, 65_536)
                if not said:
                    break
                heard += said
            if stays:
                await asyncio.sleep(control.IDLE_S + control.READ_S)
        except OSError:
            pass  # it was cut off, or there is no place in the queue
    return heard


def _judge(heard: bytes, most: int) -> None:
    lines = heard.split(b"\n")[:-1]
    assert len(lines) <= most + 1, f"{len(lines)} answers"
    assert SECRET.encode() not in heard, "a secret is told"
    for line in lines:
        assert len(line) <= LONGEST_ANSWER, f"an answer of {len(line)} bytes"
        said = json.loads(line)
        assert isinstance(said, dict) and said, "an answer that is no object"
        if (refusal := said.get("error")) is not None:
            assert len(refusal) <= LONGEST_REFUSAL and refusal[-1] in ".?" and "\n" not in refusal, f"{refusal!r:.300}"
            assert "Traceback" not in refusal, refusal


# --- the other end -----------------------------------------------------------------------------------------------


class FalseServer:
    """What evsectl meets where somebody else listens: one that says these bytes and hangs up."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def enter(self, given: bytes) -> None:
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self._path))
            listener.listen(2)
            for watches in (False, True):
                with suppress(Trouble), Control(str(self._path), 5) as evsectl, listener.accept()[0] as peer:
                    peer.setblocking(False)
                    with suppress(BlockingIOError):
                        peer.send(given)
                    peer.shutdown(socket.SHUT_WR)
                    if watches:
                        for _ in zip(range(MOST_LINES), evsectl.watch(), strict=False):
                            pass
                    else:
                        evsectl.ask("status")


ASKED = (
    b'{"do":"status"}\n{"do":"get","names":["HeartbeatInterval"]}\n',
    b'{"do":"set","name":"HeartbeatInterval","value":"60"}\n{"do":"get"}\n',
    b'{"do":"set","name":"AuthorizationKey","value":"'
    + SECRET.encode()
    + b'"}\n{"do":"get"}\n{"do":"log","lines":9}\n',
    b'{"do":"transactions","limit":20}\n{"do":"security-log","limit":50}\n{"do":"log","lines":50}\n',
    b'{"do":"send-data","vendor":"V","message":"M","data":"D"}\n',
    b'{"do":"availability","evse":1,"operative":false}\n{"do":"clear-faults","evse":1}\n',
    b'{"do":"meter-replaced","evse":1}\n{"do":"start","evse":1,"tag":"04A1B2C3"}\n{"do":"stop","evse":1}\n',
    b'{"do":"start","tag":"04A1B2C3"}\n\x1e{"do":"stop","evse":1}\n\x1e{"do":"unlock","evse":1}\n\x1e{"do":"watch"}\n',
    b'{"do":\x1f"sta\x1ftus"}\x1f\n',
    b'{"do":"watch"}\n\x1d\x1e{"do":"get"}\n' + b'{"do":"get"}\n' * 200 + b"\x1d",
    b'{"do":"watch"}\n\x1c\x1e{"do":"unlock","evse":1}\n\x1c',
    NEXT * 150,
    (b"\x1d" + NEXT) * 40 + b'{"do":"status"}\n',
    b"x" * 20_000 + b"\n",
)
WORDS = (
    *(b'{"do":"%s"}\n' % word for word in (b"get", b"watch", b"status")),
    *(NEXT, PAUSE, DEAF, GONE, b"[" * 3_000, b"\\ud800", b'\\u0000"', b"null", b'"evse":2', b"\xff\xfe", b'"names":['),
)


def control_doors(state: Path) -> tuple[Door, ...]:
    """Both ends of the socket."""
    answers = (
        b"[" * 9_000 + b"\n",
        b'{"status":{}}\n',
        b'{"error":"No."}\n',
        b'{"status":{"outlets":[]}}\n' * 3,
        b"HTTP/1.1 200 OK\r\n\r\n",
    )
    return (
        Door("control socket", ASKED, asked, (), WORDS, ROOMS, dear=5, lines=20 * LINES),  # of hundreds of requests
        Door("evsectl", answers, FalseServer(state / "false.sock").enter, (), (b"[" * 9_000, b"\n", b"null", b"1e999")),
    )
