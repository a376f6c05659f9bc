"""Files over HTTP, HTTPS, FTP and FTPS, by the program `curl` as a child: it has a memory of its own, is kept up to
date by the operating system, and can be ended at any moment.

Rules this file upholds:
- curl is told everything on its standard input: no password is in an argument, an environment or a log.
- It may use one scheme and the addresses that we looked up and judged; where a server leads on is judged anew.
- Size and time have caps: the kernel's for the file, curl's for silence and for the whole.
- A file that comes takes nothing of what the disk keeps for the journal: what it may take is looked up before, and
  again while it comes. One that finds no room goes at once, and may be tried again.
- A transfer that broke off goes on where it stopped, where the server can.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from evsed.core.errands import Outcome
from evsed.locations import (
    EXPLICIT_TLS_PORT,
    Location,
    LocationRefused,
    Nearness,
    led_to,
    location,
    nearness,
    reachable,
    within,
)
from evsed.room import FULL, UNKNOWN_ROOM, room

PROGRAM = ("prlimit", "curl")
MOST_HOPS = 5
CONNECT_S = 30
SILENT_S = 60
LOOK_UP_S = 20
MOST_SAID = 10_000
LOOKED_AT_S = 1.0  # how often it is seen whether a file that comes still has room

TOO_LARGE = "the file is too large"

# Exit codes of curl that say something of use; all others are named by their number.
EXITS: dict[int, tuple[Outcome, str]] = {
    1: (Outcome.UNSUPPORTED, "curl here does not speak this protocol"),
    3: (Outcome.HOPELESS, "the location is no address"),
    6: (Outcome.FAILED, "the host is not known"),
    7: (Outcome.FAILED, "the server does not answer"),
    9: (Outcome.DENIED, "the server denies access to the folder"),
    18: (Outcome.FAILED, "the file came only in part"),
    19: (Outcome.FAILED, "the server has no such file"),
    23: (Outcome.FAILED, "the file can't be written here"),
    25: (Outcome.DENIED, "the server does not take the file"),
    28: (Outcome.FAILED, "it took too long"),
    35: (Outcome.FAILED, "no secure connection could be made"),
    47: (Outcome.FAILED, "the server leads in circles"),
    60: (Outcome.FAILED, "the certificate of the server is not trusted"),
    63: (Outcome.HOPELESS, TOO_LARGE),
    64: (Outcome.UNSUPPORTED, "the server speaks no TLS"),
    67: (Outcome.DENIED, "the server does not accept user and password"),
    78: (Outcome.FAILED, "the server has no such file"),
    -25: (Outcome.HOPELESS, TOO_LARGE),
}
HTTP_ERROR = 22
LEADS_ON = 47
CANT_GO_ON = (33, 36)
NO_RANGE = 416
HTTP: dict[int, tuple[Outcome, str]] = {
    400: (Outcome.MALFORMED, "the server calls it a bad request"),
    401: (Outcome.DENIED, "the server does not accept user and password"),
    403: (Outcome.DENIED, "the server denies it"),
    405: (Outcome.UNSUPPORTED, "the server does not support it"),
    501: (Outcome.UNSUPPORTED, "the server does not support it"),
}


class Caps(Struct, frozen=True):
    """How large a file may be, and how long its transfer may take."""

    size: int
    seconds: int


class Trust(Struct, frozen=True):
    """Whom we believe and reach. `ca_file` is trusted beside the system's own; `most` is how near servers may be."""

    ca_file: str | None = None
    most: Nearness = Nearness.PRIVATE


class Result(Struct, frozen=True):
    """How a transfer ended; the text holds no password."""

    outcome: Outcome
    text: str = ""


class _NoRoom(Exception):
    """The disk is too full for what comes, or does not say; the text says which."""


class _Exit(Struct, frozen=True):
    code: int
    http: int
    leads_to: str


async def fetch(source: str, path: Path, caps: Caps, trust: Trust) -> Result:
    """Bring a file here; half a file at `path` is gone on with."""
    try:
        there = path.stat().st_size if path.exists() else 0
        most = min(caps.size, there + max(0, room(path.parent)))
    except OSError as broken:
        return Result(Outcome.FAILED, f"{UNKNOWN_ROOM}: {broken.strerror}")
    options = {"output": str(path), "max-filesize": str(most), "continue-at": "-"}
    result = await _transfer(source, None, options, path, Caps(most, caps.seconds), trust)
    if result.outcome is Outcome.HOPELESS and result.text.endswith(TOO_LARGE) and most < caps.size:
        result = Result(Outcome.FAILED, FULL)
    if result.text == FULL:
        path.unlink(missing_ok=True)
    return result


async def send(path: Path, folder: str, name: str, caps: Caps, trust: Trust) -> Result:
    """Bring a file there, under that name."""
    return await _transfer(folder, name, {"upload-file": str(path), "output": os.devnull}, path, caps, trust)


