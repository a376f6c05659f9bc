"""evsectl: ask and tell the wallbox of this machine, from a shell.

Rules this file upholds:
- Exit code 0 = done, 1 = it could not be done (one sentence on stderr says why), 2 = wrong usage.
- Who only asks is answered within seconds or told that nobody answers; `status --watch` outlives restarts of evsed.
- The words of `evsectl sim` go to evse-hal, all others to evsed; both sockets by option or environment.
- It starts fast: no asyncio, and msgspec only where evse-hal is asked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from evsed import __version__
from evsed.ctl_link import READING_S, Control, Trouble
from evsed.ctl_text import (
    Paint,
    certificates_text,
    in_colours,
    log_text,
    plainly,
    printable,
    security_text,
    status_text,
    transactions_text,
    value_text,
    variables_text,
)

CONTROL = "/run/evsed/control.sock"
HAL = "/run/evse-hal/hal.sock"
RETRY_S = 0.5
SIM_HELP = """\
orders to the simulated plant of evse-hal --board sim:
  plug-in [--cable A] [--phases 1|3]   a car is plugged in; the cable carries A amperes
  unplug [--force | --at-car]          and out; --force breaks a locked plug out, --at-car leaves the cable in
  swipe TAG                            a card is shown
  warm CELSIUS [PLACE]                 a watched place is so warm
  load OHMS|open [--no-diode]          a resistor on the pilot instead of a car
  pp OHMS|open                         the same on the proximity contact
  input NAME on|off                    a contact of the board; a wrong NAME lists them all
  car drive|stop|resume|full           the car comes back empty, wants no energy, wants some, is full
  car manners NAME on|off              what cars do wrong; a wrong NAME lists them all
  fault NAME                           something breaks; a wrong NAME lists them all
  clear NAME                           and is mended
  state                                what the plant looks like
The plant lives in evse-hal: when that is killed or restarted, the car is gone.
"""
# What a verdict means to a person; those of the first kind are successes.
DONE = {
    "Accepted": "",
    "Unlocked": "",
    "Scheduled": "It takes effect when the running charge has ended.",
}
NOT_DONE = {
    "Rejected": "The station rejected it; 'evsectl log' and 'evsectl status' may say why.",
    "UnlockFailed": "The plug could not be unlocked; pull and push it a little, then try again.",
    "NotSupported": "This outlet has no lock: its cable is fixed, or it has no bolt.",
}


# --- the words -----------------------------------------------------------------------------------------------


def _status(args: argparse.Namespace) -> None:
    if args.watch:
        return _watch(args)
    with Control(args.control_socket, READING_S) as evsed:
        _show(evsed.ask("status")["status"], args)


def _watch(args: argparse.Namespace) -> None:
    """For ever. An evsed that was there once will be there again; that it is away is told once."""
    shown, away = None, False
    while True:
        try:
            with Control(args.control_socket, READING_S) as evsed:
                for status in evsed.watch():
                    if status != shown or away:
                        _show(status, args)
                    shown, away = status, False
        except Trouble as trouble:
            if shown is None:
                raise
            if not away:
                print(f"evsectl: {printable(str(trouble))} Waiting for it.", file=sys.stderr)
            away = True
            time.sleep(RETRY_S)


def _show(status: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        return _print_json(status, indent=None if args.watch else 2)
    text = status_text(status, _paint(), _width())
    if args.watch:
        text = f"\x1b[H\x1b[J{text}" if _moves_cursor() else f"{text}\n"
    print(text, flush=True)


def _get(args: argparse.Namespace) -> None:
    with Control(args.control_socket, READING_S) as evsed:
        variables = evsed.ask("get", names=args.names)["variables"]
    if args.json:
        _print_json(variables)
    elif len(args.names) == 1:
        print(value_text(variables[0]))
    else:
        print(variables_text(variables, _width()))


def _transactions(args: argparse.Namespace) -> None:
    with Control(args.control_socket, READING_S) as evsed:
        transactions = evsed.ask("transactions", limit=args.limit)["transactions"]
    _print_json(transactions) if args.json else print(transactions_text(transactions, _width()))


def _certificates(args: argparse.Namespace) -> None:
    with Control(args.control_socket, READING_S) as evsed:
        certificates = evsed.ask("status")["status"]["certificates"]
    _print_json(certificates) if args.json else print(certificates_text(certificates))


def _security_log(args: argparse.Namespace) -> None:
    with Control(args.control_socket) as evsed:
        events = evsed.ask("security-log", limit=args.limit)["events"]
    _print_json(events) if args.json else print(security_text(events))


def _log(args: argparse.Namespace) -> None:
    with Control(args.control_socket, READING_S) as evsed:
        print(log_text(evsed.ask("log", lines=args.lines)["lines"]), end="")


def _tell(do: str, *details: str) -> Callable[[argparse.Namespace], None]:
    """A word that changes something: its details are arguments of the same names."""

    def tell(args: argparse.Namespace) -> None:
        with Control(args.control_socket) as evsed:
            _verdict(evsed.ask(do, **{name: getattr(args, name) for name in details}))

    return tell


def _send_data(args: argparse.Namespace) -> None:
    with Control(args.control_socket) as evsed:
        answer = evsed.ask("send-data", vendor=args.vendor, message=args.message, data=args.data)
    if answer["data"]:
        print(printable(answer["data"]))


def _clear_faults(args: argparse.Namespace) -> None:
    with Control(args.control_socket) as evsed:
        answer = evsed.ask("clear-faults", evse=args.evse)
    stays = f"; {', '.join(answer['left'])} stays" if answer["left"] else ""
    print(printable(f"Cleared {', '.join(answer['cleared'])}{stays}."))


def _availability(args: argparse.Namespace) -> None:
    with Control(args.control_socket) as evsed:
        _verdict(evsed.ask("availability", evse=args.evse, operative=args.state == "operative"))


def _verdict(answer: dict[str, Any]) -> None:
    verdict = answer.get("verdict", "Accepted")
    if verdict not in DONE:
        raise Trouble(NOT_DONE.get(verdict, f"The station answers {verdict}."))
    if DONE[verdict]:
        print(DONE[verdict])


def _sim(args: argparse.Namespace) -> None:
    from evsed.hal_link import HalClient, HalSilent

    try:
        with HalClient(args.hal_socket) as hal:
            answer = hal.sim(args.evse, tuple(args.words))
    except HalSilent as silent:
        raise Trouble(str(silent)) from None
    if not answer.ok:
        raise Trouble(printable(answer.text))
    if answer.text:
        print("\n".join(map(printable, answer.text.splitlines())))


def _at_the_board(*tool: str) -> Callable[[argparse.Namespace], None]:
    """A word for a person at the board itself: evse-hal's own tools do it, in our place."""

    def run(args: argparse.Namespace) -> None:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, "-m", *tool, *args.words])  # noqa: S606

    return run


