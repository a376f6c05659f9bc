"""Doors at which bytes come in over a wire: the central system, the socket between the processes, Modbus, cards."""

from __future__ import annotations

import json
from itertools import count
from struct import pack
from urllib.parse import unquote

from evsed.core.events import FromCentral
from evsed.core.words import Verdict
from evsed.locations import LocationRefused, led_to, location, nearness, secrets_of, within
from evsed.ocpp.frames import read
from evsed.ocpp.times import read_clock, read_date, write_date
from evsed.ocpp.violations import RemoteViolation
from hal.contract import ContractViolation, Lease, SimOrder, decode_request, decode_update, encode
from hal.drivers.hid_reader import _EVENT as EVENT
from hal.drivers.hid_reader import HidReader, Keys
from hal.drivers.meter_model import known_models, load_model
from hal.drivers.mfrc522 import _SET_UP as SET_UP
from hal.drivers.mfrc522 import TX_CONTROL, Mfrc522
from hal.drivers.mfrc522 import Keys as ChipKeys
from hal.drivers.pn532 import _answer_in, _uid_in
from hal.drivers.protocols import NoReading, PartFailed
from hal.drivers.register_meter import RegisterMeter
from hal.drivers.rtu_frames import answer_in, checksum, to_read, to_write, why_none, without_echo
from hal.drivers.tags import Lines, Presentations, Script
from hal.drivers.w1 import parse
from tests.enemies.hunt import Door
from tests.evsed.ocpp.world import Peers
from tests.hal.drivers.mfrc522_chip import Chip

FRAMES = (
    '[2,"1","Reset",{"type":"Soft"}]',
    '[2,"2","SetChargingProfile",{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,'
    '"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Absolute","chargingSchedule":{'
    '"chargingRateUnit":"A","startSchedule":"2027-01-01T00:00:00Z","chargingSchedulePeriod":[{"startPeriod":0,'
    '"limit":16.0}]}}}]',
    '[2,"3","SendLocalList",{"listVersion":2,"updateType":"Full","localAuthorizationList":[{"idTag":"A",'
    '"idTagInfo":{"status":"Accepted","expiryDate":"2027-02-01T00:00:00Z"}}]}]',
    '[2,"4","UpdateFirmware",{"location":"http://10.0.0.1/x","retrieveDate":"2027-01-01T00:00:00Z","retries":3}]',
    '[2,"5","ReserveNow",{"connectorId":1,"expiryDate":"2027-01-02T00:00:00Z","idTag":"A","reservationId":1}]',
    '[2,"6","ChangeConfiguration",{"key":"HeartbeatInterval","value":"60"}]',
    '[2,"7","GetConfiguration",{"key":["HeartbeatInterval","nope"]}]',
    '[2,"8","DataTransfer",{"vendorId":"v","data":"\\ud83d\\udd0c"}]',
    '[3,"item-1",{"currentTime":"2027-01-01T00:00:00Z"}]',
    '[4,"item-1","InternalError","",{}]',
)
WORDS = (
    b"\\ud800",
    b"[[[[",
    b"{}",
    b"null",
    b"NaN",
    b'"","",',
    b"\\u0000",
    b"-1",
    b"1.0",
    b"\xef\xbb\xbf",
    b"9999-12-31",
)


def _text(given: bytes) -> str:
    return given.decode(errors="replace")


def heard(given: bytes) -> None:
    """One frame over a living link; afterwards it still lives, and what was said is JSON and bounded."""
    peers = Peers()
    for frame in _text(given).split("\x1e"):
        output = peers.exchange.receive(frame, 1_000)
        for event in output.events:
            if isinstance(event, FromCentral):
                peers.replies(event.request, Verdict.REJECTED)
        for said in output.frames:
            assert len(said) <= 65_536, f"an answer of {len(said)} characters"
            json.loads(said)
    assert peers.asked("ClearCache", {}) == [], "the link is dead"


METER_TABLES = {name: load_model(name) for name in known_models()}


MOST_HEARD = 512
"""The line gives up after so many bytes."""


