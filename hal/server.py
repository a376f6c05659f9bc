"""The Unix seqpacket socket: newest lease in, snapshot out.

Rules this file upholds:
- The tick never waits: a snapshot that a peer cannot take at once is lost for that peer; the next one says it again.
- Who speaks is known by its credentials; only our own user, root and the users allowed by name are listened to.
- What is not a message of the contract is counted and dropped; peers are bounded in number. An empty datagram can't be
  told from a peer that hangs up, and ends its connection.
- Where no descriptor is left for a newcomer, he waits: the listener, which goes on calling, is not heard for a while.
- A socket that a dead process left behind is replaced, one that somebody uses is an error; of two processes that start
  at the same instant only one gets it.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import stat
import struct
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from hal.alone import claim
from hal.contract import (
    MAX_DATAGRAM,
    ClearFaults,
    ContractViolation,
    Lease,
    SimAnswer,
    Snapshot,
    decode_request,
    encode,
)
from hal.settings import SettingsError
from hal.tick import Tick

log = logging.getLogger("hal.server")

MOST_PEERS = 16
WELCOME_AGAIN_MS = 1_000
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class Server:
    """Speaks to evsed and to people's tools. `publish` belongs to the tick, everything else to the main thread."""

    def __init__(self, path: str, uids: Collection[int], clock: Callable[[], int]) -> None:
        self._path, self._clock = Path(path), clock
        self._uids = {0, os.getuid(), *uids}
        self._selector = selectors.DefaultSelector()
        self._peers: tuple[socket.socket, ...] = ()
        self._last = b""
        self._stopping = False
        self._welcome_ms: int | None = None  # when newcomers are heard again
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._claim, self._listener = _listen(self._path)
        self._selector.register(self._wake_fd, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def publish(self, snapshot: Snapshot) -> None:
        """Send to everyone who can take it now; called by the tick."""
        self._last = datagram = encode(snapshot)
        for peer in self._peers:
            with suppress(OSError):  # full: the next one tells more; gone: the main thread will notice
                peer.send(datagram)

    def wake(self) -> None:
        """Let `serve` look at what is to be done besides; any thread, or a signal handler, may call it."""
        os.eventfd_write(self._wake_fd, 1)

    def stop(self) -> None:
        """Let `serve` return."""
        self._stopping = True
        self.wake()

    def serve(self, tick: Tick, besides: Callable[[], float | None]) -> None:
        """Listen until `stop`. `besides` runs after each wake and says after how many seconds to wake again."""
        while not self._stopping:
            self.turn(tick, besides())

    def turn(self, tick: Tick, wait_s: float | None) -> None:
        """Deal with everyone who speaks within `wait_s` (None = whenever that is)."""
        for key, _ in self._selector.select(self._patience_s(wait_s)):
            if key.fileobj is self._listener:
                self._welcome()
            elif isinstance(key.fileobj, socket.socket):
                self._hear(tick, key.fileobj)
            else:
                os.eventfd_read(self._wake_fd)

    def close(self) -> None:
        """Hang up and remove the socket file."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        for peer in self._peers:
            peer.close()
        self._listener.close()
        self._selector.close()
        os.close(self._wake_fd)
        os.close(self._claim)

    def _patience_s(self, wait_s: float | None) -> float | None:
        """How long to wait: no longer than until newcomers are heard again."""
        if self._welcome_ms is None:
            return wait_s
        left_s = (self._welcome_ms - self._clock()) / 1_000
        if left_s > 0:
            return left_s if wait_s is None else min(wait_s, left_s)
        self._welcome_ms = None
        self._selector.register(self._listener, selectors.EVENT_READ)
        return wait_s

    def _welcome(self) -> None:
        """Take a new peer, or say in the log why not."""
        try:
            peer, _ = self._listener.accept()
        except OSError as failed:
            log.warning("! a peer could not be accepted: %s", failed.strerror)
            self._selector.unregister(self._listener)
            self._welcome_ms = self._clock() + WELCOME_AGAIN_MS
            return
        size = _CREDENTIALS.size
        pid, uid, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        if uid not in self._uids or len(self._peers) >= MOST_PEERS:
            why = f"uid {uid} is not allowed" if uid not in self._uids else f"{MOST_PEERS} peers are enough"
            log.warning("! pid %d is turned away: %s", pid, why)
            peer.close()
            return
        peer.setblocking(False)
        if self._last:
            with suppress(OSError):
                peer.send(self._last)
        self._peers = (*self._peers, peer)
        self._selector.register(peer, selectors.EVENT_READ)

    def _hear(self, tick: Tick, peer: socket.socket) -> None:
        """One datagram of one peer."""
        try:
            datagram = peer.recv(MAX_DATAGRAM + 1)
        except BlockingIOError:
            return
        except OSError:
            datagram = b""
        if not datagram:
            self._peers = tuple(other for other in self._peers if other is not peer)
            self._selector.unregister(peer)
            peer.close()
            return
        try:
            known = self._obey(tick, peer, datagram)
        except ContractViolation as broken:
            log.debug("datagram dropped: %s", broken)
            known = False
        if not known:
            tick.dropped_datagrams += 1

    def _obey(self, tick: Tick, peer: socket.socket, datagram: bytes) -> bool:
        """Do what a datagram asks; False = there is no such outlet. Raises ContractViolation."""
        request = decode_request(datagram)
        if isinstance(request, Lease):
            return tick.grant(request, self._clock())
        if isinstance(request, ClearFaults):
            return tick.acknowledge(request.evse)

        def answer(ok: bool, text: str) -> None:
            with suppress(OSError):
                peer.send(encode(SimAnswer(ok, text)))

        tick.order(request.evse, request.words, answer)
        return True


def _listen(path: Path) -> tuple[int, socket.socket]:
    """The claim to `path`, and a listening socket of mode 0660 there. Raises SettingsError."""
    try:
        held = claim(path.with_name(f"{path.name}.lock"))
    except (OSError, ValueError) as failed:
        raise _refused(path, failed) from None
    if held is None:
        raise _taken(path)
    try:
        return held, _bind(path)
    except BaseException:
        os.close(held)
        raise


def _bind(path: Path) -> socket.socket:
    """Raises SettingsError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    umask = os.umask(0o117)
    try:
        _clear(path)
        listener.bind(str(path))
        listener.listen(MOST_PEERS)
        listener.setblocking(False)
    except OSError as failed:
        listener.close()
        raise _refused(path, failed) from None
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(umask)
    return listener


def _clear(path: Path) -> None:
    """Remove a socket that nobody answers at. Raises SettingsError where somebody does."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SettingsError(f"socket {path}: is there already and is no socket; name another with --socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise _taken(path)


def _taken(path: Path) -> SettingsError:
    return SettingsError(f"socket {path}: another evse-hal uses it; stop that one, or name another with --socket")


def _refused(path: Path, failed: Exception) -> SettingsError:
    return SettingsError(f"socket {path}: {getattr(failed, 'strerror', None) or failed}; name another with --socket")
