"""What systemd hears, over a real datagram socket; and how often it wants to hear it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from evsed.watchdog import notify, period_s


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        notify("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


@pytest.mark.parametrize(
    ("allowed_us", "period"),
    [("10000000", 5.0), ("2000000", 1.0), ("0", None), ("", None), ("-5", None), ("soon", None), (None, None)],
)
def test_it_is_fed_twice_as_often_as_it_must(
    monkeypatch: pytest.MonkeyPatch, allowed_us: str | None, period: float | None
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    if allowed_us is not None:
        monkeypatch.setenv("WATCHDOG_USEC", allowed_us)
    assert period_s() == period
