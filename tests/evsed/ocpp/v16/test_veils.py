"""Each field of the official schemas has its veil, and none has one that is in no schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from evsed.core.catalogue import ALL
from evsed.ocpp.v16.veils import FIELDS, WITHIN, tells
from evsed.ocpp.veils import Veil


def fields(schema: object) -> Iterator[tuple[str, Any]]:
    """All names of properties, at any depth, with what they are."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for inner in schema.values():
            yield from fields(inner)


def schemas() -> Iterator[object]:
    folder = files("ocpp") / "v16" / "schemas"
    return (json.loads(file.read_text("utf-8-sig")) for file in folder.iterdir() if file.name.endswith(".json"))


def test_the_table_is_that_of_the_schemas() -> None:
    known = {name for schema in schemas() for name, _ in fields(schema)}
    assert set(FIELDS) == known
    assert {(holder, name) for holder, own in WITHIN.items() for name in own} <= {
        (holder, name)
        for schema in schemas()
        for holder, what in fields(schema)
        for name in what.get("items", {}).get("properties", {})
    }


def test_who_holds_others_tells_no_text_of_its_own() -> None:
    holders = {name for schema in schemas() for name, what in fields(schema) if holds(what)}
    assert {name for name, veil in FIELDS.items() if veil is Veil.HOLDS} == holders


def holds(what: dict[str, Any]) -> bool:
    referred = what.get("$ref", "")
    return (
        what.get("type") == "object"
        or "properties" in what.get("items", {})
        or referred.endswith(("FirmwareType", "LogParametersType", "CertificateHashDataType"))
        or what.get("items", {}).get("$ref", "").endswith("CertificateHashDataType")
    )


def test_no_key_that_cannot_be_read_is_told_nor_one_that_nobody_knows() -> None:
    for variable in ALL:
        assert variable.key16 is None or tells(variable.key16.upper()) is not variable.secret
    assert not tells("AuthorizationKey")
    assert not tells("WifiPassword")
