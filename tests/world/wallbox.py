"""The wallbox as tests meet it: what befalls it, what people do to it, and what can be seen of it."""

from __future__ import annotations

from evsed.core.words import Status
from tests.world.clockwork import Clockwork

RESTART_S = 0.5  # RestartSec of the units
TAG = "04A1B2C3"


class Wallbox(Clockwork):
    """See `Clockwork`, which makes it."""

    # --- what befalls it -------------------------------------------------------------------------------------

    def stall_hal(self, seconds: float) -> None:
        """It stands still, as under SIGSTOP: nothing is looked at and no gate is fed until its next tick."""
        self.note("* hal stands still")
        tick, self.tick = self.tick, None
        assert tick is not None
        self.advance(seconds)
        self.tick = tick
        tick.run_once(self.mono_ms)
        self.touched()

    def stall_evsed(self, seconds: float) -> None:
        """It stands still, as under SIGSTOP: nothing is decided and no lease renewed; then it hears of all at once."""
        self.note("* evsed stands still")
        evsed, self.evsed = self.evsed, None
        assert evsed is not None
        self.advance(seconds)
        if self.evsed is None:  # nobody started another one meanwhile
            self.evsed = evsed
            if self.tick is not None:
                self._publish(self.tick.snapshot(self.mono_ms))

    def lose_line(self, why: str = "the network is gone") -> None:
        """No network from now on."""
        self.network = False
        self.drop_line(why)

    def find_line(self) -> None:
        """There is a network again."""
        self.network = True

    def reconnect(self) -> None:
        """There is a network again, and evsed dials when its wait is over, within a minute."""
        self.find_line()
        self.becomes(lambda: self.evsed is not None and self.evsed.connected, within=60)

    # --- what a person does ----------------------------------------------------------------------------------

    def order(self, *words: str, evse: int = 1) -> str:
        """A command of `evsectl sim`."""
        self.board.advance(self.ms)
        done, text = self.board.order(evse, words)
        assert done, text
        self.touched()
        return text

    def plug_in(self, evse: int = 1, cable: int = 20) -> None:
        words = ("--cable", str(cable)) if self.bay(evse).proximity is not None else ()
        self.order("plug-in", *words, evse=evse)
        self.advance(1)

    def unplug(self, evse: int = 1) -> None:
        self.order("unplug", evse=evse)
        self.advance(1)

    def swipe(self, tag: str = TAG, evse: int = 1) -> None:
        self.order("swipe", tag, evse=evse)
        self.advance(0.2)

    def fault(self, name: str, evse: int = 1) -> None:
        self.order("fault", name, evse=evse)

    def clear(self, name: str, evse: int = 1) -> None:
        self.order("clear", name, evse=evse)

    def charge(self, seconds: float = 60, evse: int = 1, tag: str = TAG) -> None:
        """A car comes, a card is shown, and energy flows for a while."""
        self.plug_in(evse)
        self.swipe(tag, evse=evse)
        self.until(lambda: self.outlet(evse).closed)
        self.advance(seconds)

    def finish(self, evse: int = 1, tag: str = TAG) -> None:
        """The card is shown again, the charge ends, the car leaves."""
        self.swipe(tag, evse=evse)
        self.until(lambda: not self.held(evse))
        self.unplug(evse)

    # --- what can be seen ------------------------------------------------------------------------------------

    def held(self, evse: int = 1) -> bool:
        """Whether the plug can't be pulled."""
        lock = self.bay(evse).lock
        return lock is not None and lock.holds

    def status(self, evse: int = 1) -> Status:
        assert self.evsed is not None
        return self.evsed.station.outlets[evse].status

    def register(self, evse: int = 1) -> int:
        """What the meter's register truly says, asked beside the wallbox."""
        self.board.advance(self.ms)
        return self.bus.register(evse)

    def statuses(self, evse: int = 1) -> list[str]:
        """The statuses that the central system was told, in order."""
        return [m.status for m in self.csms.all("StatusNotification") if m.connectorId == evse]

    def actions(self) -> list[str]:
        """What the central system was told, in order, but for security events: those follow all that is of a charge."""
        return [m.action for m in self.csms.received if m.action != "SecurityEventNotification"]
