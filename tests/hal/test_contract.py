"""The largest message there can be, and what is no message."""

from __future__ import annotations

import socket

import pytest

from hal.bus import LONGEST_TAG
from hal.contract import (
    LONGEST_TEXT,
    MAX_DATAGRAM,
    MAX_EVSES,
    ContractViolation,
    Cp,
    MeterReading,
    Outlet,
    Snapshot,
    TagSeen,
    TickFigures,
    decode_request,
    decode_update,
    encode,
)
from hal.faults import CATALOGUE, FaultBook, Name

HUGE = 2**62
THREE = (HUGE, HUGE, HUGE)
WIDE = "\U0001f50c"  # four bytes in a datagram


def everything_broken() -> Snapshot:
    """Every outlet has every fault, and every driver a lot to say."""
    book = FaultBook((), HUGE)
    for name in Name:
        book.set(name, True, HUGE, WIDE * 10_000)
    assert len(book.faults) == len(CATALOGUE)
    meter = MeterReading(HUGE, HUGE, HUGE, THREE, THREE, THREE, HUGE, 1_000, HUGE)
    outlets = tuple(
        Outlet(
            evse=evse,
            cp=Cp.A,
            pwm=True,
            offered_ma=80_000,
            board_ma=80_000,
            cable_ma=63_000,
            closed=False,
            reason="LOCK_NOT_CONFIRMED",
            locked=False,
            faults=book.faults,
            meter=meter,
            tag=TagSeen(HUGE, WIDE * LONGEST_TAG, HUGE),
            short_c=HUGE,
            wake_ups=HUGE,
            closings=HUGE,
            interruptions=HUGE,
        )
        for evse in range(1, MAX_EVSES + 1)
    )
    return Snapshot(HUGE, HUGE, HUGE, WIDE * 32, outlets, TickFigures(HUGE, HUGE, HUGE), HUGE)


def test_the_worst_snapshot_fits_into_a_datagram_and_through_a_socket() -> None:
    datagram = encode(everything_broken())
    assert len(datagram) <= MAX_DATAGRAM
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with here, there:
        here.send(datagram)
        assert decode_update(there.recv(MAX_DATAGRAM + 1)) == everything_broken()


def test_what_a_driver_says_is_cut() -> None:
    fault = everything_broken().outlets[0].faults[-1]
    assert len(fault.text) == LONGEST_TEXT and fault.text.startswith(CATALOGUE[Name(fault.name)].text + ": ")


def test_a_larger_one_is_no_message() -> None:
    with pytest.raises(ContractViolation, match="at most 131072 are allowed"):
        decode_update(b"x" * (MAX_DATAGRAM + 1))


@pytest.mark.parametrize(
    "datagram", [b"\x81\xa4type\xa5leas\xff", b"\x81\xa4\xed\xa0\x80\x80\xa3sim", b"\x91" * 2_000, b""]
)
def test_what_is_no_text_or_no_message_is_refused_and_nothing_worse(datagram: bytes) -> None:
    for decode in (decode_request, decode_update):
        with pytest.raises(ContractViolation):
            decode(datagram)
