"""A box that becomes hot gives less, then nothing, and says why to everyone."""

from __future__ import annotations

from evsed.core.overview import Surroundings, overview
from evsed.core.status import HalStatus, LinkStatus
from evsed.core.why import why
from hal.contract import Limits
from tests.scenarios.conftest import Make
from tests.world.wallbox import Wallbox


def sentence(world: Wallbox) -> str:
    assert world.evsed is not None
    around = Surroundings("box", "test", HalStatus(up=True), LinkStatus(connected=True), None)
    status = overview(world.evsed.station, around, world.evsed.now())
    return why(status.outlets[0], status)


def test_a_hot_box_charges_with_half_then_stops_and_comes_back(make: Make) -> None:
    world = make(limits=Limits(max_ma=32_000))
    world.advance(5)
    world.charge(10)
    world.order("warm", "66")
    world.advance(10)
    assert world.outlet().offered_ma == 10_000  # half of what the cable of 20 A carries
    assert sentence(world) == "Charging at 10.0 A, limited by its own heat."
    world.order("warm", "72")
    world.advance(5)
    last = world.csms.last("StatusNotification")
    assert (last.status, last.errorCode, last.vendorErrorCode) == ("Faulted", "HighTemperature", "CX003")
    assert sentence(world).startswith("Fault OVER_TEMPERATURE: too hot to charge: enclosure, 72 °C; the charge goes on")
    world.order("warm", "40")
    world.until(lambda: world.outlet().closed)
    world.advance(10)
    assert world.csms.last("StatusNotification").status == "Charging" and world.outlet().offered_ma == 20_000
    world.finish()


def test_a_temperature_that_is_asked_for_is_told_with_its_place(make: Make) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedMeasurands": "Temperature"})
    world.advance(5)
    world.order("warm", "41")
    world.charge(70)
    sampled = world.csms.last("MeterValues").meterValue[0]["sampledValue"]
    assert sampled == [{"value": "41.0", "measurand": "Temperature", "location": "Body", "unit": "Celcius"}]
