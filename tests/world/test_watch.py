"""The watch tells a sample that comes late from one that lost its transaction."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.world.messages import iso, wall_ms
from tests.world.wallbox import TAG, Wallbox


@pytest.fixture
def world(tmp_path: Path) -> Wallbox:
    """A clock-aligned sample is due at 900 s, while an Authorize that began at 896 s waits for its answer."""
    presets = {"AlignedDataCtrlr.Interval": "900", "OCPPCommCtrlr.MessageTimeout": "10"}
    world = Wallbox(tmp_path, presets=presets, tags=(TAG,), leaps=True)
    world.advance(890)
    world.plug_in()
    world.advance(4)
    world.csms.silent_on("Authorize")
    world.swipe()
    world.csms.speaks_on("Authorize")
    return world


def test_a_sample_of_before_the_transaction_leaves_before_its_start(world: Wallbox) -> None:
    world.until(lambda: world.outlet().closed)
    sample, start = world.csms.last("MeterValues"), world.csms.last("StartTransaction")
    assert "transactionId" not in sample.payload
    assert world.csms.received.index(sample) < world.csms.received.index(start)
    assert wall_ms(sample.meterValue[0]["timestamp"]) < wall_ms(start.timestamp)
    world.close()
    assert world.watch.breaches == []


def test_a_sample_without_its_transaction_is_a_breach(world: Wallbox) -> None:
    world.until(lambda: world.outlet().closed)
    start = world.csms.last("StartTransaction")
    for later_ms, breaches in ((0, 0), (1, 1)):
        taken = {"timestamp": iso(wall_ms(start.timestamp) + later_ms), "sampledValue": [{"value": "1"}]}
        world.watch.sent(json.dumps([2, "x", "MeterValues", {"connectorId": 1, "meterValue": [taken]}]))
        assert len(world.watch.breaches) == breaches
    world.close()
