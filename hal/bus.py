"""The slow devices: meters, readers and thermometers, each asked at its own pace, their dated answers in a mailbox.

Rules this file upholds:
- One thread a device: a slow or broken one delays only itself, and never the tick. (Meters on one serial line take
  turns on that line.)
- Only news is put: a failing device puts nothing, and its last reading grows old by itself.
- A device that fails is asked less and less often, at most every `LONGEST_PAUSE_MS`; a change of its state is logged
  once, not each failure.
- A thread that ends by itself ends the process: a device that nobody asks any more must not only look silent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread

from hal.contract import MeterReading, TagSeen
from hal.drivers.protocols import Meter, NoReading, PartFailed, Reader, Thermometer
from hal.heat import Warmth
from hal.lamp import Lamp

METER_MS = 1_000
READER_MS = 200
THERMOMETER_MS = 2_000
LAMP_MS = 50
BELIEVED_MC = range(-40_000, 150_001)
LONGEST_TAG = 64  # characters; no card has more than 20 hexadecimal digits
LONGEST_PAUSE_MS = 10_000
_PATIENT_FAILURES = 3
_FAREWELL_MS = 5_000

_log = logging.getLogger("hal.bus")


def monotonic_ms() -> int:
    """CLOCK_MONOTONIC in milliseconds."""
    return time.monotonic_ns() // 1_000_000


class Mailbox:
    """The newest of each device. Any thread may put and look; looking never waits."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._meters: dict[int, MeterReading] = {}
        self._tags: dict[int, TagSeen] = {}
        self._silences: dict[int, str] = {}
        self._readers: dict[int, str] = {}
        self._warmths: Mapping[int, Warmth] = {}

    def meter(self, evse: int) -> MeterReading | None:
        """The last believed reading of that outlet's meter."""
        return self._meters.get(evse)

    def silence(self, evse: int) -> str:
        """Why that meter gave no reading when it was asked last; "" if it gave one."""
        return self._silences.get(evse, "")

    def tag(self, evse: int) -> TagSeen | None:
        """The last card that was shown at that outlet."""
        return self._tags.get(evse)

    def mute(self, evse: int) -> str:
        """Why that outlet's card reader did not answer when it was asked last; "" if it did."""
        return self._readers.get(evse, "")

    def warmths(self) -> Mapping[int, Warmth]:
        """The last believed reading of each thermometer; another mapping with each."""
        return self._warmths

    def put_warmth(self, sensor: int, warmth: Warmth) -> None:
        """A new reading of a thermometer."""
        with self._lock:
            self._warmths = {**self._warmths, sensor: warmth}

    def put_meter(self, evse: int, reading: MeterReading) -> None:
        """A new reading."""
        self._meters[evse] = reading
        self._silences[evse] = ""

    def put_silence(self, evse: int, why: str) -> None:
        """No reading came."""
        self._silences[evse] = why

    def put_mute(self, evse: int, why: str) -> None:
        """The card reader does not answer; "" = it does."""
        self._readers[evse] = why

    def put_tag(self, evse: int, tag: str, at_ms: int) -> None:
        """A card was shown; it gets the next number."""
        with self._lock:
            before = self._tags.get(evse)
            self._tags[evse] = TagSeen(before.seq + 1 if before else 1, tag, at_ms)


