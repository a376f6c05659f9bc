"""Errands: one of each kind at a time, one end for each, no file and no child left behind, no secret on its way."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from errno import ENOSPC
from pathlib import Path

import pytest

from evsed import clerk as desk
from evsed import room
from evsed.certificates import CertificateStore
from evsed.clerk import Clerk
from evsed.core.errands import (
    Abandon,
    Activate,
    Errand,
    ErrandDone,
    Fetch,
    Judge,
    LogKind,
    LogOrder,
    Outcome,
    Patience,
    Purpose,
    Signed,
    Stage,
    Upload,
    Verify,
)
from evsed.core.security_events import SecurityEntry, SecurityKind
from evsed.core.status import OutletStatus, StationStatus
from evsed.core.words import Stamp
from evsed.diagnostics import Facts, spellings
from evsed.installer import InstallFailed, InstallRefused
from evsed.locations import Nearness
from evsed.transfer import Trust
from tests.evsed.servers import WebFiles, serving

CANARY = "canary-8f3a"
HERE = Trust(None, Nearness.HERE)


class Programs:
    """An installer that notes what it was asked, and fails as told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: Exception | None = None

    def judge(self, certificate: str) -> None:
        self._do(f"judge {certificate}")

    def verify(self, image: Path, signed: Signed) -> None:
        self._do(f"verify {signed.signature}")

    def stage(self, image: Path) -> None:
        self._do(f"stage {image.read_bytes().decode()}")

    def activate(self) -> None:
        self._do("activate")

    def confirm(self) -> None:
        self._do("confirm")

    def roll_back(self) -> None:
        self._do("roll back")

    def on_trial(self) -> bool:
        return False

    def _do(self, what: str) -> None:
        self.asked.append(what)
        if self.fails is not None:
            raise self.fails


