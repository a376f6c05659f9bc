"""Figures of what piles up: profiles on each other, messages behind a dead line, stations that all come back."""

from __future__ import annotations

import socket
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from evsed.core.effects import Persist, Put
from evsed.core.records import QueuedReport
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import Stamp, StopReason, Token
from evsed.ocpp.backoff import Backoff
from evsed.store.journal import Journal
from tests.bench.daemons import central
from tests.bench.figures import Figure, quantile
from tests.stand import Wallbox
from tests.world import wallbox as virtual

MB = 1_000_000
BEGAN_MS = 1_790_000_000_000
PROFILES, DAY_S = 100, 86_400
STATIONS = 1_000


def composite(times: int) -> list[Figure]:
    """From the frame that asks for a day of 100 stacked profiles to its answer, on the virtual wallbox."""
    with tempfile.TemporaryDirectory() as folder:
        box = virtual.Wallbox(Path(folder))
        box.advance(5)
        for level in range(PROFILES):
            assert box.csms.call("SetChargingProfile", _profile(level)).id
            box.advance(0.1)
        took = []
        for _ in range(times):
            asked = box.csms.call("GetCompositeSchedule", {"connectorId": 1, "duration": DAY_S})
            began = time.perf_counter()
            while asked.answer is None:
                box.advance(0.01)
            took.append((time.perf_counter() - began) * 1_000)
        assert asked.answer["status"] == "Accepted", asked.answer
        periods = len(asked.answer["chargingSchedule"]["chargingSchedulePeriod"])
        box.kill_evsed()
    return [Figure("composite_of_100_profiles_over_a_day_ms", took), Figure("composite_periods_count", [periods])]


def _profile(level: int) -> dict[str, object]:
    """Each day from a time of its own for an hour, another limit each quarter."""
    periods = [{"startPeriod": 900 * n, "limit": 6.0 + (level + 7 * n) % 26} for n in range(4)]
    schedule = {
        "chargingRateUnit": "A",
        "startSchedule": f"2026-01-01T{level % 24:02}:{level % 60:02}:00Z",
        "duration": 3_600,
        "chargingSchedulePeriod": periods,
    }
    profile = {
        "chargingProfileId": level + 1,
        "stackLevel": level,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": schedule,
    }
    return {"connectorId": 1, "csChargingProfiles": profile}


def queue(state: Path, messages: int) -> None:
    """A journal with so many transaction messages that wait, as months without a network leave it."""
    journal = Journal(state / "evsed")
    journal.load()
    rows = []
    for n in range(messages // 2):
        begins = Stamp("long-ago", n * 60_000, BEGAN_MS + n * 60_000)
        ends = Stamp("long-ago", n * 60_000 + 30_000, BEGAN_MS + n * 60_000 + 30_000)
        started = TransactionStarted(f"tx{n}", 1, Token("04A1B2C3"), begins, n * 100)
        ended = TransactionEnded(f"tx{n}", 1, Token("04A1B2C3"), ends, n * 100 + 90, StopReason.LOCAL)
        rows += [QueuedReport(f"a{n}", 2 * n + 1, started), QueuedReport(f"b{n}", 2 * n + 2, ended)]
    journal.commit(Persist(tuple(Put(row) for row in rows)))
    journal.close()


def flush(messages: int) -> list[Figure]:
    """A full queue against a central system on loopback."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=".") as folder, central(messages=messages) as system:
        state = Path(folder)
        queue(state, messages)
        with Wallbox(system.url, state=state) as box:
            began = system.boot_s()
            took = system.boot_s() - began
            proc = Path(f"/proc/{box.evsed.pid}")
            peak_kib = _number(proc / "status", "VmHWM:")
            written = _number(proc / "io", "write_bytes:")
    return [
        Figure("queue_flushed_messages_per_s", [messages / took]),
        Figure("queue_flush_peak_rss_mib", [peak_kib / 1024]),
        Figure("queue_flush_written_bytes_per_message", [written / messages]),
    ]


def network_back(times: int, away_s: float, messages: int) -> list[Figure]:
    """From the moment at which the central system listens again to the last waiting message answered."""
    took = []
    for _ in range(times):
        port = _free_port()
        with tempfile.TemporaryDirectory() as folder:
            state = Path(folder)
            queue(state, messages)
            with Wallbox(f"ws://127.0.0.1:{port}", state=state):
                time.sleep(away_s)
                with central(messages=messages, port=port) as system:
                    began = time.monotonic()
                    system.boot_s()
                    took.append(system.boot_s() - began)
    return [Figure(f"network_back_after_{away_s:g}_s_to_{messages}_messages_answered_s", took)]


def storm() -> list[Figure]:
    """When 1,000 stations whose connection fell in the same instant come back first, and second."""
    waits = []
    for station in range(STATIONS):
        backoff = Backoff(Random(station).random)
        first = backoff.wait_s(connected_ms=3_600_000)
        waits.append((first, first + backoff.wait_s()))
    firsts, seconds = zip(*waits, strict=True)
    busiest = [max(Counter(int(wait * 10) for wait in tries).values()) for tries in (firsts, seconds)]
    return [
        Figure("storm_first_retry_of_1000_stations_s", firsts),
        Figure("storm_first_retry_p99_s", [quantile(firsts, 0.99)]),
        Figure("storm_first_retries_in_the_busiest_tenth_of_a_second_count", [busiest[0]]),
        Figure("storm_second_retries_in_the_busiest_tenth_of_a_second_count", [busiest[1]]),
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _number(path: Path, word: str) -> int:
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(word))
