"""Read a TOML file strictly: a sentence for everything that it may hold instead of what it should.

Knows nothing of wallboxes: `site.py` says which tables there are and what they mean.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")
LARGEST_FILE = 65_536
SECRETS = ("password",)
LISTER = "evsectl get"  # shows people all variables
MOST_SHOWN = 100
MOST_NAMED = 12


class Wrong(Exception):
    """What is wrong; the text goes on where the name of the file ends."""


def tables(path: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises Wrong."""
    raw = content(path, LARGEST_FILE, "")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise Wrong(" starts with a byte order mark; save it as UTF-8 without one.")
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        raise Wrong(f", line {line}: this is not UTF-8; save the file as UTF-8.") from None
    except RecursionError:
        raise Wrong(": brackets are nested too deep.") from None
    except ValueError as bad:  # TOMLDecodeError is one, and so is the complaint about a number of 5000 digits
        what, _, where = str(bad).partition(" (at ")
        raise Wrong(f", {where.rstrip(')')}: {what}." if where else f": {what}.") from None


def content(path: Path, largest: int, subject: str) -> bytes:
    """What a small regular file holds. Raises Wrong, whose sentence goes on from `subject`."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            raw = file.read(largest + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except IsADirectoryError:
        raw = None
    except (OSError, ValueError) as refused:
        raise Wrong(f"{subject} can't be read: {getattr(refused, 'strerror', refused)}.") from None
    if raw is None:
        raise Wrong(f"{subject} is not a regular file.")
    if len(raw) > largest:
        raise Wrong(f"{subject} is larger than {largest} bytes.")
    return raw


def _without_waiting(path: str, flags: int) -> int:
    """A pipe must not hold us up."""
    return os.open(path, flags | os.O_NONBLOCK)


def convert(found: dict[str, Any], shape: type[T]) -> T:
    """The tables as values of a msgspec Struct. Raises Wrong with the key and what it may be."""
    try:
        return msgspec.convert(found, shape)
    except msgspec.ValidationError as bad:
        raise Wrong(": " + _sentence(str(bad), found, inspect.type_info(shape))) from None


def near(key: str, known: Iterable[str], lister: str = "") -> str:
    """The end of a sentence about an unknown key: the known one that was probably meant, else all if they are few, else
    the command that lists them.
    """
    from difflib import get_close_matches  # only who misspells waits for it

    names = {name.casefold(): name for name in known}
    if matches := get_close_matches(key.casefold(), names, n=1):
        return f"; did you mean {names[matches[0]]}?"
    if len(names) <= MOST_NAMED:
        return f"; known are {', '.join(names.values())}."
    return f"; '{lister}' lists them." if lister else "."


def _sentence(complaint: str, found: Any, shape: inspect.Type) -> str:
    """msgspec's complaint in words of the file."""
    what, _, at = complaint.rstrip("`").partition(" - at `$")
    place = ""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", at):
        found = found[name or int(index)]
        shape = _inner(shape, name)
        place += f"[{int(index) + 1}]" if index else f".{name}"
    if field := re.search(r"(unknown|missing required) field `(.*)", what):
        name = field[2].rstrip("`")
        key = f"{place}.{name}".lstrip(".")
        if field[1] == "unknown":
            return f"{key:.{MOST_SHOWN}} is not known{near(name[:MOST_SHOWN], _fields(shape))}"
        return f"{key} is missing: it must be {_allowed(_inner(shape, name))}."
    key = place.lstrip(".")
    instead = "" if key.endswith(SECRETS) else f", not {_shown(found)}"
    return f"{key} must be {_allowed(shape)}{instead}."


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    return repr(value)[:60]


def _fields(shape: inspect.Type) -> dict[str, inspect.Type]:
    return {field.name: field.type for field in shape.fields} if isinstance(shape, inspect.StructType) else {}


def _inner(shape: inspect.Type, name: str) -> inspect.Type:
    """The type of a field, or of an item of a list if `name` is empty."""
    if isinstance(shape, inspect.VarTupleType):
        return shape.item_type
    return _present(_fields(shape)[name])


def _present(shape: inspect.Type) -> inspect.Type:
    """An optional type without its None."""
    if isinstance(shape, inspect.UnionType):
        return next(one for one in shape.types if not isinstance(one, inspect.NoneType))
    return shape


def _allowed(shape: inspect.Type) -> str:
    """What a value may be, in words."""
    if isinstance(shape, inspect.IntType):
        return f"a whole number from {shape.ge} to {shape.le}"
    if isinstance(shape, inspect.StrType):
        limits = shape.min_length, shape.max_length
        return "text" if limits == (None, None) else f"text of {limits[0]} to {limits[1]} characters"
    if isinstance(shape, inspect.BoolType):
        return "true or false"
    if isinstance(shape, inspect.LiteralType):
        return " or ".join(f'"{value}"' for value in shape.values)
    if isinstance(shape, inspect.VarTupleType):
        return f"a list, each item {_allowed(shape.item_type)}"
    needed = [field.name for field in shape.fields if field.required] if isinstance(shape, inspect.StructType) else []
    return " and ".join(["a table with " + needed[0], *needed[1:]]) if needed else "a table"
