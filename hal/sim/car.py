"""The simulated car: what it hangs on the pilot, when it closes S2, and how much current it draws.

Rules this file upholds:
- It knows only what a car can know: the signal on its pilot pin and whether there is mains on its inlet.
- It keeps the times that IEC 61851-1 A.6 asks of a car, unless a bad manner says otherwise.
- It reads duty cycles by its own table, not with the code of the wallbox.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from hal.sim.agenda import MS, Agenda
from hal.sim.battery import Battery
from hal.sim.circuit import Load, parallel

R2_OHMS = 2_740.0
R3_OHMS = 1_300.0
R_VENTILATED_OHMS = 270.0
R_SHORT_OHMS = 1.0

READY_MS = 700  # sees PWM, closes S2
START_MS = 1_000  # has mains, draws
FOLLOW_MS = 2_000  # sees another duty, obeys: ≤ 5 s  # IEC 61851-1 A.6 seq. 6
STOP_MS = 1_200  # sees no PWM, stops drawing
RELEASE_MS = 200  # draws nothing, opens S2; STOP and RELEASE together ≤ 3 s  # IEC 61851-1 A.6 seq. 7, 10.1
WAKE_MS = 2_500  # of state F wake a sleeper
TOGGLE_MS = 250
TOGGLE_PAUSE_MS = 2_000
_EDGES = ("opens", "closes")
SIMPLIFIED_MA = 10_000  # IEC 61851-1 A.2.3


class Manner(StrEnum):
    """Ways in which cars misbehave."""

    NEVER_STOPS = "never-stops"
    GREEDY = "greedy"
    OVERDRAWS = "overdraws"
    TOGGLES = "toggles"
    SIMPLIFIED = "simplified"
    VENTILATED = "ventilated"
    ASLEEP = "asleep"
    STUCK_S2 = "stuck-s2"
    NO_DIODE = "no-diode"
    SHORT = "short"


PERCENT = {Manner.GREEDY: 110, Manner.OVERDRAWS: 130}  # of what the pilot allows


def allowed_ma(permille: float) -> int:
    """What a duty cycle allows a car, in mA; 0 = nothing or no PWM (IEC 61851-1 Annex A)."""
    if 80 <= permille < 100:
        return 6_000
    if 100 <= permille <= 850:
        return round(permille * 60)
    if 850 < permille <= 960:
        return round((permille - 640) * 250)
    return 80_000 if 960 < permille <= 970 else 0


class Car:
    """One car. `carry` hangs a load on the pilot; `changed` is called when the current it draws may be another."""

    def __init__(self, agenda: Agenda, carry: Callable[[Load], None], changed: Callable[[], None]) -> None:
        self._agenda = agenda
        self._carry = carry
        self._changed = changed
        self.battery = Battery()
        self.r2_ohms, self.r3_ohms = R2_OHMS, R3_OHMS
        self.max_ma = 16_000
        self.phases = 3
        self.plugged = False
        self.instead = Load()  # what hangs on the pilot while no car does: nothing, or a builder's resistor
        self.wants = True
        self.s2 = False
        self.manners: set[Manner] = set()
        self._signal = 1_000.0
        self._mains = False
        self._awake = True
        self._obeyed_ma = 0
        self._drawing = False

    # --- what a person does --------------------------------------------------------------------------------

    def plug(self, plugged: bool) -> None:
        """Put the plug in or pull it."""
        with self._agenda.lock:
            self.plugged = plugged
            self._awake = Manner.ASLEEP not in self.manners
            for word in ("s2", "stop", "follow", "start", "wake", "toggle", *_EDGES):
                self._agenda.drop((self, word))
            self.s2 = self._drawing = False
            self.look()

    def replace(self, load: Load) -> None:
        """Hang a plain load on the pilot where the car would be."""
        with self._agenda.lock:
            self.instead = load
            self.look()

    def want(self, wants: bool) -> None:
        """Ask for energy, or no more."""
        with self._agenda.lock:
            self.wants = wants
            self.look()

    def behave(self, manner: Manner, on: bool = True) -> None:
        """Take up or give up a bad manner."""
        with self._agenda.lock:
            (self.manners.add if on else self.manners.discard)(manner)
            if manner is Manner.ASLEEP:
                self._awake = not on
            self.look()

    def move_s2(self, closed: bool, after_us: int = 0) -> None:
        """Move S2 at a chosen microsecond, whatever the car would do by itself; for edges at known times."""
        self._agenda.after(after_us, (self, _EDGES[closed]), lambda: self._set_s2(closed))

    # --- what the car notices ------------------------------------------------------------------------------

    def hear(self, permille: float) -> None:
        """Another signal on the pilot: permille of PWM, 1000 = constant +12 V, 0 = dead or −12 V."""
        if permille != self._signal:
            self._signal = permille
            self.look()

    def feel(self, mains: bool) -> None:
        """Mains on the inlet, or no more."""
        if mains != self._mains:
            self._mains = mains
            self.look()

    @property
    def drawn_ma(self) -> int:
        """The current it draws now from each of its phases, if there is mains."""
        if not (self._drawing and self._mains and self.plugged):
            return 0
        cap_ma = min(self._obeyed_ma, self.max_ma, self.battery.accepts_ma(self.max_ma))
        if Manner.SIMPLIFIED in self.manners:
            cap_ma = min(cap_ma, SIMPLIFIED_MA)
        return cap_ma * max((PERCENT[manner] for manner in self.manners if manner in PERCENT), default=100) // 100

    # --- how it reacts -------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at everything again and arrange what follows, each after the car's own time."""
        if Manner.SIMPLIFIED in self.manners:
            self.s2 = self.plugged
        self._arrange("wake", WAKE_MS, self._wake, self.plugged and self._signal <= 0 and not self._awake)
        self._arrange("toggle", TOGGLE_PAUSE_MS, self._toggle, self.plugged and Manner.TOGGLES in self.manners)
        self._arrange_current()
        self._arrange_s2()
        self._hang()
        self._changed()

    def _arrange_current(self) -> None:
        offer_ma, wish, fed = allowed_ma(self._signal), self._wishes_current(), self.s2 and self._mains
        if self._drawing and not fed:
            self._drawing = False
        if self._drawing and not wish and offer_ma:
            self._stop()  # its own decision: at once
        self._arrange("stop", STOP_MS, self._stop_and_look, self._drawing and not wish)
        self._arrange("start", START_MS, self._start, fed and wish and not self._drawing)
        self._arrange("follow", FOLLOW_MS, self._follow, self._drawing and offer_ma not in (0, self._obeyed_ma))

    def _arrange_s2(self) -> None:
        wish = self._wishes_s2()
        free = not self.manners & {Manner.TOGGLES, Manner.STUCK_S2, Manner.SIMPLIFIED}
        patience = READY_MS if wish else STOP_MS if allowed_ma(self._signal) == 0 else RELEASE_MS
        self._arrange("s2", patience, lambda: self._set_s2(wish), free and wish != self.s2)

    def _arrange(self, word: str, delay_ms: int, action: Callable[[], None], due: bool) -> None:
        """Let `action` follow after the delay as long as it is due; what is already under way is not put off."""
        if not due:
            self._agenda.drop((self, word))
        elif not self._agenda.has((self, word)):
            self._agenda.after(delay_ms * MS, (self, word), action)

    def _wishes_current(self) -> bool:
        if self._drawing and Manner.NEVER_STOPS in self.manners:
            return True
        return self.wants and self._awake and not self.battery.full and allowed_ma(self._signal) > 0

    def _wishes_s2(self) -> bool:
        if not self.plugged:
            return False
        return self._drawing or self._wishes_current() or (self.s2 and Manner.NEVER_STOPS in self.manners)

    def _set_s2(self, closed: bool) -> None:
        if Manner.STUCK_S2 not in self.manners:
            self.s2 = closed and self.plugged
        self.look()

    def _stop(self) -> None:
        self._drawing = False
        if not self.manners & {Manner.TOGGLES, Manner.STUCK_S2, Manner.SIMPLIFIED}:
            self._agenda.after(RELEASE_MS * MS, (self, "s2"), lambda: self._set_s2(False))

    def _stop_and_look(self) -> None:
        self._stop()
        self.look()

    def _start(self) -> None:
        self._drawing = True
        self._follow()

    def _follow(self) -> None:
        self._obeyed_ma = allowed_ma(self._signal) or self._obeyed_ma
        self.look()

    def _wake(self) -> None:
        self._awake = True
        self.look()

    def _toggle(self) -> None:
        self.move_s2(False, after_us=TOGGLE_MS * MS)
        self._set_s2(True)

    def _hang(self) -> None:
        """Show the pilot what is switched on now."""
        if not self.plugged:
            self._carry(self.instead)
            return
        ohms = self.r2_ohms
        if self.s2:
            d_ohms = R_VENTILATED_OHMS if Manner.VENTILATED in self.manners else self.r3_ohms
            ohms = parallel(ohms, d_ohms)
        if Manner.SHORT in self.manners:
            ohms = R_SHORT_OHMS
        self._carry(Load(ohms, diode=Manner.NO_DIODE not in self.manners))
