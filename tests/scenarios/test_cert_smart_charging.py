"""Smart charging as the OCPP 1.6 certification walks through it. Each test bears the id of the case that it mirrors;
schedules begin a few seconds ago, as the certification lets them, so their later periods come that much earlier.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.conftest import Make
from tests.world.csms import NEW_YEAR_2027, Question, iso, wall_ms
from tests.world.wallbox import TAG, Wallbox

AGO_S = 5
PHASES = 3
SIX = {"A": 6_000, "W": 8_695}
"""6 A, or 6 kW on three phases."""
Steps = list[tuple[int, float]]


def date(world: Wallbox, seconds: float = 0) -> str:
    """The central system's time, so long from now."""
    return iso(NEW_YEAR_2027 + world.ms + round(seconds * 1_000))


def profile(
    world: Wallbox,
    purpose: str,
    steps: Steps,
    *,
    id: int = 1,
    level: int = 0,
    unit: str = "A",
    duration: int | None = None,
    kind: str = "Absolute",
    **more: Any,
) -> dict[str, Any]:
    """A profile that began AGO_S ago and lasts `duration` from now on; limits in amperes, or in kilowatts."""
    factor = 1 if unit == "A" else 1_000
    periods = [{"startPeriod": at, "limit": limit * factor, "numberPhases": PHASES} for at, limit in steps]
    schedule: dict[str, Any] = {"chargingRateUnit": unit, "chargingSchedulePeriod": periods}
    if kind != "Relative":
        schedule["startSchedule"] = date(world, -AGO_S)
    if duration is not None:
        schedule["duration"] = duration + AGO_S
    return {
        "chargingProfileId": id,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }


def ask(world: Wallbox, action: str, payload: dict[str, Any]) -> Question:
    asked = world.csms.call(action, payload)
    world.advance(0.1)
    return asked


def sets(world: Wallbox, one: dict[str, Any], connector: int = 1) -> str:
    return str(ask(world, "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": one}).status)


def clears(world: Wallbox, **criteria: Any) -> str:
    return str(ask(world, "ClearChargingProfile", criteria).status)


def composite(world: Wallbox, duration: int, unit: str = "A", connector: int = 1) -> Steps:
    """What GetCompositeSchedule tells, as steps, after everything else about it is found right."""
    asked_ms = NEW_YEAR_2027 + world.ms
    asked = {"connectorId": connector, "duration": duration, "chargingRateUnit": unit}
    answer = ask(world, "GetCompositeSchedule", asked).answer
    assert answer is not None
    assert (answer["status"], answer["connectorId"]) == ("Accepted", connector)
    assert abs(wall_ms(answer["scheduleStart"]) - asked_ms) < 1_000
    schedule = answer["chargingSchedule"]
    assert (schedule["duration"], schedule["chargingRateUnit"]) == (duration, unit)
    assert "startSchedule" not in schedule  # errata 3.57
    factor = 1 if unit == "A" else 1_000
    return [(period["startPeriod"], period["limit"] / factor) for period in schedule["chargingSchedulePeriod"]]


def moved(steps: Steps) -> Steps:
    """Steps of a profile that began AGO_S ago, as seen from now: a composite is asked for a moment after it is set."""
    return [(max(at - AGO_S, 0), limit) for at, limit in steps]