class Bus:
    """Asks `meters` and `readers`, by outlet, and `thermometers`, puts what they say into `mailbox`, turns `lamps`.

    `ended` is called when a bug ends one of its threads, and `failure` is that bug.
    """

    def __init__(
        self,
        meters: Mapping[int, Meter],
        readers: Mapping[int, Reader],
        mailbox: Mailbox,
        thermometers: Mapping[int, Thermometer] = {},
        lamps: Mapping[int, Lamp] = {},
        *,
        meter_ms: int = METER_MS,
        reader_ms: int = READER_MS,
        thermometer_ms: int = THERMOMETER_MS,
        now_ms: Callable[[], int] = monotonic_ms,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._mailbox = mailbox
        self._now_ms = now_ms
        self._ended = ended
        self.failure: BaseException | None = None
        self._stopping = Event()
        self._devices: list[Meter | Reader | Thermometer | Lamp] = [
            *meters.values(),
            *readers.values(),
            *thermometers.values(),
            *lamps.values(),
        ]
        self._threads = [
            *(self._thread(f"meter {n}", self._meter(n, meter), meter_ms) for n, meter in meters.items()),
            *(self._thread(f"reader {n}", self._reader(n, reader), reader_ms) for n, reader in readers.items()),
            *(
                self._thread(f"thermometer {n + 1}", self._thermometer(n, t), thermometer_ms)
                for n, t in thermometers.items()
            ),
            *(self._thread(f"light {n}", self._lamp(lamp), LAMP_MS) for n, lamp in lamps.items()),
        ]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask no more and close the devices; one that hangs is left to the end of the process."""
        self._stopping.set()
        end_ms = self._now_ms() + _FAREWELL_MS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0, end_ms - self._now_ms()) / 1_000)
        for device in self._devices:
            device.close()

    def _meter(self, evse: int, meter: Meter) -> Callable[[], None]:
        def ask() -> None:
            try:
                reading = meter.read()
            except (NoReading, PartFailed) as why:
                self._mailbox.put_silence(evse, str(why))
                raise
            if reading is not self._mailbox.meter(evse):
                self._mailbox.put_meter(evse, reading)

        return ask

    def _reader(self, evse: int, reader: Reader) -> Callable[[], None]:
        def ask() -> None:
            try:
                tag = reader.poll()
            except PartFailed as why:
                self._mailbox.put_mute(evse, str(why))
                raise
            self._mailbox.put_mute(evse, "")
            if tag is not None and len(tag) > LONGEST_TAG:
                raise PartFailed(f"a card of {len(tag)} characters; no card has more than {LONGEST_TAG}")
            if tag is not None:
                self._mailbox.put_tag(evse, tag, self._now_ms())

        return ask

    def _lamp(self, lamp: Lamp) -> Callable[[], None]:
        return lambda: lamp.turn(self._now_ms())

    def _thermometer(self, sensor: int, thermometer: Thermometer) -> Callable[[], None]:
        def ask() -> None:
            asked_ms, mc = self._now_ms(), thermometer.read()
            if mc not in BELIEVED_MC:  # a broken wire or a short looks like that
                raise NoReading(f"{mc / 1_000:g} °C is no temperature of a wallbox")
            self._mailbox.put_warmth(sensor, Warmth(mc, asked_ms))

        return ask

    def _thread(self, name: str, ask: Callable[[], None], pace_ms: int) -> Thread:
        return Thread(target=self._live, args=(name, ask, pace_ms), name=name, daemon=True)

    def _live(self, name: str, ask: Callable[[], None], pace_ms: int) -> None:
        try:
            self._serve(name, ask, pace_ms)
        except BaseException as bug:
            self.failure = bug
            self._ended()  # first: who has no memory to tell of a failure may have none for this line either
            _log.critical("! %s: nobody asks it any more", name, exc_info=bug)

    def _serve(self, name: str, ask: Callable[[], None], pace_ms: int) -> None:
        """Ask until the bus is stopped."""
        failures = 0
        pause_ms = 0
        while not self._stopping.wait(pause_ms / 1_000):
            begun_ms = self._now_ms()
            try:
                ask()
            # A bug in a driver is a failure of its device, no reason to end the process that guards the contactor.
            except Exception as reason:
                failures += 1
                if failures == 1:
                    expected = isinstance(reason, NoReading | PartFailed)
                    _log.warning("! %s: %s", name, reason if expected else repr(reason))
            else:
                if failures:
                    _log.warning("= %s: answers again after %d failures", name, failures)
                failures = 0
            longer = 2 ** min(max(0, failures - _PATIENT_FAILURES), 20)
            pause_ms = max(0, min(pace_ms * longer, max(pace_ms, LONGEST_PAUSE_MS)) - (self._now_ms() - begun_ms))
