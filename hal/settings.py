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
from pathlib import Path
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")
_MOST_BYTES = 65_536


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
        raise SettingsError(f"{path}: is not TOML: {broken}") from None


def _without_waiting(path: str, flags: int) -> int:
    """A pipe must not hold us up."""
    return os.open(path, flags | os.O_NONBLOCK)


def as_struct(path: Path, tables: Mapping[str, Any], kind: type[_T], only: Collection[str] = ()) -> _T:
    """The tables as `kind`; with `only`, other tables at the top are somebody else's. Raises SettingsError."""
    mine = {key: value for key, value in tables.items() if not only or key in only}
    try:
        return msgspec.convert(mine, kind)
    except msgspec.ValidationError as broken:
        raise SettingsError(f"{path}: {_sentence(str(broken), kind)}") from None


def _sentence(text: str, kind: type) -> str:
    """msgspec's message with the key in front and, for an unknown key, the known ones behind."""
    what, _, place = text.partition(" - at `$")
    place = place.rstrip("`").lstrip(".")
    key = re.sub(r"\[(\d+)\]", lambda index: f"[{int(index[1]) + 1}]", place)  # people count from 1
    unknown = re.search(r"unknown field `(.*)`", what)
    if unknown is None:
        return f"{key}: {what}" if key else what
    known = ", ".join(_fields_at(key, kind))
    where = f" in {key}" if key else ""
    return f"unknown key `{unknown[1]}`{where}; known are {known}"


def _fields_at(key: str, kind: Any) -> tuple[str, ...]:
    """The field names of the struct at a path such as `outlet[0].timing`."""
    for name in re.sub(r"\[.*?\]", "", key).split("."):
        for field in msgspec.structs.fields(kind) if name else ():
            if field.encode_name == name:
                kind = _struct_in(field.type)
    return tuple(field.encode_name for field in msgspec.structs.fields(kind))


def _struct_in(annotation: Any) -> Any:
    """The struct inside an annotation such as tuple[MeterChoice, ...]."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next((found for part in getattr(annotation, "__args__", ()) if (found := _struct_in(part))), None)
