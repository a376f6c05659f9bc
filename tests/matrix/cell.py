"""One cell of the matrix: a world is brought to a moment, something breaks, people go on, all is mended, and the life
is judged as those of the laboratory are (tests/lab/lives), and by what the fault's row and the moment's column ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from evsed.core.central_systems import CentralSystem, Secret
from evsed.core.words import Status
from hal.contract import MIN_MA, Snapshot
from hal.sim.car import allowed_ma
from tests.lab.lives.draw import Character
from tests.lab.lives.invariants import Eyes, Violation, judged, timeless
from tests.lab.lives.life import Life
from tests.scenarios import day
from tests.world.messages import Payload, Question
from tests.world.wallbox import TAG

PLAIN = Character(
    1,
    0,
    False,
    {
        "SampledDataCtrlr.TxUpdatedInterval": "10",
        "OCPPCommCtrlr.MessageTimeout": "10",
        "OCPPCommCtrlr.MessageAttempts": "5",
        "OCPPCommCtrlr.MessageAttemptInterval": "20",
    },
)
OLD_KEY = Secret(b"the old password")
KEYED = (CentralSystem("ws://csms/ocpp", "written", OLD_KEY, 1, trusted=True),)
TELLS_MS = 3_000  # a fault that lasts longer while somebody listens is told
LOSES = ("I6", "I7", "I12")  # what a journal that was set aside cannot keep


class Cell(Life):
    """A life with one moment and one fault. The extras are what the faults and moments need to remember."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1, PLAIN)
        self.asked: dict[str, Question] = {}
        self.keys: list[Question] = []
        self.found: list[Violation] = []
        self.runs_may_be = {self.world.version()}
        self.forgets = False  # the journal is lost on purpose
        self.bills = True  # the central system's numbers are such that its books can be right
        self.site_is_bad: Callable[[], bool] = lambda: False
        self.undos: list[Callable[[], object]] = []
        self._faulty_ms: dict[str, int] = {}
        self.lasted: set[str] = set()
        self.named: set[str] = set()  # all faults that ever opened
        self.lists: list[Question] = []
        self._published, self.world.watch.published = self.world.watch.published, self._hal_says  # type: ignore[method-assign]
        self.heard = True  # the central system listened when it broke
        self.charged = False  # a charge was there when it broke, which people end by a card
        self.configured["MeterValueSampleInterval"] = {"10"}

    # --- what a moment may need before anything has happened ------------------------------------------------------

    def begin_with_key(self) -> None:
        """The installer wrote a key: the world's first instant is lived again with it."""
        self.world.kill_evsed()
        self.world.systems = KEYED
        self.world.start_evsed()

    # --- what people do, where they can ---------------------------------------------------------------------------

    def person(self, *words: str) -> None:
        """Somebody at the plug tries it."""
        self.world.board.advance(self.world.ms)
        self.world.board.order(1, words)
        self.world.touched()

    def ask(self, action: str, payload: Payload) -> Question:
        """The central system asks; which lists it sent is remembered."""
        asked = super().ask(action, payload)
        if action == "SendLocalList":
            self.lists.append(asked)
        return asked

    def breaks(self, *names: str) -> None:
        """Things of the plant break."""
        for name in names:
            self.person("fault", name)

    # --- processes ------------------------------------------------------------------------------------------------

    def start_evsed(self) -> None:
        """Not with a site.toml that evsed refuses."""
        if not self.site_is_bad():
            super().start_evsed()

    def _opened(self) -> None:
        if not self.forgets:
            super()._opened()

    def _mend(self) -> None:
        while self.undos:
            self.undos.pop()()
        super()._mend()

    def _hal_says(self, snapshot: Snapshot) -> None:
        """Each snapshot: which faults last while the central system could hear of them."""
        self._published(snapshot)
        evsed, now_ms = self.world.evsed, self.world.ms
        deaf = evsed is None or not evsed.station.registration.online
        names = {fault.name for outlet in snapshot.outlets for fault in outlet.faults if fault.opens}
        self.named |= names
        self._faulty_ms = {name: now_ms if deaf else self._faulty_ms.get(name, now_ms) for name in names}
        self.lasted |= {name for name, since_ms in self._faulty_ms.items() if now_ms - since_ms > TELLS_MS}

    # --- judgement ------------------------------------------------------------------------------------------------

    def see(self, invariant: str, text: str) -> None:
        """Something that must not be."""
        self.found.append(Violation(invariant, f"at {self.world.ms / 1_000:.3f} s: {text}"))

    def must(self, invariant: str, holds: bool, text: str) -> None:
        """See it, if it is not so."""
        if not holds:
            self.see(invariant, text)

    @property
    def edges(self) -> list[tuple[int, int]]:
        """When the power contacts moved."""
        assert isinstance(self.world.watch, Eyes)
        return self.world.watch.edges

    def events(self) -> set[str]:
        """The security events that the central system was told."""
        return {message.type for message in self.world.csms.all("SecurityEventNotification")}

    def codes(self) -> set[str]:
        """The error codes that the central system was told, and our names of faults."""
        told = [message.payload for message in self.world.csms.all("StatusNotification")]
        ours = {word for said in told for word in (said.get("vendorErrorCode", ""), said.get("info", "").split(":")[0])}
        return ours | {said["errorCode"] for said in told}

    def reasons(self) -> set[str]:
        """Why transactions ended."""
        ended = [charge.stop for charge in self.world.csms.charges.values() if charge.stop is not None]
        return {stop.payload.get("reason", "Local") for stop in ended}

    def closed(self) -> bool:
        """What the power contacts really are."""
        return self.world.bay().contactor.main

    def offered_ma(self) -> int:
        """What the pilot really offers."""
        return allowed_ma(self.world.bay().pilot._offered)

    def charging(self) -> bool:
        """Whether it shows that it charges."""
        return day.light(self.world) is Status.CHARGING

    def play(self, moment: Moment, fault: Fault) -> list[Violation]:
        """From birth to judgement."""
        world = self.world
        world.csms.judges_stamps = fault.stamps
        moment.reach(self)
        self.broken, self.lossy = set(fault.broken), fault.lossy
        charged, edges = moment.charges and self.closed(), len(self.edges)
        self.charged = charged
        self.heard = world.csms.registered
        fault.do(self)
        world.advance(fault.before_s)
        if charged and fault.keeps and not self.named & set(fault.excuses):
            self.must("I13", self.closed() and len(self.edges) == edges, "a charge was interrupted")
            self.must("I4", self.offered_ma() >= MIN_MA, "a charge is offered nothing")
        self._learn()
        moment.go_on(self)
        world.advance(fault.after_s)
        self._learn()
        self.recover()
        self._learn()
        if fault.tells:
            self.must("I15", not self.lasted or bool(self.lasted & self.codes()), f"nobody was told {self.lasted}")
        fault.judge(self)
        moment.judge(self)
        return [*self.found, *(wrong for wrong in judged(self) if not self._expected(wrong)), *self._runs()]

    def _expected(self, wrong: Violation) -> bool:
        """What the fault makes so, and no carelessness of the station."""
        if wrong.invariant == "I11":
            return True  # `_runs` knows better
        books = wrong.invariant in LOSES or "began before" in wrong.text or "stopped twice" in wrong.text
        return books and (self.forgets or not self.bills)

    def _runs(self) -> Iterator[Violation]:
        world = self.world
        if world.version() not in self.runs_may_be:
            yield Violation("I11", f"{world.version()} runs")


