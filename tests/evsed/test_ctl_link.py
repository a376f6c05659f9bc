"""evsectl meets somebody who is no evsed: one sentence, and no traceback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from evsed.ctl_link import MOST_ANSWER, Control, Trouble


def heard(folder: Path, answer: bytes, *, watches: bool) -> str:
    """What the person at the shell is told of a server that says only this."""
    path = folder / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        with Control(str(path)) as evsectl, listener.accept()[0] as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            peer.sendall(answer)
            peer.shutdown(socket.SHUT_WR)
            with pytest.raises(Trouble) as told:
                next(evsectl.watch()) if watches else evsectl.ask("status")
    return str(told.value)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n", b"[]\n", b"[" * 100_000 + b"\n"], ids=["no JSON", "no object", "too deep"]
)
def test_what_is_no_answer_is_named(tmp_path: Path, answer: bytes) -> None:
    assert "is not evsed" in heard(tmp_path, answer, watches=False)


def test_a_status_without_a_status_is_no_answer(tmp_path: Path) -> None:
    assert "is not evsed" in heard(tmp_path, b"{}\n", watches=True)


def test_an_answer_without_an_end_is_not_read_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ANSWER >= 1_000_000  # evsed says less than half of it
    monkeypatch.setattr("evsed.ctl_link.MOST_ANSWER", 100)
    assert "hung up" in heard(tmp_path, b'{"status":' + b" " * 200, watches=False)
