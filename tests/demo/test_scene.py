"""What is told of a daemon that is gone: nothing that it said before."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from hal.contract import Outlet, Snapshot, TickFigures, encode
from tests.demo.scene import Scene, Stage, Watchers
from tests.demo.test_view import OUTLET

PATIENCE_S = 10


def test_what_evse_hal_said_goes_with_it(tmp_path: Path) -> None:
    """It says that the contactor is closed, and dies."""
    seen: list[Outlet | None] = []
    changed = threading.Condition()

    def note(scene: Scene) -> None:
        with changed:
            seen.append(scene.outlet)
            changed.notify_all()

    path = str(tmp_path / "hal.sock")
    env = {"EVSE_HAL_SOCKET": path, "EVSED_CONTROL": str(tmp_path / "nobody")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hal:
        hal.bind(path)
        hal.listen()
        hal.settimeout(PATIENCE_S)
        with Watchers(Stage("", "", note), env):
            line, _ = hal.accept()
            with line:
                line.send(encode(Snapshot(1, 0, 0, "sim", (OUTLET,), TickFigures(0, 0, 0), 0)))
                with changed:
                    assert changed.wait_for(lambda: OUTLET in seen, PATIENCE_S)
            hal.close()
            with changed:
                assert changed.wait_for(lambda: seen[-1] is None, PATIENCE_S)
