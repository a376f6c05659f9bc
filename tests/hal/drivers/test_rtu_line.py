"""The real driver on a real pseudo-terminal, against a slave that shares no code with its framing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.contract import MeterChoice
from hal.drivers import open_meter
from hal.drivers.meter_model import ModelError, load_model
from hal.drivers.protocols import NoReading
from hal.drivers.register_meter import RegisterMeter
from hal.drivers.rtu_frames import answer_in, checksum, to_read, to_write, without_echo
from hal.drivers.rtu_line import Line, LineMeter, Patience, _lines, line_at
from hal.sim.meter import WIRE_FAULTS, MeterFault
from hal.sim.rtu_slave import Utterance, sealed
from tests.hal.drivers.ptys import Meter, served, together

PATIENT = Patience(answer_ms=5_000, late_ms=5_000, gap_ms=1)
HASTY = Patience(answer_ms=30, late_ms=30, gap_ms=1)
HEARING = Patience(answer_ms=5_000, late_ms=30, gap_ms=1)  # for answers that do come, however busy the machine is

WHY = {
    MeterFault.SILENT: "no answer",
    MeterFault.LATE: "no answer",
    MeterFault.SHORT: "a damaged or short answer",
    MeterFault.DAMAGED: "a damaged or short answer",
    MeterFault.FOREIGN: "device 2 answers instead of 1",
    MeterFault.ECHO: "no answer",
    MeterFault.STALE: "an answer to another question: 76 registers instead of 78",
    MeterFault.REFUSING: r"exception 4 \(device failure\)",
    MeterFault.OTHER_FUNCTION: "an answer to another question: function 3 instead of 4",
    MeterFault.WRONG_LENGTH: "a damaged or short answer",
}


@pytest.fixture
def meter() -> Meter:
    return Meter(late_ms=150)


@pytest.fixture
def line(meter: Meter) -> Iterator[Line]:
    with served(meter.slave.hear) as port:
        line = Line(port, 9_600, "N")
        yield line
        line.close()


def voltage(words: object) -> list[int]:
    assert isinstance(words, tuple)
    return list(words[:2])


@pytest.mark.parametrize(("fault", "why"), WHY.items())
def test_no_bad_answer_is_taken_and_the_next_good_one_is(line: Line, meter: Meter, fault: MeterFault, why: str) -> None:
    good = line.ask(1, 4, 0, 76, PATIENT)
    assert voltage(good) == [0x4366, 0x0000]
    meter.sim.fault(fault, on=True)
    patience = HASTY if why == "no answer" else HEARING
    with pytest.raises(NoReading, match=why):
        line.ask(1, 4, 0, 78, HASTY._replace(late_ms=500) if fault is MeterFault.LATE else patience)
    meter.sim.fault(fault, on=False)
    assert line.ask(1, 4, 0, 76, PATIENT) == good


def test_every_lie_of_the_wire_is_tested() -> None:
    assert set(WHY) == WIRE_FAULTS


def test_a_late_answer_is_never_taken_for_the_next_one(line: Line, meter: Meter) -> None:
    meter.sim.fault(MeterFault.LATE, on=True)
    with pytest.raises(NoReading):
        line.ask(1, 4, 0x48, 2, HASTY._replace(late_ms=500))
    meter.sim.fault(MeterFault.LATE, on=False)
    meter.wh = 5_000_000
    # The same count at the same place: only the silence and the emptied input stand between the two.
    assert line.ask(1, 4, 0x48, 2, PATIENT) == (0x459C, 0x4000)


def test_the_count_tells_a_stale_answer_that_no_silence_could_keep_away(line: Line, meter: Meter) -> None:
    line.ask(1, 4, 0, 76, PATIENT)
    meter.sim.fault(MeterFault.STALE, on=True)
    for count in (78, 80, 76, 78):
        with pytest.raises(NoReading, match="another question"):
            line.ask(1, 4, 0, count, HEARING)
    # Without another count it could not be told: that is why a model has spare registers.
    assert len(line.ask(1, 4, 0, 78, PATIENT)) == 78


def test_an_adapter_that_hears_itself(meter: Meter) -> None:
    def echoing(data: bytes) -> list[Utterance]:
        return [Utterance(0, data), *meter.slave.hear(data)]

    with served(echoing) as port:
        line = Line(port, 9_600, "N")
        assert len(line.ask(1, 4, 0, 76, PATIENT)) == 76
        line.close()


def test_an_answer_in_two_pieces(meter: Meter) -> None:
    def halting(data: bytes) -> list[Utterance]:
        (whole,) = meter.slave.hear(data)
        return [Utterance(0, whole.data[:50]), Utterance(20, whole.data[50:])]

    with served(halting) as port:
        line = Line(port, 9_600, "N")
        assert len(line.ask(1, 4, 0, 76, PATIENT)) == 76
        line.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00",
        b"\xff" * 10_000,
        bytes(range(256)) * 4,
        b"\x01\x84",
        b"\x01\x04",
        b"\x01\x04\xff",
        sealed(b"\x01\x84"),
        sealed(b"\x01\x80\x01"),
        sealed(b"\x01\x04\x00"),
        sealed(b"\x01\x04\x03\x00\x00\x00"),
        sealed(b"\x01\x2b\x0e\x01"),
        sealed(b"\x01\x08\x00\x00\x00\x00"),
        sealed(b"\x00\x04\x02\x00\x01"),
    ],
)
def test_garbage(garbage: bytes) -> None:
    with served(lambda _: [Utterance(0, garbage)]) as port:
        line = Line(port, 9_600, "N")
        with pytest.raises(NoReading):
            line.ask(1, 4, 0, 2, HASTY)
        line.close()


READ = to_read(1, 4, 0, 2)
STARTS = [b"", b"\x01", b"\x01\x04", b"\x01\x04\x04", b"\x01\x84", b"\x00\x01\x04\x04"]


@given(st.binary(max_size=20), st.sampled_from(STARTS), st.booleans())
def test_only_the_answer_is_an_answer(rest: bytes, start: bytes, whole: bool) -> None:
    data = sealed(start + rest) if whole else start + rest
    try:
        registers = answer_in(data, READ)
    except NoReading:
        return
    if registers is not None:
        at = data.index(b"\x01\x04\x04" + b"".join(word.to_bytes(2) for word in registers))
        assert sealed(data[at : at + 7]) == data[at : at + 9]


@given(st.binary(max_size=250))
def test_the_checksum_is_that_of_the_slave(data: bytes) -> None:
    assert data + checksum(data) == sealed(data)


@given(st.binary(max_size=8), st.lists(st.integers(0, 0xFFFF), min_size=2, max_size=2))
def test_noise_before_an_answer_and_our_own_echo_do_no_harm(noise: bytes, words: list[int]) -> None:
    noise = noise.replace(b"\x01", b"\x00")  # what looks like a beginning of ours may be one
    said = sealed(b"\x01\x04\x04" + b"".join(word.to_bytes(2) for word in words))
    noise = b"" if noise and noise[1:2] in (b"\x03", b"\x04", b"\x10") else noise
    assert answer_in(without_echo(noise + READ.frame + said, READ), READ) == tuple(words)
    assert answer_in(noise[:1] + said, READ) == tuple(words)


def test_a_write_is_answered_with_its_place_and_count() -> None:
    write = to_write(5, 0x14, (0x40A0, 0))
    assert write.frame == sealed(bytes.fromhex("05 10 0014 0002 04 40A0 0000"))
    assert answer_in(sealed(bytes.fromhex("05 10 0014 0002")), write) == ()
    with pytest.raises(NoReading, match="other registers"):
        answer_in(sealed(bytes.fromhex("05 10 0015 0002")), write)
    with pytest.raises(NoReading, match="exception 2"):
        answer_in(sealed(bytes.fromhex("05 90 02")), write)


def test_an_adapter_that_is_pulled_out_and_comes_back(meter: Meter, tmp_path: Path) -> None:
    port = tmp_path / "by-id"
    line = Line(str(port), 9_600, "N")
    with pytest.raises(NoReading, match="by-id"):
        line.ask(1, 4, 0, 76, HASTY)
    for _ in range(2):
        with served(meter.slave.hear) as path:
            port.symlink_to(path)
            assert len(line.ask(1, 4, 0, 76, PATIENT)) == 76
        with pytest.raises(NoReading, match="by-id"):
            line.ask(1, 4, 0, 76, HASTY)
        port.unlink()
    line.close()


def test_paced_like_9600_baud_nothing_is_lost(meter: Meter) -> None:
    with served(meter.slave.hear, baud=9_600) as port:
        line = Line(port, 9_600, "N")
        assert len(line.ask(1, 4, 0, 76, PATIENT)) == 76
        line.close()


def reading_meter(line: Line, clock: list[int], model: str = "sdm630") -> RegisterMeter:
    return RegisterMeter(load_model(model), LineMeter(line, 1, PATIENT), lambda: clock[0])


@pytest.mark.parametrize("model", ["sdm630", "sdm120"])
def test_a_whole_reading_over_the_line(model: str) -> None:
    with served(Meter(model=load_model(model)).slave.hear) as port:
        line = Line(port, 9_600, "N")
        reading = reading_meter(line, [77], model).read()
        line.close()
    phases = 3 if model == "sdm630" else 1
    assert reading.at_ms == 77
    assert reading.energy_wh == pytest.approx(1_234_567, abs=1)
    assert reading.current_ma == (16_000,) * phases
    assert reading.voltage_mv == (230_000,) * phases
    assert reading.power_w == round(phases * 3643.2)


@pytest.mark.parametrize("fault", sorted(set(MeterFault) - WIRE_FAULTS - {MeterFault.STUCK}))
def test_no_lie_in_the_values_becomes_a_reading(line: Line, meter: Meter, fault: MeterFault) -> None:
    clock = [1_000]
    driver = reading_meter(line, clock)
    first = driver.read()
    meter.sim.fault(fault, on=True)
    clock[0] += 1_000
    with pytest.raises(NoReading):
        driver.read()
    meter.sim.fault(fault, on=False)
    meter.wh += 3
    assert driver.read().energy_wh == pytest.approx(first.energy_wh + 3, abs=1)


def test_a_stuck_meter_is_found_out(line: Line, meter: Meter) -> None:
    clock = [1_000]
    driver = reading_meter(line, clock)
    meter.sim.fault(MeterFault.STUCK, on=True)
    with pytest.raises(NoReading, match="stands still"):
        for _ in range(30):
            clock[0] += 1_000
            driver.read()
    assert clock[0] > 10_000


def test_two_meters_on_one_line() -> None:
    first, second = Meter(address=1), Meter(address=9)
    second.wh = 42_000_000
    with served(together(first, second)) as port:
        meters = [open_meter(MeterChoice("sdm630", port, address=a), port) for a in (1, 9)]
        assert [round(m.read().energy_wh, -3) for m in meters] == [1_235_000, 42_000_000]
        meters[0].close()
        assert meters[1].read().energy_wh == pytest.approx(42_000_000, abs=4)
        meters[1].close()
        assert port not in _lines


def test_meters_on_one_line_must_agree_on_its_speed() -> None:
    first = LineMeter(line_at("/dev/nowhere", 9_600, "N"), 1, HASTY)
    with pytest.raises(ModelError, match="/dev/nowhere have different baud or parity"):
        open_meter(MeterChoice("sdm630", "/dev/nowhere", address=2, baud=2_400), "/dev/nowhere")
    first.close()
    LineMeter(line_at("/dev/nowhere", 2_400, "N"), 1, HASTY).close()


def test_a_port_that_is_not_there_is_a_missing_reading_and_no_crash() -> None:
    meter = open_meter(MeterChoice("sdm630", "/dev/nowhere"), "/dev/nowhere")
    with pytest.raises(NoReading, match="/dev/nowhere"):
        meter.read()
    meter.close()
