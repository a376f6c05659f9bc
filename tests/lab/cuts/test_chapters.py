"""Operations on files are refused one by one: what is heard is what the kernel gets, and what goes wrong is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EIO, ENOSPC
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from evsed.certificates import CertificateStore
from evsed.core.errands import ErrandDone, Outcome
from evsed.slots import Slots
from hal import kept_file
from hal.latches import LatchFile
from tests.lab.cuts import chapters
from tests.lab.cuts.chapters import Papers, Refused, asked, lived
from tests.lab.cuts.files import refusing

Asked = list[tuple[str, str]]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Papers]:
    yield Papers(tmp_path_factory.mktemp("papers"))


def test_each_operation_is_heard_and_can_be_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with refusing(tmp_path / "in") as disk:
        disk.code = ENOSPC
        kept_file.write_lines(tmp_path / "in" / "file", "head", ["one"])
        kept_file.write_lines(tmp_path / "beside", "head", ["nobody hears of it"])
        assert [kind for kind, _ in disk.asked] == ["open", "write", "sync", "rename", "read", "sync"]
        for at in (0, 1, 2, 3, 5):
            disk.asked.clear()
            disk.fails_at = at
            with pytest.raises(OSError, match="No space left"):
                kept_file.write_lines(tmp_path / "in" / "file", "head", ["two"])
            disk.heal()
            assert kept_file.read_lines(tmp_path / "in" / "file", "head") == (["two"] if at == 5 else ["one"])
            (tmp_path / "in" / "file.new").unlink(missing_ok=True)
    (tmp_path / "in" / "file").write_text("whole again")


def after(first: tuple[str, str], then: tuple[str, str]) -> Callable[[Asked], int]:
    return lambda all: all.index(then, all.index(first))


def last(wanted: tuple[str, str]) -> Callable[[Asked], int]:
    return lambda all: len(all) - 1 - all[::-1].index(wanted)


def before_removal(all: Asked) -> int:
    return next(at for at, (kind, path) in enumerate(all) if kind == "unlink" and path.startswith("central-roots")) - 1


CHOSEN, FOLDER = ("replace", "slots/current.new"), ("sync", "slots")


@pytest.mark.parametrize(
    ("chapter", "where", "forever", "code"),
    [
        ("programs", after(CHOSEN, FOLDER), True, ENOSPC),  # neither switched nor switched back
        ("programs", last(FOLDER), False, EIO),  # confirmed, and the end of the trial not synced
        ("certificates", before_removal, False, EIO),  # a root that is to go can't be read
        ("certificates", last(("read", "own-certificates/request")), False, EIO),
        ("faults", last(("write", "hal/latched-faults.new")), True, ENOSPC),
        ("faults", last(("write", "run/running")), False, EIO),
        ("faults", last(("sync", ".")), True, EIO),  # the journal is open, and its folder can't be synced
    ],
)
def test_who_is_refused_says_so_and_goes_on(
    papers: Papers, chapter: str, where: Callable[[Asked], int], forever: bool, code: int
) -> None:
    assert lived(papers, Refused(chapter, where(asked(chapter, papers)), forever, code)) == []


def says_done(real: Callable[..., ErrandDone]) -> Callable[..., ErrandDone]:
    def perform(store: CertificateStore, errand: Any) -> ErrandDone:
        done = real(store, errand)
        return replace(done, outcome=Outcome.DONE) if done.outcome is Outcome.FAILED else done

    return perform


def gives_up(file: LatchFile) -> None:
    REAL_FLUSH(file)
    file._dirty = False


def believes(slots: Slots) -> None:
    slots._point(slots.spare().name)


REAL_FLUSH = LatchFile.flush


@pytest.mark.parametrize(
    ("owner", "name", "broken", "world", "told"),
    [
        (CertificateStore, "perform", says_done(CertificateStore.perform), ("certificates", "sync"), "other roots"),
        (LatchFile, "flush", gives_up, ("faults", "sync"), "forgot"),
        (Slots, "switch", believes, ("programs", "symlink"), '_update("1.1.0") == "Installed"'),
    ],
)
def test_what_is_said_and_not_so_is_told(
    papers: Papers,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    broken: Callable[..., Any],
    world: tuple[str, str],
    told: str,
) -> None:
    chapter, kind = world
    at = next(at for at, operation in enumerate(asked(chapter, papers)) if operation[0] == kind)
    monkeypatch.setattr(owner, name, broken)
    found = lived(papers, Refused(chapter, at, False, EIO))
    assert told in found[0]


def test_each_operation_has_its_lives(papers: Papers) -> None:
    all = chapters.refused(papers)
    assert {life.chapter for life in all} == set(chapters.CHAPTERS)
    assert len(all) == len(set(all)) > 400
