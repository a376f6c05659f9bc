"""`evsectl meter`: find meters on a serial line, read one with any table, give one another address.

Rules this file upholds:
- The port is ours alone: while evse-hal (or another program) holds it, that is said and nothing is sent.
- An address is changed only after a typed `yes`, never to one that is taken, and is proven by reading there.
- Exit code 0 = done, 1 = it could not be done (one sentence on stderr says why), 2 = wrong usage.
"""

from __future__ import annotations

import fcntl
import os
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence

from hal.contract import MeterReading
from hal.drivers.evse_din import seen
from hal.drivers.meter_model import Model, ModelError, load_model, quantities
from hal.drivers.meter_scan import SETTINGS, Found, at, fits, longest_s, scan, serial_number, swapped_words
from hal.drivers.protocols import NoReading
from hal.drivers.register_meter import encode, fetch, interpret
from hal.drivers.rtu_line import Line, LineMeter
from hal.drivers.trust import implausible
from hal.options import Parser
from hal.settings import SettingsError

LIKELY = (*range(1, 33), 105, 106, 201)  # what factories set, and openWB's kits
BAUDS = (1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200)
UNITS = {
    "energy_wh": ("energy register", 1_000, "kWh"),
    "export_wh": ("export register", 1_000, "kWh"),
    "power_w": ("power", 1, "W"),
    "phase_power_w": ("power of each phase", 1, "W"),
    "current_ma": ("current", 1_000, "A"),
    "voltage_mv": ("voltage", 1_000, "V"),
    "frequency_mhz": ("frequency", 1_000, "Hz"),
    "power_factor_permille": ("power factor", 1_000, ""),
}


def main(arguments: Sequence[str] | None = None, typed: Callable[[str], str] = input) -> int:
    """Run one word; `typed` asks the person. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _claim(options.port)
        code: int = options.run(options, typed)
    except (SettingsError, ModelError, NoReading) as wrong:
        sys.stderr.write(f"evsectl meter: {wrong}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return code


# --- the words ---------------------------------------------------------------------------------------------------


def _scan(options: Namespace, _: Callable[[str], str]) -> int:
    settings = [(options.baud, options.parity)] if options.baud else list(SETTINGS)
    most_s = longest_s(options.addresses, settings)
    where = f"{len(options.addresses)} addresses at {len(settings)} settings of the line"
    _say(f"{where}: {most_s} s, and some seconds more for each device that answers.")
    count = 0
    for found, line in scan(options.port, options.addresses, settings, _progress):
        count += 1
        _forget_progress()
        _say(_description(found, at(line, found.address)))
    _forget_progress()
    if not count:
        _say("Nobody answers. Exchange A and B, look at the supply of the meter, or try --addresses 1-247.")
    return 0 if count else 1


def _description(found: Found, device: LineMeter) -> str:
    """One device and what it may be."""
    place = f"address {found.address}, {found.baud} 8{found.parity}1"
    if _is_evse_din(device):
        return f"{place}: a pilot controller EVSE-DIN or EVSE-WB, see docs/evse-din.md"
    fitting = fits(device)
    if not fitting:
        return f"{place}: a device that no table reads sensibly"
    number = serial_number(load_model(fitting[0].model), device)
    names = [f"{fit.model}{' (beta)' if load_model(fit.model).beta else ''}" for fit in fitting]
    others = f"; {', '.join(names[1:])} would do too" if names[1:] else ""
    kwh = fitting[0].reading.energy_wh / 1_000
    return f"{place}: model {names[0]}, {kwh:g} kWh{f', serial number {number}' if number else ''}{others}"


def _is_evse_din(device: LineMeter) -> bool:
    try:
        seen(device.read(3, 1_000, 8), 0)
    except NoReading:
        return False
    return True


def _read(options: Namespace, _: Callable[[str], str]) -> int:
    model, line = load_model(options.model), _line(options)
    try:
        device = at(line, options.address)
        wanted, blocks = quantities(model), fetch(model, device, 0)
        number = serial_number(model, device)
    finally:
        line.close()
    if model.beta:
        _say(f"{options.model} is beta: compare what it reads with the meter's display.")
    try:
        reading = interpret(wanted, blocks, model.order, 0)
    except NoReading as why:
        doubt: str | None = str(why)
    else:
        _show(reading, number)
        doubt = implausible(reading, model.bounds)
    if doubt is None:
        return 0
    if swapped_words(model, wanted, blocks):
        doubt += (
            "; with the words of each number in the other order it makes sense: another model, or its order is wrong"
        )
    raise NoReading(f"evse-hal would not believe this: {doubt}")


def _show(reading: MeterReading, number: int | None) -> None:
    for name, (words, divisor, unit) in UNITS.items():
        value = getattr(reading, name)
        if value is None or value == ():
            continue
        numbers = value if isinstance(value, tuple) else (value,)
        _say(f"{words:20} {'  '.join(f'{one / divisor:g}' for one in numbers)} {unit}".rstrip())
    if number is not None:
        _say(f"{'serial number':20} {number}")


def _set_address(options: Namespace, typed: Callable[[str], str]) -> int:
    model, line = load_model(options.model), _line(options)
    try:
        _move(model, line, options, typed)
    finally:
        line.close()
    return 0


def _move(model: Model, line: Line, options: Namespace, typed: Callable[[str], str]) -> None:
    """Ask, write, prove. Raises SettingsError and NoReading."""
    register, old, new = model.address, options.address, options.new
    if register is None:
        raise SettingsError(f"the address of {options.model} is set at the meter itself; its manual tells how")
    if old == new:
        raise SettingsError(f"the meter has address {old} already")
    wanted = quantities(model)
    before = interpret(wanted, fetch(model, at(line, old), 0), model.order, 0)
    if _somebody(model, line, new):
        raise SettingsError(f"address {new} is taken; choose another one")
    asked = f"The meter at {old} shows {before.energy_wh / 1_000:g} kWh. Type yes to give it address {new}: "
    try:
        answer = typed(asked).strip()
    except EOFError:
        raise SettingsError("nobody is there to type yes; nothing was changed") from None
    if answer != "yes":
        raise SettingsError("nothing was changed")
    try:
        at(line, old).write(register.at, encode(new, register.type, model.order))
    except NoReading as why:
        if not _somebody(model, line, new):
            note = f" {model.note}" if model.note else ""
            raise NoReading(f"the meter does not take it: {why}; it may want its button held first.{note}") from None
    if not _somebody(model, line, new):
        raise NoReading(
            f"the meter took address {new} but does not answer there yet: switch it off and on, then read it"
        )
    _say(f"The meter answers at {new}: write address = {new} into site.toml.")


def _somebody(model: Model, line: Line, address: int) -> bool:
    try:
        fetch(model, at(line, address), 1)
    except NoReading as why:
        return "no answer" not in str(why)
    return True


# --- the shell ---------------------------------------------------------------------------------------------------


def _line(options: Namespace) -> Line:
    """The line as asked for, or as the meter's factory sets it."""
    factory = load_model(options.model).factory
    return Line(options.port, options.baud or factory.baud, options.parity or factory.parity)


