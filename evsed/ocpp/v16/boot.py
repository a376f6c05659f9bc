"""BootNotification and Heartbeat."""

from __future__ import annotations

from evsed.core.events import BootAnswer, Noted, TimeAnswer
from evsed.core.reports import Booted, HeartbeatDue
from evsed.core.words import Registration
from evsed.ocpp.dialect import Decoded, Lookups
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import read_clock


def encode_boot(report: Booted, lookups: Lookups) -> Payload:
    """Who we are, cut to the lengths of OCPP 1.6 §6.3."""
    plate = lookups.nameplate
    payload = {
        "chargePointVendor": plate.vendor[:20],
        "chargePointModel": plate.model[:20],
        "firmwareVersion": plate.firmware[:50],
    }
    if plate.serial:
        payload["chargePointSerialNumber"] = plate.serial[:25]
    return payload


def decode_boot(payload: Payload, report: Booted, lookups: Lookups) -> Decoded:
    """A time that can't be the present is as good as none."""
    status = Registration(payload["status"])
    return BootAnswer(status, read_clock(payload["currentTime"]), max(0, payload["interval"])), ()


def encode_heartbeat(report: HeartbeatDue, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.29: no fields."""
    return {}


def decode_heartbeat(payload: Payload, report: HeartbeatDue, lookups: Lookups) -> Decoded:
    """As with the boot."""
    wall_ms = read_clock(payload["currentTime"])
    return Noted() if wall_ms is None else TimeAnswer(wall_ms), ()
