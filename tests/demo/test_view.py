"""What the two views make of a scene."""

from __future__ import annotations

import io
import re

import pytest
from msgspec.structs import replace

from evsed.core.status import LinkStatus, StationStatus
from evsed.desk import status_document
from hal.contract import Cp, Outlet
from tests.demo.scene import Scene, Stage
from tests.demo.view import Live, Plain
from tests.evsed.desk_world import CHARGING, STATION

TELLING = replace(STATION, outlets=(CHARGING,))
OUTLET = Outlet(
    evse=1,
    cp=Cp.C,
    pwm=True,
    offered_ma=16_000,
    board_ma=32_000,
    cable_ma=16_000,
    closed=True,
    reason=None,
    locked=True,
    faults=(),
    meter=None,
    tag=None,
    short_c=0,
    wake_ups=0,
    closings=1,
)


def told(station: StationStatus = TELLING) -> Scene:
    status = status_document(station)["status"]
    return Scene("the title", "the trace", "The car charges.", OUTLET, status, ["→ Heartbeat", "← Heartbeat answered"])


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("LINES", "24")


def drawn(scene: Scene) -> list[str]:
    out = io.StringIO()
    live = Live(out, lambda: 7.6)
    live.show(scene)
    return re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", out.getvalue()).splitlines()


def test_the_live_view_shows_everything_on_one_page() -> None:
    assert drawn(told()) == [
        "the title   8 s",
        "",
        "▶ The car charges.",
        "",
        "  pilot      C2  the car asks for energy, PWM 26.7 %",
        "  contactor  CLOSED",
        "  offered     16.0 A ████████████████················  limit of the cable",
        "  drawn       16.0 A ████████████████················  10.98 kW",
        "  energy     3214 Wh in this charge, register 10000000 Wh",
        "  status     Charging",
        "  why        Charging at 16.0 A, limited by the cable.",
        "  central    Connected for 1 min 1 s. 2 messages waiting.",
        "",
        "  the trace",
        "  → Heartbeat",
        "  ← Heartbeat answered",
    ]


def test_before_the_daemons_speak_it_says_so() -> None:
    page = drawn(Scene("the title", "the trace"))
    assert "  evse-hal   is starting" in page
    assert "  central    evsed is starting" in page


def test_what_is_not_known_is_not_zero() -> None:
    unknown = replace(CHARGING, drawn_ma=(), power_w=None, energy_wh=None, session_wh=None)
    page = drawn(told(replace(STATION, outlets=(unknown,))))
    assert "  drawn      unknown" in page
    assert "  energy     register unknown" in page


def test_it_fits_any_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("LINES", "10")
    page = drawn(told())
    assert len(page) == 9
    assert max(map(len, page)) == 29


def test_colours_cost_no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    assert drawn(told())[5] == "  contactor  CLOSED"
    monkeypatch.setenv("COLUMNS", "18")
    assert drawn(told())[5] == "  contactor  CLOS"


def test_the_newest_messages_stay_visible() -> None:
    scene = told()
    scene.trace += [f"→ no. {n}" for n in range(50)]
    assert drawn(scene)[-1] == "  → no. 49"


def test_it_draws_in_place_and_gives_the_cursor_back() -> None:
    out = io.StringIO()
    live = Live(out, lambda: 0)
    live.show(told())
    live.close()
    assert out.getvalue().count("\x1b[H") == 1
    assert out.getvalue().endswith("\x1b[?25h")


def test_plain_lines_come_only_with_news() -> None:
    out, scene = io.StringIO(), told()
    plain = Plain(out, lambda: 1.25)
    plain.show(scene)
    first = out.getvalue()
    assert first == (
        "   1.2 s  ▶ The car charges.\n"
        "   1.2 s    → Heartbeat\n"
        "   1.2 s    ← Heartbeat answered\n"
        "   1.2 s    = pilot C2, contactor CLOSED, offered 16.0 A; drawn 16.0 A, 3214 Wh; "
        "Charging at 16.0 A, limited by the cable; "
        "central system: Connected for 1 min 1 s. 2 messages waiting.\n"
    )
    plain.show(scene)
    wavering = replace(CHARGING, drawn_ma=(15_500,), session_wh=3_215)
    scene.status = status_document(replace(STATION, outlets=(wavering,)))["status"]
    plain.show(scene)
    assert out.getvalue() == first
    scene.status = status_document(replace(TELLING, link=LinkStatus(configured=True)))["status"]
    scene.trace.append("→ StatusNotification\x1b[2J")
    plain.show(scene)
    news = out.getvalue().removeprefix(first).splitlines()
    assert news[0] == "   1.2 s    → StatusNotification?[2J"
    assert "Offline for 0 s." in news[1]
    assert len(news) == 2


def test_every_change_reaches_the_view() -> None:
    seen: list[tuple[str, object, object, int]] = []
    stage = Stage("t", "tt", lambda s: seen.append((s.step, s.outlet, s.status, len(s.trace))))
    stage.step("one")
    stage.saw_outlet(OUTLET)
    stage.saw_status({"outlets": []})
    stage.saw_message("m")
    stage.saw_status(None)
    assert [entry[3] for entry in seen] == [0, 0, 0, 1, 1]
    assert seen[-1] == ("one", OUTLET, None, 1)