@pytest.fixture(params=["A", "W"])
def unit(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def box(make: Make) -> Wallbox:
    """A wallbox that could offer all that the certification asks for."""
    world = make()
    world.advance(5)
    return world


def test_tc_056_default_profile(box: Wallbox, unit: str) -> None:
    valid: dict[str, Any] = {"validFrom": date(box, -AGO_S), "validTo": date(box, 301)}
    one = profile(box, "TxDefaultProfile", [(0, 6)], unit=unit, duration=300, **valid)
    assert sets(box, one) == "Accepted"
    assert composite(box, 300, unit) == [(0, 6)]
    box.charge(10)
    assert box.outlet().offered_ma == SIX[unit]
    box.finish()


def test_tc_057_transaction_profile(box: Wallbox, unit: str) -> None:
    box.charge(5)
    valid: dict[str, Any] = {"validFrom": date(box, -AGO_S), "validTo": date(box, 301), "transactionId": 1}
    one = profile(box, "TxProfile", [(0, 6), (100, 8)], unit=unit, duration=300, **valid)
    assert sets(box, one) == "Accepted"
    assert composite(box, 290, unit) == moved([(0, 6), (100, 8)])
    box.finish()


def test_tc_058_1_no_ongoing_transaction(box: Wallbox) -> None:
    assert sets(box, profile(box, "TxProfile", [(0, 6)], transactionId=1)) == "Rejected"


def test_tc_058_2_wrong_transaction_id(box: Wallbox) -> None:
    box.charge(5)
    assert sets(box, profile(box, "TxProfile", [(0, 6)], transactionId=2)) == "Rejected"
    assert composite(box, 60) == [(0, 16)]
    box.finish()


@pytest.mark.parametrize("kind", ["Absolute", "Relative"])
def test_tc_059_remote_start_with_profile(box: Wallbox, unit: str, kind: str) -> None:
    box.plug_in()
    one = profile(box, "TxProfile", [(0, 6), (100, 8)], unit=unit, duration=300, kind=kind)
    started = ask(box, "RemoteStartTransaction", {"connectorId": 1, "idTag": TAG, "chargingProfile": one})
    assert started.status == "Accepted"
    box.until(lambda: box.statuses()[-1] == "Charging")
    assert box.outlet().offered_ma == SIX[unit]
    told = composite(box, 250, unit)
    assert [limit for _, limit in told] == [6, 8]
    assert 85 <= told[1][0] <= 100
    box.finish()
    assert composite(box, 60) == [(0, 16)]


@pytest.mark.parametrize("purpose", ["TxDefaultProfile", "ChargePointMaxProfile"])
def test_tc_060_remote_start_with_another_profile_is_rejected(box: Wallbox, purpose: str) -> None:
    box.plug_in()
    wrong = {"connectorId": 1, "idTag": TAG, "chargingProfile": profile(box, purpose, [(0, 6)])}
    assert ask(box, "RemoteStartTransaction", wrong).status == "Rejected"
    box.advance(30)
    assert not box.csms.all("StartTransaction")


def test_tc_066_composite_of_all_purposes(make: Make, unit: str) -> None:
    world = make()
    world.advance(5)
    world.charge(5)
    maximum = profile(world, "ChargePointMaxProfile", [(0, 10)], id=1, unit=unit, duration=86_400)
    assert sets(world, maximum, connector=0) == "Accepted"
    default = profile(world, "TxDefaultProfile", [(0, 6), (60, 10), (120, 8)], id=2, unit=unit, duration=300)
    assert sets(world, default) == "Accepted"
    own_steps: Steps = [(0, 8), (50, 11), (140, 16), (200, 6), (240, 12)]
    own = profile(world, "TxProfile", own_steps, id=3, unit=unit, duration=260, transactionId=1)
    assert sets(world, own) == "Accepted"
    told = composite(world, 400, unit)
    # Equal neighbours are one; after the transaction's profile the default one speaks, then the maximum alone.
    assert [limit for _, limit in told] == [8, 10, 6, 10, 8, 10]
    expected = [0, 50 - AGO_S, 200 - AGO_S, 240 - AGO_S, 260, 300]
    assert all(0 <= want - at <= 1 for (at, _), want in zip(told, expected, strict=True))
    world.finish()


def test_tc_067_clear_profiles(box: Wallbox, unit: str) -> None:
    steps: Steps = [(0, 6), (60, 8), (200, 10)]
    assert sets(box, profile(box, "TxDefaultProfile", steps, id=1, level=1, unit=unit, duration=400)) == "Accepted"
    assert sets(box, profile(box, "TxDefaultProfile", [(0, 7)], id=2, level=2, unit=unit, duration=400)) == "Accepted"
    top = profile(box, "ChargePointMaxProfile", [(0, 6.5)], id=3, level=3, unit=unit)
    assert sets(box, top, connector=0) == "Accepted"
    assert composite(box, 350, unit) == [(0, 6.5)]
    assert clears(box, id=3) == "Accepted"
    assert composite(box, 350, unit) == [(0, 7)]
    assert clears(box, connectorId=1, chargingProfilePurpose="TxDefaultProfile", stackLevel=2) == "Accepted"
    assert [limit for _, limit in composite(box, 350, unit)] == [6, 8, 10]
    assert clears(box) == "Accepted"
    assert composite(box, 350, "A") == [(0, 16)]
    assert clears(box) == "Unknown"


def test_tc_072_stacked_profiles(box: Wallbox, unit: str) -> None:
    valid: dict[str, Any] = {"validFrom": date(box, -AGO_S), "validTo": date(box, 401)}
    low: Steps = [(0, 6), (100, 8), (200, 10)]
    assert sets(box, profile(box, "TxDefaultProfile", low, id=1, unit=unit, duration=400, **valid)) == "Accepted"
    high = profile(box, "TxDefaultProfile", [(0, 7), (100, 9)], id=2, level=1, unit=unit, duration=150, **valid)
    assert sets(box, high) == "Accepted"
    told = composite(box, 350, unit)
    assert [limit for _, limit in told] == [7, 9, 8, 10]
    expected = [0, 100 - AGO_S, 150, 200 - AGO_S]
    assert all(0 <= want - at <= 1 for (at, _), want in zip(told, expected, strict=True))


def test_tc_082_default_profile_with_ongoing_transaction(box: Wallbox, unit: str) -> None:
    box.charge(5)
    valid: dict[str, Any] = {"validFrom": date(box, -AGO_S), "validTo": date(box, 301)}
    one = profile(box, "TxDefaultProfile", [(0, 6)], unit=unit, duration=300, **valid)
    assert sets(box, one) == "Accepted"
    assert composite(box, 290, unit) == [(0, 6)]
    box.advance(15)
    assert box.outlet().offered_ma == SIX[unit]
    assert box.statuses()[-1] == "Charging"
    box.finish()
