"""Any story at all: whatever box, drivers, central system, clock, disk and power do, in whatever order, the rules of
`Watch` hold in each turn, nothing raises, and in the end all is told once.

`EVSED_STORIES=5000 pytest tests/evsed/core/test_safety_order.py` tells more stories than a working day has time for.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evsed.core import catalogue
from evsed.core import events as ev
from evsed.core.words import Registration, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, WALL0, World
from tests.evsed.core.disk import PowerCut
from tests.evsed.core.ledger import check
from tests.evsed.core.plant import HOT, SHORT_C, TRIPPED

STORIES = int(os.environ.get("EVSED_STORIES", "40"))
STRANGER = Token("57A4E6E4")
CARDS = (TAG, OTHER, STRANGER, Token(TAG.value.lower()))
STATUSES = tuple(TokenStatus)
FAULTS = ((HOT,), (TRIPPED,), (HOT, TRIPPED), (SHORT_C,))
WRITES = (
    ("StopTransactionOnEVSideDisconnect", "false"),
    ("StopTransactionOnEVSideDisconnect", "true"),
    ("UnlockConnectorOnEVSideDisconnect", "false"),
    ("StopTransactionOnInvalidId", "false"),
    ("MaxEnergyOnInvalidId", "20"),
    ("ResumeAfterPowerLoss", "false"),
    ("ResumeAfterPowerLoss", "true"),
    ("AllowOfflineTxForUnknownId", "true"),
    ("LocalPreAuthorize", "true"),
    ("AuthorizeRemoteTxRequests", "true"),
    ("AuthorizationCacheEnabled", "false"),
    ("MeterValueSampleInterval", "5"),
    ("MeterValueSampleInterval", "0"),
    ("ClockAlignedDataInterval", "7"),
    ("StopTxnSampledData", "Energy.Active.Import.Register"),
    ("ConnectionTimeOut", "5"),
    ("HeartbeatInterval", "3"),
    ("ResetRetries", "0"),
    ("MinimumStatusDuration", "4"),
    ("MinimumStatusDuration", "0"),
    ("NoSuchKey", "1"),
    ("HeartbeatInterval", "never"),
)
LONG_S = (0.1, 0.4, 1, 2, 5, 6, 15, 31)


class Story:
    """A world with two outlets, and what was done to it that a reckoning must know."""

    def __init__(self, free: bool, socket: bool) -> None:
        presets = {"OCPPCommCtrlr.MessageAttempts": "1000", "OCPPCommCtrlr.MessageAttemptInterval": "1"}
        self.world = World(2, free=free, socket=socket, local=(TAG.value,), presets=presets)
        self.counted = self.dated = True
        self.lost = False
        self.world.hal_up()

    def tell(self, name: str, n: int) -> None:
        """One thing happens; a reset that is due, and a power cut that was set, happen with it."""
        try:
            STEPS[name](self, 1 + n % 2, n // 2)
        except PowerCut:
            self.restart(power=True)
        if self.world.restarts:
            self.restart(power=self.world.restarts[0].kind is ev.ResetKind.HARD)

    def restart(self, power: bool) -> None:
        self.lost |= bool(self.world.disk.unkept)
        try:
            if power:
                self.world.power_cut(off_s=3)
                self.world.hal_up()
            else:
                self.world.crash()
        except PowerCut:
            self.restart(power=True)

    def ask(self, request: ev.Request) -> None:
        """Central systems ask over a link; without one, people at the box do, who cannot trigger anything."""
        if self.world.station.registration.link_up:
            self.world.asks(request)
        elif not isinstance(request, ev.Triggered):
            self.world.do(request)

    def put_right(self) -> None:
        """Everything that was broken is repaired, and time passes."""
        world = self.world
        world.disk.cut_at = None
        world.mends()
        for bay in world.bays.values():
            bay.contactor_sticks = bay.lock_sticks = False
            bay.meter_works = True
        if not world.hal_lives:
            world.hal_up()
        for evse in world.bays:
            world.fault(evse=evse)
        world.advance(60)
        while world.restarts:
            self.restart(power=False)
            world.advance(60)
        if world.station.registration.link_up:
            world.disconnect()
        world.wall_offset = WALL0 if world.wall_offset is None else world.wall_offset
        world.connect()
        while world.station.registration.state is not Registration.ACCEPTED or world.open is not None:
            world.advance(61) if world.open is None else world.answer_all()


def answer(story: Story, evse: int, n: int) -> None:
    world = story.world
    if world.open is None:
        return
    name = type(world.open.report).__name__
    if name == "Booted":
        registration = (*[Registration.ACCEPTED] * 3, Registration.PENDING, Registration.REJECTED)[n % 5]
        world.answer(ev.BootAnswer(registration, WALL0 + world.ms if n % 3 else None, n % 4 * 5))
    elif name in ("AuthorizationAsked", "TransactionStarted", "TransactionEnded"):
        status = (*[TokenStatus.ACCEPTED] * 4, *STATUSES)[n % 9]
        world.answer(ev.TokenAnswer(status, None, (None, "FAMILY")[n % 2]), ev.Binding("peer", f"thing{n}", str(n)))
    else:
        world.answer_one()


def refuse(story: Story, evse: int, n: int) -> None:
    if story.world.open is not None:
        story.world.fail((None, "InternalError")[n % 2])


def answer_all(story: Story, evse: int, n: int) -> None:
    story.world.answer_all()


def foreign(story: Story, evse: int, n: int) -> None:
    story.world.do(ev.Delivered(f"id{n}x", ev.TokenAnswer(TokenStatus.INVALID)), ev.Undelivered(f"id{n}y", None))


def connect(story: Story, evse: int, n: int) -> None:
    if not story.world.station.registration.link_up:
        story.world.connect()


def disconnect(story: Story, evse: int, n: int) -> None:
    if story.world.station.registration.link_up:
        story.world.disconnect()


def meter(story: Story, evse: int, n: int) -> None:
    story.counted = False
    story.world.bays[evse].meter_works = bool(n % 2)


def sticks(story: Story, evse: int, n: int) -> None:
    bay = story.world.bays[evse]
    if n % 2:
        story.counted = False
        bay.contactor_sticks = not bay.contactor_sticks
    else:
        bay.lock_sticks = not bay.lock_sticks


def hal(story: Story, evse: int, n: int) -> None:
    if story.world.hal_lives:
        story.counted = False
        story.world.hal_down()
    else:
        story.world.hal_up()


def clock(story: Story, evse: int, n: int) -> None:
    world = story.world
    if world.wall_offset is not None:
        story.dated = False
        world.wall_offset += (-3_600_000, -1_500, 900, 86_400_000)[n % 4]


def disk(story: Story, evse: int, n: int) -> None:
    if story.world.disk.broken:
        story.world.mends()
    else:
        story.world.breaks()


def cut_soon(story: Story, evse: int, n: int) -> None:
    disk = story.world.disk
    disk.cut_at, disk.cut_before = disk.commits + 1 + n % 3, bool(n % 2)


def write(story: Story, evse: int, n: int) -> None:
    key, value = WRITES[n % len(WRITES)]
    variable = catalogue.by_key16(key)
    place = (variable.component, variable.name) if variable else ("Nobody", key)
    story.ask(ev.VariableWritten(story.world.ref(), *place, value))


def stop(story: Story, evse: int, n: int) -> None:
    tx = story.world.tx(evse)
    story.ask(ev.StopRequested(story.world.ref(), tx.id if tx and n % 4 else None))


STEPS: dict[str, Callable[[Story, int, int], None]] = {
    "plug in": lambda s, evse, n: s.world.plug_in(evse),
    "car asks": lambda s, evse, n: s.world.wants(evse) if s.world.bays[evse].facts.plugged else None,
    "car has enough": lambda s, evse, n: s.world.stops_drawing(evse),
    "unplug": lambda s, evse, n: s.world.unplug(evse),
    "card": lambda s, evse, n: s.world.swipe(CARDS[n % 4], evse) if s.world.hal_lives else None,
    "fault": lambda s, evse, n: s.world.fault(*FAULTS[n % 4], evse=evse),
    "no fault": lambda s, evse, n: s.world.fault(evse=evse),
    "meter": meter,
    "sticks": sticks,
    "hal": hal,
    "connect": connect,
    "disconnect": disconnect,
    "answer": answer,
    "answer all": answer_all,
    "refuse": refuse,
    "foreign answer": foreign,
    "wait": lambda s, evse, n: s.world.advance(LONG_S[n % len(LONG_S)]),
    "clock": clock,
    "power cut": lambda s, evse, n: s.restart(power=True),
    "crash": lambda s, evse, n: s.restart(power=False),
    "cut soon": cut_soon,
    "disk": disk,
    "write": write,
    "read": lambda s, evse, n: s.ask(ev.VariablesRead(s.world.ref(), ())),
    "remote start": lambda s, evse, n: s.ask(
        ev.StartRequested(s.world.ref(), (None, evse, evse, 9)[n % 4], CARDS[n % 3])
    ),
    "remote stop": stop,
    "unlock": lambda s, evse, n: s.ask(ev.UnlockRequested(s.world.ref(), (evse, 9)[n % 2])),
    "availability": lambda s, evse, n: s.ask(
        ev.AvailabilityRequested(s.world.ref(), (0, evse, evse, 9)[n % 4], n % 3 > 0)
    ),
    "reset": lambda s, evse, n: s.ask(ev.ResetRequested(s.world.ref(), tuple(ev.ResetKind)[n % 2])),
    "trigger": lambda s, evse, n: s.ask(
        ev.Triggered(s.world.ref(), tuple(ev.TriggerKind)[n % 4], (None, 0, evse, 9)[n % 3])
    ),
    "clear cache": lambda s, evse, n: s.ask(ev.CacheCleared(s.world.ref())),
    "vendor": lambda s, evse, n: s.world.do(ev.VendorMessageWanted(s.world.ref(), "org.example", None, "x")),
}
OFTEN = ("plug in", "car asks", "card", "wait", "wait", "answer", "answer all", "answer all", "connect")
steps = st.tuples(st.sampled_from((*STEPS, *OFTEN, *OFTEN)), st.integers(0, 255))


@settings(max_examples=STORIES, suppress_health_check=[HealthCheck.too_slow])
@given(st.booleans(), st.booleans(), st.lists(steps, min_size=5, max_size=50))
def test_in_any_story_every_turn_is_safe_and_in_the_end_all_is_told(
    free: bool, socket: bool, told: list[tuple[str, int]]
) -> None:
    story = Story(free, socket)
    for name, n in told:
        story.tell(name, n)
    story.put_right()
    world = story.world
    if not story.lost:  # what a dying disk never took is gone with the process
        world.set("ClockAlignedDataInterval", 0).set("MeterValueSampleInterval", 0).set("HeartbeatInterval", 300)
        check(world, counted=story.counted, dated=story.dated)
    for evse, bay in world.bays.items():
        world.unplug(evse)
        bay.facts = replace(bay.facts, asks=False)
    world.advance(60)
    for evse in world.bays:
        story.ask(ev.AvailabilityRequested(world.ref(), evse, True))
        story.ask(ev.UnlockRequested(f"free{evse}", evse))
        world.advance(1)
        assert world.replies[f"free{evse}"] is (Verdict.UNLOCKED if socket else Verdict.NOT_SUPPORTED)
        assert world.tx(evse) is None
        assert world.status(evse) == "Available"
