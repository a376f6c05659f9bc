"""The local control socket: how evsectl and other programs of this machine ask and tell evsed.

A Unix stream socket (mode 0660). One JSON object a line asks, one JSON object a line answers, in order:

    {"do":"status"}                                       → {"status":{…,"outlets":[{…,"why":"One sentence."}]}}
    {"do":"watch"}                                        → the same at each change, at least each second, for ever
    {"do":"get","names":["HeartbeatInterval"]}            → {"variables":[{"name":…,"value":…,…}]}; [] or no names = all
    {"do":"set","name":"HeartbeatInterval","value":"60"}  → {"verdict":"Accepted"}
    {"do":"transactions","limit":20}                      → {"transactions":[{"id":…,"start_wh":…,…}]}, newest first
    {"do":"security-log","limit":50}                      → {"events":[{"at_ms":…,"kind":…,"info":…}]}, newest first
    {"do":"log","lines":50}                               → {"lines":[{"at_ms":…,"text":"…"}]}, newest last
    {"do":"send-data","vendor":"V","message":"M","data":"D"}  → {"verdict":"Accepted","data":"…"} of the central system
    {"do":"availability","evse":1,"operative":false}      → {"verdict":"Accepted"|"Scheduled"|"Rejected"}; evse 0 = all
    {"do":"clear-faults","evse":1}                        → {"cleared":["…"],"left":["…"]}: of those whose cause is gone
    {"do":"meter-replaced","evse":1}                      → {"verdict":…}: its lower register is right
    {"do":"start","evse":1,"tag":"04A1B2C3"}              → {"verdict":…}; evse may be left out
    {"do":"stop","evse":1}                                → {"verdict":…}; a card that waits is let go
    {"do":"unlock","evse":1}                              → {"verdict":"Unlocked"|"UnlockFailed"|"NotSupported"}

A variable is named by its OCPP 1.6 key or as Component.Variable. What can't be done is answered with
{"error":"One sentence."}, and the connection stays usable unless the line was too long. A minute without a request
ends it.

Rules this file upholds:
- The peer is known by its credentials: root, evsed's own user, or a member of the socket's group.
- Lines, clients, waiting and answers are bounded; a peer that doesn't read is dropped.
- What is asked is answered by `desk.py`; an answer that fails unexpectedly ends the process, as everywhere.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from evsed.desk import Desk, Document, answer, status_document

MAX_LINE = 16_384
MAX_CLIENTS = 16
IDLE_S = 60
READ_S = 10
WATCH_S = 1
WATCH_GAP_S = 0.05
MODE = 0o660
SO_PEERGROUPS = 59  # asm-generic/socket.h; the socket module has no name for it
MOST_GROUPS = 256

_encoder = msgspec.json.Encoder()


class CannotListen(Exception):
    """The control socket can't be opened; the text names it, the reason and what to do."""


def may_talk(uid: int, groups: Iterable[int], own_uid: int, own_group: int) -> bool:
    """Whether a peer may ask: root, our own user, or a member of the socket's group."""
    return uid in (0, own_uid) or own_group in groups


def listen(path: str) -> socket.socket:
    """Open the control socket, at start and before anything else runs. Raises CannotListen."""
    _clear_away(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        os.chmod(path, MODE)  # before listen(): nobody connects under a wider mode
        listening.listen(MAX_CLIENTS)
    except OSError as refused:
        listening.close()
        raise CannotListen(
            f"The control socket {path} can't be opened ({refused.strerror or refused}); "
            "choose another path with --control-socket or EVSED_CONTROL."
        ) from None
    listening.setblocking(False)
    return listening


async def serve(desk: Desk, listening: socket.socket) -> None:
    """Answer at the socket of `listen` until cancelled; an unexpected failure of an answer ends it too."""
    path: str = listening.getsockname()
    group = os.stat(path).st_gid
    talks: set[asyncio.Task[None]] = set()
    try:
        async with asyncio.TaskGroup() as tasks:

            def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                refusal = _refusal(writer, group, len(talks))
                talk = tasks.create_task(_talk(desk, reader, writer, refusal))
                talks.add(talk)
                talk.add_done_callback(talks.discard)
                talk.add_done_callback(lambda _: writer.close())

            server = await asyncio.start_unix_server(meet, sock=listening, limit=MAX_LINE)
            try:
                await asyncio.Event().wait()
            finally:
                server.close()
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _clear_away(path: str) -> None:
    """Remove the socket that a dead evsed left; neither a living one nor a foreign file is touched."""
    try:
        kind = os.stat(path).st_mode
    except OSError:
        return  # not there, or not to be seen: bind says why
    if not stat.S_ISSOCK(kind):
        raise CannotListen(f"{path} is not a socket; choose another path with --control-socket or EVSED_CONTROL.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return os.unlink(path)
        except OSError:
            pass  # it is there, but too busy or not ours
    raise CannotListen(f"Another evsed listens at {path}; stop it, or choose another path with --control-socket.")


def _refusal(writer: asyncio.StreamWriter, group: int, talking: int) -> str:
    """Why this peer is turned away; "" if it is not."""
    peer = writer.get_extra_info("socket")
    _, uid, gid = struct.unpack("=iII", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    packed = peer.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, MOST_GROUPS * 4)
    if not may_talk(uid, (gid, *struct.unpack(f"={len(packed) // 4}I", packed)), os.getuid(), group):
        return "Only root, the user of evsed and members of the socket's group may ask."
    if talking >= MAX_CLIENTS:
        return f"{MAX_CLIENTS} programs are connected already; end one of them."
    return ""


async def _talk(desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, refusal: str) -> None:
    try:
        await (_say(writer, {"error": refusal}) if refusal else _converse(desk, reader, writer))
    except (ConnectionError, TimeoutError):
        writer.transport.abort()  # the peer went away, is silent, or does not read


async def _converse(desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            async with asyncio.timeout(IDLE_S):
                line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            return await _say(writer, {"error": f"A request has at most {MAX_LINE} bytes."})
        document, watches = await answer(desk, line)
        await _say(writer, document)
        while watches:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S):
                    await desk.changed()
            await asyncio.sleep(WATCH_GAP_S)
            await _say(writer, status_document(desk.status()))


async def _say(writer: asyncio.StreamWriter, document: Document) -> None:
    writer.write(_encoder.encode(document) + b"\n")
    async with asyncio.timeout(READ_S):
        await writer.drain()
