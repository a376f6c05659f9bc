"""The station as a person sees it: its state put into the words of `status.py`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from evsed.core.figures import duration, time_of_day
from evsed.core.lapsing import certificate_notes
from evsed.core.metering import fresh
from evsed.core.outlet import Outlet
from evsed.core.reservations import rest_ms
from evsed.core.station import Station
from evsed.core.status import (
    METER_SILENT,
    Access,
    HalStatus,
    LinkStatus,
    OutletFigures,
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
    metered: frozenset[int] = frozenset()
    """Outlets that site.toml gives a meter; a simulated board brings its own."""
    figures: Mapping[int, OutletFigures] = {}


def overview(station: Station, around: Surroundings, now: Now) -> StationStatus:
    """All of it, now."""
    return StationStatus(
        identity=around.identity,
        version=around.version,
        hal=around.hal,
        link=around.link,
        dials=station.networks.dials(),
        registration=station.registration.state,
        next_boot_s=_next_boot_s(station, now.mono_ms),
        queue_length=len(station.box.outbox),
        clock_trusted=now.wall_ms is not None,
        tick=around.tick,
        store=station.store_trouble,
        restarting=station.resetting.kind is not None,
        certificates=certificate_notes(station, now),
        outlets=tuple(_outlet(outlet, around, now) for outlet in station.outlets.values()),
    )


def _limits(outlet: Outlet) -> tuple[tuple[str, int], ...]:
    seen = outlet.seen
    cable = () if seen.cable_ma is None else (("cable", seen.cable_ma),)
    return tuple(sorted((*outlet.limits.all(), *seen.limits, *cable), key=lambda slot: slot[1]))


def _has_a_meter(outlet: Outlet) -> bool:
    """Whether evse-hal has told of one."""
    return outlet.seen.meter is not None or any(fault.name == METER_SILENT for fault in outlet.seen.faults)


def _next_boot_s(station: Station, now_ms: int) -> int | None:
    due_ms = station.registration.next_deadline()
    return None if due_ms is None else max(0, due_ms - now_ms) // 1_000


def _reserved(outlet: Outlet, now: Now) -> tuple[str, str] | None:
    """The card that an outlet waits for, and until when."""
    reservation = outlet.box.reservations.holder(outlet.evse)
    if reservation is None or outlet.grant is not None:
        return None
    rest = duration(rest_ms(reservation, now) // 1_000)
    until = f"{rest} from now at the latest"
    if now.wall_ms is not None:
        until = f"{time_of_day(reservation.until_ms)}, {rest} from now"
    return masked(reservation.token) or "", until


def _outlet(outlet: Outlet, around: Surroundings, now: Now) -> OutletStatus:
    """What is used of it, and what its hardware tells of itself."""
    return replace(
        _used(outlet, around, now),
        faults=outlet.faults,
        warmth=outlet.seen.warmth,
        phases=outlet.seen.phases,
        figures=around.figures.get(outlet.evse),
    )


def _used(outlet: Outlet, around: Surroundings, now: Now) -> OutletStatus:
    seen, tx, held, refusal = outlet.seen, outlet.charging.tx, outlet.cable.holding, outlet.refusal
    reading, limits = fresh(seen.meter, now.mono_ms), _limits(outlet)
    energy_wh, fell_to_wh = reading.energy_wh if reading else None, outlet.register.fell_to_wh
    return OutletStatus(
        evse=outlet.evse,
        status=outlet.status,
        plugged=seen.plugged,
        ev_ready=seen.ev_ready,
        closed=seen.closed,
        offered_ma=seen.offered_ma,
        drawn_ma=reading.current_ma if reading else (),
        voltage_mv=reading.voltage_mv if reading else (),
        power_w=reading.power_w if reading else None,
        energy_wh=energy_wh,
        session_wh=energy_wh - tx.start_wh if energy_wh is not None and tx else None,
        unassigned_wh=0 if tx else outlet.register.unassigned_wh,
        fell=(outlet.register.wh or 0, fell_to_wh) if fell_to_wh is not None else None,
        tx=tx.id if tx else None,
        token=masked(tx.token if tx else outlet.grant.token if outlet.grant else None),
        limits=limits,
        limited_by=limits[0][0] if limits else None,
        hal_reason=seen.reason,
        operative=outlet.operative,
        authorizing=outlet.asking is not None,
        waiting_for_cable=outlet.grant is not None and not seen.plugged,
        waiting_for_meter=outlet.grant is not None and seen.plugged and reading is None,
        deauthorized=tx is not None and not outlet.charging.energy_allowed and outlet.charging.running,
        refused=refusal.why if refusal and now.mono_ms < refusal.until_ms else None,
        ending=outlet.charging.ending is not None,
        offer_moves=outlet.offer_moves(now.mono_ms),
        cable_for=masked(held.owner) if held else None,
        reserved=_reserved(outlet, now),
        cable_left=seen.known and not seen.plugged and not seen.socket_empty,
        metered=outlet.evse in around.metered or _has_a_meter(outlet),
        access=Access.FREE if outlet.box.access.free_token is not None else Access.AUTHORIZED,
    )