class Moment(NamedTuple):
    """How a life comes to it, what people do there after something broke, what must be so in the end, and whether a
    charge is there that nobody has ended.
    """

    reach: Callable[[Cell], object]
    go_on: Callable[[Cell], object]
    judge: Callable[[Cell], object] = lambda cell: None
    charges: bool = False


class Fault(NamedTuple):
    """What breaks, how long before people go on and before it is mended, and what its row asks for.

    `keeps`: a charge goes on, unless hal names one of the faults in `excuses`. `lossy`: the meter may count what nobody
    is sold. `broken` are the causes of latched faults. `tells`: what hal calls a fault must be told. `clocks`: contacts
    must move as they do without it.
    """

    do: Callable[[Cell], object]
    before_s: float = 10.4
    after_s: float = 20
    keeps: bool = False
    lossy: bool = False
    stamps: bool = True
    clocks: bool = False
    tells: bool = False
    broken: tuple[str, ...] = ()
    excuses: tuple[str, ...] = ()
    judge: Callable[[Cell], object] = lambda cell: None


@contextmanager
def folder() -> Iterator[Path]:
    """In memory where the machine has such."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-matrix-", dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


def lived(moment: Moment, fault: Fault) -> tuple[list[Violation], list[str]]:
    """A whole cell: what was wrong, and its log."""
    with folder() as place:
        cell = Cell(place / "one")
        found = _whole(cell, moment, fault)
        if fault.clocks and not found:
            twin = Cell(place / "twin")
            found = _whole(twin, moment, fault._replace(do=lambda cell: None)) or timeless(cell, twin)
        return found, cell.world.lines


def _whole(cell: Cell, moment: Moment, fault: Fault) -> list[Violation]:
    try:
        return cell.play(moment, fault)
    except Exception as crash:
        return [*cell.found, Violation("crash", f"{type(crash).__name__}: {crash}"[:2_000])]
    finally:
        cell.world.close()


__all__ = ["OLD_KEY", "TAG", "Cell", "Fault", "Moment", "lived"]
