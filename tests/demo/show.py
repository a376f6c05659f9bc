"""`./evse demo`: a whole charge on this machine, with the real daemons, a simulated car and a central system.

./evse demo                      the story, about half a minute
./evse demo --serve              the wallbox keeps running, for `evsectl sim …` in another terminal
./evse demo --serve --csms URL   the same against your own central system
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit

from evsed.ctl_link import Trouble
from evsed.ctl_text import wrapped
from evsed.site import SiteError, load
from tests.demo.network import Network
from tests.demo.scene import Document, Stage, Stopwatch, Watchers
from tests.demo.story import CHAPTERS, LIMITS, Cast, complaints
from tests.demo.view import Live, Plain, View
from tests.demo.words import frame_text, summary_text
from tests.hands import StandFailed
from tests.peers.central import ROOT, CentralSystem, Missing, Refused
from tests.stand import Wallbox, site_toml

IDENTITY = "EVSE1"
TRACE_TITLE = "OCPP as the central system sees it (→ to it, ← to the wallbox)"
SUMMARY_INDENT = 4
FAILURES = (StandFailed, Missing, Refused, Trouble)
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """0 = all went as it should, 1 = it did not, 2 = wrong usage, 130 = Ctrl-C."""
    args = _arguments()
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    for number in ENDINGS:
        signal.signal(number, _end)
    try:
        return _serve(args) if args.serve else _tell(args)
    except FAILURES as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            print("demo: stopped", file=sys.stderr, flush=True)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evse demo", description="A whole charge on this machine.")
    parser.add_argument("--plain", action="store_true", help="lines instead of the live view (so too without a tty)")
    parser.add_argument("--fast", action="store_true", help="no pauses for reading")
    parser.add_argument("--serve", action="store_true", help="keep the wallbox running for 'evsectl sim …' by hand")
    own = parser.add_argument_group("with --serve, against your own central system")
    own.add_argument("--csms", metavar="URL", help="its address without the identity, ws:// or wss://")
    own.add_argument("--id", metavar="IDENTITY", help=f"what the wallbox calls itself there (default {IDENTITY})")
    own.add_argument("--state", metavar="DIR", type=Path, help="keep journal and site.toml there for the next time")
    args = parser.parse_args()
    if args.csms is not None and not args.serve:
        parser.error("--csms goes with --serve")
    if (args.id is not None or args.state) and args.csms is None:
        parser.error("--id and --state go with --csms")
    if args.fast and args.serve:
        parser.error("--fast is for the story, not for --serve")
    if args.csms is not None and (wrong := _wrong_site(args) or _wrong_state(args.state) or _other_site(args)):
        parser.error(wrong)
    return args


def _wrong_site(args: argparse.Namespace) -> str:
    """What evsed would say of the central system and the identity; "" if nothing."""
    with tempfile.TemporaryDirectory(prefix="evse-") as folder:
        path = Path(folder) / "site.toml"
        path.write_text(site_toml(args.csms, IDENTITY if args.id is None else args.id))
        try:
            load(path)
        except SiteError as wrong:
            return (
                str(wrong)
                .removeprefix(f"{path}: ")
                .replace("central.url", "--csms")
                .replace("station.identity", "--id")
            )
    return ""


def _wrong_state(folder: Path | None) -> str:
    """Why the state can't be kept there; "" if it can."""
    if folder is None:
        return ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as refused:
        return f"--state {folder} can't be used ({refused.strerror}); name a folder that you may write to"


def _other_site(args: argparse.Namespace) -> str:
    """What the site.toml of an earlier time says differently; "" if nothing."""
    path = args.state / "site.toml" if args.state else None
    if path is None or not path.exists():
        return ""
    try:
        site = load(path)
    except SiteError as wrong:
        return str(wrong)
    kept = (site.central.url if site.central else None, site.station.identity)
    if kept == (args.csms, args.id or IDENTITY):
        return ""
    return f"{path} is of an earlier time and says {kept[1]} at {kept[0]}; give those, edit it, or take another folder"


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    """Clear away and end; an impatient second Ctrl-C does not disturb that."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _view(plain: bool, hint: tuple[str, ...] = ()) -> Iterator[View]:
    view = Plain(sys.stdout, Stopwatch()) if plain or not sys.stdout.isatty() else Live(sys.stdout, Stopwatch(), hint)
    try:
        yield view
    finally:
        view.close()


# --- the story -----------------------------------------------------------------------------------------------


def _tell(args: argparse.Namespace) -> int:
    with _view(args.plain) as view:
        stage = Stage("evsed demo: a whole charge", TRACE_TITLE, view.show)
        stage.step("Starting a central system, evse-hal on the simulated board, and evsed.")
        with (
            CentralSystem.of_package(on_line=lambda line: _take(stage, line)) as central,
            Network(urlsplit(central.url).port or 0) as network,
            Wallbox(network.url, IDENTITY, more=LIMITS) as box,
            Watchers(stage, box.env),
        ):
            cast = Cast(stage, box, central, network, (lambda _: None) if args.fast else time.sleep)
            for chapter in CHAPTERS:
                chapter(cast)
        stage.step("Done.")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for text in ("", *summary_text(central.ledger.summary())):
        print(*wrapped(text, SUMMARY_INDENT, width) or [""], sep="\n")
    wrong = complaints(central)
    for sentence in wrong:
        print(f"demo: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


def _take(stage: Stage, line: Document) -> None:
    if "frame" in line:
        stage.saw_message(frame_text(line["frame"]))


# --- by hand -------------------------------------------------------------------------------------------------


def _serve(args: argparse.Namespace) -> int:
    if args.csms is not None:
        with Wallbox(args.csms, args.id or IDENTITY, state=args.state, more=LIMITS) as box:
            return _keep(args, box, args.csms)
    with CentralSystem.of_package() as central, Wallbox(central.url, IDENTITY, more=LIMITS) as box:
        return _keep(args, box, f"the demonstration central system at {central.url}")


def _keep(args: argparse.Namespace, box: Wallbox, central: str) -> int:
    """Show it until Ctrl-C, or until it can't go on."""
    hint = (
        "in another terminal:",
        *(f"  export {name}={box.env[name]}" for name in ("EVSED_CONTROL", "EVSE_HAL_SOCKET")),
        f"  {ROOT}/.venv/bin/evsectl sim plug-in",
        "'evsectl sim --help' lists the rest. The car lives in evse-hal: a killed evse-hal comes back without it.",
        "Ctrl-C here ends it all.",
    )
    if args.plain or not sys.stdout.isatty():
        print(*hint, sep="\n", flush=True)
    with _view(args.plain, hint) as view:
        stage = Stage(f"wallbox {args.id or IDENTITY}", "log of evsed (> sent, < received)", view.show)
        stage.step(f"It talks to {central}.")
        with Watchers(stage, box.env, box.folder / "evsed.log"):
            while True:
                signal.pause()
