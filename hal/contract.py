"""Every value that crosses between evse-hal and evsed, and its encoding.

Rules this file upholds:
- evsed asks, hal decides: a `Lease` is a permission that ends by itself, a `Snapshot` is what is so.
- Times are milliseconds of CLOCK_MONOTONIC, which both processes of one machine share.
- Units are in the names; everything is an integer.
- One datagram is one message of at most `MAX_DATAGRAM` bytes; anything else is a `ContractViolation`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec

_T = TypeVar("_T")

MAX_DATAGRAM = 131_072  # every fault at every outlet fits in
MAX_EVSES = 8
LONGEST_TEXT = 120  # characters of a fault, whatever a driver had to say
MIN_MA = 6_000  # IEC 61851-1 Annex A: the pilot can't offer less
LEASE_MS = 3_000
RENEW_MS = 1_000

Evse = Annotated[int, msgspec.Meta(ge=1, le=MAX_EVSES)]
Ms = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Milliamps = Annotated[int, msgspec.Meta(ge=0, le=80_000)]
Word = Annotated[str, msgspec.Meta(max_length=64)]


class ContractViolation(ValueError):
    """A datagram that is not a message of this contract."""


class Cp(StrEnum):
    """State of the control pilot as IEC 61851-1 names it."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


PLUGGED = frozenset({Cp.B, Cp.C, Cp.D})
"""A car is at the other end of the cable."""


