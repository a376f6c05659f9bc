"""The store of certificates on a real disk: what is taken and what is not, and a cut at any step of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evsed import certificates as module
from evsed.certificates import CertificateStore
from evsed.core.credentials import CertificateErrand, Held, InstallRoot, MakeKey, RemoveRoots, RootUse, TakeSigned
from evsed.core.errands import ErrandDone, Outcome
from evsed.x509 import one
from tests.evsed.ocpp import pki

CPO = "A CPO"
CENTRAL, MAKER = RootUse.CENTRAL, RootUse.MANUFACTURER


def now_ms() -> int:
    return round(time.time() * 1_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("pki")
    root = pki.make(folder, "root", authority=True, common_name="Root")
    return SimpleNamespace(
        folder=folder,
        root=root,
        other=pki.make(folder, "other", authority=True, common_name="Other"),
        under=pki.make(folder, "under", root, authority=True, common_name="Under"),
        leaf=pki.make(folder, "leaf", root),
        alone=pki.make(folder, "alone"),
        expired=pki.make(folder, "expired", authority=True, dates=pki.PAST),
        early=pki.make(folder, "early", authority=True, dates=pki.FUTURE),
        small=pki.make(folder, "small", authority=True, rsa=1024),
    )


@pytest.fixture
def store(tmp_path: Path) -> CertificateStore:
    return CertificateStore(tmp_path, "SN1", now_ms)


def install(store: CertificateStore, certificate: pki.Certificate | str, **more: Any) -> ErrandDone:
    pem = certificate if isinstance(certificate, str) else certificate.alone.read_text()
    return store.perform(InstallRoot("job", more.pop("use", CENTRAL), pem, **more))


def titles(store: CertificateStore) -> list[str]:
    return [root.title for root in store.held().roots]


def id_of(certificate: pki.Certificate) -> str:
    return one(certificate.alone.read_text()).id


def request(store: CertificateStore) -> str:
    done = store.perform(MakeKey("job", CPO))
    assert done.outcome is Outcome.DONE and done.held is not None and done.held.request is not None
    return done.held.request


def signed(made: SimpleNamespace, store: CertificateStore, by: pki.Certificate, **more: Any) -> str:
    """What an authority makes of the request that waits."""
    folder = store._state / "authority"
    folder.mkdir(exist_ok=True)
    asked, number = folder / "csr", len(list(folder.glob("*.crt")))
    asked.write_text(store.held().request or "")
    own = pki.Certificate(folder, f"own{number}", by)
    pki.sign(own, asked, **{"authority": False, "dates": pki.NOW, "common_name": "SN1"} | more)
    return own.alone.read_text()


def take(store: CertificateStore, chain: str, organization: str = CPO, keep: tuple[str, ...] = ()) -> ErrandDone:
    return store.perform(TakeSigned("job", chain, organization, keep))


# --- roots -----------------------------------------------------------------------------------------------------


def test_roots_come_and_go_and_outlive_a_restart(store: CertificateStore, made: SimpleNamespace) -> None:
    for certificate in (made.root, made.other, made.root):
        assert install(store, certificate).outcome is Outcome.DONE
    install(store, made.root, use=MAKER)
    assert titles(store) == ["Root", "Other", "Root"]
    store = CertificateStore(store._state, "SN1", now_ms)
    assert titles(store) == ["Root", "Other", "Root"] and store.trusted().count("BEGIN") == 2
    assert store.perform(RemoveRoots("job", (id_of(made.root),))).outcome is Outcome.DONE
    assert titles(store) == ["Other"]


@pytest.mark.parametrize("name", ["leaf", "alone", "expired", "early", "small", "under"])
def test_what_is_no_good_root_is_refused(store: CertificateStore, made: SimpleNamespace, name: str) -> None:
    assert install(store, getattr(made, name)).outcome is Outcome.INVALID
    assert store.held() == Held()


@pytest.mark.parametrize("text", ["", "garbage", "x" * 100_000, "\ufffd\0\n", "-----BEGIN CERTIFICATE-----"])
def test_garbage_is_refused(store: CertificateStore, text: str) -> None:
    assert install(store, text).outcome is Outcome.INVALID
    assert take(store, text).outcome is Outcome.INVALID


def test_several_in_one_and_one_with_its_key_are_refused(store: CertificateStore, made: SimpleNamespace) -> None:
    root = made.root.alone.read_text()
    for text in (root + made.other.alone.read_text(), root + made.root.key.read_text()):
        assert install(store, text).outcome is Outcome.INVALID
    assert store.held() == Held()


def test_a_root_that_must_be_signed_by_the_one_before(store: CertificateStore, made: SimpleNamespace) -> None:
    install(store, made.root)
    above = id_of(made.root)
    assert install(store, made.other, signed_by=above).outcome is Outcome.INVALID
    assert install(store, made.under, signed_by=above).outcome is Outcome.DONE
    before = store.held().roots[1]
    store.perform(RemoveRoots("job", (above,)))
    assert store.held().roots == (before,), "its name needs the key of who signed it, which is kept"
    assert store.trusted().count("BEGIN") == 1


def test_files_of_the_installer_are_put_in_once(store: CertificateStore, made: SimpleNamespace, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(made.root.alone.read_text() + made.other.alone.read_text())
    assert store.adopt([str(file)]) == frozenset() and titles(store) == ["Root", "Other"]
    store.perform(RemoveRoots("job", (id_of(made.root),)))
    assert store.adopt([str(file)]) == frozenset() and titles(store) == ["Other"], "what was deleted stays so"
    file.write_text(made.root.alone.read_text())
    store.adopt([str(file)])
    assert titles(store) == ["Root"], "another file counts anew"
    file.write_text("a collection that openssl reads and we do not")
    assert store.adopt([str(file)]) == {str(file)} and titles(store) == []


def test_one_of_several_in_a_makers_file_goes_alone(store: CertificateStore, made: SimpleNamespace) -> None:
    folder = store._state / "manufacturer-roots"
    folder.mkdir()
    (folder / "maker.pem").write_text("ours\n" + made.root.alone.read_text() + made.other.alone.read_text())
    (folder / "broken.pem").write_text("nothing")
    assert titles(store) == ["Root", "Other"]
    store.perform(RemoveRoots("job", (id_of(made.root),)))
    assert titles(store) == ["Other"] and (folder / "broken.pem").exists()


# --- our own -----------------------------------------------------------------------------------------------------


def test_a_certificate_for_our_key_is_kept_with_it(store: CertificateStore, made: SimpleNamespace) -> None:
    install(store, made.root)
    request(store)
    (waiting,) = (store._state / "own-certificates").iterdir()
    assert waiting.stat().st_mode & 0o777 == 0o600 and waiting.parent.stat().st_mode & 0o777 == 0o700
    done = take(store, signed(made, store, made.root))
    assert done.outcome is Outcome.DONE and done.held is not None and done.held.request is None
    (own,) = done.held.own
    assert own.title == "SN1" and store.own(own.name).stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" in store.own(own.name).read_text()
    assert take(store, made.leaf.alone.read_text()).outcome is Outcome.INVALID, "nobody asked"


def test_any_name_of_an_operator_comes_back(tmp_path: Path, made: SimpleNamespace) -> None:
    name = r"Strom & Söhne /O=x+CN=y\ #1"
    store = CertificateStore(tmp_path, "SN1", now_ms)
    install(store, made.root)
    store.perform(MakeKey("job", name))
    assert take(store, signed(made, store, made.root), name).outcome is Outcome.DONE


def test_a_chain_over_another_authority_is_taken_in_any_order(store: CertificateStore, made: SimpleNamespace) -> None:
    install(store, made.root)
    request(store)
    leaf = signed(made, store, made.under)
    assert take(store, leaf).outcome is Outcome.INVALID, "what is between is missing"
    assert take(store, made.under.alone.read_text() + leaf).outcome is Outcome.DONE


@pytest.mark.parametrize(
    "more",
    [{"dates": pki.PAST}, {"common_name": "SN2"}, {"authority": True}],
    ids=["expired", "another station", "an authority"],
)
def test_a_wrong_certificate_is_refused_and_the_key_waits_on(
    store: CertificateStore, made: SimpleNamespace, more: dict[str, Any]
) -> None:
    install(store, made.root)
    request(store)
    # openssl ca takes the names of the request, so another station is one whose request says so
    if "common_name" in more:
        other = CertificateStore(store._state, "SN2", now_ms)
        request(other)
    assert take(store, signed(made, store, made.root, **more)).outcome is Outcome.INVALID
    assert store.held().own == () and store.held().request is not None


def test_another_organization_another_key_and_another_root_are_refused(
    store: CertificateStore, made: SimpleNamespace
) -> None:
    install(store, made.root)
    request(store)
    good, foreign = signed(made, store, made.root), signed(made, store, made.other)
    assert take(store, good, "Another").outcome is Outcome.INVALID
    assert take(store, foreign).outcome is Outcome.INVALID
    request(store)
    assert take(store, good).outcome is Outcome.INVALID, "it is for the key before"


def test_one_that_counts_later_is_kept(store: CertificateStore, made: SimpleNamespace) -> None:
    install(store, made.root)
    request(store)
    later = ("20480101000000Z", "20490101000000Z")
    assert take(store, signed(made, store, made.root, dates=later)).outcome is Outcome.DONE


def test_old_ones_go_but_for_those_that_are_needed(store: CertificateStore, made: SimpleNamespace) -> None:
    install(store, made.root)
    names: list[str] = []
    for year in range(2020, 2026):
        request(store)
        dates = (f"{year}0101000000Z", "20490101000000Z")
        done = take(store, signed(made, store, made.root, dates=dates), keep=tuple(names[:1]))
        assert done.held is not None
        names += [own.name for own in done.held.own if own.name not in names]
    assert {own.name for own in store.held().own} == {names[0], *names[-3:]}


def test_without_a_time_nothing_is_judged(tmp_path: Path, made: SimpleNamespace) -> None:
    store = CertificateStore(tmp_path, "SN1", lambda: None)
    assert install(store, made.root).outcome is Outcome.FAILED


# --- cuts ------------------------------------------------------------------------------------------------------


class Cut(BaseException):
    """The power is gone."""


def steps(monkeypatch: pytest.MonkeyPatch, cut_at: int) -> Callable[[], int]:
    """From now on the disk does so many steps, the next one half or not at all; how many were done."""
    done = 0

    def step() -> None:
        nonlocal done
        if done == cut_at:
            raise Cut
        done += 1

    def cutting(name: str) -> None:
        real = getattr(os, name)

        def does(*told: Any, **more: Any) -> Any:
            step()
            return real(*told, **more)

        monkeypatch.setattr(module.os, name, does)

    def half(file: int, mode: str) -> Any:
        step()
        return _Torn(real_open(file, mode), step)

    real_open = open
    for name in ("replace", "fsync", "unlink", "mkdir"):
        cutting(name)
    monkeypatch.setattr(module, "open", half, raising=False)
    return lambda: done


class _Torn:
    """A file whose text lies there half when the power goes."""

    def __init__(self, file: Any, step: Callable[[], None]) -> None:
        self._file, self._step = file, step

    def __enter__(self) -> _Torn:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        self._file.write(text[: len(text) // 2])
        self._file.flush()
        self._step()
        self._file.write(text[len(text) // 2 :])

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number


@pytest.mark.parametrize("what", ["install", "remove", "key", "take"])
def test_a_cut_at_any_step_leaves_old_or_new(
    tmp_path: Path, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    outcomes = set()
    for cut_at in range(40):
        state = tmp_path / str(cut_at)
        state.mkdir()
        store = CertificateStore(state, "SN1", now_ms)
        install(store, made.root)
        errand = _errand(what, store, made)
        before = store.held()
        with monkeypatch.context() as patched:
            count = steps(patched, cut_at)
            try:
                after = store.perform(errand).held
            except Cut:
                after = None
            whole = count() < cut_at
        held = CertificateStore(state, "SN1", now_ms).held()
        assert not list(state.glob("*/*.new"))
        if whole:
            assert held == after
            break
        outcomes.add(held == before)
        if what == "take" and held != before:
            assert len(held.own) == 1, "the key lies with its certificate"
        assert held.roots in (before.roots, before.roots[:0]) or what == "install"
    else:
        raise AssertionError("it has more steps than that")
    assert True in outcomes


def _errand(what: str, store: CertificateStore, made: SimpleNamespace) -> CertificateErrand:
    if what == "install":
        return InstallRoot("job", CENTRAL, made.other.alone.read_text())
    if what == "remove":
        return RemoveRoots("job", (id_of(made.root),))
    if what == "key":
        return MakeKey("job", CPO)
    request(store)
    return TakeSigned("job", signed(made, store, made.root), CPO, ())


@pytest.mark.parametrize("mark", [b"", b"[]", b"\xff", b'{"ids":["a"]}', b"[" * 100_000])
def test_a_damaged_mark_of_what_was_put_in_counts_as_none(
    store: CertificateStore, made: SimpleNamespace, tmp_path: Path, mark: bytes
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(made.root.alone.read_text())
    store.adopt([str(file)])
    next(tmp_path.rglob("central-roots/adopted")).write_bytes(mark)
    assert store.adopt([str(file)]) == frozenset() and titles(store) == ["Root"]


def test_a_damaged_note_of_who_signed_a_root_takes_that_root_alone(
    store: CertificateStore, made: SimpleNamespace, tmp_path: Path
) -> None:
    install(store, made.root)
    (folder,) = tmp_path.rglob("central-roots")
    (folder / "0009-x.pem").write_text("Issuer-Key: !\n" + made.under.alone.read_text())
    assert "Root" in titles(store)


def test_a_damaged_request_is_none(store: CertificateStore) -> None:
    request(store)
    (waiting,) = store._state.rglob("own-certificates/request")
    for damaged in (b"\xff" + waiting.read_bytes(), waiting.read_bytes()[:100], b""):
        waiting.write_bytes(damaged)
        assert store.held().request is None
