"""How the central systems that people run at home behave towards a station that connects: evcc and Home Assistant.

Each habit is a walk through what it asks, in its order; it returns its complaints, [] = it is content.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ocpp.exceptions import OCPPError

Payload = dict[str, Any]

NEEDED = ("Power.Active.Import", "Energy.Active.Import.Register", "Current.Import")
MEASURANDS = (
    *("Current.Export", "Current.Import", "Current.Offered"),
    *("Energy.Active.Export.Register", "Energy.Active.Import.Register"),
    *("Energy.Reactive.Export.Register", "Energy.Reactive.Import.Register"),
    *("Energy.Active.Export.Interval", "Energy.Active.Import.Interval"),
    *("Energy.Reactive.Export.Interval", "Energy.Reactive.Import.Interval"),
    *("Frequency", "Power.Active.Export", "Power.Active.Import", "Power.Factor", "Power.Offered"),
    *("Power.Reactive.Export", "Power.Reactive.Import", "RPM", "SoC", "Temperature", "Voltage"),
)
SAMPLED = "MeterValuesSampledData"
EVCC_READS = (
    *(SAMPLED, "NumberOfConnectors", "SupportedFeatureProfiles", "ChargingScheduleAllowedChargingRateUnit"),
    *("ChargeProfileMaxStackLevel", "MaxChargingProfilesInstalled"),
)
# Home Assistant's "Maximum Current".
MAXIMUM: Payload = {
    "chargingProfileId": 1000,
    "stackLevel": 0,
    "chargingProfilePurpose": "ChargePointMaxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8}]},
}


class Central(Protocol):
    """What a habit needs of the central system that has it."""

    async def ask(self, action: str, **payload: object) -> Payload:
        """The station's answer. Raises OCPPError for a refusal, TimeoutError for none."""

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it holds within the time."""

    def seen(self, action: str) -> int:
        """How many of this message the station has sent."""

    @property
    def is_connected(self) -> bool:
        """Whether a station is."""


@dataclass(frozen=True, slots=True)
class Habit:
    """`drops_first`: the first connection of an unknown station is cut, and must come again at once."""

    walk: Callable[[Central], Awaitable[list[str]]]
    drops_first: bool = False


class _Notes:
    """Asks, and writes down what is not as this central system wants it."""

    def __init__(self, central: Central) -> None:
        self._central = central
        self.complaints: list[str] = []

    async def ask(self, action: str, **payload: object) -> Payload:
        try:
            return await self._central.ask(action, **payload)
        except (OCPPError, TimeoutError) as refused:
            self.complaints.append(f"{action} {payload}: {refused!r}")
            return {}

    async def expect(self, action: str, status: str, **payload: object) -> None:
        got = (await self.ask(action, **payload)).get("status")
        if got != status:
            self.complaints.append(f"{action} {payload}: {got}, not {status}")

    async def set(self, key: str, value: object) -> None:
        # Only "Accepted" counts: "RebootRequired" is a failure to both.
        await self.expect("ChangeConfiguration", "Accepted", key=key, value=str(value))

    async def triggers(self, message: str, **more: object) -> None:
        before = self._central.seen(message)
        await self.expect("TriggerMessage", "Accepted", requestedMessage=message, **more)
        if not await self._central.until(lambda: self._central.seen(message) > before, timeout_s=10):
            self.complaints.append(f"TriggerMessage {message}: none came")


async def evcc(central: Central) -> list[str]:
    """evcc, OCPP 1.6: asks for the boot if none comes, probes each measurand, sets what was accepted."""
    notes = _Notes(central)
    await central.until(lambda: central.is_connected, timeout_s=60)
    if not await central.until(lambda: central.seen("BootNotification") > 0, timeout_s=5):
        await notes.triggers("BootNotification")
    await notes.expect("ChangeAvailability", "Accepted", connectorId=0, type="Operative")
    listed = (await notes.ask("GetConfiguration")).get("configurationKey", [])
    keys: Payload = {entry["key"]: entry.get("value", "") for entry in listed}
    notes.complaints += [f"GetConfiguration does not list {key}" for key in EVCC_READS if key not in keys]
    if keys.get("ChargingScheduleAllowedChargingRateUnit") in ("Power", "W"):
        notes.complaints.append("ChargingScheduleAllowedChargingRateUnit makes it limit by watts")
    accepted = [name for name in MEASURANDS if await _takes(notes, name)]
    notes.complaints += [f"the measurand {name} is not accepted" for name in NEEDED if name not in accepted]
    await notes.set(SAMPLED, ",".join(accepted))
    await notes.triggers("MeterValues", connectorId=1)
    await notes.set("MeterValueSampleInterval", 10)
    await notes.set("WebSocketPingInterval", 30)
    await notes.triggers("StatusNotification", connectorId=1)
    await _limits(notes, keys)
    return notes.complaints


async def _limits(notes: _Notes, keys: Payload) -> None:
    """Its way to limit: it takes numbers of the station for its own profile, and reads back what it set."""
    for amps in (0, 6, 10):
        schedule = {
            "startSchedule": (datetime.now(UTC) - timedelta(minutes=1)).isoformat(),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amps}],
        }
        profile = {
            "chargingProfileId": int(keys.get("MaxChargingProfilesInstalled", 1)),
            "stackLevel": int(keys.get("ChargeProfileMaxStackLevel", 0)),
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        }
        await notes.expect("SetChargingProfile", "Accepted", connectorId=1, csChargingProfiles=profile)
        told = (await notes.ask("GetCompositeSchedule", connectorId=1, duration=60)).get("chargingSchedule", {})
        limits = [period["limit"] for period in told.get("chargingSchedulePeriod", [])]
        if limits != [amps]:
            notes.complaints.append(f"GetCompositeSchedule tells {limits}, not {amps}")
    await notes.expect("ClearChargingProfile", "Accepted")


async def _takes(notes: _Notes, measurand: str) -> bool:
    answer = await notes.ask("ChangeConfiguration", key=SAMPLED, value=measurand)
    return answer.get("status") == "Accepted"


async def home_assistant(central: Central) -> list[str]:
    """Home Assistant's integration: reads three keys, writes 22 measurands at once, then its intervals."""
    notes = _Notes(central)
    await central.until(lambda: central.is_connected, timeout_s=60)
    await central.until(lambda: central.seen("BootNotification") > 0, timeout_s=10)
    for key in ("SupportedFeatureProfiles", "NumberOfConnectors", "HeartbeatInterval"):
        answer = await notes.ask("GetConfiguration", key=[key])
        if [entry.get("value") for entry in answer.get("configurationKey", [])] in ([], [None]):
            notes.complaints.append(f"GetConfiguration {key}: no value")
    answer = await notes.ask("ChangeConfiguration", key=SAMPLED, value=",".join(MEASURANDS))
    if answer.get("status") in ("Accepted", "RebootRequired"):
        notes.complaints.append(f"{SAMPLED}: all {len(MEASURANDS)} measurands accepted, no meter has them all")
    read_back = (await notes.ask("GetConfiguration", key=[SAMPLED])).get("configurationKey") or [{}]
    notes.complaints += [f"{SAMPLED} lacks {name}" for name in NEEDED if name not in read_back[0].get("value", "")]
    await notes.set("MeterValueSampleInterval", 60)
    await notes.set("ClockAlignedDataInterval", 900)
    await notes.expect("ChangeAvailability", "Accepted", connectorId=0, type="Operative")
    await notes.triggers("StatusNotification", connectorId=1)
    await notes.expect("SetChargingProfile", "Accepted", connectorId=0, csChargingProfiles=MAXIMUM)
    await notes.expect("ClearChargingProfile", "Accepted", id=MAXIMUM["chargingProfileId"])
    return notes.complaints


HABITS = {"evcc": Habit(evcc), "home-assistant": Habit(home_assistant, drops_first=True)}