async def _transfer(
    text: str, name: str | None, options: Mapping[str, str], path: Path, caps: Caps, trust: Trust
) -> Result:
    try:
        async with asyncio.timeout(caps.seconds):
            at = location(text) if name is None else within(location(text), name)
            return await _follow(at, options, path, caps, trust)
    except FileNotFoundError:
        return Result(Outcome.UNSUPPORTED, "curl or prlimit is missing; install them: apt install curl util-linux")
    except _NoRoom as full:
        return Result(Outcome.FAILED, str(full))
    except LocationRefused as refused:
        return Result(Outcome.HOPELESS, str(refused))
    except OSError as unknown:
        return Result(Outcome.FAILED, f"the host is not found: {unknown.strerror}")
    except TimeoutError:
        return Result(Outcome.FAILED, "it took too long")


async def _follow(at: Location, options: Mapping[str, str], path: Path, caps: Caps, trust: Trust) -> Result:
    """Go where servers lead, but no nearer than we began, and not for ever."""
    most, anew = trust.most, False
    for _ in range(MOST_HOPS):
        addresses = reachable(await _look_up(at), most)
        most = min(most, max(Nearness.PUBLIC, *map(nearness, addresses)))
        resume = {"continue-at": "-"} if "upload-file" in options and at.is_ftp and not anew else {}
        ended = await _curl(at, addresses, {**options, **resume}, caps, trust)
        if (ended.code in CANT_GO_ON or ended.http == NO_RANGE) and not anew:
            anew = True  # the file there is another one, or can't be had in parts
            if "upload-file" not in options:
                path.unlink(missing_ok=True)
        elif ended.code == LEADS_ON and ended.leads_to:
            at = led_to(at, ended.leads_to)
        else:
            return _result(ended, at)
    return Result(*EXITS[LEADS_ON])


def _result(ended: _Exit, at: Location) -> Result:
    if ended.code == 0:
        return Result(Outcome.DONE)
    if ended.code == HTTP_ERROR:
        outcome, why = HTTP.get(ended.http, (Outcome.FAILED, f"the server says {ended.http}"))
    else:
        outcome, why = EXITS.get(ended.code, (Outcome.FAILED, f"curl ends with {ended.code}"))
    return Result(outcome, f"{at.shown}: {why}")


async def _look_up(at: Location) -> list[str]:
    """The addresses of the host. Raises OSError if it has none."""
    async with asyncio.timeout(LOOK_UP_S):
        found = await asyncio.get_running_loop().getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


async def _curl(at: Location, addresses: list[str], options: Mapping[str, str], caps: Caps, trust: Trust) -> _Exit:
    """Run it once. It is ended when we are."""
    child = await asyncio.create_subprocess_exec(
        PROGRAM[0],
        f"--fsize={caps.size}",
        *(PROGRAM[1], "--disable", "--config", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath)},
    )
    try:
        told = _config(at, addresses, options, caps, trust).encode()
        said = await _heard(child, told, None if "upload-file" in options else Path(options["output"]).parent)
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    http, _, leads_to = said[:MOST_SAID].decode(errors="replace").strip().partition(" ")
    assert child.returncode is not None
    return _Exit(child.returncode, int(http) if http.isdigit() else 0, leads_to.strip())


async def _heard(child: asyncio.subprocess.Process, told: bytes, folder: Path | None) -> bytes:
    """What curl says at its end. Raises _NoRoom as soon as the folder has none."""
    talk = asyncio.ensure_future(child.communicate(told))
    try:
        while not (await asyncio.wait({talk}, timeout=LOOKED_AT_S))[0]:
            if folder is not None:
                _insist_on_room(folder)
        return talk.result()[0]
    finally:
        talk.cancel()


def _insist_on_room(folder: Path) -> None:
    """Raises _NoRoom."""
    try:
        left = room(folder)
    except OSError as broken:
        raise _NoRoom(f"{UNKNOWN_ROOM}: {broken.strerror}") from None
    if left < 0:
        raise _NoRoom(FULL)


def _config(at: Location, addresses: list[str], options: Mapping[str, str], caps: Caps, trust: Trust) -> str:
    """What curl is told. A line is a word, or a word and a quoted text."""
    explicit = at.scheme == "ftps" and at.port == EXPLICIT_TLS_PORT
    scheme = "ftp" if explicit else at.scheme
    pinned = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    told = {
        "url": scheme + at.url[len(at.scheme) :],
        "resolve": f"{at.host}:{at.port}:{pinned}",
        "proto": f"={scheme}",
        "noproxy": "*",
        "connect-timeout": str(CONNECT_S),
        "max-time": str(caps.seconds),
        "speed-time": str(SILENT_S),
        "max-redirs": "0",
        "write-out": r"%{http_code} %{redirect_url}\n",
        **({"cacert": trust.ca_file} if trust.ca_file else {}),
        **options,
    }
    flags = ("silent", "fail", "globoff", "location", "tlsv1.2", *(("ssl-reqd",) if explicit else ()))
    return "".join([*(f"{flag}\n" for flag in flags), *(f"{word} = {_quoted(text)}\n" for word, text in told.items())])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
