"""evsed: read site.toml, open the journal, join everything, run until told otherwise.

Exit codes: 0 = asked to stop, 1 = the disk failed at the start, 2 = configuration or folder unusable (both with one
sentence on stderr), 10 = soft reset, 11 = hard reset (the file `hard-reset` in the runtime folder asks for it).
Anything else is a crash.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from evsed import __version__, farewell, watchdog
from evsed.clerk import Clerk
from evsed.clock import SystemClock
from evsed.control import CannotListen, listen, serve
from evsed.core import catalogue
from evsed.core.box import Access
from evsed.core.errands import ProgramStarted
from evsed.core.events import ResetKind
from evsed.core.records import Recovered
from evsed.core.station import Station
from evsed.core.words import Nameplate, Token
from evsed.diagnostics import spellings
from evsed.dialling import Dialling
from evsed.hal_link import HalLink
from evsed.installer import FileSlots
from evsed.ocpp.exchange import Exchange
from evsed.ocpp.transport import Link
from evsed.ocpp.v16.dialect import DIALECT
from evsed.quarantine import Quarantine
from evsed.site import Site, SiteError, load, worries
from evsed.store.database import StoreFailed, StoreRefused
from evsed.store.journal import Journal
from evsed.supervisor import RestartRequested, Supervisor
from evsed.vendors import VendorError, handlers

DISK_FAILED = 1
UNUSABLE = 2
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
EXIT_OF = {ResetKind.SOFT: 10, ResetKind.HARD: 11}

log = logging.getLogger("evsed")


@dataclass(frozen=True, slots=True)
class Paths:
    """Where everything is: options, else environment, else the places of the systemd units."""

    site: Path
    state: Path
    hal_socket: str
    control_socket: str
    runtime: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `evsed`; returns its exit code."""
    options = _options(arguments)
    logging.basicConfig(level=options.log_level, format=_log_format(), stream=sys.stderr)
    try:
        if options.check is not None:
            return _check(Path(options.check))
        site = load(Path(options.site))
        for worry in worries(Path(options.site)):
            log.warning("! %s", worry)
        return asyncio.run(_run(site, _paths(options)))
    except (SiteError, StoreRefused, CannotListen, VendorError) as unusable:
        print(unusable, file=sys.stderr)  # noqa: T201 - a sentence for the person who started us
        return UNUSABLE
    except StoreFailed as failed:  # a disk may come back: whoever started us tries again
        print(failed, file=sys.stderr)  # noqa: T201 - a sentence for the person who started us
        return DISK_FAILED


def _check(path: Path) -> int:
    """Say whether both daemons would start with it. What only evse-hal knows, evse-hal says. Raises SiteError."""
    load(path)
    for worry in worries(path):
        print(worry, file=sys.stderr)  # noqa: T201 - a part of the answer
    # -P: whatever lies in the folder from which a person asks is not ours.
    command = [sys.executable, "-P", "-m", "hal", "--check", str(path)]
    asked = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if asked.returncode in (0, UNUSABLE):
        sys.stderr.write(asked.stderr)  # what is wrong, or worries it
    if asked.returncode == UNUSABLE:
        return UNUSABLE
    rest = (
        "" if asked.returncode == 0 else " to evsed; evse-hal could not be asked, so board and meters are not checked"
    )
    print(f"{path} is valid{rest}.")  # noqa: T201 - the answer to --check
    return 0


class _Parser(argparse.ArgumentParser):
    """One that says in one sentence what it does not understand."""

    def error(self, message: str) -> NoReturn:
        self.exit(UNUSABLE, f"{self.prog}: {message}; see --help\n")


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        known = ", ".join(LOG_LEVELS)
        raise argparse.ArgumentTypeError(f"{text} is not one of {known} (nor may EVSED_LOG_LEVEL be)")
    return text.upper()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    def path(option: str, variable: str, default: str, help: str) -> None:
        words = f"{help} (environment {variable}, else {default})"
        parser.add_argument(option, default=os.environ.get(variable, default), help=words)

    parser = _Parser(prog="evsed", description="The part of the wallbox that talks.")
    parser.add_argument("--check", metavar="SITE", help="say whether this site.toml is valid, and end")
    path("--site", "EVSE_SITE", "/etc/evse/site.toml", "the configuration")
    path("--state", "EVSED_STATE", "/var/lib/evsed", "folder of the journal")
    path("--hal-socket", "EVSE_HAL_SOCKET", "/run/evse-hal/hal.sock", "socket of evse-hal")
    path("--control-socket", "EVSED_CONTROL", "/run/evsed/control.sock", "socket for evsectl")
    parser.add_argument(
        "--log-level",
        type=_log_level,
        default=os.environ.get("EVSED_LOG_LEVEL") or "INFO",
        metavar="LEVEL",
        help=f"{', '.join(LOG_LEVELS)} (environment EVSED_LOG_LEVEL, else INFO)",
    )
    parser.add_argument(
        "--version", action="version", version=f"evsed {__version__}", help="say which version, and end"
    )
    return parser.parse_args(arguments)


def _paths(options: argparse.Namespace) -> Paths:
    control = Path(options.control_socket)
    return Paths(Path(options.site), Path(options.state), options.hal_socket, str(control), control.parent)


def _log_format() -> str:
    """The journal of systemd adds the time itself."""
    return "%(message)s" if "JOURNAL_STREAM" in os.environ else "%(asctime)s %(message)s"


