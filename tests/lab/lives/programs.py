"""Programs that are offered to a box, good ones and others, and the files that it is asked for."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from evsed.core.errands import Outcome
from evsed.installer import ROOTS
from tests.evsed.pki import Pki, Signer, image, program
from tests.world.messages import iso

if TYPE_CHECKING:
    from tests.lab.lives.life import Life

GOOD = ("1.0.0", "1.1.0", "2.0.0")
OLD, CRASHES = "0.0.1", "3.0.0"
FLAWS = ("", "", "", "torn", "stranger", "absent")
FAILURES = tuple(Outcome.__members__)


def versions(life: Life) -> set[str]:
    """What may run: what came with the system, and what was offered whole, signed by the maker, and not older."""
    return {life.first_version, *(version for version in life.offered if version != OLD)}


def offer(life: Life, version: str, flaw: str, signed: bool) -> None:
    """The central system has it fetched and installed at once."""
    maker, world = _maker(life), life.world
    world.crashes.add(CRASHES)
    place = f"https://files.test/{version}-{flaw}"
    by = Pki(life.workshop / "stranger", "Maker").signer() if flaw == "stranger" else maker
    whole = image(by, program(version))
    if flaw != "absent":
        world.depot.files[place] = whole[: len(whole) // 2] if flaw == "torn" else whole
    life.offered |= {version} if flaw in ("", "absent") else set()
    now, tries = iso(world.csms._now_ms()), {"retries": 1, "retryInterval": 10}
    if not signed:
        life.ask("UpdateFirmware", {"location": place, "retrieveDate": now, **tries})
        return
    sealed = base64.b64encode(by.sign(whole)).decode()
    firmware = {"location": place, "retrieveDateTime": now, "signingCertificate": by.pem, "signature": sealed}
    life.updates += 1
    life.ask("SignedUpdateFirmware", {"requestId": life.updates, "firmware": firmware, **tries})


def failing(life: Life, outcome: str) -> None:
    """The next file does not come through."""
    life.world.depot.fails_next(Outcome[outcome])


def log(life: Life) -> None:
    life.ask("GetDiagnostics", {"location": "https://files.test/up", "retries": 1, "retryInterval": 10})


def _maker(life: Life) -> Signer:
    roots = life.world.folder / ROOTS
    if life.maker is None:
        made = Pki(life.workshop / "maker")
        life.maker = made.signer()
        roots.mkdir(exist_ok=True)  # a root that was sent may lie there
        (roots / "maker.pem").write_text(made.root.pem)
    return life.maker
