"""The list of cards that the central system sends: full or in changes, taken wholly or not at all.

Rules this file upholds (OCPP 1.6 §3.5.2, §5.10, §5.15, §6.41, errata 3.52):
- Nothing but the central system changes it. What is refused is refused with a reason, and changes nothing.
- One that is not kept is not obeyed either: whoever sent it hears that it failed.
- A change fits only on an older list. An empty list has version 0, whatever it was called.
- List and version are one commit, on the disk before the answer; only what differs is written.
- A list that lost a card on the disk is none: its version is 0, so that the central system sends it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from evsed.core import capacities, catalogue
from evsed.core.effects import Put, Reply
from evsed.core.listed import ListedToken, ListMark, ListSent, ListVersion, ListVersionAsked
from evsed.core.turn import Turn
from evsed.core.words import Token, Verdict

if TYPE_CHECKING:
    from evsed.core.station import Station


class Room(Struct, frozen=True):
    """How many cards one message, and the list, may have."""

    items: int
    entries: int


class LocalList:
    """The cards by key, and the version of the whole."""

    def __init__(self, marks: Iterable[ListMark] = (), entries: Iterable[ListedToken] = ()) -> None:
        found = {entry.key: entry for entry in entries}
        mark = next(iter(marks), None)
        whole = mark is not None and mark.entries == len(found)
        self._entries = found if whole else {}
        self._version = mark.version if mark is not None else 0
        self._remains = set(found) - set(self._entries)
        self._before: tuple[ListMark, ListMark, dict[str, ListedToken]] | None = None

    @property
    def version(self) -> int:
        """What the central system called it; 0 = it is empty (OCPP 1.6 §5.10)."""
        return self._version if self._entries else 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, token: Token) -> ListedToken | None:
        """What it says of a card."""
        return self._entries.get(token.key)

    def after(self, sent: ListSent) -> dict[str, ListedToken]:
        """The cards as they would be then."""
        cards = {} if sent.full else dict(self._entries)
        cards.update((entry.key, entry) for entry in sent.taken)
        for token in sent.forgotten:
            cards.pop(token.key, None)
        return cards

    def take(self, sent: ListSent, turn: Turn) -> None:
        """Become what was sent, which must not be refused."""
        cards = self.after(sent)
        for key in (*self._remains, *self._entries):
            if key not in cards:
                turn.drop(ListedToken, key)
        for key, entry in cards.items():
            if self._entries.get(key) != entry:
                turn.put(entry)
        before, mark = ListMark(self._version, len(self._entries)), ListMark(sent.version, len(cards))
        turn.put(mark)
        self._before = mark, before, self._entries
        self._entries, self._version, self._remains = cards, sent.version, set()

    def give_back(self, changes: Iterable[object], turn: Turn) -> bool:
        """If the list that was taken last is among these changes, which could not be kept, be the one before it."""
        if self._before is None or Put(self._before[0]) not in changes:
            return False
        _, mark, cards = self._before
        for key in self._entries:
            if key not in cards:
                turn.drop(ListedToken, key)
        for entry in cards.values():
            turn.put(entry)
        turn.put(mark)
        self._entries, self._version, self._before = cards, mark.version, None
        turn.log("! the list was not kept, so the one before it counts")
        return True


def _keys(sent: ListSent) -> list[str]:
    return [*(entry.key for entry in sent.taken), *(token.key for token in sent.forgotten)]


# The first that applies: the answer, the reason.
REFUSALS: tuple[tuple[Verdict, str, Callable[[LocalList, ListSent, Room], bool]], ...] = (
    (
        Verdict.VERSION_MISMATCH,
        "the list is as new or newer",
        lambda present, sent, _: not sent.full and sent.version <= present.version,
    ),
    (Verdict.FAILED, "its version is none", lambda _, sent, __: sent.version <= 0),  # errata 3.52
    (Verdict.FAILED, "it names more cards than one message may", lambda _, sent, room: len(_keys(sent)) > room.items),
    (Verdict.FAILED, "it names a card twice", lambda _, sent, __: len(set(_keys(sent))) < len(_keys(sent))),
    (Verdict.FAILED, "a full list has a card without status", lambda _, sent, __: sent.full and bool(sent.forgotten)),
    (Verdict.FAILED, "no more cards can be kept", lambda present, sent, room: len(present.after(sent)) > room.entries),
)


def refusal(present: LocalList, sent: ListSent, room: Room) -> tuple[Verdict, str] | None:
    """The answer to a list that is not taken, and why; None if it can be."""
    return next(((verdict, why) for verdict, why, applies in REFUSALS if applies(present, sent, room)), None)


def send(station: Station, sent: ListSent, turn: Turn) -> None:
    """OCPP 1.6 §5.15."""
    box = station.box
    room = Room(box.variables[capacities.LIST_ITEMS], box.variables[capacities.LIST_ENTRIES])
    refused = refusal(box.tokens.listed, sent, room)
    if not box.variables[catalogue.LOCAL_LIST_ENABLED]:
        refused = Verdict.NOT_SUPPORTED, "LocalAuthListEnabled is false"
    elif not box.durable:
        refused = Verdict.FAILED, "the journal can't be written"
    if refused is not None:
        turn.log(f"! version {sent.version} of the local list is refused: {refused[1]}")
        turn.tell(Reply(sent.ref, refused[0]))
        return
    box.tokens.take_list(sent, turn)
    turn.log(f"= the local list has version {box.tokens.listed.version} and {len(box.tokens.listed)} cards")
    turn.tell(Reply(sent.ref, Verdict.ACCEPTED))


def ask_version(station: Station, asked: ListVersionAsked, turn: Turn) -> None:
    """OCPP 1.6 §5.10."""
    enabled = station.box.variables[catalogue.LOCAL_LIST_ENABLED]
    turn.tell(Reply(asked.ref, ListVersion(station.box.tokens.listed.version if enabled else None)))


# Each function takes exactly the request type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {
    ListSent: send,
    ListVersionAsked: ask_version,
}
