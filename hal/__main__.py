"""evse-hal: load the board, make it safe, start the tick and the bus, tell systemd, listen.

Rules this file upholds:
- One process for each state folder. Nothing moves before the board was made safe; READY=1 comes after the first tick.
- What cannot be obeyed ends the process with one sentence and exit code 2; a failed tick with 1.
- SIGTERM takes all permissions back, gives a charging car the time of the 6 s rule, makes safe and ends with 0; a
  second one does not wait.
"""

from __future__ import annotations

import logging
import pwd
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from hal.alone import MARK, claimed, folder_of
from hal.boards import Board, BoardFile, assemble
from hal.bus import Bus, Mailbox
from hal.contract import Installation, MeterChoice
from hal.devices import open_meters
from hal.iec61851 import STOP_WAIT_MS
from hal.keeper import Keeper
from hal.lamp import Lamp
from hal.latches import LatchFile, forget_all
from hal.make_safe import make_safe
from hal.options import board_file, installation, meters, parse, suit, worries
from hal.server import Server
from hal.settings import SettingsError
from hal.system import Notifier, be_ordinary, start_log
from hal.tick import Tick, TickThread
from hal.wear import Wear, replaced

log = logging.getLogger("hal")

SWITCH_S = 0.0005  # how long another thread may keep the interpreter from the tick


def clock_ms() -> int:
    """CLOCK_MONOTONIC in milliseconds, which evsed shares."""
    return time.monotonic_ns() // 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run evse-hal until SIGTERM; returns the exit code."""
    options = parse(arguments)
    listener = start_log(options.log_level)
    try:
        if options.check is not None:
            return _check(options)
        serves = options.service_clear or options.contactor_replaced is not None
        return _service(options) if serves else _run(options)
    except SettingsError as wrong:
        sys.stderr.write(f"evse-hal: {wrong}\n")
        return 2
    finally:
        listener.stop()


def _check(options: Namespace) -> int:
    """Say whether all that the site decides can be obeyed here; starts nothing. Raises SettingsError."""
    site, file = installation(options), board_file(options)
    suit(site, file)
    chosen = meters(site, file)
    _uids(options.allow_user)
    for worry in worries(chosen):
        sys.stderr.write(f"{worry}\n")
    sys.stdout.write(f"{options.check} is valid for evse-hal.\n")
    return 0


def _service(options: Namespace) -> int:
    """What a service person changes in a state folder that no process uses. Raises SettingsError."""
    state = Path(options.state)
    if not (state / MARK).exists():
        raise SettingsError(f"state {state}: no evse-hal has ever kept anything there; name its folder with --state")
    with claimed(state):
        try:
            if options.service_clear:
                forgotten = forget_all(state)
                told = f"{', '.join(forgotten) or 'no fault was latched, so nothing'} is forgotten"
                sys.stdout.write(f"{state}: {told}.\n")
            if (evse := options.contactor_replaced) is not None:
                closings, hours = replaced(state, evse)
                told = f"closings of outlet {evse} are counted from zero, after {closings} and {hours} h closed"
                sys.stdout.write(f"{state}: {told}.\n")
        except LookupError:
            raise SettingsError(f"state {state}: nothing was counted of outlet {evse}") from None
        except OSError as failed:
            raise SettingsError(f"state {state}: {failed.strerror}; nothing was changed") from None
    return 0


def _run(options: Namespace) -> int:
    site = installation(options)
    file = board_file(options)
    suit(site, file)
    chosen = meters(site, file)
    state = folder_of(options.state)
    with claimed(state):  # before any part is touched: another process may be charging with them
        board = assemble(file, keep=state)
        try:
            return _Hal(options, site, file, board, chosen).run()
        finally:
            for refused in make_safe(board):
                log.critical("! not made safe: %s", refused)
            board.close()


class _Hal:
    """All rooms of the process, wired."""

    def __init__(
        self, options: Namespace, site: Installation, file: BoardFile, board: Board, chosen: tuple[MeterChoice, ...]
    ) -> None:
        sys.setswitchinterval(SWITCH_S)
        for refused in make_safe(board):
            raise SettingsError(f"board {file.name} cannot be made safe: {refused}")
        for worry in worries(chosen):
            log.warning("! %s", worry)
        state, mailbox = Path(options.state), Mailbox()
        self._server = Server(options.socket, _uids(options.allow_user), clock_ms)
        self._keeper = Keeper(self._server.stop)
        self._latches = LatchFile(state, board.outlets, self._keeper.wake)
        self._wear = Wear(board.outlets, state)
        metered = [choice.evse for choice in chosen]
        self._tick = Tick(
            board,
            site.limits,
            mailbox,
            self._server.publish,
            self._latches,
            clock_ms(),
            metered=metered,
            voltage=site.voltage,
            retry=site.retry,
            wear=self._wear,
        )
        lamps = {evse: Lamp(parts, partial(self._tick.seen, evse)) for evse, parts in board.signals().items()}
        opened = open_meters(chosen, board)
        self._bus = Bus(opened, board.readers(), mailbox, board.thermometers(), lamps, ended=self._server.stop)
        self._notifier = Notifier()
        self._thread = TickThread(self._tick, board, self._notifier, self._server.stop)
        self._end_ms: int | None = None

    def run(self) -> int:
        """Until SIGTERM, or until the tick failed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_end)
        try:
            self._thread.start()
            be_ordinary()
            self._bus.start()
            self._keeper.start(self._latches.flush, self._wear.flush)
            if self._thread.failure is None:
                self._notifier.tell("READY=1")
            self._server.serve(self._tick, self._besides)
        finally:
            self._thread.stop()
            self._keeper.stop()
            self._latches.flush()
            self._wear.flush(wholly=True)
            self._server.close()
            self._bus.stop()
        return int(any(part.failure is not None for part in (self._thread, self._keeper, self._bus)))

    def _asked_to_end(self, number: int, _frame: object) -> None:
        """SIGTERM: first time let the cars go, second time at once."""
        if self._end_ms is not None:
            self._server.stop()
            return
        log.info("= signal %d: all permissions are taken back", number)
        self._notifier.tell("STOPPING=1")
        self._end_ms = clock_ms() + STOP_WAIT_MS + 500
        self._tick.retire()
        self._server.wake()

    def _besides(self) -> float | None:
        """What the main thread does between datagrams; says when it wants to look again."""
        if self._end_ms is None:
            return None
        if not self._tick.loaded or clock_ms() >= self._end_ms:
            self._server.stop()
        return 0.05


def _uids(names: Iterable[str]) -> list[int]:
    """Raises SettingsError."""
    uids = []
    for name in names:
        try:
            uids.append(pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise SettingsError(f"--allow-user {name}: there is no such user on this machine") from None
    return uids


if __name__ == "__main__":
    sys.exit(main())
