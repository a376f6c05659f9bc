"""What the process asks of its surroundings."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path

import pytest

from hal.system import (
    LINES_WINDOW_S,
    MOST_LINES,
    Notifier,
    Throttle,
    be_ordinary,
    lock_memory,
    raise_priority,
    start_log,
)


def line(created_s: float) -> logging.LogRecord:
    record = logging.LogRecord("hal", logging.INFO, "", 0, "= outlet %d B→C", (1,), None)
    record.created = created_s
    return record


def test_systemd_is_told_by_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        Notifier().tell("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_an_abstract_address_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0evse-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@evse-test-{os.getpid()}")
        Notifier().tell("WATCHDOG=1")
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_no_systemd_and_one_that_is_gone_or_full_hold_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().tell("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Notifier().tell("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "nobody"))
        notifier = Notifier()
        for _ in range(5_000):
            notifier.tell("WATCHDOG=1")


def test_a_wire_that_flaps_fills_no_disk() -> None:
    throttle = Throttle()
    passed = [throttle.filter(line(100.0 + n / 100)) for n in range(900)]
    assert sum(passed) == MOST_LINES
    later = line(100.0 + LINES_WINDOW_S)
    assert throttle.filter(later)
    assert later.getMessage() == f"= outlet 1 B→C (after {900 - MOST_LINES} lines left out)"


def test_a_wall_clock_that_jumps_back_does_not_silence_the_log() -> None:
    throttle = Throttle()
    assert throttle.filter(line(1_000_000.0)) and throttle.filter(line(1.0))


@pytest.mark.parametrize(("journal", "expected"), [(True, "<4>! one\n<4>two\n"), (False, " ! one\ntwo\n")])
def test_the_journal_gets_priorities_and_a_person_the_time(
    journal: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with (tmp_path / "stderr").open("w") as stderr:
        status = os.fstat(stderr.fileno())
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}" if journal else "8:1")
        try:
            listener = start_log("INFO")
            logging.getLogger("hal.test").warning("! %s\ntwo", "one")
            logging.getLogger("hal.test").debug("not this")
            listener.stop()
        finally:
            root.handlers[:], root.level = handlers, level
    assert (tmp_path / "stderr").read_text().endswith(expected)


def test_what_the_system_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    assert raise_priority() == "no SCHED_FIFO (Operation not permitted), so other programs can make it late"
    monkeypatch.setattr("hal.system._may_lock_all", lambda: False)
    assert lock_memory().startswith("memory not locked")


def test_an_ordinary_thread_stays_so() -> None:
    be_ordinary()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
