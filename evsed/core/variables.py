"""What a variable is, and the values that a station holds of them.

A variable is declared once, in `catalogue.py`; everything else about it (checks, defaults, reports, forms) is derived.
Values travel as text, as they do on the wire; inside they have the type of their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")
LONGEST_VALUE = 500


class Kind(Struct, Generic[T], frozen=True):
    """How values of one type are read from text (None = not such a value) and written as text."""

    name: str
    parse: Callable[[str], T | None]
    text: Callable[[T], str]


def _parse_bool(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.strip().lower())


def _parse_int(text: str) -> int | None:
    digits = text.strip()
    unsigned = digits.removeprefix("-")
    return int(digits) if unsigned.isascii() and unsigned.isdigit() and len(unsigned) <= 10 else None


def _parse_list(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


BOOL: Kind[bool] = Kind("true or false", _parse_bool, lambda value: "true" if value else "false")
INT: Kind[int] = Kind("a whole number", _parse_int, str)
TEXT: Kind[str] = Kind("text", lambda text: text, lambda value: value)
LIST: Kind[tuple[str, ...]] = Kind("a list with commas", _parse_list, ",".join)


class Variable(Struct, Generic[T], frozen=True, kw_only=True):
    """One variable of the device model. `key16` is its OCPP 1.6 key; `choices` are the items a list may have.

    `secret`: it can be written and never read. `where`: the table of site.toml that presets it, instead of [variables].
    `installers`: who set the box up may preset it, though nobody can write it later.
    `informs`: it says something of the installation to whoever asks; no code of the station obeys it.
    """

    component: str
    name: str
    kind: Kind[T]
    default: T
    help: str
    key16: str | None = None
    unit: str | None = None
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    most: int | None = None
    writable: bool = True
    informs: bool = False
    secret: bool = False
    installers: bool = False
    where: str = ""

    @property
    def path(self) -> str:
        """Component.Name."""
        return f"{self.component}.{self.name}"

    def limits_text(self) -> str:
        """The allowed values, for a sentence: "a whole number from 0 to 86400"."""
        words = self.kind.name
        if self.low is not None and self.high is not None:
            words += f" from {self.low} to {self.high}"
        if self.choices:
            words += " of " + ", ".join(_grouped(self.choices))
        if self.most is not None:
            words += f" (at most {self.most})"
        return words + (f" {self.unit}" if self.unit else "")

    def check(self, text: str) -> str | None:
        """Why this text is no value of it, as a sentence; None if it is one."""
        value = self.kind.parse(text) if len(text) <= LONGEST_VALUE else None
        if value is None or not self._within(value):
            instead = "" if self.secret else f", not {text[:60]!r}"
            return f"{self.key16 or self.path} takes {self.limits_text()}{instead}."
        return None

    def _within(self, value: T) -> bool:
        if isinstance(value, int) and not isinstance(value, bool):
            return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        if isinstance(value, tuple):
            known = not self.choices or all(item in self.choices for item in value)
            return known and (self.most is None or len(value) <= self.most) and len(set(value)) == len(value)
        return True


def _grouped(choices: tuple[str, ...]) -> Iterator[str]:
    """What only goes on from a choice stands behind it: "Voltage[.L1 .L2]" are Voltage, Voltage.L1 and Voltage.L2."""
    for choice in choices:
        longer = [other.removeprefix(choice) for other in choices if other.startswith(f"{choice}.")]
        if choice.rpartition(".")[0] not in choices:
            yield f"{choice}[{' '.join(longer)}]" if longer else choice


class Variables:
    """The present values: defaults, over them what this box is (`facts`), over them what someone wrote."""

    def __init__(
        self, catalogue: Iterable[Variable[Any]], facts: Mapping[str, str], written: Mapping[str, str] | None = None
    ) -> None:
        self._values: dict[str, Any] = {}
        self._by_path = {variable.path: variable for variable in catalogue}
        for path, variable in self._by_path.items():
            self._values[path] = variable.default
            for text in (facts.get(path), (written or {}).get(path)):
                # A value that an older version accepted and this one does not falls back to the one below it.
                if text is not None and variable.check(text) is None:
                    self._values[path] = variable.kind.parse(text)

    def __getitem__(self, variable: Variable[T]) -> T:
        """The present value of a declared variable."""
        value: T = self._values[variable.path]
        return value

    def write(self, variable: Variable[Any], text: str) -> str:
        """Take a checked text; returns it in its canonical form."""
        self._values[variable.path] = variable.kind.parse(text)
        return self.text(variable)

    def text(self, variable: Variable[Any]) -> str:
        """The present value as text."""
        return variable.kind.text(self._values[variable.path])

    def find(self, component: str, name: str) -> Variable[Any] | None:
        """A declared variable by its 2.x name."""
        return self._by_path.get(f"{component}.{name}")
