"""Files on a filesystem that is really small: what comes takes nothing of the journal's reserve."""

from __future__ import annotations

from pathlib import Path

from evsed.room import RESERVE
from tests.small_disk import told_on

MEGA = 1024 * 1024
STORY = """
import asyncio, sys
from pathlib import Path
from evsed import room, transfer
from evsed.locations import Nearness
from evsed.transfer import Caps, Trust
from tests.evsed.servers import WebFiles, serving

folder, size, eats = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
transfer.LOOKED_AT_S = 0.05

async def come(url):
    coming = asyncio.create_task(transfer.fetch(url, folder / "image", Caps(1 << 30, 20), Trust(None, Nearness.HERE)))
    if eats:
        await asyncio.sleep(0)
        (folder / "other").write_bytes(bytes(eats))
    return await coming

async def silent(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\n\\r\\n" + bytes(size))
    await writer.drain()
    await reader.read()

async def hanging():
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    result = await come(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fw")
    server.close()
    return result

with serving(WebFiles()) as web:
    web.files["/fw"] = bytes(size)
    result = asyncio.run(hanging() if eats else come(f"{web.url}/fw"))
print(result.outcome, (folder / "image").exists(), room.room(folder) >= 0, result.text)
"""


def on_a_small_disk(folder: Path, disk: int, size: int, eats: int = 0) -> list[str]:
    """A file of `size` comes to a disk of `disk` bytes, `eats` of which another one takes meanwhile: outcome, is there,
    the reserve is whole, why. Needs a mount of our own.
    """
    return told_on(folder, disk, STORY, size, eats).strip().split(" ", 3)


def test_what_fits_beside_the_reserve_comes(tmp_path: Path) -> None:
    assert on_a_small_disk(tmp_path, RESERVE + 4 * MEGA, 2 * MEGA) == ["done", "True", "True"]


def test_what_does_not_fit_is_left_and_leaves_nothing(tmp_path: Path) -> None:
    told = on_a_small_disk(tmp_path, RESERVE + 4 * MEGA, 5 * MEGA)
    assert told == ["failed", "False", "True", "the disk has no room for it"]


def test_a_disk_that_fills_while_a_file_comes_ends_it(tmp_path: Path) -> None:
    told = on_a_small_disk(tmp_path, RESERVE + 4 * MEGA, MEGA, eats=5 * MEGA)
    assert told == ["failed", "False", "False", "the disk has no room for it"]