async def _run(site: Site, paths: Paths) -> int:
    listening = listen(paths.control_socket)
    journal = Journal(paths.state)
    clock = SystemClock(trust_system=site.central is None)
    supervisor = join(site, paths, journal, clock, broke_off=farewell.greet(paths.runtime))
    code = await _live(supervisor, listening, f"= evsed {__version__} as {site.station.identity}", paths)
    farewell.part(paths.runtime)
    return code


async def _live(supervisor: Supervisor, listening: socket.socket, greeting: str, paths: Paths) -> int:
    """Until it is asked to end, or breaks; the exit code."""
    stop = asyncio.create_task(_asked_to_stop())
    gc.collect()
    gc.freeze()
    watchdog.notify("READY=1")
    supervisor.note(greeting)
    work = asyncio.create_task(_work(supervisor, listening))
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        return _outcome(work, paths) if work.done() else 0
    finally:
        watchdog.notify("STOPPING=1")
        work.cancel()
        stop.cancel()
        await asyncio.wait({work, stop})
        try:
            await supervisor.close()
        except StoreFailed as failed:  # it must not hide why we end
            log.error("! %s What was gathered since the last writing is lost.", failed)


async def _asked_to_stop() -> None:
    """Return when the service manager, or Ctrl-C, wants us to end."""
    asked = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, asked.set)
    await asked.wait()


async def _work(supervisor: Supervisor, listening: socket.socket) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(supervisor.hal.run())
        tasks.create_task(supervisor.clerk.run())
        tasks.create_task(serve(supervisor, listening))
        if isinstance(supervisor.central, Link):
            tasks.create_task(supervisor.central.run())
        tasks.create_task(supervisor.run(watchdog.period_s()))


def _outcome(work: asyncio.Task[None], paths: Paths) -> int:
    """The exit code of a reset; anything else that ended the work goes on as what it is."""
    error = work.exception()
    if isinstance(error, BaseExceptionGroup):
        resets, others = error.split(RestartRequested)
        if others is not None:
            raise others
        first = resets.exceptions[0] if resets else None
        if isinstance(first, RestartRequested):
            if first.kind is ResetKind.HARD:
                with suppress(OSError):  # nobody watches the folder in a checkout: whoever started us restarts us
                    (paths.runtime / "hard-reset").touch()
            return EXIT_OF[first.kind]
    if error is not None:
        raise error
    return 0


def join(site: Site, paths: Paths, journal: Journal, clock: SystemClock, broke_off: str = "") -> Supervisor:
    """Everything made and wired, nothing running yet. `broke_off`: how the life before this one did, if it did."""
    recovered = journal.load()
    clock.recall(recovered.clocks)
    dialling = Dialling(site, paths.state, lambda: clock.now().wall_ms)
    station = Station(
        recovered,
        clock.now(),
        rules=DIALECT.rules,
        access=Access(Token(site.access.free_tag) if site.access.mode == "free" else None, site.access.tags),
        installer_ma=site.limits.max_ma,
        new_id=lambda: str(uuid.uuid4()),
        presets=site.presets,
        systems=dialling.systems(),
        held=dialling.held(),
        broke_off=broke_off,
    )
    identity, quarantine = site.station.identity, Quarantine(paths.state)
    supervisor = Supervisor(station, journal, quarantine, clock, identity, __version__)
    supervisor.hal = HalLink(
        paths.hal_socket, supervisor.inbox.put, clock.mono_ms, decides=supervisor.decides, note=supervisor.note
    )
    supervisor.clerk = _clerk(dialling, paths.state, station, supervisor, clock)
    supervisor.metered = frozenset(meter.evse for meter in site.meter)
    supervisor.beat = lambda: watchdog.notify("WATCHDOG=1")
    if site.central is not None:
        supervisor.central = _link(site, dialling, station, recovered, supervisor)
    return supervisor


def _clerk(dialling: Dialling, state: Path, station: Station, supervisor: Supervisor, clock: SystemClock) -> Clerk:
    """Who runs errands; the first event says which program runs."""
    installer = FileSlots(state, __version__, sys.path, lambda: clock.now().wall_ms)
    supervisor.inbox.put(ProgramStarted(installer.on_trial()))
    return Clerk(
        state,
        supervisor.inbox.put,
        installer,
        dialling.trust,
        supervisor.facts,
        lambda: _hidden(station, supervisor),
        dialling.store,
    )


def _hidden(station: Station, supervisor: Supervisor) -> Iterable[str]:
    """The keys that the central systems know us by, in all ways to write them, and what was hidden of frames."""
    yield from (text for secret in station.networks.secrets() for text in spellings(secret.value))
    yield from supervisor.tape.hidden


def _link(site: Site, dialling: Dialling, station: Station, recovered: Recovered, supervisor: Supervisor) -> Link:
    """The link to the first target."""
    plate = Nameplate(site.station.vendor, site.station.model, site.station.serial, __version__)
    exchange = Exchange(
        DIALECT,
        plate,
        supervisor.wall_ms,
        (bound.binding for bound in recovered.bindings),
        vendors=handlers(),
        trace=supervisor.note,
        tape=supervisor.tape,
    )
    supervisor.dialling = dialling.settings
    target = station.networks.target()
    assert target is not None  # there is a [central]
    return Link(
        supervisor.dialling(target),
        exchange,
        lambda: supervisor.now().mono_ms,
        supervisor.inbox.put,
        log=supervisor.note,
        chance=random.SystemRandom().random,
        ping_s=station.box.variables[catalogue.PING_INTERVAL],
    )


if __name__ == "__main__":
    sys.exit(main())