class Office:
    """A clerk at work; `done` are the ends of its errands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installer = Programs()
        self.done: list[ErrandDone] = []
        self._news = asyncio.Event()
        lines = [(Stamp("b", n, n * 1_000), f"line {n} {CANARY}") for n in range(10)]
        at = Stamp("b", 5, 5_000)
        security = [SecurityEntry("1", SecurityKind.RESET, at, f"by {CANARY}")]
        outlet = OutletStatus(evse=1, token="CARD4711")
        status = StationStatus(identity="box", version="1", outlets=(outlet,))

        async def facts() -> Facts:
            return Facts(status, (), [("A.B", "7")], lines, [], security, lambda stamp: stamp.wall_ms)

        self.clerk = Clerk(
            folder,
            self._take,
            self.installer,
            lambda: HERE,
            facts,
            lambda: spellings(CANARY.encode()),
            lambda: CertificateStore(folder, "SN1", lambda: None),
        )

    def _take(self, event: object) -> None:
        assert isinstance(event, ErrandDone)
        self.done.append(event)
        self._news.set()

    async def ends(self, *errands: Errand) -> ErrandDone:
        """Do these, and wait for the next end."""
        self._news.clear()
        for errand in errands:
            self.clerk.do(errand)
        await self._news.wait()
        return self.done[-1]

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / desk.FOLDER).iterdir())


def work(folder: Path, story: Callable[[Office], Awaitable[None]]) -> None:
    async def day() -> None:
        office = Office(folder)
        running = asyncio.create_task(office.clerk.run())
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(20):
                await story(office)
        finally:
            running.cancel()
            await asyncio.wait({running})

    asyncio.run(day())


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def log_for(url: str, job: str = "j", **more: int) -> Upload:
    return Upload(job, LogOrder(LogKind.DIAGNOSTICS, url, Patience(), **more), "box.log.gz")


def test_a_log_holds_what_is_asked_for_and_no_secret(tmp_path: Path) -> None:
    with serving(WebFiles()) as web:
        url = web.url.replace("//", "//user:pass-canary@") + "/in"

        async def story(office: Office) -> None:
            assert await office.ends(log_for(url, from_ms=3_000, to_ms=6_000)) == ErrandDone("j", Outcome.DONE)

        work(tmp_path, story)
        text = gzip.decompress(web.files["/in/box.log.gz"]).decode()
    assert CANARY not in text and "4711" not in text and "[secret]" in text
    assert [f"line {n} " in text for n in range(10)] == [3 <= n <= 6 for n in range(10)]
    assert "A.B = 7" in text and '"identity":"box"' in text


def test_an_address_that_is_none_ends_its_errand_and_nothing_else(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        done = await office.ends(log_for("http://[x"))
        assert (done.outcome, done.text) == (Outcome.HOPELESS, "the location is no address")

    work(tmp_path, story)


def test_a_security_log_holds_nothing_else(tmp_path: Path) -> None:
    with serving(WebFiles()) as web:
        order = LogOrder(LogKind.SECURITY, web.url, Patience(), 1)

        async def story(office: Office) -> None:
            assert (await office.ends(Upload("j", order, "s.gz"))).outcome is Outcome.DONE

        work(tmp_path, story)
        text = gzip.decompress(web.files["/s.gz"]).decode()
    assert text == "# security events\n1970-01-01T00:00:05.000+00:00 ResetOrReboot by [secret]\n"


def test_no_log_is_made_where_the_disk_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "RESERVE", 1 << 62)

    async def story(office: Office) -> None:
        done = await office.ends(log_for("http://127.0.0.1:9"))
        assert done == ErrandDone("j", Outcome.FAILED, "the log can't be made: the disk has no room for it")
        assert office.files() == []

    work(tmp_path, story)


def test_a_judgement_does_not_end_a_download(tmp_path: Path) -> None:
    async def story(office: Office) -> None:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        office.clerk.do(Fetch("slow", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fw"))
        assert await office.ends(Judge("j", "pem")) == ErrandDone("j", Outcome.DONE)
        assert office.installer.asked == ["judge pem"]
        assert await office.ends(Abandon(Purpose.FIRMWARE), Verify("v", Signed("pem", "sig"))) == ErrandDone(
            "v", Outcome.DONE
        )
        server.close()

    work(tmp_path, story)


def test_a_log_is_made_once_for_all_its_tries_and_goes_with_its_errand(tmp_path: Path) -> None:
    with serving(WebFiles()) as web:
        web.status = 500

        async def story(office: Office) -> None:
            assert (await office.ends(log_for(web.url))).outcome is Outcome.FAILED
            made = (tmp_path / desk.FOLDER / "log").read_bytes()
            web.status = None
            await office.ends(log_for(web.url, "again"))
            assert web.files["/box.log.gz"] == made
            assert office.files() == ["log"]
            office.clerk.do(Abandon(Purpose.LOG))
            await office.ends(log_for(web.url, "new"))
            assert office.done[-1].job == "new"

        work(tmp_path, story)


def test_a_newer_errand_ends_the_older_one_and_its_files_go_first(tmp_path: Path) -> None:
    with serving(WebFiles()) as web:
        web.files["/fw"] = b"new"

        async def story(office: Office) -> None:
            server = await asyncio.start_server(silent, "127.0.0.1", 0)
            slow = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fw"
            office.clerk.do(Fetch("old", slow))
            await asyncio.sleep(0)
            (tmp_path / desk.FOLDER / "image").write_bytes(b"half of the old one")
            done = await office.ends(Abandon(Purpose.FIRMWARE), Fetch("new", f"{web.url}/fw"))
            assert done == ErrandDone("new", Outcome.DONE)
            assert [end.job for end in office.done] == ["new"]
            assert (tmp_path / desk.FOLDER / "image").read_bytes() == b"new"
            server.close()

        work(tmp_path, story)


def test_firmware_and_log_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with serving(WebFiles()) as web:

        async def story(office: Office) -> None:
            server = await asyncio.start_server(silent, "127.0.0.1", 0)
            office.clerk.do(Fetch("slow", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fw"))
            assert (await office.ends(log_for(web.url))).outcome is Outcome.DONE
            server.close()

        work(tmp_path, story)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.DONE),
        (InstallRefused("not ours"), Outcome.INVALID),
        (InstallFailed("no room"), Outcome.FAILED),
        (OSError(28, "No space left on device"), Outcome.FAILED),
    ],
)
def test_what_the_installer_says_is_told(tmp_path: Path, error: Exception | None, outcome: Outcome) -> None:
    async def story(office: Office) -> None:
        (tmp_path / desk.FOLDER / "image").write_bytes(b"image")
        office.installer.fails = error
        assert (await office.ends(Stage("s"))).outcome is outcome
        assert office.installer.asked == ["stage image"]

    work(tmp_path, story)


def test_what_came_before_the_clerk_is_done_when_it_comes(tmp_path: Path) -> None:
    async def early() -> None:
        office = Office(tmp_path)
        office.clerk.do(Activate("a"))
        running = asyncio.create_task(office.clerk.run())
        await office._news.wait()
        assert office.done == [ErrandDone("a", Outcome.DONE)]
        running.cancel()
        await asyncio.wait({running})

    asyncio.run(early())


def test_a_bug_of_the_installer_ends_evsed(tmp_path: Path) -> None:
    async def broken() -> None:
        office = Office(tmp_path)
        office.installer.fails = ZeroDivisionError()
        office.clerk.do(Activate("a"))
        await office.clerk.run()

    with pytest.raises(ExceptionGroup):
        asyncio.run(broken())


def test_a_full_disk_that_takes_no_roots_ends_the_errand_and_nothing_else(tmp_path: Path) -> None:
    def full() -> Trust:
        raise OSError(ENOSPC, "No space left on device")

    async def story(office: Office) -> None:
        setattr(office.clerk, "_trust", full)  # noqa: B010
        for errand in (Fetch("f", "https://files.test/fw"), log_for("https://files.test/in")):
            done = await office.ends(errand)
            assert done.outcome is Outcome.FAILED and "No space left" in done.text

    work(tmp_path, story)
