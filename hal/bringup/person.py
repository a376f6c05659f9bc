"""Whoever stands at the board: asked to do something, to look, to confirm.

Rules this file upholds: nothing is taken as done or confirmed that was not said; an empty answer never means yes to
power. At the simulated board the plant is asked to do the same, and what it did is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TextIO

from hal.boards import Board

Words = tuple[str, ...]


class Ended(Exception):
    """The person wants to stop here."""


class Person(Protocol):
    """Who does what the software can't."""

    def tell(self, text: str) -> None:
        """Say it."""

    def do(self, what: str, *orders: Words) -> bool:
        """Ask for something to be done; `orders` do it at a simulated board. False = skip this. Raises Ended."""

    def agrees(self, warning: str) -> bool:
        """Ask for leave to bring power; only the whole word yes gives it. Raises Ended."""

    def sees(self, question: str, sign: str) -> bool | None:
        """A question of yes or no, None = skipped; `sign` in the state of a simulated plant means yes. Raises Ended."""


class Terminal:
    """A person at a terminal."""

    def __init__(self, out: TextIO, ask: Callable[[], str]) -> None:
        self._out, self._ask = out, ask

    def tell(self, text: str) -> None:
        """Print it."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def do(self, what: str, *_: Words) -> bool:
        """Enter means done."""
        return self._hear(f"→ {what}\n  Enter when it is done, s to skip it, q to stop: ", ("", "s")) == ""

    def agrees(self, warning: str) -> bool:
        """Only the whole word counts."""
        return self._hear(f"⚠ {warning}\n  Type yes to go on, s to skip it, q to stop: ", ("yes", "s")) == "yes"

    def sees(self, question: str, _: str) -> bool | None:
        """One letter."""
        return {"y": True, "n": False}.get(self._hear(f"? {question} (y/n, s to skip, q to stop): ", ("y", "n", "s")))

    def _hear(self, prompt: str, known: tuple[str, ...]) -> str:
        while True:
            self._out.write(prompt)
            self._out.flush()
            try:
                said = self._ask().strip().lower()
            except EOFError:
                raise Ended from None
            if said == "q":
                raise Ended
            if said in known:
                return said


class Nobody:
    """For steps that need no one; whatever would is skipped."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def tell(self, text: str) -> None:
        """Print it all the same."""
        self._out.write(f"{text}\n")

    def do(self, what: str, *_: Words) -> bool:
        """Never."""
        return False

    def agrees(self, warning: str) -> bool:
        """Never."""
        return False

    def sees(self, question: str, sign: str) -> bool | None:
        """Never."""
        return None


class SimulatedBuilder:
    """The simulated plant does what is asked; nothing can be harmed there."""

    def __init__(self, out: TextIO, board: Board, evse: int) -> None:
        self._out, self._board, self._evse = out, board, evse

    def tell(self, text: str) -> None:
        """Print it."""
        self._out.write(f"{text}\n")

    def do(self, what: str, *orders: Words) -> bool:
        """What a plant can't do is skipped."""
        self.tell(f"→ {what}")
        if not orders:
            return False
        for words in orders:
            done, said = self._board.order(self._evse, words)
            self.tell(f"  sim: {said}")
            if not done:
                return False
        return True

    def agrees(self, warning: str) -> bool:
        """There are no mains."""
        self.tell(f"⚠ {warning}\n  sim: yes, for no mains are there")
        return True

    def sees(self, question: str, sign: str) -> bool | None:
        """Look at the plant."""
        seen = sign in self._board.order(self._evse, ("state",))[1]
        self.tell(f"? {question}\n  sim: {'yes' if seen else 'no'}")
        return seen