def _claim(port: str) -> None:
    """Whether the port can be had. Raises SettingsError."""
    try:
        tty = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as failed:
        raise SettingsError(f"{port}: {failed.strerror}; name the port of the meters with --port") from None
    try:
        fcntl.flock(tty, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        why = "another program uses it; if that is evse-hal: systemctl stop evse-hal, and start it again afterwards"
        raise SettingsError(f"{port}: {why}") from None
    finally:
        os.close(tty)


def _progress(baud: int, parity: str, address: int) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{baud} 8{parity}1, address {address:3} ")
        sys.stdout.flush()


def _forget_progress() -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> Parser:
    parser = Parser("evsectl meter", description="Energy meters on a serial line; evse-hal must not use it meanwhile.")
    words = parser.add_subparsers(metavar="WORD", required=True)
    for name, run, help_ in (
        ("scan", _scan, "who answers on the line, and which model fits"),
        ("read", _read, "all values of a meter, once, and what is strange about them"),
        ("set-address", _set_address, "give a meter another address"),
    ):
        word = words.add_parser(name, help=help_, description=help_, allow_abbrev=False)
        word.set_defaults(run=run)
        word.add_argument("--port", required=True, metavar="PATH", help="such as /dev/serial/by-id/usb-…")
        word.add_argument(
            "--baud", type=int, choices=BAUDS, help="default: the model's factory setting; scan: the usual"
        )
        word.add_argument("--parity", choices=("N", "E", "O"), default="N" if name == "scan" else None)
        if name == "scan":
            word.add_argument(
                "--addresses", type=_addresses, default=LIKELY, metavar="FROM-TO", help="default: 1-32 and openWB's"
            )
        else:
            word.add_argument("--model", required=True, metavar="NAME", help="a model of docs/meters.md")
            word.add_argument("--address", type=_address, default=1, help="of the meter now (default 1)")
        if name == "set-address":
            word.add_argument("new", type=_address, metavar="NEW", help="from 1 to 247")
    return parser


def _addresses(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    found = tuple(range(_address(first), _address(last or first) + 1))
    if not found:
        raise ArgumentTypeError(f"{text} has no address; say it like 1-247")
    return found


def _address(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= 247):
        raise ArgumentTypeError(f"{text} is not an address from 1 to 247")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
