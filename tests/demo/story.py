"""The story of the demo: one charge from plug to plug, with a pulled network cable and a killed evsed in between.

Each chapter does one thing, says what it is, and returns when it has happened.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tests.demo.network import Network
from tests.demo.scene import Stage
from tests.demo.words import energy_wh
from tests.hands import StandFailed, Status
from tests.peers.central import CentralSystem
from tests.stand import Wallbox

TAG = "04A1B2C3"
CABLE_A = 20
LIMITS = "[limits]\nmax_ma = 32_000\n"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part. `pause` lets a person read, for so many seconds."""

    stage: Stage
    box: Wallbox
    central: CentralSystem
    network: Network
    pause: Callable[[float], None]


def _charged(more_than_wh: int) -> Callable[[Status], bool]:
    return lambda status: (status["outlets"][0]["session_wh"] or 0) > more_than_wh


def boots(cast: Cast) -> None:
    cast.stage.step("The wallbox introduces itself to the central system.")
    cast.central.wait("connector 1 Available", lambda: cast.central.ledger.statuses.get(1) == ["Available"])
    cast.pause(1.5)


def plugs_in(cast: Cast) -> None:
    cast.stage.step(f"A car is plugged in, with a cable for {CABLE_A} A.")
    cast.box.sim("plug-in", "--cable", str(CABLE_A))
    cast.central.wait("Preparing", lambda: cast.central.ledger.statuses[1][-1] == "Preparing")
    cast.pause(2)


def shows_card(cast: Cast) -> None:
    cast.stage.step(f"The driver shows the card {TAG}; the central system is asked.")
    cast.box.sim("swipe", TAG)
    cast.central.wait_for("StartTransaction")
    cast.stage.step("Accepted: the start is on disk, the pilot offers current, the car closes S2, then the contactor.")
    cast.box.wait("the closed contactor", lambda status: status["outlets"][0]["closed"])
    cast.pause(1)


def charges(cast: Cast) -> None:
    cast.stage.step("The car charges; the Modbus meter counts in real time.")
    cast.box.wait("some energy", _charged(10))


def is_asked(cast: Cast) -> None:
    cast.stage.step("The central system asks for the meter now, and for a sample each second from now on.")
    cast.central.ask("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
    cast.pause(1)
    cast.central.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="1")
    samples = cast.central.ledger.charges[-1].samples
    cast.central.wait("two more samples", lambda: cast.central.ledger.charges[-1].samples >= samples + 2)


def loses_network(cast: Cast) -> None:
    cast.stage.step("Somebody pulls the network cable: the charge goes on, the samples wait in the journal.")
    cast.network.cut()
    cast.box.wait("waiting samples", lambda status: status["queue_length"] >= 2)
    cast.pause(2)
    cast.stage.step("The network is back: what waited is delivered, in order.")
    cast.network.mend()
    cast.box.wait("the empty queue", lambda status: status["link"]["connected"] and not status["queue_length"])
    cast.pause(1)


def is_killed(cast: Cast) -> None:
    cast.stage.step("evsed is killed (SIGKILL): evse-hal keeps the charge on its lease, evsed comes back and goes on.")
    closings = cast.box.wait_outlet("the closed contactor", lambda outlet: outlet.closed).closings
    restarts = cast.box.evsed.restarts
    cast.box.evsed.kill()
    cast.box.wait_ready(cast.box.evsed, restarts=restarts + 1)
    cast.box.wait("the same charge", lambda status: status["outlets"] != [] and status["outlets"][0]["closed"])
    cast.box.wait_outlet("a contactor that never moved", lambda outlet: outlet.closed and outlet.closings == closings)
    cast.pause(2)


def car_stops(cast: Cast) -> None:
    cast.stage.step("The car has had enough and opens S2; the contactor opens within 100 ms, nobody was asked.")
    cast.box.sim("car", "stop")
    cast.central.wait("SuspendedEV", lambda: cast.central.ledger.statuses[1][-1] == "SuspendedEV")
    cast.pause(2)


def ends(cast: Cast) -> None:
    cast.stage.step("The driver shows the card again: the stop is on disk before the plug is unlocked.")
    cast.box.sim("swipe", TAG)
    cast.central.wait_for("StopTransaction")
    cast.box.wait_outlet("the unlocked plug", lambda outlet: not outlet.locked)
    cast.pause(1.5)
    cast.stage.step("The driver unplugs; the outlet is free again.")
    cast.box.wait_outlet("the plug in the driver's hand", lambda _: _pulled(cast.box))
    cast.central.wait("Available", lambda: cast.central.ledger.statuses[1][-1] == "Available")
    cast.box.wait("the empty queue", lambda status: not status["queue_length"])
    cast.pause(1)


def _pulled(box: Wallbox) -> bool:
    """Whether the plug could be pulled: the bolt needs a moment for its way."""
    with suppress(StandFailed):
        box.sim("unplug")
        return True
    return False


CHAPTERS = (boots, plugs_in, shows_card, charges, is_asked, loses_network, is_killed, car_stops, ends)


def complaints(central: CentralSystem) -> list[str]:
    """What a central system would not have liked, in sentences."""
    summary = central.ledger.summary()
    wrong = [f"A message broke the protocol: {breach}." for breach in summary["breaches"]]
    charged = [energy_wh(charge) for charge in summary["transactions"]]
    if len(charged) != 1 or not charged[0]:
        wrong.append(f"One charge with energy was to be seen, these were: {charged}.")
    return wrong
