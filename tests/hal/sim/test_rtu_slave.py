"""The slave's bytes, against frames known from the Modbus specification and the meters' handbooks."""

from __future__ import annotations

import pytest

from hal.drivers.meter_model import load_model
from hal.sim.meter import Flow, MeterFault, SimMeter
from hal.sim.rtu_slave import RtuSlave, Utterance, checksum, sealed

# The SDM handbook's example: device 1, read input registers 0 and 1; answer 230.2 V.
QUESTION = bytes.fromhex("01 04 00 00 00 02 71 CB")
HANDBOOK = bytes.fromhex("01 04 04 43 66 33 34 1B 38")
ANSWER = sealed(bytes.fromhex("01 04 04 43 66 33 33"))  # the handbook rounds 230.2 up by the last bit


def slave(*faults: MeterFault) -> RtuSlave:
    meter = SimMeter(lambda: Flow(voltage_mv=(230_200, 0, 0)))
    for fault in faults:
        meter.fault(fault, on=True)
    return RtuSlave(meter, load_model("sdm630"), address=1)


def said(utterances: list[Utterance]) -> bytes:
    return b"".join(u.data for u in utterances)


def test_the_checksum_of_the_handbook() -> None:
    assert checksum(QUESTION[:-2]) == QUESTION[-2:]
    assert checksum(HANDBOOK[:-2]) == HANDBOOK[-2:]


def test_the_example_of_the_handbook() -> None:
    assert slave().hear(QUESTION) == [Utterance(0, ANSWER)]


def test_a_question_in_pieces_and_after_noise() -> None:
    one = slave()
    assert one.hear(b"\x00\xff\x13" + QUESTION[:5]) == []
    assert said(one.hear(QUESTION[5:])) == ANSWER


def test_two_questions_at_once() -> None:
    assert said(slave().hear(QUESTION * 2)) == ANSWER * 2


def test_questions_to_others_and_damaged_ones_are_not_answered() -> None:
    assert slave().hear(sealed(bytes.fromhex("02 04 00 00 00 02"))) == []
    assert slave().hear(QUESTION[:-1] + b"\x00") == []


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("01 03 00 00 00 02", "01 83 01"),  # the wrong function
        ("01 04 00 00 00 51", "01 84 02"),  # 81 registers
        ("01 04 00 00 00 00", "01 84 02"),
    ],
)
def test_refusals(question: str, answer: str) -> None:
    assert said(slave().hear(sealed(bytes.fromhex(question)))) == sealed(bytes.fromhex(answer))


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (MeterFault.SILENT, b""),
        (MeterFault.SHORT, ANSWER[:4]),
        (MeterFault.ECHO, QUESTION),
        (MeterFault.FOREIGN, sealed(b"\x02" + ANSWER[1:-2])),
        (MeterFault.REFUSING, sealed(bytes.fromhex("01 84 04"))),
        (MeterFault.OTHER_FUNCTION, sealed(b"\x01\x03" + ANSWER[2:-2])),
        (MeterFault.WRONG_LENGTH, sealed(ANSWER[:-4])),
    ],
)
def test_lies_on_the_wire(fault: MeterFault, answer: bytes) -> None:
    assert said(slave(fault).hear(QUESTION)) == answer


def test_a_damaged_answer_fails_its_checksum() -> None:
    answer = said(slave(MeterFault.DAMAGED).hear(QUESTION))
    assert checksum(answer[:-2]) != answer[-2:]


def test_a_late_answer_is_right_but_late() -> None:
    (utterance,) = slave(MeterFault.LATE).hear(QUESTION)
    assert utterance.data == ANSWER
    assert utterance.delay_ms > load_model("sdm630").answer_ms


def test_a_stale_answer_is_the_one_to_the_question_before() -> None:
    one = slave(MeterFault.STALE)
    assert one.hear(QUESTION) == []
    longer = sealed(bytes.fromhex("01 04 00 00 00 04"))
    assert said(one.hear(longer)) == ANSWER
    assert len(said(one.hear(QUESTION))) == 13
