"""Servers for files on loopback: HTTP with ranges, redirects and errors, and a small FTP, each in a thread."""

from __future__ import annotations

import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class WebFiles(http.server.ThreadingHTTPServer):
    """`files` by path; `breaks_at` n: the next download ends after n bytes; `status` answers all with this."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.leads: dict[str, str] = {}
        self.breaks_at: int | None = None
        self.status: int | None = None
        self.ranges = True
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.scheme = "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: WebFiles

    def do_GET(self) -> None:
        files = self.server
        files.asked.append(("GET", self.path, dict(self.headers)))
        if self._refused():
            return
        if self.path in files.leads:
            self._say(302, b"elsewhere", Location=files.leads[self.path])
        elif self.path not in files.files:
            self._say(404, b"no such file")
        else:
            self._give(files.files[self.path])

    def do_PUT(self) -> None:
        files = self.server
        files.asked.append(("PUT", self.path, dict(self.headers)))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._refused():
            return
        if self.path in files.leads:
            self._say(307, b"", Location=files.leads[self.path])
            return
        files.files[self.path] = body
        self._say(201, b"stored")

    def _refused(self) -> bool:
        if self.server.status is not None:
            self._say(self.server.status, b"no")
        return self.server.status is not None

    def _give(self, body: bytes) -> None:
        begin, files = 0, self.server
        asked = self.headers.get("Range", "")
        if asked and files.ranges:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            if begin >= len(body):
                self._say(416, b"")
                return
        part = body[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if files.breaks_at is not None:
            part, files.breaks_at = part[: files.breaks_at], None
        self.wfile.write(part)
        self.close_connection = True

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Ftp(socketserver.ThreadingTCPServer):
    """As much of RFC 959 as a download, an upload and going on with either need; passive only."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.files: dict[str, bytes] = {}
        self.users = {"box": "sesame"}
        self.breaks_at: int | None = None
        self.knows_size = True
        self.said: list[str] = []
        self.tls, self.implicit = tls, implicit

    def url(self, user: str = "box:sesame@") -> str:
        return f"{'ftps' if self.implicit else 'ftp'}://{user}127.0.0.1:{self.server_address[1]}"


class _Session(socketserver.StreamRequestHandler):
    server: Ftp

    def handle(self) -> None:
        self.user, self.rest, self.private = "", 0, False
        self.data: socket.socket | None = None
        if self.server.implicit:
            self._secure()
            self.private = True
        self._say("220 hello")
        while line := self.rfile.readline().decode().strip():
            word, _, rest = line.partition(" ")
            self.server.said.append(line)
            handler = getattr(self, f"do_{word.lower()}", None)
            if handler is None:
                self._say("502 not here")
            elif handler(rest) is False:
                return

    def _secure(self) -> None:
        assert self.server.tls is not None
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def do_user(self, name: str) -> None:
        self.user = name
        self._say("331 password")

    def do_pass(self, password: str) -> None:
        good = self.server.users.get(self.user) == password
        self._say("230 in" if good else "530 no")

    def do_pbsz(self, _: str) -> None:
        self._say("200 ok")

    def do_prot(self, how: str) -> None:
        self.private = how == "P"
        self._say("200 ok")

    def do_pwd(self, _: str) -> None:
        self._say('257 "/"')

    def do_type(self, _: str) -> None:
        self._say("200 ok")

    def do_cwd(self, folder: str) -> None:
        self._say("250 ok")

    def do_size(self, name: str) -> None:
        known = self.server.files.get(name)
        if not self.server.knows_size:
            self._say("502 not here")
            return
        self._say(f"213 {len(known)}" if known is not None else "550 no such file")

    def do_epsv(self, _: str) -> None:
        self.data = socket.create_server(("127.0.0.1", 0))
        self._say(f"229 here (|||{self.data.getsockname()[1]}|)")

    def do_rest(self, place: str) -> None:
        self.rest = int(place)
        self._say("350 ok")

    def do_retr(self, name: str) -> bool | None:
        known = self.server.files.get(name)
        if known is None:
            self._say("550 no such file")
            return None
        part, self.rest = known[self.rest :], 0
        breaks, self.server.breaks_at = self.server.breaks_at, None
        with self._open() as data:
            data.sendall(part[:breaks])
        self._say("226 done" if breaks is None else "426 broken")
        return None

    def do_stor(self, name: str) -> None:
        self._take(name, b"")

    def do_appe(self, name: str) -> None:
        self._take(name, self.server.files.get(name, b""))

    def _take(self, name: str, before: bytes) -> None:
        breaks, self.server.breaks_at = self.server.breaks_at, None
        body = b""
        with self._open() as data:
            while (breaks is None or len(body) < breaks) and (part := data.recv(65_536)):
                body += part
        self.server.files[name] = before + body[:breaks]
        self._say("226 done" if breaks is None else "426 broken")

    def do_quit(self, _: str) -> bool:
        self._say("221 bye")
        return False

    def _open(self) -> socket.socket:
        assert self.data is not None
        self._say("150 go")
        taken, _ = self.data.accept()
        self.data.close()
        if self.private:
            assert self.server.tls is not None
            return self.server.tls.wrap_socket(taken, server_side=True)
        return taken


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """It serves until the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tls_of(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
