"""Files over all four protocols, against real servers on loopback: broken off, gone on with, led astray, refused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from evsed import transfer
from evsed.core.errands import Outcome
from evsed.locations import Nearness
from evsed.transfer import Caps, Result, Trust
from tests.evsed.pki import Pki
from tests.evsed.servers import Ftp, WebFiles, serving, tls_of

CAPS = Caps(1_000_000, 20)
HERE = Trust(None, Nearness.HERE)
BODY = bytes(range(256)) * 400


@pytest.fixture
def web() -> Iterator[WebFiles]:
    with serving(WebFiles()) as server:
        yield server


@pytest.fixture
def ftp() -> Iterator[Ftp]:
    with serving(Ftp()) as server:
        yield server


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def fetch(url: str, path: Path, trust: Trust = HERE, caps: Caps = CAPS) -> Result:
    return asyncio.run(transfer.fetch(url, path, caps, trust))


def send(path: Path, url: str, name: str = "log.gz", trust: Trust = HERE) -> Result:
    return asyncio.run(transfer.send(path, url, name, CAPS, trust))


# --- there and back ----------------------------------------------------------------------------------------------


def test_http_brings_a_file(web: WebFiles, tmp_path: Path) -> None:
    web.files["/fw"] = BODY
    assert fetch(f"{web.url}/fw", tmp_path / "x") == Result(Outcome.DONE)
    assert (tmp_path / "x").read_bytes() == BODY


def test_http_takes_a_file_into_the_folder(web: WebFiles, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(BODY)
    assert send(tmp_path / "x", f"{web.url}/logs/") == Result(Outcome.DONE)
    assert web.files == {"/logs/log.gz": BODY}


def test_an_address_with_a_query_names_its_object_or_a_folder(web: WebFiles, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"log")
    assert send(tmp_path / "x", f"{web.url}/object?signature=1").outcome is Outcome.DONE
    assert send(tmp_path / "x", f"{web.url}/in/?token=1").outcome is Outcome.DONE
    assert web.files == {"/object?signature=1": b"log", "/in/log.gz?token=1": b"log"}


def test_ftp_brings_and_takes_a_file(ftp: Ftp, tmp_path: Path) -> None:
    ftp.files["fw"] = BODY
    assert fetch(f"{ftp.url()}/fw", tmp_path / "x") == Result(Outcome.DONE)
    assert (tmp_path / "x").read_bytes() == BODY
    assert send(tmp_path / "x", f"{ftp.url()}/logs") == Result(Outcome.DONE)
    assert ftp.files["log.gz"] == BODY


def test_ftps_is_encrypted_on_both_lines(pki: Pki, tmp_path: Path) -> None:
    server = pki.server()
    with serving(Ftp(tls_of(server.certificate, server.key), implicit=True)) as ftps:
        ftps.files["fw"] = BODY
        trust = Trust(str(pki.root.certificate), Nearness.HERE)
        assert fetch(f"{ftps.url()}/fw", tmp_path / "x", trust) == Result(Outcome.DONE)
        assert (tmp_path / "x").read_bytes() == BODY
        assert "PROT P" in ftps.said
        assert fetch(f"{ftps.url()}/fw", tmp_path / "y").outcome is Outcome.FAILED
        assert not (tmp_path / "y").exists()


def test_https_wants_a_certificate_that_it_trusts(pki: Pki, tmp_path: Path) -> None:
    server = pki.server()
    with serving(WebFiles(tls_of(server.certificate, server.key))) as web:
        web.files["/fw"] = BODY
        assert fetch(f"{web.url}/fw", tmp_path / "x", Trust(str(pki.root.certificate), Nearness.HERE)).outcome is (
            Outcome.DONE
        )
        stranger = fetch(f"{web.url}/fw", tmp_path / "y")
        assert stranger == Result(Outcome.FAILED, "https://127.0.0.1: the certificate of the server is not trusted")


def test_https_wants_the_right_name(pki: Pki, tmp_path: Path) -> None:
    other = pki.server("other", "DNS:elsewhere.test")
    with serving(WebFiles(tls_of(other.certificate, other.key))) as web:
        result = fetch(f"{web.url}/fw", tmp_path / "x", Trust(str(pki.root.certificate), Nearness.HERE))
        assert "not trusted" in result.text


# --- broken off and gone on with ---------------------------------------------------------------------------------


def test_a_download_goes_on_where_it_broke_off(web: WebFiles, tmp_path: Path) -> None:
    web.files["/fw"], web.breaks_at = BODY, 30_000
    assert fetch(f"{web.url}/fw", tmp_path / "x").text.endswith("the file came only in part")
    assert fetch(f"{web.url}/fw", tmp_path / "x").outcome is Outcome.DONE
    assert (tmp_path / "x").read_bytes() == BODY
    assert web.asked[-1][2]["Range"] == "bytes=30000-"


def test_a_server_without_parts_gives_the_whole_again(web: WebFiles, tmp_path: Path) -> None:
    web.files["/fw"], web.breaks_at, web.ranges = BODY, 30_000, False
    fetch(f"{web.url}/fw", tmp_path / "x")
    assert fetch(f"{web.url}/fw", tmp_path / "x").outcome is Outcome.DONE
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_file_that_has_become_shorter_is_fetched_anew(web: WebFiles, tmp_path: Path) -> None:
    web.files["/fw"] = b"short"
    (tmp_path / "x").write_bytes(BODY)
    assert fetch(f"{web.url}/fw", tmp_path / "x").outcome is Outcome.DONE
    assert (tmp_path / "x").read_bytes() == b"short"


def test_ftp_goes_on_in_both_directions(ftp: Ftp, tmp_path: Path) -> None:
    ftp.files["fw"], ftp.breaks_at = BODY, 30_000
    assert fetch(f"{ftp.url()}/fw", tmp_path / "x").outcome is Outcome.FAILED
    assert fetch(f"{ftp.url()}/fw", tmp_path / "x").outcome is Outcome.DONE
    assert (tmp_path / "x").read_bytes() == BODY
    assert "REST 30000" in ftp.said
    ftp.breaks_at = 40_000
    assert send(tmp_path / "x", ftp.url()).outcome is Outcome.FAILED
    assert len(ftp.files["log.gz"]) == 40_000
    assert send(tmp_path / "x", ftp.url()).outcome is Outcome.DONE
    assert ftp.files["log.gz"] == BODY
    assert "APPE log.gz" in ftp.said


# --- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, Outcome.MALFORMED),
        (401, Outcome.DENIED),
        (403, Outcome.DENIED),
        (404, Outcome.FAILED),
        (405, Outcome.UNSUPPORTED),
        (500, Outcome.FAILED),
    ],
)
def test_what_the_server_says_is_told_apart(web: WebFiles, tmp_path: Path, status: int, outcome: Outcome) -> None:
    web.status = status
    (tmp_path / "log").write_bytes(b"log")
    assert send(tmp_path / "log", web.url).outcome is outcome
    assert fetch(f"{web.url}/fw", tmp_path / "x").outcome is outcome
    assert not (tmp_path / "x").exists(), "an error page is no firmware"


def test_a_wrong_password_is_denied_and_not_shown(ftp: Ftp, tmp_path: Path) -> None:
    result = fetch(f"{ftp.url('box:hunter2@')}/fw", tmp_path / "x")
    assert result.outcome is Outcome.DENIED
    assert "hunter2" not in result.text


def test_a_file_that_is_too_large_ends_at_the_cap(web: WebFiles, tmp_path: Path) -> None:
    web.files["/fw"] = BODY
    assert fetch(f"{web.url}/fw", tmp_path / "x", caps=Caps(1_000, 20)).outcome is Outcome.HOPELESS
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size <= 1_000


def test_the_kernel_caps_what_no_server_announced(ftp: Ftp, tmp_path: Path) -> None:
    ftp.files["fw"], ftp.knows_size = BODY, False
    assert fetch(f"{ftp.url()}/fw", tmp_path / "x", caps=Caps(5_000, 20)).outcome is Outcome.HOPELESS
    assert not (tmp_path / "x").exists() or (tmp_path / "x").stat().st_size <= 5_000


def test_a_disk_that_says_nothing_is_a_failure_before_anybody_is_asked(web: WebFiles, tmp_path: Path) -> None:
    web.files["/fw"] = BODY
    ended = fetch(f"{web.url}/fw", tmp_path / "gone" / "x")
    assert ended == Result(Outcome.FAILED, "the disk does not say how much room it has: No such file or directory")
    assert web.asked == []


def test_a_disk_that_falls_silent_meanwhile_is_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr(transfer, "LOOKED_AT_S", 0.05)

    async def goes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        folder.rename(tmp_path / "elsewhere")
        await reader.read()

    async def story() -> Result:
        async with await asyncio.start_server(goes, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fw"
            return await transfer.fetch(url, folder / "x", CAPS, HERE)

    told = "the disk does not say how much room it has: No such file or directory"
    assert asyncio.run(story()) == Result(Outcome.FAILED, told)


def test_a_cancelled_transfer_leaves_no_child(web: WebFiles, tmp_path: Path) -> None:
    async def cancelled() -> str:
        server = await asyncio.start_server(lambda reader, writer: reader.read(), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fw"
        task = asyncio.create_task(transfer.fetch(url, tmp_path / "x", CAPS, HERE))
        while not children():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        server.close()
        return children()

    assert asyncio.run(cancelled()) == ""


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


# --- led astray --------------------------------------------------------------------------------------------------


def test_a_server_may_lead_on(web: WebFiles, tmp_path: Path) -> None:
    web.leads["/old"], web.files["/new"] = "/new", BODY
    assert fetch(f"{web.url}/old", tmp_path / "x").outcome is Outcome.DONE
    assert (tmp_path / "x").read_bytes() == BODY


def test_a_server_may_lead_an_upload_on(web: WebFiles, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"log")
    web.leads["/log.gz"] = "/there"
    assert send(tmp_path / "x", web.url).outcome is Outcome.DONE
    assert web.files == {"/there": b"log"}


def test_circles_end(web: WebFiles, tmp_path: Path) -> None:
    web.leads["/a"] = "/a"
    assert fetch(f"{web.url}/a", tmp_path / "x").text == "the server leads in circles"
    assert len(web.asked) == transfer.MOST_HOPS


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "http://-o/x"])
def test_a_server_may_not_lead_to_just_anything(web: WebFiles, tmp_path: Path, target: str) -> None:
    web.leads["/a"] = target
    assert fetch(f"{web.url}/a", tmp_path / "x").outcome is Outcome.HOPELESS
    assert not (tmp_path / "x").exists()


def test_this_computer_is_not_reached_from_afar(web: WebFiles, tmp_path: Path) -> None:
    web.files["/fw"] = BODY
    result = fetch(f"{web.url}/fw", tmp_path / "x", Trust())
    assert result.outcome is Outcome.HOPELESS
    assert web.asked == []


def test_a_name_that_means_this_computer_is_not_reached_either(web: WebFiles, tmp_path: Path) -> None:
    result = fetch(web.url.replace("127.0.0.1", "localhost"), tmp_path / "x", Trust())
    assert result.outcome is Outcome.HOPELESS


def test_the_password_is_in_no_argument(ftp: Ftp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    real = asyncio.create_subprocess_exec

    async def watched(*arguments: str, **options: object) -> asyncio.subprocess.Process:
        seen.extend((*arguments, options["env"]))
        return await real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    ftp.files["fw"] = BODY
    assert fetch(f"{ftp.url()}/fw", tmp_path / "x").outcome is Outcome.DONE
    assert seen and "sesame" not in str(seen)


def test_without_curl_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PROGRAM", ("prlimit-that-is-not-there", "curl"))
    assert "apt install curl" in fetch("http://127.0.0.1:1/x", tmp_path / "x").text