class Show(StrEnum):
    """What only evsed knows of an outlet, for its light."""

    NOTHING = ""
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    OFFLINE = "offline"
    ASKING = "asking"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Display(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What evsed adds to the light of an outlet. `signal` is shown once, `blinks` times, when `number` is a new one."""

    shows: Show = Show.NOTHING
    signal: Show = Show.NOTHING
    number: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    blinks: Annotated[int, msgspec.Meta(ge=0, le=100)] = 3
    light_permille: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 1_000


class Lease(msgspec.Struct, tag="lease", frozen=True, forbid_unknown_fields=True):
    """What evsed allows one outlet until `until_ms`; hal shortens a longer one to LEASE_MS from now.

    `closes` false means: no offer (x1), then open by the 6 s rule. `max_ma` below 6 A means the same.
    `holds_cable` keeps the plug locked in the socket; hal never unlocks under load. `phases` is how many the charge
    shall have, where that can be chosen; None = as it is.
    """

    evse: Evse
    max_ma: Milliamps
    closes: bool
    holds_cable: bool
    until_ms: Ms
    phases: Literal[1, 3] | None = None
    display: Display = Display()


class ClearFaults(msgspec.Struct, tag="clear-faults", frozen=True, forbid_unknown_fields=True):
    """A person at the box acknowledges latched faults; only those whose cause is gone are cleared."""

    evse: Evse


class SimOrder(msgspec.Struct, tag="sim", frozen=True, forbid_unknown_fields=True):
    """A command to the simulated plant, e.g. ("plug-in", "--cable", "20"); real boards refuse it."""

    evse: Evse
    words: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1, max_length=8)]


class SimAnswer(msgspec.Struct, tag="sim-answer", frozen=True, forbid_unknown_fields=True):
    """What the simulated plant says to a `SimOrder`."""

    ok: bool
    text: str


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One present or latched fault; the catalogue of hal/faults.py gives the texts.

    `opens` tells whether it keeps the contactor open; one that doesn't is a warning.
    `mrec` is its code in the list of ChargeX, "" where there is none. `gone`: its cause has gone, it is only kept.
    """

    name: str
    opens: bool
    latched: bool
    code16: str
    text: str
    since_ms: Ms
    mrec: str = ""
    gone: bool = False


class MeterReading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One whole, plausible, dated answer of the energy meter. Per-phase tuples have 1 or 3 items."""

    at_ms: Ms
    energy_wh: int
    power_w: int
    current_ma: tuple[int, ...] = ()
    voltage_mv: tuple[int, ...] = ()
    phase_power_w: tuple[int, ...] = ()
    frequency_mhz: int | None = None
    power_factor_permille: int | None = None
    export_wh: int | None = None


class TagSeen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One presentation of a card; `seq` grows by one with each."""

    seq: int
    tag: str
    at_ms: Ms


class Owner(StrEnum):
    """Whose limit it is, of those that hal keeps."""

    LEASE = "lease"
    INSTALLER = "installer"
    BOARD = "board"
    CABLE = "cable"
    HEAT = "heat"
    GRID = "grid"
    SWITCH = "switch"


class Ceiling(NamedTuple):
    """A limit with its owner."""

    owner: Owner
    max_ma: Milliamps


class Temperature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How warm a watched place is now, in thousandths of a degree Celsius."""

    place: str
    mc: int


class ContactorLife(NamedTuple):
    """How often an outlet's contactor has closed, for how many hours it was closed, and the closings that it is rated
    for, 0 where the board does not say; since it was new, not since start.
    """

    closings: int = 0
    hours: int = 0
    rated: int = 0


class Outlet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is so at one outlet now.

    `closed` is what the feedback says, not the order. `reason` is the guard's reason for an open contactor,
    None when it is allowed to be closed. `locked` and `cable_ma` are None for a fixed cable; `cable_ma` is also
    None while no plug is in. `offered_ma` is 0 unless the PWM is on. `interruptions` counts openings that neither the
    car nor anybody's will had to do with: a stalled tick, a contactor that fell open, a pilot that was not measured.
    `limits` are all that hal keeps, the least one first; `temperatures` are those that were read lately. `presses`
    counts those of the button, since start. `phases` is None where they can't be chosen.
    """

    evse: Evse
    cp: Cp
    pwm: bool
    offered_ma: Milliamps
    board_ma: Milliamps
    cable_ma: Milliamps | None
    closed: bool
    reason: str | None
    locked: bool | None
    faults: tuple[Fault, ...]
    meter: MeterReading | None
    tag: TagSeen | None
    short_c: int
    wake_ups: int
    closings: int
    interruptions: int = 0
    limits: tuple[Ceiling, ...] = ()
    temperatures: tuple[Temperature, ...] = ()
    presses: int = 0
    phases: Literal[1, 3] | None = None
    contactor: ContactorLife = ContactorLife()


class TickFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the 10 ms loop keeps its time, since start."""

    ticks: int
    overruns: int
    late_max_us: int


class Snapshot(msgspec.Struct, tag="snapshot", frozen=True, forbid_unknown_fields=True):
    """What hal says is so: sent on every change and at least each second."""

    seq: int
    at_ms: Ms
    started_ms: Ms
    board: str
    outlets: tuple[Outlet, ...]
    tick: TickFigures
    dropped_datagrams: int


class BoardChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[board]` of site.toml: a file of hal/boards by name, or a path that ends in .toml."""

    name: str


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[limits]` of site.toml: what the installer allows each outlet, with and without evsed.

    `fallback_ma` is offered for `grace_s` seconds after the last lease ran out in mid-charge; 0 = stop at once.
    `switch_phases` lets a charge go from three phases to one and back, where the board can; some cars do not bear that.
    """

    max_ma: Annotated[int, msgspec.Meta(ge=MIN_MA, le=80_000)] = 16_000
    fallback_ma: Annotated[int, msgspec.Meta(ge=0, le=80_000)] = 6_000
    grace_s: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 60
    switch_phases: bool = False


class Voltage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[voltage]` of site.toml: what the meter must see for a charge, as the rules of the grid have it.

    Below `min_v` or above `max_v` for `trip_s` the contactor opens; it may close again after all phases were within
    `back_min_v` and `back_max_v` for `back_s`.
    """

    min_v: Annotated[int, msgspec.Meta(ge=80, le=230)] = 184  # ÖVE R 37: 0.8 of the nominal voltage for 3 s
    max_v: Annotated[int, msgspec.Meta(ge=120, le=300)] = 264
    trip_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 3
    back_min_v: Annotated[int, msgspec.Meta(ge=80, le=300)] = 207
    back_max_v: Annotated[int, msgspec.Meta(ge=80, le=300)] = 253
    back_s: Annotated[int, msgspec.Meta(ge=1, le=3_600)] = 60


class Retry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[retry]` of site.toml: how often, for one car, a charge is tried again by itself after it was cut off.

    After residual current never, unless the installer says so: where nobody is near to acknowledge a false alarm, and
    the rules of the place allow it.
    """

    over_current: Annotated[int, msgspec.Meta(ge=0, le=3)] = 3
    over_current_s: Annotated[int, msgspec.Meta(ge=60, le=3_600)] = 300
    residual_current: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0
    residual_current_s: Annotated[int, msgspec.Meta(ge=300, le=3_600)] = 900


class MeterChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[meter]]` of site.toml: which model counts for which outlet, on which serial line.

    `port` is the absolute path of a device; "sim" is the pseudo-terminal of the simulated board.
    """

    model: str
    port: str
    evse: Evse = 1
    address: Annotated[int, msgspec.Meta(ge=1, le=247)] = 1
    baud: Annotated[int, msgspec.Meta(ge=1_200, le=115_200)] = 9_600
    parity: Literal["N", "E", "O"] = "N"


class Installation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables of site.toml that hal obeys; evsed checks them too and owns all the others."""

    board: BoardChoice
    limits: Limits = Limits()
    voltage: Voltage = Voltage()
    retry: Retry = Retry()
    meter: tuple[MeterChoice, ...] = ()


def objection(site: Installation) -> str | None:
    """What types alone do not tell of these tables, as a sentence that begins with the key. None = all is well."""
    limits = site.limits
    if not site.board.name:
        return "board.name must be the name of a board or a path that ends in .toml."
    if limits.fallback_ma and not MIN_MA <= limits.fallback_ma <= limits.max_ma:
        return f"limits.fallback_ma must be 0 or from {MIN_MA} to max_ma, here {limits.max_ma}."
    volts = site.voltage
    if not volts.min_v <= volts.back_min_v < volts.back_max_v <= volts.max_v:
        return "voltage.min_v, back_min_v, back_max_v and max_v must rise in this order."
    objections = (_meter_objection(number, site.meter) for number in range(len(site.meter)))
    return next((found for found in objections if found), None)


def _meter_objection(number: int, meters: tuple[MeterChoice, ...]) -> str | None:
    """The same of one meter, seen beside those before it."""
    meter, others = meters[number], meters[:number]
    place = f"meter[{number + 1}]"
    if any(other.evse == meter.evse for other in others):
        return f"{place}.evse must be another outlet: {meter.evse} has a meter already."
    if meter.port == "sim":
        return None
    if not meter.port.startswith("/") or not meter.port.isprintable():
        return f'{place}.port must be the absolute path of a serial device, or "sim", not {meter.port!r:.60}.'
    neighbours = [other for other in others if other.port == meter.port]
    if any(other.address == meter.address for other in neighbours):
        return f"{place}.address must be another one: a meter on {meter.port} has {meter.address} already."
    if any((other.baud, other.parity) != (meter.baud, meter.parity) for other in neighbours):
        return f"{place}: meters on {meter.port} have different baud or parity; set the same for all on one line."
    return None


Request = Lease | ClearFaults | SimOrder
Update = Snapshot | SimAnswer

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_updates: msgspec.msgpack.Decoder[Update] = msgspec.msgpack.Decoder(Update)


def encode(message: Request | Update) -> bytes:
    """The datagram of a message."""
    return _encoder.encode(message)


def decode_request(datagram: bytes) -> Request:
    """What evsed or evsectl asks of hal. Raises ContractViolation."""
    return _decode(_requests, datagram)


def decode_update(datagram: bytes) -> Update:
    """What hal tells. Raises ContractViolation."""
    return _decode(_updates, datagram)


def _decode(decoder: msgspec.msgpack.Decoder[_T], datagram: bytes) -> _T:
    if len(datagram) > MAX_DATAGRAM:
        raise ContractViolation(f"datagram of {len(datagram)} bytes, at most {MAX_DATAGRAM} are allowed")
    try:
        return decoder.decode(datagram)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise ContractViolation(str(broken)) from None
