"""One life: a world, the acts that befall it, a return to normal, and the judgement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from evsed.core.central_systems import Target
from hal.contract import Limits
from hal.latches import forget_all
from hal.sim.car import Manner
from hal.sim.commands import _broken
from tests.evsed.ocpp.pki import Certificate
from tests.evsed.pki import Signer
from tests.hardship.blows import Blow
from tests.lab.lives.acts import CLOCKS, DAY_MS, DEEDS, KEYS, Act, is_dated
from tests.lab.lives.credentials import OPEN, SECURED
from tests.lab.lives.draw import Character
from tests.lab.lives.duties import Duties
from tests.lab.lives.invariants import Eyes, Violation, judged, timeless
from tests.lab.lives.programs import versions
from tests.lab.lives.wire import Wire
from tests.scenarios import day
from tests.world.csms import NEW_YEAR_2027
from tests.world.messages import Message, Payload, Question
from tests.world.wallbox import TAG, Wallbox

STRANGER = "STRANGER"  # a card that nobody knows
MOST_TRIES = 3  # a good central system takes it before the station may give it up
BOOTS_S = 700
QUEUE_S = 1_500
LOSSY = ("meter-", "contactor-welded")
CONTACTOR = ("contactor-welded", "contactor-slow", "aux-closed", "aux-open", "coil-unfed", "contactor-dead")
NEED_PEOPLE: dict[str, tuple[str, ...]] = {
    "WELDED": CONTACTOR,
    "CURRENT_WHILE_OPEN": (*CONTACTOR, "meter-stuck"),
    "RESIDUAL_CURRENT": ("residual",),
    "EMERGENCY_STOP": ("emergency-stop", "input-emergency-stop-gone"),
    "MEMORY_DAMAGED": (),
}


HOLDS_UP = {"slow", "mood", "half-open", "lose", "refuses", "kick", "boots", "drop", "offers", "ask"}
SLACK_MS = 45_000  # a clock that is set is told, and what a driver waits for may have to wait for that
HEEDED = ("ChangeConfiguration", "SetChargingProfile", "ClearChargingProfile", "ReserveNow", "CancelReservation")


class Life:
    """From its birth to the judgement; `days` is how long it lasts at least."""

    def __init__(self, folder: Path, seed: int, made: Character) -> None:
        self.seed = seed
        self.world = Wallbox(
            folder,
            evses=made.evses,
            phase_ms=made.phase_ms,
            free=made.free,
            presets=made.presets,
            tags=(TAG,),
            leaps=True,
            watch=Eyes,
            limits=Limits(switch_phases=made.switches_phases),
            systems=(SECURED if made.secured else OPEN,),
        )
        self.workshop = folder.parent / f"{folder.name}-workshop"
        self.workshop.mkdir()
        self.maker: Signer | None = None
        self.roots: dict[str, Certificate] = {}
        self.listed: Question | None = None
        self.first_version, self.offered, self.updates = self.world.version(), set[str](), 0
        self.csms_offset_ms = 0
        self.powered, self.lossy = True, False
        self.admits: Callable[[Target], str | Exception] = lambda target: ""  # when all is well
        self.broken: set[str] = set()
        self.moods: dict[str, list[Blow]] = {}
        self.configured: dict[str, set[str]] = {}
        self.start_wh = {evse: self.world.register(evse) for evse in self.world.plant.bays}
        self.wire = Wire(self.world, Random(f"wire {seed}"))
        self.world.csms.fate = self._fate
        self.world.csms._now_ms = lambda: NEW_YEAR_2027 + self.world.ms + self.csms_offset_ms
        self.world.csms.invalid_tags.add(STRANGER)
        self.world.calls.took = self._eyes.took
        self._tries: dict[str, int] = {}
        self._asked: list[tuple[Question, int]] = []
        self.about_clocks = False
        self.well_again_ms = 0
        self.duties = Duties(self, self._eyes)
        self._eyes.learn, self._eyes.heeds = self._learn, self.duties.decided

    # --- what the acts need ----------------------------------------------------------------------------------

    def start_evsed(self) -> None:
        """As systemd would."""
        if self.powered and self.world.evsed is None:
            self.world.start_evsed()
            self._opened()

    def power_on(self) -> None:
        """The power is back."""
        if not self.powered:
            self.powered = True
            self.world.power_on()
            self._opened()

    def ask(self, action: str, payload: Payload) -> Question:
        """The central system asks."""
        asked = self.world.csms.call(action, payload)
        if action in HEEDED:
            self._asked.append((asked, self.world.csms.connections))
        return asked

    def _opened(self) -> None:
        evsed = self.world.evsed
        if evsed is not None and evsed.journal._database.damaged:
            self._eyes.see("I8", "the journal was set aside")
        if (runs := self.world.version()) not in versions(self):
            self._eyes.see("I11", f"program {runs} runs")

    @property
    def _eyes(self) -> Eyes:
        assert isinstance(self.world.watch, Eyes)
        return self.world.watch

    def _fate(self, message: Message) -> bool:
        """What a mood of the central system does to a message; one of a transaction is taken in the end."""
        blows = self.moods.get(message.action)
        tries = self._tries[message.id] = self._tries.get(message.id, 0) + 1
        if not blows or tries > MOST_TRIES:
            return False
        blows.pop()(self.world.csms, message)
        return True

    def _learn(self) -> None:
        """What the station accepted is from then on so; what it never answered may be so or not."""
        self.duties.look()
        for asked, _ in list(self._asked):
            payload, status = asked.payload, (asked.answer or {}).get("status")
            if asked.answer is None and asked.error is None and not self._over(asked):
                continue
            self._asked = [other for other in self._asked if other[0] is not asked]
            if asked.action == "ChangeConfiguration":
                self._configured(payload["key"], payload["value"], status, unknown=asked.answer is None)
            elif asked.action == "ReserveNow":
                self.duties.reserves(payload, status)
            elif asked.action == "CancelReservation":
                self.duties.cancels()
            else:
                self._capped(payload, status)

    def _over(self, asked: Question) -> bool:
        return all(asked is not other for other in self.world.csms._questions.values())

    def _configured(self, key: str, value: str, status: str | None, *, unknown: bool) -> None:
        if key not in KEYS:  # keys of the link can't be read, or are left again where they don't work
            return
        if status == "Accepted":
            self.configured[key] = {value}
        elif unknown and key in self.configured:
            self.configured[key].add(value)

    def _capped(self, payload: Payload, status: str | None) -> None:
        profile = payload.get("csChargingProfiles", {})
        if profile.get("chargingProfileId") == 900:
            limit_ma = round(profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] * 1_000)
            self._eyes.cap_ma = limit_ma if status == "Accepted" else None
        elif "csChargingProfiles" not in payload:
            self._eyes.cap_ma = None

    # --- from birth to judgement -----------------------------------------------------------------------------

    def live(self, acts: Sequence[Act], until_ms: int) -> None:
        """All that happens, in order."""
        born_ms = self.world.ms
        self.about_clocks = any(act.name in CLOCKS for act in acts)
        self.broken = {act.args[1] for act in acts if act.name in ("breaks", "contact")}
        self.lossy = any(name.startswith(LOSSY) for name in self.broken)
        self.world.csms.judges_stamps = not any(act.name in ("ntp", "central-clock", "slow") for act in acts)
        for act in acts:
            self.world.advance(max(0, born_ms + act.at_ms - self.world.ms) / 1_000)
            DEEDS[act.name].do(self, *act.args)
        self.world.advance(max(0, born_ms + until_ms - self.world.ms) / 1_000)
        self._learn()

    def recover(self) -> None:
        """I15: all is well again, and one more charge begins and ends. A person clears latched faults, no more."""
        world = self.world
        self.well_again_ms = world.ms
        self._mend()
        world.advance(2)
        self._serve()
        if not world.becomes(lambda: day.owes(world) >= 0, within=BOOTS_S):
            self._eyes.see("I15", "the link does not come up")
            return
        world.becomes(lambda: world.evsed is not None and world.evsed.station.box.durable, within=BOOTS_S)
        for action, payload in WELL_AGAIN:
            self.ask(action, payload)
            world.advance(2)
        for evse in world.plant.bays:
            world.csms.call("UnlockConnector", {"connectorId": evse})
            world.advance(20)
            world.board.order(evse, ("unplug", "--force"))
            world.board.order(evse, ("car", "drive"))
            world.touched()
        world.advance(40)
        if not world.becomes(lambda: day.owes(world) == 0, within=QUEUE_S):
            self._eyes.see("I15", f"{day.owes(world)} messages are never told")
        for evse in world.plant.bays:
            self._charge_once_more(evse)
        world.becomes(lambda: day.owes(world) == 0, within=QUEUE_S)
        world.advance(10)
        for text in self.duties.strange_statuses():
            self._eyes.see("OCPP", text)

    def _serve(self) -> None:
        """A service person clears what is latched, which must have had its cause."""
        world, served = self.world, False
        self._eyes.forgotten()
        for evse in world.plant.bays:
            for fault in world.outlet(evse).faults:
                if fault.name in NEED_PEOPLE:
                    served = True
                    if not any(cause in self.broken for cause in NEED_PEOPLE[fault.name]):
                        self._eyes.see("I15", f"outlet {evse}: {fault.name} without a cause needs a person")
        if served:
            world.kill_hal()
            forget_all(world.folder / "hal")
            world.advance(1)
            world.start_hal()
            world.advance(2)

    def _charge_once_more(self, evse: int) -> None:
        try:
            day.begin(self.world, evse=evse)
            self.world.advance(60)
            if self.world.free:
                self.world.order("unplug", "--force", evse=evse)
                self.world.advance(5)
                self._end_from_afar(evse)
            else:
                day.end(self.world, evse=evse)
            self.world.advance(30)
        except AssertionError as failed:
            shown = day.light(self.world, evse)
            faults = [fault.name for fault in self.world.outlet(evse).faults] if self.world.tick is not None else []
            first, *_ = str(failed).splitlines()
            self._eyes.see("I15", f"outlet {evse}: {first}; it shows {shown}, faults {faults}")

    def _end_from_afar(self, evse: int) -> None:
        """What the leaving of the car did not end, as StopTransactionOnEVSideDisconnect may say."""
        for charge in self.world.csms.charges.values():
            if charge.connector == evse and charge.stop is None:
                self.world.csms.call("RemoteStopTransaction", {"transactionId": charge.number})

    def _mend(self) -> None:
        world = self.world
        world.strikes, world.torn = (lambda moment: False), None
        world.csms.behaves()
        self.moods.clear()
        self._eyes.cap_ma = None
        self.csms_offset_ms = 0
        world.set_clock(None if world.ntp_offset_ms is None else 0)
        self.wire.delay_ms, self.wire.doubles = 0, False
        world.csms.fate, world.csms.post = self._fate, self.wire._post
        world.drop_line("mended")
        world.find_line()
        world.admits = self.admits
        world.disk_full = world.disk_broken = False
        world.depot.files.clear()
        world.advance(1)
        self.power_on()
        self.start_evsed()
        if world.tick is None:
            world.start_hal()
        for evse, bay in world.plant.bays.items():
            for name in list(_broken(bay)):
                world.clear(name, evse)
            for manner in tuple(bay.car.manners):
                bay.car.behave(Manner(manner), on=False)
            for contact in bay.inputs.values():
                contact.on = False
            for thermometer in bay.thermometers.values():
                thermometer.mc = 25_000


WELL_AGAIN: tuple[tuple[str, Payload], ...] = (
    ("ClearChargingProfile", {}),
    ("CancelReservation", {"reservationId": 1}),
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
)


def lived(seed: int, made: Character, acts: Sequence[Act], until_ms: int) -> tuple[list[Violation], list[str]]:
    """A whole life in a folder of its own: what was wrong, and the log."""
    with folder() as state:
        life = Life(state / "one", seed, made)
        found = _whole(life, acts, until_ms)
        if not found and _is_about_clocks(acts):
            twin = Life(state / "twin", seed, made)
            found = _whole(twin, [act for act in acts if act.name not in CLOCKS], until_ms)
            found = found or timeless(life, twin, SLACK_MS if any(act.name in HOLDS_UP for act in acts) else 0)
        return found, life.world.lines


def _whole(life: Life, acts: Sequence[Act], until_ms: int) -> list[Violation]:
    try:
        life.live(acts, until_ms)
        life.recover()
        return judged(life)
    except Exception as crash:
        return [Violation("crash", f"{type(crash).__name__}: {crash}"[:2_000])]
    finally:
        life.world.close()


def _is_about_clocks(acts: Sequence[Act]) -> bool:
    """Whether wall clocks step, and nothing else depends on them: dates that are asked for, and moments counted."""
    return any(act.name in CLOCKS for act in acts) and not any(is_dated(act) for act in acts)


@contextmanager
def folder() -> Iterator[Path]:
    """In memory where the machine has such."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-lab-", dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


def until_of(acts: Sequence[Act], days: int) -> int:
    """How long a life lasts at least."""
    return max(days * DAY_MS, max((act.at_ms for act in acts), default=0))
