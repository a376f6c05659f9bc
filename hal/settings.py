"""Read a TOML file into frozen structs, or say in one sentence what is wrong with it.

Rules this file upholds: unknown keys, wrong types and values out of range are errors; the sentence names the file,
the key and what is allowed. Of site.toml it takes exactly what evsed takes; a test holds both together.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

_T = TypeVar("_T")
_MOST_BYTES = 65_536
_MOST_SHOWN = 200


class SettingsError(Exception):
    """A file that cannot be obeyed; the text is one sentence for people."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SettingsError."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            raw = file.read(_MOST_BYTES + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except IsADirectoryError:
        raw = None
    except (OSError, ValueError) as broken:
        raise SettingsError(f"{path}: cannot be read: {getattr(broken, 'strerror', broken)}") from None
    if raw is None:
        raise SettingsError(f"{path}: is not a regular file")
    if len(raw) > _MOST_BYTES:
        raise SettingsError(f"{path}: is larger than {_MOST_BYTES} bytes")
    if raw.startswith(b"\xef\xbb\xbf"):
        raise SettingsError(f"{path}: starts with a byte order mark; save it as UTF-8 without one")
    try:
        return tomllib.loads(raw.decode())
    except UnicodeDecodeError as broken:
        raise SettingsError(f"{path}: is not UTF-8 text at byte {broken.start}") from None
    except (ValueError, RecursionError) as broken:  # tomllib's own error is one, and a number of 5000 digits too
        raise SettingsError(f"{path}: is not TOML: {broken!s:.{_MOST_SHOWN}}") from None


def _without_waiting(path: str, flags: int) -> int:
    """A pipe must not hold us up."""
    return os.open(path, flags | os.O_NONBLOCK)


def as_struct(path: Path, tables: Mapping[str, Any], kind: type[_T], only: Collection[str] = ()) -> _T:
    """The tables as `kind`; with `only`, other tables at the top are somebody else's. Raises SettingsError."""
    mine = {key: value for key, value in tables.items() if not only or key in only}
    try:
        return convert(mine, kind)
    except SettingsError as wrong:
        raise SettingsError(f"{path}: {wrong}") from None


def convert(tables: Mapping[str, Any], kind: type[_T]) -> _T:
    """The tables as `kind`. Raises SettingsError, whose sentence begins with the key."""
    try:
        return msgspec.convert(tables, kind)
    except msgspec.ValidationError as broken:
        raise SettingsError(_sentence(str(broken), kind)) from None


def _sentence(text: str, kind: type) -> str:
    """msgspec's message in words of the file, with the key in front."""
    what, _, place = text.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    key = re.sub(r"\[(\d+)\]", lambda index: f"[{int(index[1]) + 1}]", place)  # people count from 1
    if field := re.fullmatch(r"Object (missing required|contains unknown) field `(.*)`", what):
        if field[1] == "missing required":
            return f"{key}.{field[2]} is missing".lstrip(".")
        known = ", ".join(known.encode_name for known in msgspec.structs.fields(_struct_in(_type_at(place, kind))))
        where = f" in {key}" if key else ""
        return f"unknown key `{field[2]:.60}`{where}; known are {known}"
    return f"{key} {_demand(what, _type_at(place, kind))}".lstrip()


def _demand(what: str, annotation: Any) -> str:
    """What a value must be instead."""
    if chosen := re.fullmatch(r"Invalid enum value (.*)", what):
        return f"must be one of {', '.join(map(repr, _choices(annotation)))}, not {chosen[1]:.60}"
    if bound := re.fullmatch(r"Expected `(\w+)[^`]*`( of length)? (>=|<=) (\S+)", what):
        verb = "have" if bound[2] else "be"
        unit = (" characters" if bound[1] == "str" else " items") if bound[2] else ""
        return f"must {verb} at {'least' if bound[3] == '>=' else 'most'} {bound[4]}{unit}"
    if other := re.fullmatch(r"Expected `(\w+)[^`]*`, got `(\w+)`", what):
        return f"must be {_KINDS.get(other[1], other[1])}, not {_KINDS.get(other[2], other[2])}"
    return f"is wrong: {what}"


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}


def _type_at(place: str, kind: Any) -> Any:
    """The annotation of the field at a path such as `outlet[0].timing`."""
    for name in re.findall(r"\w+", re.sub(r"\[.*?\]", "", place)):
        fields = msgspec.structs.fields(struct) if (struct := _struct_in(kind)) else ()
        kind = next((field.type for field in fields if field.encode_name == name), None)
    return kind


def _struct_in(annotation: Any) -> Any:
    """The struct inside an annotation such as tuple[MeterChoice, ...]."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next((found for part in get_args(annotation) if (found := _struct_in(part))), None)


def _choices(annotation: Any) -> tuple[Any, ...]:
    """All values of the Literal or Enum inside an annotation."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(member.value for member in annotation)
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())
