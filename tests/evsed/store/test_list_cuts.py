"""A power cut at any write leaves the old list of cards or the new one, with its own version."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from evsed.core.effects import Persist
from evsed.core.listed import ListedToken, ListSent
from evsed.core.local_list import LocalList
from evsed.core.turn import Turn
from evsed.core.words import Now, Token, TokenStatus
from evsed.store.journal import Journal
from tests.evsed.store.disk import after_power_cut, lay, library, listening
from tests.evsed.store.worlds import small_log

listens = pytest.mark.skipif(library() is None, reason="this Python has SQLite built in, its calls can't be heard")


def cards(*names: str) -> tuple[ListedToken, ...]:
    return tuple(ListedToken(Token(name), TokenStatus.ACCEPTED, None, "a group") for name in names)


UPDATES = (
    ListSent("", 1, True, cards(*(f"first {n}" for n in range(30)))),
    ListSent("", 2, False, cards("another"), tuple(Token(f"first {n}") for n in range(20))),
    ListSent("", 3, True, cards(*(f"second {n}" for n in range(30)))),
    ListSent("", 4, True, ()),
    ListSent("", 5, False, cards("last")),
)


def seen(here: LocalList) -> tuple[int, frozenset[str]]:
    return here.version, frozenset(here._entries)


def read(folder: Path) -> LocalList:
    journal = Journal(folder)
    try:
        found = journal.load()
        return LocalList(found.list_marks, found.listed)
    finally:
        journal.close()


@listens
def test_a_cut_at_any_write_leaves_the_old_list_or_the_new_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_log(monkeypatch.setattr)
    here, may_be = LocalList(), [(0, frozenset[str]())]
    with listening() as disk:
        journal = Journal(folder / "played")
        for update in UPDATES:
            turn = Turn(Now("boot", 1, None))
            here.take(update, turn)
            (commit,) = turn.effects()
            assert isinstance(commit, Persist)
            journal.commit(commit)
            disk.acknowledge()
            may_be.append(seen(here))
        journal.close()
    kinds = [operation.kind for operation in disk.operations]
    assert kinds.count("write") > 20
    for cut in range(len(kinds) + 1):
        acknowledged = kinds[:cut].count("acknowledged")
        for luck in (None, random.Random(cut)):
            laid = lay(after_power_cut(disk.operations[:cut], luck), folder / "cut")
            assert seen(read(laid)) in may_be[acknowledged : acknowledged + 2], (cut, kinds[cut - 1])
            shutil.rmtree(laid)
