"""The two real processes in the middle of a charge on a machine that has been running for 2^31 or 2^32 ms: nothing is
noticed (I10). A time namespace of Linux moves their monotonic clock, which needs util-linux and the right to make one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import pytest

from tests.peers.central import CentralSystem
from tests.stand import Wallbox

TAG = "04A1B2C3"
LEADS_S = (4, 8, 16, 32)  # before the bound when the first process starts: a busy machine needs more until it charges
TELLS = "import time; print(time.monotonic())"


def since(uptime_s: int) -> list[str]:
    """What starts a program on a machine that has been running for so long."""
    offset_s = uptime_s - int(time.monotonic())
    return ["unshare", "--time", "--monotonic", str(offset_s), "--"]


def works() -> bool:
    """Whether this machine can do that."""
    if shutil.which("unshare") is None:
        return False
    told = subprocess.run([*since(10**7), sys.executable, "-c", TELLS], capture_output=True, check=False, text=True)
    return told.returncode == 0 and abs(float(told.stdout) - 10**7) < 60


@pytest.mark.parametrize("bits", [31, 32])
def test_a_counter_of_milliseconds_passes_its_bound_in_mid_charge(bits: int) -> None:
    if not works():
        pytest.skip("no time namespace: that needs unshare of util-linux, Linux 6.1 and the right to make one")
    assert any(passes(1 << bits, lead_s) for lead_s in LEADS_S), "no charge began before the bound"


def passes(bound_ms: int, lead_s: int) -> bool:
    """A charge over the bound; False if it began too late for that."""
    moved = since(bound_ms // 1_000 - lead_s)
    with CentralSystem.of_package() as central:
        box = Wallbox(central.url)
        for daemon in (box.hal, box.evsed):
            daemon.command = [*moved, *daemon.command]
        with box:
            box.sim("plug-in", "--cable", "32")
            box.sim("swipe", TAG)
            central.wait_for("StartTransaction")
            before = box.wait_outlet("power", lambda o: o.closed and o.meter is not None and o.meter.power_w > 0)
            if before.meter is None or before.meter.at_ms >= bound_ms:
                return False
            after = box.wait_outlet(
                "the time beyond", lambda o: o.meter is not None and o.meter.at_ms >= bound_ms + 2_000, timeout_s=60
            )
            assert after.closed and after.closings == before.closings
            box.sim("swipe", TAG)
            central.wait_for("StopTransaction")
            (charge,) = central.ledger.charges
            assert after.meter is not None and charge.stop_wh is not None
            assert charge.stop_wh >= after.meter.energy_wh
            assert central.ledger.breaches == []
            assert box.evsed.restarts == box.hal.restarts == 0
    return True
