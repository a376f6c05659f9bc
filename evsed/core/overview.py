"""The station as a person sees it: its state put into the words of `status.py`."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.outlet import Outlet
from evsed.core.station import Station
from evsed.core.status import (
    Access,
    HalStatus,
    LinkStatus,
    OutletStatus,
    StationStatus,
    TickStatus,
    masked,
)
from evsed.core.words import Now


class Surroundings(Struct, frozen=True):
    """What only the shell knows."""

    identity: str
    version: str
    hal: HalStatus
    link: LinkStatus
    tick: TickStatus | None


def overview(station: Station, around: Surroundings, now: Now) -> StationStatus:
    """All of it, now."""
    return StationStatus(
        identity=around.identity,
        version=around.version,
        hal=around.hal,
        link=around.link,
        registration=station.registration.state,
        queue_length=len(station.box.outbox),
        clock_trusted=now.wall_ms is not None,
        tick=around.tick,
        store=station.store_trouble,
        restarting=station.resetting.kind is not None,
        outlets=tuple(_outlet(outlet, now.mono_ms) for outlet in station.outlets.values()),
    )


def _limits(outlet: Outlet) -> tuple[tuple[str, int], ...]:
    seen = {"board": outlet.seen.board_ma, "cable": outlet.seen.cable_ma}
    known = ((owner, max_ma) for owner, max_ma in seen.items() if max_ma is not None)
    return tuple(sorted((*outlet.limits.all(), *known), key=lambda slot: slot[1]))


def _outlet(outlet: Outlet, now_ms: int) -> OutletStatus:
    seen, tx = outlet.seen, outlet.charging.tx
    reading = seen.meter if outlet.meter_fresh(now_ms) else None
    limits = _limits(outlet)
    free = outlet.box.access.free_token is not None
    return OutletStatus(
        evse=outlet.evse,
        status=outlet.status,
        plugged=seen.plugged,
        ev_ready=seen.ev_ready,
        closed=seen.closed,
        offered_ma=seen.offered_ma,
        drawn_ma=reading.current_ma if reading else (),
        power_w=reading.power_w if reading else None,
        energy_wh=reading.energy_wh if reading else None,
        session_wh=reading.energy_wh - tx.start_wh if reading and tx else None,
        tx=tx.id if tx else None,
        token=masked(tx.token if tx else outlet.grant.token if outlet.grant else None),
        limits=limits,
        limited_by=limits[0][0] if limits else None,
        hal_reason=seen.reason,
        faults=seen.faults,
        operative=outlet.operative,
        authorizing=outlet.asking is not None,
        waiting_for_cable=outlet.grant is not None and not seen.plugged,
        waiting_for_meter=outlet.grant is not None and seen.plugged and not outlet.meter_fresh(now_ms),
        deauthorized=tx is not None and not outlet.charging.energy_allowed and outlet.charging.running,
        refused=outlet.refused,
        ending=outlet.charging.ending is not None,
        access=Access.FREE if free else Access.AUTHORIZED,
    )
