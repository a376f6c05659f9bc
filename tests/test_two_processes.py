"""The two real processes, a meter on a pseudo-terminal, a foreign central system over a WebSocket; each is killed.

SIGKILL of evsed in mid-charge must neither open the contactor nor lose the transaction (I13). SIGKILL of evse-hal ends
the charge; what the meter counted until then arrives, once, with the register (I6, I7).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evsed.ctl_link import Control
from evsed.hal_link import HalClient
from hal.contract import Snapshot
from tests.peers.central import CentralSystem
from tests.stand import Wallbox

TAG = "04A1B2C3"


@pytest.fixture
def central() -> Iterator[CentralSystem]:
    with CentralSystem.of_package() as system:
        yield system


@pytest.fixture
def box(central: CentralSystem) -> Iterator[Wallbox]:
    with Wallbox(central.url, restart_s=0.1) as running:
        central.wait_for("BootNotification")
        yield running


def begin_charge(box: Wallbox, central: CentralSystem) -> None:
    box.sim("plug-in", "--cable", "32")
    box.sim("swipe", TAG)
    central.wait_for("StartTransaction")
    box.wait_outlet("energy", lambda outlet: outlet.closed and outlet.meter is not None and outlet.meter.power_w > 0)


def end_charge(box: Wallbox, central: CentralSystem) -> None:
    box.sim("swipe", TAG)
    central.wait_for("StopTransaction")


def test_evsed_is_killed_in_mid_charge(box: Wallbox, central: CentralSystem) -> None:
    begin_charge(box, central)
    with HalClient(box.env["EVSE_HAL_SOCKET"]) as hal:
        before = hal.snapshot()
        box.evsed.kill()
        box.wait_ready(box.evsed, restarts=1)
        box.wait(
            "the charge goes on", lambda status: any(outlet["status"] == "Charging" for outlet in status["outlets"])
        )
        seen = until_new_reading(hal, before)
    assert all(outlet.closed for snapshot in seen for outlet in snapshot.outlets), "the contactor moved"
    assert seen[-1].outlets[0].closings == before.outlets[0].closings
    end_charge(box, central)
    with Control(box.env["EVSED_CONTROL"]) as evsed:
        told = evsed.ask("security-log", limit=9)["events"]
    assert [(event["kind"], event["info"]) for event in told][:2] == [
        ("StartupOfTheDevice", ""),
        ("ResetOrReboot", "evsed broke off, and was restarted"),
    ]
    (charge,) = central.ledger.charges
    assert charge.stop_wh is not None
    assert charge.stop_wh > charge.start_wh
    assert (charge.reason, charge.stop_tag) == ("Local", TAG)
    assert central.ledger.counts["StopTransaction", "CALL", "in"] == 1
    assert central.ledger.breaches == []


def until_new_reading(hal: HalClient, before: Snapshot) -> list[Snapshot]:
    """All snapshots up to one whose meter was read after evsed came back."""
    assert before.outlets[0].meter is not None
    seen = [hal.snapshot()]
    while (meter := seen[-1].outlets[0].meter) is None or meter.at_ms <= before.outlets[0].meter.at_ms + 1_500:
        seen.append(hal.snapshot())
    return seen


def test_evse_hal_is_killed_in_mid_charge(box: Wallbox, central: CentralSystem) -> None:
    begin_charge(box, central)
    counted = box.wait_outlet("some energy", lambda o: o.meter is not None and o.meter.energy_wh > 1_234_570).meter
    assert counted is not None
    box.hal.kill()
    box.wait_ready(box.hal, restarts=1)
    # The simulated car is gone with the process that simulated it, so the transaction ends; its meter is not.
    central.wait_for("StopTransaction")
    (charge,) = central.ledger.charges
    assert charge.reason == "EVDisconnected"
    assert charge.stop_wh is not None
    assert charge.stop_wh >= counted.energy_wh
    outlet = box.wait_outlet("an open contactor", lambda outlet: not outlet.closed)
    assert outlet.closings == 0
    assert central.ledger.breaches == []


@pytest.mark.parametrize(("kind", "code"), [("Soft", 10), ("Hard", 11)])
def test_a_reset_in_mid_charge_ends_evsed_with_its_code(
    box: Wallbox, central: CentralSystem, kind: str, code: int
) -> None:
    """systemd tells a soft one from a hard one by the file; the charge has ended and is told, before or after."""
    begin_charge(box, central)
    assert central.ask("Reset", type=kind) == {"status": "Accepted"}
    box.wait_ready(box.evsed, restarts=1)
    central.wait_for("BootNotification", more_than=1)
    central.wait_for("StopTransaction")
    assert box.evsed.codes == [code]
    assert (box.folder / "hard-reset").exists() is (kind == "Hard")
    (charge,) = central.ledger.charges
    assert charge.reason == f"{kind}Reset"
    assert central.ledger.breaches == []
