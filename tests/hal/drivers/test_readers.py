"""Card readers: one contract for all of them, and what each kind has of its own."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hal.drivers import hid_reader
from hal.drivers.families import parts_of
from hal.drivers.nfc import crc_a
from hal.drivers.protocols import PartFailed
from hal.drivers.tags import AWAY_POLLS, Lines, Presentations, Script, canonical
from tests.hal.drivers.contracts import ReaderContract, heard
from tests.hal.drivers.readers import Keyboard, OnHsu, OnSpi, Sending, Shown, Simulated, World

CARD, OTHER = bytes.fromhex("04A1B2C3D4"), bytes.fromhex("99887766FF")
SHORT, SEVEN, TEN = bytes.fromhex("04A1B2C3"), bytes.fromhex("04A1B2C3D4E580"), bytes.fromhex("04A1B2C3D4E58088AB01")
KINDS: dict[str, tuple[bytes, bytes]] = {
    "simulated": (CARD, OTHER),
    "keyboard": (CARD, OTHER),
    "line": (SHORT, SEVEN),
    "em4100": (CARD, OTHER),
    "mfrc522": (SHORT, SEVEN),
    "pn532": (SEVEN, SHORT),
}


@pytest.mark.parametrize("kind", KINDS)
class TestEachKind(ReaderContract):
    @pytest.fixture
    def rig(self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        makers: dict[str, Callable[[], World]] = {
            "simulated": Simulated,
            "keyboard": lambda: Keyboard(tmp_path, monkeypatch),
            "line": lambda: Sending(tmp_path, "line"),
            "em4100": lambda: Sending(tmp_path, "em4100"),
            "mfrc522": lambda: OnSpi(monkeypatch),
            "pn532": lambda: OnHsu(tmp_path),
        }
        rig = Shown(makers[kind](), KINDS[kind])
        yield rig
        rig.world.close()


# --- presentations ----------------------------------------------------------------------------------------------------


def test_a_card_that_the_radio_misses_for_a_moment_is_the_same_presentation() -> None:
    seen = Presentations()
    assert seen.poll(["A"]) == "A"
    for _ in range(AWAY_POLLS - 1):
        assert seen.poll([]) is None
    assert seen.poll(["A"]) is None
    for _ in range(AWAY_POLLS):
        assert seen.poll([]) is None
    assert seen.poll(["A"]) == "A"


def test_cards_in_one_go_are_told_in_order_and_a_flood_is_bounded() -> None:
    seen = Presentations()
    assert [seen.poll(["A", "B", "B", "A"]), seen.poll([]), seen.poll([]), seen.poll([])] == ["A", "B", "A", None]
    first = seen.poll([f"{n:04}" for n in range(1000)])
    rest = [seen.poll([]) for _ in range(30)]
    assert first == "0980" and rest[:19] == [f"{n:04}" for n in range(981, 1000)] and rest[19:] == [None] * 11


# --- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "script", "tag"),
    [
        ("04a1b2c3", Script(), "04A1B2C3"),
        ("04:A1:B2:C3", Script(), "04A1B2C3"),
        (" 04-a1-b2-c3 ", Script(reverse=True), "C3B2A104"),
        ("0077705923", Script(form="decimal"), "04A1B2C3"),
        ("3283263748", Script(form="decimal", reverse=True), "04A1B2C3"),
        ("1", Script(form="decimal", size=5), "0000000001"),
        ("4294967295", Script(form="decimal"), "FFFFFFFF"),
        ("wallbox-7", Script(form="text"), "WALLBOX-7"),
    ],
)
def test_what_readers_type_becomes_one_form(typed: str, script: Script, tag: str) -> None:
    assert canonical(typed, script) == tag


@pytest.mark.parametrize(
    ("typed", "script"),
    [
        ("04A1B2C", Script()),
        ("", Script()),
        ("0G", Script()),
        ("00" * 11, Script()),
        ("4294967296", Script(form="decimal")),
        ("-1", Script(form="decimal")),
        ("٣", Script(form="decimal")),
        ("9" * 5000, Script(form="decimal")),
        ("a card", Script(form="text")),
        ("x" * 21, Script(form="text")),
    ],
)
def test_what_is_no_card_is_refused_without_its_number(typed: str, script: Script) -> None:
    with pytest.raises(ValueError) as refused:
        canonical(typed, script)
    assert not typed or typed not in str(refused.value)


def test_lines_come_in_any_pieces_and_damaged_ones_are_left_out() -> None:
    lines = Lines(Script())
    assert [lines.put(piece) for piece in ("04A1", "B2", "C3\r", "\n\n", "zz\n01\n")] == [
        [],
        [],
        ["04A1B2C3"],
        [],
        ["01"],
    ]
    assert lines.damaged == 1
    assert lines.put("0" * 1_000_000) == [] and lines.put("\n02\n") == ["02"]
    assert lines.damaged == 2
    assert lines.put("03") == []
    lines.spoil("keys were lost")
    assert lines.put("\n04\n") == ["04"]


# --- keyboards --------------------------------------------------------------------------------------------------------


def test_a_keyboard_is_grabbed_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = Keyboard(tmp_path, monkeypatch)
    assert keyboard.grabs == []
    keyboard.poll()
    keyboard.poll()
    assert keyboard.grabs == [(0x40044590, 1)]  # EVIOCGRAB
    keyboard.close()


def test_a_keyboard_that_another_has_grabbed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = Keyboard(tmp_path, monkeypatch)

    def busy(*_: object) -> int:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(hid_reader.fcntl, "ioctl", busy)
    with pytest.raises(PartFailed, match="busy"):
        keyboard.poll()
    keyboard.close()


def test_a_keyboard_that_types_decimal_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = Keyboard(tmp_path, monkeypatch, form="decimal")
    keyboard.type("0077705923")
    assert keyboard.poll() is None
    keyboard.enter()
    assert keyboard.poll() == "04A1B2C3"
    keyboard.close()


def test_lost_and_strange_keys_spoil_one_card_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = Keyboard(tmp_path, monkeypatch)
    keyboard.type("04")
    keyboard.event(0, 3, 0)  # SYN_DROPPED
    keyboard.type("a1")
    keyboard.enter()
    keyboard.type("04")
    keyboard.stroke(1)  # Escape
    keyboard.type("a1")
    keyboard.enter()
    keyboard.show(SHORT)
    assert heard(keyboard) == ["04A1B2C3"]
    keyboard.close()


def test_half_a_card_before_the_reader_was_pulled_out_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyboard = Keyboard(tmp_path, monkeypatch)
    keyboard.type("99")
    keyboard.poll()
    keyboard.pull_out()
    with pytest.raises(PartFailed):
        keyboard.poll()
    keyboard.plug_in()
    keyboard.show(SHORT)
    assert heard(keyboard) == ["04A1B2C3"]
    keyboard.close()


# --- serial readers ---------------------------------------------------------------------------------------------------


def test_a_frame_in_pieces_among_noise_and_one_with_a_wrong_checksum(tmp_path: Path) -> None:
    world = Sending(tmp_path, "em4100")
    frame = world.frame(CARD)
    for piece in (b"\xff\x02\x02noise", frame[:5], frame[5:11]):
        world.wire.send(piece)
        assert world.poll() is None
    world.wire.send(frame[11:])
    assert world.poll() == CARD.hex().upper()
    world.wire.send(world.frame(OTHER).replace(b"99", b"98"))
    assert heard(world) == []
    world.wire.send(b"\x02" * 5_000)
    world.wire.send(world.frame(OTHER))
    assert heard(world, 20) == [OTHER.hex().upper()]
    world.close()


# --- radio ------------------------------------------------------------------------------------------------------------


def test_crc_a_of_the_standard() -> None:
    assert crc_a(b"\x00\x00") == b"\xa0\x1e" and crc_a(b"\x12\x34") == b"\x26\xcf"  # ISO 14443-3 annex B


@pytest.mark.parametrize("uid", [SHORT, SEVEN, TEN])
def test_uids_of_all_lengths(uid: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    world = OnSpi(monkeypatch)
    world.show(uid)
    assert world.poll() == uid.hex().upper()


@pytest.mark.parametrize("spoilt", ["block", "sak", "level"])
def test_a_damaged_answer_of_a_card_is_no_card(spoilt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = OnSpi(monkeypatch)
    world.show(SHORT)
    world.chip.spoil[spoilt] = True
    assert heard(world, 1) == []
    world.chip.spoil.clear()
    assert heard(world) == ["04A1B2C3"]


def test_two_cards_at_once_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    world = OnSpi(monkeypatch)
    world.chip.cards = [SHORT, SEVEN]
    assert heard(world) == []


def test_a_chip_that_forgot_its_settings_is_set_up_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    world = OnSpi(monkeypatch)
    world.poll()
    world.chip._reset()  # a dip of its supply
    with pytest.raises(PartFailed, match="timer"):
        world.poll()
    world.show(SHORT)
    assert heard(world) == ["04A1B2C3"]


def test_without_spidev_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    world = OnSpi(monkeypatch)
    monkeypatch.setitem(sys.modules, "spidev", None)
    with pytest.raises(PartFailed, match="install evsed with its pi extra"):
        world.poll()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda frame: b"", "damaged"),
        (lambda frame: frame[:-3], "damaged"),
        (lambda frame: frame[:6] + bytes((frame[6] ^ 1,)) + frame[7:], "damaged"),
        (lambda frame: b"\x00" * 4_000, "damaged"),
    ],
)
def test_damaged_answers_of_a_pn532_are_no_card(
    spoil: Callable[[bytes], bytes], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hal.drivers.pn532._ANSWER_MS", 5_000)
    world = OnHsu(tmp_path)
    world.poll()
    world.show(SHORT)
    world.spoil = spoil
    with pytest.raises(PartFailed, match=f": a {why} answer"):
        world.poll()
    world.spoil = lambda frame: frame
    assert soon(world) == "04A1B2C3"
    world.close()


def soon(world: World) -> str | None:
    """The first card after the rest of the noise, which may still be on its way."""
    for _ in range(10):
        with suppress(PartFailed):
            if (tag := world.poll()) is not None:
                return tag
    return None


@pytest.mark.parametrize("family", ["hid_reader", "serial_reader", "mfrc522", "pn532"])
def test_a_board_finds_it_by_name(family: str) -> None:
    assert list(parts_of(family)) == ["reader"]
