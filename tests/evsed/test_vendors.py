"""Handlers of vendors' messages, found in packages that are really installed on the path."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evsed.vendors import VendorError, handlers
from tests.evsed.ocpp.world import Peers

CODE = """
from evsed.core.effects import VendorReply
from evsed.core.words import Verdict

def echo(data, ref, lookups):
    return VendorReply(Verdict.ACCEPTED, (data or "nothing")[::-1])

def breaks(data, ref, lookups):
    return 1 / 0

MESSAGES = {"Echo": echo, "Breaks": breaks, None: echo}
NO_TABLE = [echo]
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package with these entry points on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "example_evse.py").write_text(CODE)
    monkeypatch.delitem(sys.modules, "example_evse", raising=False)

    def package(name: str, points: str) -> None:
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[evsed.vendors]\n{points}\n")

    return package


def asked(**payload: str) -> object:
    (reply,) = Peers(vendors=handlers()).asked("DataTransfer", payload)
    return reply[2]


def test_without_packages_nothing_is_handled() -> None:
    assert handlers() == {}


def test_a_package_answers_for_its_vendor(install: Install) -> None:
    install("example", "org.Example = example_evse:MESSAGES")
    assert asked(vendorId="ORG.example", messageId="eCho", data="abc") == {"status": "Accepted", "data": "cba"}
    assert asked(vendorId="org.example") == {"status": "Accepted", "data": "gnihton"}
    assert asked(vendorId="org.example", messageId="other") == {"status": "UnknownMessageId"}
    assert asked(vendorId="org.other", messageId="echo") == {"status": "UnknownVendorId"}


def test_a_handler_that_breaks_is_answered_for(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("example", "org.example = example_evse:MESSAGES")
    assert asked(vendorId="org.example", messageId="breaks", data="1") == {"status": "Rejected"}
    assert "! the handler of vendor org.example broke: ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (
            "org.example = nowhere_to_be_found:MESSAGES",
            "vendor org.example: nowhere_to_be_found:MESSAGES can't be loaded",
        ),
        ("org.example = example_evse:MISSING", "AttributeError"),
        ("org.example = example_evse:NO_TABLE", "is no table of message names (or None) and functions"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(install: Install, points: str, said: str) -> None:
    install("example", points)
    with pytest.raises(VendorError) as refused:
        handlers()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_two_packages_for_one_vendor_are_one_too_many(install: Install) -> None:
    install("example", "org.example = example_evse:MESSAGES")
    install("another", "ORG.example = example_evse:MESSAGES")
    with pytest.raises(VendorError, match="two packages"):
        handlers()
