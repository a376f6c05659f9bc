"""Start one of the two foreign central systems as a process and drive it by its lines; package_csms.py documents them.

Nothing here waits by the clock: `wait` is woken by each line that arrives and gives up at its deadline.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.ledger import Frame, Ledger

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PATIENCE_S = 20
ANSWER_S = 40  # the servers give a station 30 s

Payload = dict[str, Any]


class Refused(Exception):
    """The station answered a request with an error, or not at all."""


class Missing(AssertionError):
    """Something that had to come did not come in time; the text says what."""


class CentralSystem:
    """A running server. `url` takes the identity behind a slash; `ledger` is what it saw. Use it in a `with` block."""

    def __init__(self, name: str, command: Sequence[str], on_line: Callable[[Payload], None] | None = None) -> None:
        self.name = name
        self.ledger = Ledger()
        self.lines: list[Payload] = []
        self.stations: list[str] = []
        self._on_line = on_line
        self._answers: dict[int, Payload] = {}
        self._refs = 0
        self._ended = False
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            bufsize=1,
            start_new_session=True,  # a Ctrl-C is ours; it ends with its stdin
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url.startswith("ws://"):
            self.close()
            raise Missing(f"{name} did not start: it printed {self.url!r}")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def of_package(cls, *options: str, on_line: Callable[[Payload], None] | None = None) -> Self:
        """The one on the `ocpp` package."""
        return cls("ocpp (PyPI)", [sys.executable, "-m", "tests.peers.package_csms", *options], on_line)

    @classmethod
    def of_npm(cls, on_line: Callable[[Payload], None] | None = None) -> Self:
        """The one on the npm package ocpp-rpc; node and its packages must be there."""
        return cls("ocpp-rpc (npm)", [shutil.which("node") or "node", str(HERE / "rpc_server.mjs")], on_line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process and read what it still says."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if hasattr(self, "_reader"):
            self._reader.join()
        self._process.stdout.close()

    # --- what it saw ---------------------------------------------------------------------------------------

    def seen(self, action: str, kind: str = "CALL", direction: str = "in") -> int:
        """How many of these messages there were."""
        with self._news:
            return self.ledger.counts[action, kind, direction]

    def frames(self, action: str, kind: str = "CALL", direction: str = "in") -> list[Payload]:
        """The payloads of these messages, in order."""
        with self._news:
            found = [line["frame"] for line in self.lines if "frame" in line]
        wanted = (action, kind, direction)
        return [frame["payload"] for frame in found if (frame["action"], frame["kind"], frame["dir"]) == wanted]

    def wait(self, what: str, holds: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Return as soon as it holds. Raises Missing."""
        with self._news:
            if not self._news.wait_for(lambda: holds() or self._ended, timeout_s) or not holds():
                raise Missing(f"{self.name}: {what} did not come within {timeout_s:g} s")

    def wait_for(self, action: str, more_than: int = 0, timeout_s: float = PATIENCE_S) -> None:
        """Return when the station has sent more than so many of this message. Raises Missing."""
        self.wait(f"{action} no. {more_than + 1}", lambda: self.seen(action) > more_than, timeout_s)

    # --- what it does --------------------------------------------------------------------------------------

    def ask(self, action: str, **payload: object) -> Payload:
        """The station's answer to a request. Raises Refused; Missing if the server itself is silent."""
        return self._order(f"the answer to {action}", call=action, payload=payload)

    def script(self, action: str, **payload: object) -> None:
        """Answer the station's next such message with this instead of the plain answer."""
        self._order("the script", next=action, payload=payload)

    def drop(self) -> None:
        """Cut the connection."""
        self._order("the cut", drop=True)

    def _order(self, what: str, **order: object) -> Payload:
        assert self._process.stdin is not None
        with self._news:
            self._refs += 1
            ref = self._refs
            self._process.stdin.write(json.dumps(order | {"ref": ref}) + "\n")
        self.wait(what, lambda: ref in self._answers, timeout_s=ANSWER_S)
        answer = self._answers.pop(ref)
        if "error" in answer:
            raise Refused(answer["error"])
        result: Payload = answer["result"]
        return result

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            with self._news:
                self.lines.append(line)
                self._take(line)
                self._news.notify_all()
            if self._on_line is not None:
                self._on_line(line)
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _take(self, line: Payload) -> None:
        if "frame" in line:
            self.ledger.note(Frame(**line["frame"]))
        elif "breach" in line:
            self.ledger.breaches.append(line["breach"]["text"])
        elif "connected" in line:
            self.stations.append(line["connected"])
        elif "disconnected" in line:
            self.stations.remove(line["disconnected"])
        elif "answer" in line:
            self._answers[line["answer"]] = line
