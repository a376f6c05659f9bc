"""The bus: each device at its own pace, one that fails or hangs harms no other, news only, told once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from threading import Event, Semaphore

import pytest

from hal.bus import Bus, Mailbox, monotonic_ms
from hal.contract import MeterReading
from hal.drivers.meter_model import load_model
from hal.drivers.protocols import NoReading, PartFailed, Reader
from hal.drivers.register_meter import RegisterMeter
from hal.drivers.rtu_line import LineMeter, Patience, line_at
from hal.heat import Warmth
from hal.sim.meter import MeterFault
from hal.sim.reader import SimReader
from hal.sim.thermometer import SimThermometer
from tests.hal.drivers.ptys import Meter as SimulatedMeter
from tests.hal.drivers.ptys import served, together

PATIENT = Patience(answer_ms=5_000, late_ms=5_000, gap_ms=1)
HASTY = Patience(answer_ms=30, late_ms=30, gap_ms=1)
SOON = 20.0  # seconds after which a test that waits has failed


class Post(Mailbox):
    """A mailbox that lets a test wait for the post."""

    def __init__(self) -> None:
        super().__init__()
        self.came = {evse: Semaphore(0) for evse in (1, 2)}
        self.fell_silent = Event()

    def put_meter(self, evse: int, reading: MeterReading) -> None:
        super().put_meter(evse, reading)
        self.came[evse].release()

    def put_silence(self, evse: int, why: str) -> None:
        super().put_silence(evse, why)
        self.fell_silent.set()

    def put_tag(self, evse: int, tag: str, at_ms: int) -> None:
        super().put_tag(evse, tag, at_ms)
        self.came[evse].release()

    def wait_for(self, evse: int, times: int) -> None:
        for _ in range(times):
            assert self.came[evse].acquire(timeout=SOON)


class Scripted:
    """A meter that does in each read what the script says next, the last thing for ever."""

    def __init__(self, *script: Callable[[], MeterReading]) -> None:
        self.script = list(script)
        self.reads = 0
        self.closed = False

    def read(self) -> MeterReading:
        self.reads += 1
        return (self.script.pop(0) if len(self.script) > 1 else self.script[0])()

    def close(self) -> None:
        self.closed = True


def fresh() -> MeterReading:
    return MeterReading(at_ms=1, energy_wh=2, power_w=3)


def silent() -> MeterReading:
    raise NoReading("no answer")


def bug() -> MeterReading:
    raise ZeroDivisionError("oops")


Run = Callable[..., Post]


@pytest.fixture
def run() -> Iterator[Run]:
    buses: list[Bus] = []

    def start(meters: dict[int, Scripted], readers: dict[int, Reader] | None = None) -> Post:
        post = Post()
        buses.append(Bus(meters, readers or {}, post, meter_ms=1, reader_ms=1))
        buses[-1].start()
        return post

    yield start
    for bus in buses:
        bus.stop()


def test_readings_arrive(run: Run) -> None:
    post = run({1: Scripted(fresh), 2: Scripted(fresh)})
    post.wait_for(1, 3)
    post.wait_for(2, 3)
    assert post.meter(1) == fresh()
    assert post.meter(3) is None
    assert post.tag(1) is None


def test_the_same_reading_is_no_news(run: Run) -> None:
    old = fresh()
    meter = Scripted(lambda: old, lambda: old, lambda: old, fresh)
    post = run({1: meter})
    post.wait_for(1, 2)
    assert meter.reads >= 4


@pytest.mark.parametrize(("mc", "believed"), [(-40_000, True), (150_000, True), (-40_001, False), (150_001, False)])
def test_a_temperature_is_dated_and_must_be_one(mc: int, believed: bool) -> None:
    post, thermometer = Post(), SimThermometer()
    thermometer.mc = mc
    ask = Bus({}, {}, post, {3: thermometer}, now_ms=lambda: 77)._thermometer(3, thermometer)
    with nullcontext() if believed else pytest.raises(NoReading, match="is no temperature of a wallbox"):
        ask()
    assert post.warmths() == ({3: Warmth(mc, 77)} if believed else {})


@pytest.mark.parametrize("failure", [silent, bug])
def test_a_failing_meter_puts_nothing_and_harms_no_other(run: Run, failure: Callable[[], MeterReading]) -> None:
    post = run({1: Scripted(fresh, failure), 2: Scripted(fresh)})
    post.wait_for(2, 50)
    assert post.came[1].acquire(timeout=SOON)
    assert not post.came[1].acquire(blocking=False)


def test_why_a_meter_is_silent_is_kept_until_it_answers(run: Run) -> None:
    post = run({1: Scripted(fresh, silent)})
    assert post.fell_silent.wait(SOON)
    assert post.silence(1) == "no answer"
    post.put_meter(1, fresh())
    assert post.silence(1) == ""


def test_a_meter_that_hangs_delays_no_other(run: Run) -> None:
    hung = Event()

    def hang() -> MeterReading:
        hung.wait(SOON)
        return fresh()

    post = run({1: Scripted(hang), 2: Scripted(fresh)})
    post.wait_for(2, 20)
    assert post.meter(1) is None
    hung.set()
    post.wait_for(1, 1)


def test_each_change_of_state_is_told_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "hal.bus"):
        post = run({1: Scripted(fresh, silent, silent, silent, fresh, bug, fresh)})
        post.wait_for(1, 4)
    assert [record.getMessage() for record in caplog.records] == [
        "! meter 1: no answer",
        "= meter 1: answers again after 3 failures",
        "! meter 1: ZeroDivisionError('oops')",
        "= meter 1: answers again after 1 failures",
    ]


def test_cards_are_numbered_and_none_is_lost(run: Run) -> None:
    reader = SimReader()
    for tag in ("A", "B", "B"):
        reader.swipe(tag)
    post = run({}, {2: reader})
    post.wait_for(2, 3)
    seen = post.tag(2)
    assert seen is not None
    assert (seen.seq, seen.tag) == (3, "B")
    assert post.tag(1) is None


def test_a_reader_that_is_gone_comes_back(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    class Loose(SimReader):
        """Tells when it was asked in vain."""

        asked = Semaphore(0)

        def poll(self) -> str | None:
            try:
                return super().poll()
            except PartFailed:
                self.asked.release()
                raise

    reader = Loose()
    reader.vanish()
    with caplog.at_level(logging.INFO, "hal.bus"):
        post = run({1: Scripted(fresh)}, {2: reader})
        assert reader.asked.acquire(timeout=SOON)
        assert reader.asked.acquire(timeout=SOON)
        assert (post.mute(1), post.mute(2)) == ("", "reader: it is not there")
        reader.vanish(on=False)
        reader.swipe("A")
        post.wait_for(2, 1)
        assert post.mute(2) == ""
    assert next(r.getMessage() for r in caplog.records) == "! reader 2: reader: it is not there"


def test_stop_closes_the_devices() -> None:
    meter = Scripted(fresh)
    bus = Bus({1: meter}, {}, Mailbox(), meter_ms=1)
    bus.start()
    bus.stop()
    assert meter.closed
    Bus({1: meter}, {}, Mailbox()).stop()  # never started


def test_the_pause_grows_with_the_failures_and_has_an_end() -> None:
    pauses: list[float] = []

    class Patient(Event):
        """Notes how long it is asked to wait, and ends the bus after some pauses."""

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            return len(pauses) > 12

    bus = Bus({1: Scripted(silent)}, {}, Mailbox(), now_ms=lambda: 0)
    bus._stopping = Patient()
    bus.start()
    bus._threads[0].join(SOON)
    assert pauses == [0, 1, 1, 1, 2, 4, 8, 10, 10, 10, 10, 10, 10]


def test_the_pace_does_not_depend_on_how_long_an_answer_takes() -> None:
    pauses: list[float] = []
    times = iter(range(0, 10**9, 300))

    class Patient(Event):
        """Notes how long it is asked to wait."""

        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            return len(pauses) > 3

    bus = Bus({1: Scripted(fresh)}, {}, Mailbox(), now_ms=lambda: next(times))
    bus._stopping = Patient()
    bus.start()
    bus._threads[0].join(SOON)
    assert pauses == [0, 0.7, 0.7, 0.7]


def test_a_silent_meter_on_a_real_line_delays_no_other_line_and_not_for_ever_its_own() -> None:
    model = load_model("sdm630")
    broken, beside, elsewhere = SimulatedMeter(1), SimulatedMeter(2), SimulatedMeter(1)
    broken.sim.fault(MeterFault.SILENT, on=True)
    with served(together(broken, beside)) as shared, served(elsewhere.slave.hear) as own:
        meters = {
            evse: RegisterMeter(model, LineMeter(line_at(port, 9_600, "N"), address, patience), monotonic_ms)
            for evse, port, address, patience in ((1, shared, 1, HASTY), (2, shared, 2, PATIENT), (3, own, 1, PATIENT))
        }
        post = Post()
        post.came = {evse: Semaphore(0) for evse in meters}
        bus = Bus(meters, {}, post, meter_ms=1)
        bus.start()
        post.wait_for(3, 4)
        post.wait_for(2, 1)
        bus.stop()
    assert post.meter(1) is None


def test_the_clock_of_the_bus_is_that_of_the_machine() -> None:
    before = monotonic_ms()
    assert before <= monotonic_ms()


class Unspeakable(Exception):
    """A failure that cannot be told, as where there is no memory for a line."""

    def __repr__(self) -> str:
        raise MemoryError


def test_a_thread_that_ends_by_itself_is_said() -> None:
    def fails() -> MeterReading:
        raise Unspeakable

    ended = Event()
    bus = Bus({1: Scripted(fails)}, {}, Mailbox(), meter_ms=1, ended=ended.set)
    bus.start()
    assert ended.wait(SOON)
    bus.stop()
    assert isinstance(bus.failure, MemoryError)
