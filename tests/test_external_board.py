"""The two real processes with an EVSE-DIN: it and a meter share one pseudo-terminal, a foreign central system listens.

evsed must not notice that pilot and contactor are not ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hal.boards import load
from hal.drivers.meter_model import load_model
from hal.sim.battery import PJ_PER_WH
from hal.sim.meter import START_WH, Flow, SimMeter
from hal.sim.rtu_slave import RtuSlave, Utterance
from tests.hal.din import Din
from tests.hal.drivers.ptys import served
from tests.peers.central import CentralSystem
from tests.stand import Wallbox, site_toml

TAG = "04A1B2C3"


class Box:
    """A controller with its car, and the meter behind its relay."""

    def __init__(self) -> None:
        self.din, self._wh = Din(), START_WH
        self._meter = RtuSlave(SimMeter(self._flow), load_model("sdm630"), address=5)

    def _flow(self) -> Flow:
        if not self.din.closed:
            return Flow(self._wh * PJ_PER_WH)
        self._wh += 3  # it is asked once a second
        return Flow(self._wh * PJ_PER_WH, current_ma=(self.din.set * 1_000,) * 3)

    def hear(self, data: bytes) -> list[Utterance]:
        return [*self.din.hear(data), *self._meter.hear(data)]


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def port(box: Box) -> Iterator[str]:
    with served(box.hear) as path:
        yield path


def charges(status: dict[str, Any]) -> bool:
    return any(outlet["status"] == "Charging" for outlet in status["outlets"])


def site(folder: Path, port: str, central: CentralSystem) -> Path:
    """A state folder whose site has the EVSE-DIN board, with our port, and the meter on the same line."""
    board = folder / "board.toml"
    shipped = Path(load.__code__.co_filename).with_name("evse-din.toml").read_text()
    board.write_text(shipped.replace("/dev/ttyUSB0", port))
    meter = f'[[meter]]\nmodel = "sdm630"\nport = "{port}"\naddress = 5\n'
    text = site_toml(central.url, "EVSE1", meter).replace('name = "sim"', f'name = "{board}"')
    (folder / "site.toml").write_text(text)
    (folder / "site.toml").chmod(0o600)
    return folder


def test_a_whole_charge(tmp_path: Path, box: Box, port: str) -> None:
    with (
        CentralSystem.of_package() as central,
        Wallbox(state=site(tmp_path, port, central), evses=None) as wallbox,
    ):
        central.wait_for("BootNotification")
        wallbox.wait_outlet("a meter", lambda outlet: outlet.meter is not None and outlet.cp == "A")
        assert box.din.set == 0 and box.din.boot_amps == 0
        box.din.plugged = box.din.wants = True
        wallbox.wait_outlet("the plug", lambda outlet: outlet.cp == "B" and not outlet.closed)
        wallbox.ask("start", tag=TAG, evse=1)
        central.wait_for("StartTransaction")
        charging = wallbox.wait_outlet("power", lambda o: o.closed and o.meter is not None and o.meter.power_w > 0)
        assert charging.offered_ma == 16_000 and charging.reason is None
        wallbox.wait("the charge", charges)
        wallbox.evsed.kill()
        wallbox.wait_ready(wallbox.evsed, restarts=1)
        wallbox.wait("the charge goes on", charges)
        assert box.din.closed
        wallbox.ask("stop", evse=1)
        central.wait_for("StopTransaction")
        wallbox.wait_outlet("an open relay", lambda outlet: not outlet.closed)
        box.din.plugged = box.din.wants = False
        end = wallbox.wait_outlet("no plug", lambda outlet: outlet.cp == "A")
        assert (end.closings, end.interruptions, end.faults) == (1, 0, ())
        (charge,) = central.ledger.charges
        assert charge.stop_wh is not None and charge.stop_wh > charge.start_wh
        assert central.ledger.breaches == []
    assert box.din.set == 0


def test_the_end_of_evse_hal_takes_the_offer_back(tmp_path: Path, box: Box, port: str) -> None:
    with (
        CentralSystem.of_package() as central,
        Wallbox(state=site(tmp_path, port, central), evses=None) as wallbox,
    ):
        box.din.plugged = box.din.wants = True
        central.wait_for("BootNotification")
        wallbox.wait_outlet("the plug and a meter", lambda outlet: outlet.cp == "B" and outlet.meter is not None)
        wallbox.ask("start", tag=TAG, evse=1)
        wallbox.wait_outlet("power", lambda outlet: outlet.closed)
    assert box.din.set == 0 and not box.din.closed
