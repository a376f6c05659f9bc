"""What only a real kernel shows of GPIO lines: what is left of a killed process, its own debouncing, real edges."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import pytest

from hal.drivers.gpiod_parts import PARTS
from hal.settings import convert
from tests.hal.drivers.gpio_bank import SimBank

HOLDER = """
import sys, threading
from hal.drivers.gpiod_parts import PARTS
from hal.settings import convert
kind, table = PARTS["contactor"], {"coil": "GPIO23", "feedback": "GPIO24", "contact": "mirror"}
part = kind(convert(table, kind.Config))
part.order(True)
print("closed", flush=True)
threading.Event().wait()
"""


@pytest.fixture
def bank() -> SimBank:
    return SimBank()


def until(so: Callable[[], bool], within_s: float = 20) -> float:
    """Wait for the real world; how long that took."""
    began = monotonic()
    while not so():
        assert monotonic() - began < within_s
        sleep(0.01)
    return monotonic() - began


def part(role: str, options: dict[str, Any]) -> Any:
    return PARTS[role](convert(options, PARTS[role].Config))  # type: ignore[call-arg]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_holder_leaves_no_line_driven(bank: SimBank, number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "closed\n"
        assert bank.high("GPIO23")
        holder.send_signal(number)
    assert not bank.high("GPIO23")


def test_an_output_begins_inactive_though_the_line_was_pulled_up(bank: SimBank) -> None:
    bank.pull("GPIO22", True)
    assert bank.high("GPIO22")
    enable = part("enable", {"line": "GPIO22"})
    assert not bank.high("GPIO22")
    enable.close()
    bank.pull("GPIO22", False)


def test_the_kernel_calms_a_contact_that_bounces(bank: SimBank) -> None:
    contact = part("input", {"line": {"line": "GPIO27", "debounce_ms": 300}, "active_when": "made"})
    for made in (True, False, True):
        bank.pull("GPIO27", not made)
        assert contact.active() is False
    assert until(contact.active) > 0.1
    contact.close()


def test_voltage_is_known_by_the_edges_of_the_line(bank: SimBank) -> None:
    relay = part("contactor", {"coil": "GPIO23", "feedback": "GPIO24", "contact": "voltage"})
    assert relay.closed() is False
    pull = bank._file("GPIO24", "pull")
    seen = []
    for edge in range(60):  # 50 Hz behind a half-wave coupler
        pull.write_text("pull-down" if edge % 2 else "pull-up")
        sleep(0.01)
        seen.append(relay.closed())
    assert seen[0] is False and seen[-1] is True
    until(lambda: relay.closed() is False)
    relay.close()


def test_a_pulse_of_the_lock_ends_by_the_real_timer(bank: SimBank) -> None:
    lock = part("lock", {"lock": "GPIO17", "unlock": "GPIO27", "feedback": "GPIO13", "pulse_ms": 200})
    lock.order(True)
    assert bank.high("GPIO17")
    until(lambda: not bank.high("GPIO17"))
    lock.close()