def _paint() -> Paint:
    return in_colours if _moves_cursor() and not os.environ.get("NO_COLOR") else plainly


def _moves_cursor() -> bool:
    """Whether somebody looks at a terminal that knows more than lines."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _width() -> int | None:
    """Of the terminal, in characters; None where there is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def _print_json(document: object, indent: int | None = 2) -> None:
    print(json.dumps(document, indent=indent, ensure_ascii=False), flush=True)


# --- the command line ----------------------------------------------------------------------------------------


def _natural(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_natural.__name__ = "number from 1 on"


class _Parser(argparse.ArgumentParser):
    """Wrong usage is told as everything else is: one sentence behind the name of the program."""

    def error(self, message: str) -> NoReturn:
        """Say it and end with 2."""
        said = printable(f"{message[:1].upper()}{message[1:]}")
        self.exit(2, f"evsectl: {said}; '{self.prog} --help' tells what it takes.\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="evsectl", description="Ask and tell the wallbox of this machine.")
    sockets = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    for target in (parser, sockets):
        target.add_argument(
            "--control-socket", metavar="PATH", help=f"socket of evsed (or EVSED_CONTROL; default {CONTROL})"
        )
        target.add_argument(
            "--hal-socket", metavar="PATH", help=f"socket of evse-hal (or EVSE_HAL_SOCKET; default {HAL})"
        )
    parser.add_argument("--version", action="version", version=f"evsectl {__version__}")
    parser.set_defaults(control_socket=os.environ.get("EVSED_CONTROL") or CONTROL)
    parser.set_defaults(hal_socket=os.environ.get("EVSE_HAL_SOCKET") or HAL, passes_on=False)
    words = parser.add_subparsers(metavar="WORD", required=True)

    def word(name: str, run: Callable[[argparse.Namespace], None], help_: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = words.add_parser(
            name, help=help_, description=help_, parents=[sockets], allow_abbrev=False
        )
        added.set_defaults(run=run)
        return added

    _reading_words(word)
    _changing_words(word)
    sim = word("sim", _sim, "drive the simulated car and board")
    sim.usage = "evsectl sim [--evse N] ORDER..."
    sim.formatter_class = argparse.RawDescriptionHelpFormatter
    sim.epilog = SIM_HELP
    sim.add_argument("--evse", type=_natural, default=1, metavar="N", help="outlet (default 1)")
    for name, tool, help_ in (
        ("bringup", ("hal.bringup", "bringup"), "walk through a new board, part by part, and write a protocol"),
        ("selftest", ("hal.bringup", "selftest"), "the same without a person"),
        ("meter", ("hal.meter_tool",), "find energy meters on a serial line, read one, change its address"),
    ):
        added = words.add_parser(name, help=f"{help_}; evse-hal must be stopped", add_help=False, allow_abbrev=False)
        added.set_defaults(run=_at_the_board(*tool), passes_on=True)
    return parser


Word = Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]


def _reading_words(word: Word) -> None:
    status = word("status", _status, "what the box does, and why it does or does not charge")
    status.add_argument("--json", action="store_true", help="as JSON; with --watch one document a line")
    status.add_argument("--watch", action="store_true", help="again at each change, until Ctrl-C")
    get = word("get", _get, "read variables; one name gives its bare value, none gives all")
    get.add_argument("names", nargs="*", metavar="NAME", help="OCPP 1.6 key or Component.Variable")
    get.add_argument("--json", action="store_true", help="as JSON")
    transactions = word("transactions", _transactions, "the newest charges")
    transactions.add_argument("--json", action="store_true", help="as JSON")
    transactions.add_argument("--limit", type=_natural, default=20, metavar="N", help="how many (default 20)")
    certificates = word("certificates", _certificates, "the roots that are trusted and the station's own certificates")
    certificates.add_argument("--json", action="store_true", help="as JSON")
    security = word("security-log", _security_log, "the newest security events")
    security.add_argument("--json", action="store_true", help="as JSON")
    security.add_argument("--limit", type=_natural, default=50, metavar="N", help="how many (default 50)")
    log = word("log", _log, "the newest lines of the log of evsed")
    log.add_argument("-n", "--lines", type=_natural, default=50, metavar="N", help="how many (default 50)")


def _changing_words(word: Word) -> None:
    write = word("set", _tell("set", "name", "value"), "write a variable")
    write.add_argument("name", metavar="NAME", help="OCPP 1.6 key or Component.Variable")
    write.add_argument("value", metavar="VALUE")
    send = word("send-data", _send_data, "send a vendor's message (DataTransfer)")
    send.add_argument("vendor", metavar="VENDOR")
    send.add_argument("message", nargs="?", metavar="MESSAGE")
    send.add_argument("data", nargs="?", metavar="DATA")
    start = word("start", _tell("start", "tag", "evse"), "start a charge, as the central system would")
    start.add_argument("tag", metavar="TAG", help="the card that it is for")
    start.add_argument("--evse", type=_natural, metavar="N", help="outlet (default: the station chooses)")
    for name, run, help_ in (
        ("stop", _tell("stop", "evse"), "end the running charge, or let the card go that waits for its cable"),
        ("unlock", _tell("unlock", "evse"), "free the cable, ending a charge"),
        ("clear-faults", _clear_faults, "acknowledge latched faults whose cause has been removed"),
        (
            "meter-replaced",
            _tell("meter-replaced", "evse"),
            "count on from the register of another energy meter, though it is lower",
        ),
    ):
        added = word(name, run, help_)
        added.add_argument("--evse", type=_natural, default=1, metavar="N", help="outlet (default 1)")
    availability = word("availability", _availability, "put outlets in or out of service")
    availability.add_argument("state", choices=("operative", "inoperative"))
    availability.add_argument("--evse", type=_natural, default=0, metavar="N", help="outlet (default: the whole box)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one word; returns the exit code."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if args.run is _sim and not rest:
        parser.error("an order for the simulated plant is missing: evsectl sim ORDER")
    if args.run is not _sim and rest and not args.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.words = rest
    try:
        args.run(args)
        sys.stdout.flush()
    except Trouble as trouble:
        print(f"evsectl: {printable(str(trouble))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough
        _say_no_more()
    except OSError as unwritable:
        _say_no_more()
        print(f"evsectl: The output can't be written ({unwritable.strerror}).", file=sys.stderr)
        return 1
    return 0


def _say_no_more() -> None:
    """What is still to be flushed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