class Bytes:
    """Registers that hold whatever is left of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, function: int, address: int, count: int) -> tuple[int, ...]:
        question = to_read(1, function, address, count)
        taken, self._data = self._data[: 2 * count], self._data[2 * count :]
        body = bytes((1, function, 2 * count)) + taken.ljust(2 * count, b"\0")
        found = answer_in(body + checksum(body), question)
        assert found is not None
        return tuple(found)

    def close(self) -> None:
        pass


def measured(given: bytes) -> None:
    """The first byte chooses the meter, the others are its registers; what is believed makes sense."""
    names = sorted(METER_TABLES)
    model = METER_TABLES[names[given[0] % len(names)]] if given else METER_TABLES[names[0]]
    clock = count(0, 1_000)
    meter = RegisterMeter(model, Bytes(given[1:]), lambda: next(clock))
    last_wh = 0
    for _ in range(6):
        reading = meter.read()
        assert reading.energy_wh >= last_wh, "it fell"
        assert abs(reading.power_w) <= model.bounds.power_w, "too much power"
        last_wh = reading.energy_wh


def answered(given: bytes) -> None:
    """Bytes on the line after a question: the answer, nothing, or a reason."""
    given = given[:MOST_HEARD]
    for question in (to_read(1, 4, 0, 20), to_read(247, 3, 0xFFFF, 1), to_write(1, 20, (1, 2))):
        for heard in (given, question.frame + given, given + checksum(given)):
            answer = without_echo(heard, question)
            why_none(answer, question)
            try:
                words = answer_in(answer, question)
            except NoReading:
                continue
            assert words is None or all(0 <= word <= 0xFFFF for word in words)


def carded(given: bytes) -> None:
    """What a reader types, in pieces, and what a chip answers."""
    for form in ("hex", "decimal", "text"):
        for reverse in (False, True):
            lines, shown = Lines(Script(form, 4, reverse)), Presentations()  # type: ignore[arg-type]
            text = given[:600].decode("latin-1")
            for at in range(0, len(text), 7):
                tag = shown.poll(lines.put(text[at : at + 7]))
                assert tag is None or (0 < len(tag) <= 20 and tag.isascii() and tag.isprintable()), tag
            assert len(lines._line) <= 64
    answer = _answer_in(given)
    uid = None if answer is None else _uid_in(answer[2:])
    assert uid is None or len(uid) <= 255


def typed(given: bytes) -> None:
    """Events of a keyboard: whatever keys there are, a card is text of its length or none."""
    reader, size = HidReader(Keys(device="/dev/input/x", form="hex", size=4)), EVENT.size
    for at in range(0, min(len(given), 100 * size) - size + 1, 5 * size):
        whole = given[at : at + 5 * size]
        for tag in reader._listen(whole[: len(whole) // size * size]):
            assert 0 < len(tag) <= 20 and tag.isascii() and tag.isalnum(), tag


class Spoilt:
    """The bus to a chip that has a card: bytes that it reads are changed by those that are given."""

    def __init__(self, given: bytes) -> None:
        chip = Chip()
        chip.cards = [bytes.fromhex("04a1b2c3d4e5f6")]
        self._spi, self._given, self._at = chip.spi_dev(), given, 0

    def xfer2(self, data: list[int]) -> list[int]:
        said = list(self._spi.xfer2(data))
        if data[0] & 0x80 and self._at < len(self._given):
            said[1] ^= self._given[self._at]
            self._at += 1
        return said

    def close(self) -> None:
        pass


def chosen(given: bytes) -> None:
    """A card in the field of a chip that is not heard well: its UID, or another one whose checksums are right."""
    reader = Mfrc522(ChipKeys())
    for _ in range(3):
        reader._spi = Spoilt(given[:600])
        for setting in SET_UP:
            reader._write(*setting)
        reader._write(TX_CONTROL, 0x83)
        tag = reader.poll()
        assert tag is None or (len(tag) in (8, 14, 20) and tag.isalnum()), tag


def located(given: bytes) -> None:
    """An address is refused, or has a plain host; where it leads to too."""
    first, _, second = _text(given).partition(" ")
    assert all(secret in first or secret in unquote(first) for secret in secrets_of(first))
    found = location(first)
    within(found, "diagnostics.log")
    assert not set(found.host) & set("/@?#\\ ") and not found.host.startswith("-"), found
    assert 0 <= found.port <= 65_535
    led_to(found, second)


def dated(given: bytes) -> None:
    wall_ms = read_date(_text(given))
    if (clock_ms := read_clock(_text(given))) is not None:
        assert read_date(write_date(clock_ms)) == clock_ms == wall_ms


_CARD = b"04A1B2C3\r\n1234567890\n"
_KEYS = b"".join(EVENT.pack(0, 0, 1, code, value) for code in (11, 5, 30, 2, 48, 3, 46, 4, 28) for value in (1, 0))
_CHIP = b"\x00\x00\xff\x0c\xf4\xd5\x4b\x01\x01\x00\x04\x08\x04\x04\xa1\xb2\xc3\xc7\x00"
_RTU = bytes((1, 4, 40)) + bytes(range(40))
_FLOATS = pack(">12f", *(230.0,) * 3, *(16.0,) * 3, *(3_680.0,) * 3, 11_040.0, 1_234.5, 50.0)

WIRE_DOORS = (
    Door("frames", tuple(f.encode() for f in FRAMES), lambda given: read(_text(given)), (RemoteViolation,), WORDS),
    Door("link", tuple(f.encode() for f in FRAMES), heard, (), (*WORDS, b"\x1e")),
    Door(
        "socket",
        (encode(Lease(1, 16_000, True, True, 5)), encode(SimOrder(1, ("plug-in",)))),
        lambda given: (decode_request(given), decode_update(given)),
        (ContractViolation,),
        (b"\xdf\xff\xff\xff\xff", b"\xcf" + b"\xff" * 8, b"\xca\x7f\xc0\0\0", b"\x91" * 300),
    ),
    Door(
        "modbus",
        (_RTU, b"\x01\x84\x02", b"\x01\x10\0\x14\0\x02"),
        answered,
        (),
        (b"\x01\x04", b"\x01\x83", b"\xff" * 250),
    ),
    Door(
        "registers",
        tuple(bytes((n,)) + _FLOATS * 12 for n in range(len(METER_TABLES))),
        measured,
        (NoReading,),
        (b"\x7f\x80\0\0", b"\x7f\xc0\0\0", b"\x7f\x7f\xff\xff", b"\x7f\xef" + b"\xff" * 6, b"\xff" * 8, b"\0" * 40),
    ),
    Door(
        "cards", (_CARD, _CHIP, b"\x02" + b"0A1B2C3D4E5F\x03"), carded, (), (b"\0\0\xff", b"\r", b"\n\n", b"\xd5\x4b")
    ),
    Door("keyboard", (_KEYS, _KEYS * 3), typed, (), (EVENT.pack(0, 0, 0, 3, 0), EVENT.pack(0, 0, 1, 42, 1))),
    Door("card chip", (b"", b"\0" * 40 + b"\x01", b"\0" * 17 + b"\x20"), chosen, (PartFailed,), (b"\0" * 8, b"\x30")),
    Door(
        "w1",
        (b"4b 01 4b 46 7f ff 05 10 d8 : crc=d8 YES\n4b 01 4b 46 7f ff 05 10 d8 t=20687",),
        lambda given: parse(_text(given)),
        (NoReading,),
    ),
    Door(
        "locations",
        (b"http://example.org/a/b?c=d /next", b"ftps://u:p@[2001:db8::1]:990/x http://y", b"https://10.0.0.1:8443/"),
        located,
        (LocationRefused,),
        (
            b"@",
            b"\\",
            b"%0d%0a",
            b"[fe80::1%25eth0]",
            b"//",
            b":99999",
            b":0",
            b"\xe2\x84\xa1",
            b"file:",
            b"169.254.169.254",
        ),
    ),
    Door(
        "addresses",
        (b"10.0.0.1", b"::ffff:127.0.0.1", b"fe80::1%eth0"),
        lambda given: nearness(_text(given[:200])),
        (ValueError,),
    ),
    Door("dates", (b"2027-01-01T00:00:10.123Z", b"2024-02-29T23:59:60+01:30"), dated),
)
