"""The real driver against slaves from other hands: every model, a slow line, and one device that misbehaves."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import msgspec
import pytest

from hal.bus import Bus, Mailbox
from hal.contract import MeterReading
from hal.drivers.meter_model import known_models, load_model
from hal.drivers.protocols import NoReading
from hal.drivers.register_meter import RegisterMeter
from hal.drivers.rtu_line import Line, LineMeter, Patience, line_at
from hal.sim.rtu_slave import Utterance, sealed
from tests.hal.drivers.manuals import MANUALS
from tests.hal.drivers.street import Rogue, device, street
from tests.hal.drivers.test_manuals import check

PATIENT = Patience(answer_ms=5_000, late_ms=100, gap_ms=1)
HASTY = Patience(answer_ms=40, late_ms=40, gap_ms=1)


def meter(port: str, address: int, model: str, patience: Patience = PATIENT) -> RegisterMeter:
    line = line_at(port, 9_600, "N")
    return RegisterMeter(load_model(model), LineMeter(line, address, patience), lambda: 5_000)


def test_every_model_answers_as_its_manual_says() -> None:
    models = dict(enumerate(known_models(), 1))
    with street(*(device(address, model) for address, model in models.items())) as port:
        meters = {model: meter(port, address, model) for address, model in models.items()}
        for model, one in meters.items():
            check(one.read(), model, MANUALS[model][1], load_model(model).resolution_wh)
        for one in meters.values():
            one.close()


def test_at_9600_baud_byte_by_byte_with_an_adapter_that_hears_itself() -> None:
    with street(device(1, "sdm120"), baud=9_600, echo=True) as port:
        one = meter(port, 1, "sdm120")
        check(one.read(), "sdm120", 1, 1)
        # Shorter than the echo of its question.
        short = LineMeter(line_at(port, 9_600, "N"), 1, PATIENT)
        assert short.read(4, 0, 1) == (0x4366,)
        short.close()
        one.close()


def slow(question: bytes) -> list[Utterance]:
    """An answer to the question, but after the patience is over: it runs into the next one."""
    count = int.from_bytes(question[4:6])
    return [Utterance(70, sealed(bytes((question[0], question[1], 2 * count)) + bytes(2 * count)))]


ROGUES: dict[str, tuple[Rogue, str]] = {
    "silent": (lambda _: [], "no answer"),
    "noisy": (lambda _: [Utterance(0, b"\xff\x00\x13\x55")], "or noise"),
    "another's": (lambda _: [Utterance(0, sealed(b"\x01\x04\x04\x00\x00\x00\x00"))], "device 1 answers instead of 2"),
    "late": (slow, "no answer"),
    "babbling": (lambda _: [Utterance(2, b"\x02\x04\x04\x55" * 30) for _ in range(12)], "damaged"),
    "dripping": (lambda _: [Utterance(15, b"\x02") for _ in range(20)], "damaged"),
}


@pytest.mark.parametrize("name", ROGUES)
def test_a_device_that_misbehaves_costs_the_others_no_more_than_its_turn(name: str) -> None:
    rogue, why = ROGUES[name]
    with street(device(1, "sdm630"), rogues={2: rogue}) as port:
        good, bad = meter(port, 1, "sdm630", PATIENT), meter(port, 2, "sdm630", HASTY)
        mailbox, done = Mailbox(), Event()
        told: list[str] = []
        good.read = counted(good.read, told, "good", done)  # type: ignore[method-assign]
        bad.read = counted(bad.read, told, "bad", done)  # type: ignore[method-assign]
        bus = Bus({1: good, 2: bad}, {}, mailbox, meter_ms=5)
        bus.start()
        assert done.wait(20), told
        bus.stop()
    check(msgspec.structs.replace(mailbox.meter(1) or MeterReading(0, 0, 0)), "sdm630", 3, 1)
    assert mailbox.meter(2) is None and why in mailbox.silence(2)
    # Each read of the good one is whole, and between two of them the bad one had at most two turns.
    assert "good failed" not in told
    rests = " ".join(told).split("good")
    assert all(rest.count("bad") <= 2 for rest in rests[1:])


def counted(read: Callable[[], MeterReading], told: list[str], name: str, done: Event) -> Callable[[], MeterReading]:
    """Notes how each read ended; enough is six good ones with at least three bad ones among them."""

    def noted() -> MeterReading:
        try:
            reading = read()
        except NoReading:
            told.append(f"{name} failed" if name == "good" else name)
            raise
        else:
            told.append(name)
            return reading
        finally:
            if told.count("good") >= 6 and told.count("bad") >= 3:
                done.set()

    return noted


def test_two_programs_never_share_a_port() -> None:
    with street(device(1, "sdm630")) as port:
        first, second = Line(port, 9_600, "N"), Line(port, 9_600, "N")
        first.ask(1, 4, 0, 2, PATIENT)
        with pytest.raises(NoReading, match="xclusive"):
            second.ask(1, 4, 0, 2, PATIENT)
        first.close()
        second.ask(1, 4, 0, 2, PATIENT)
        second.close()


def test_a_line_forgets_its_port_when_the_last_meter_leaves() -> None:
    one, two = (LineMeter(line_at("/dev/nowhere", 9_600, "N"), address, HASTY) for address in (1, 2))
    one.close()
    two.close()
    LineMeter(line_at("/dev/nowhere", 2_400, "N"), 1, HASTY).close()
