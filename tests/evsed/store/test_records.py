"""Each record comes back as it was written, in every version; a row that can't be read says why."""

from __future__ import annotations

import types
import typing
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

from evsed.core import records as core_records
from evsed.core import reports as core_reports
from evsed.core.records import QueuedReport, Setting
from evsed.store import records
from evsed.store.records import FORMS, REPORTS, UPGRADES, Form, Row, Unreadable, decode, encode, tx_of
from tests.evsed.store.worlds import running, started, token

SIMPLE = {
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(max_size=30),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    type(None): st.none(),
}


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a record's field, whatever fields records will have."""
    arguments = typing.get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, types.UnionType):
        return st.one_of([anything(choice) for choice in arguments])
    if typing.get_origin(hint) is tuple and arguments[1:] == (...,):
        return st.lists(anything(arguments[0]), max_size=2).map(tuple)
    if typing.get_origin(hint) is tuple:
        return st.tuples(*map(anything, arguments))
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{field.name: anything(hints[field.name]) for field in fields(hint)})


@given(anything(core_records.Record))
def test_every_record_comes_back_equal(record: core_records.Record) -> None:
    row = encode(record)
    assert row.key == record.key
    assert decode(row) == record


def test_every_record_and_every_report_has_a_form() -> None:
    assert {form.type for form in FORMS.values()} == set(typing.get_args(core_records.Record))
    assert set(REPORTS.values()) == set(typing.get_args(core_reports.Report))


def test_a_queued_report_tells_its_transaction() -> None:
    assert tx_of(started("tx7", 1)) == "tx7"
    assert tx_of(QueuedReport("b", 2, core_reports.Booted())) is None
    assert tx_of(running("tx7")) is None


def test_an_old_row_is_upgraded_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    old = encode(Setting("Clock", "Zone", "CET"))
    monkeypatch.setitem(FORMS, "setting", Form(Setting, 3))
    monkeypatch.setitem(UPGRADES, ("setting", 1), lambda body: body | {"name": body["name"] + "2"})
    monkeypatch.setitem(UPGRADES, ("setting", 2), lambda body: body | {"value": body["value"] * 2})
    assert decode(old) == Setting("Clock", "Zone2", "CETCET")
    assert encode(Setting("A", "B", "c")).version == 3


def test_an_optional_field_that_an_old_row_lacks_takes_its_default() -> None:
    whole = encode(started("tx", 4))
    body = '{"id":"x","seq":4,"attempts":0,"tag":"booted","report":{}}'
    row = sealed(whole.kind, "x", 1, body)
    assert decode(row) == QueuedReport("x", 4, core_reports.Booted())


def sealed(kind: str, key: str, version: int, body: str) -> Row:
    return Row(kind, key, version, records._checksum(kind, key, version, body), body)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (sealed("novelty", "k", 1, "{}"), "its kind is not known"),
        (sealed("setting", "k", 2, "{}"), "its version 2 is newer than this program's 1"),
        (sealed("setting", "k", 0, "{}"), r"version 0 can't be read: \('setting', 0\)"),
        (sealed("setting", "k", -(2**60), "{}"), "version -1152921504606846976 can't be read"),
        (sealed("setting", "k", 1, ""), "can't be read"),
        (sealed("setting", "k", 1, "[1]"), "can't be read"),
        (sealed("setting", "k", 1, "{}"), "missing required field `component`"),
        (sealed("setting", "k", 1, '{"component":1,"name":"b","value":"c"}'), "Expected `str`, got `int`"),
        (sealed("setting", "k", 1, '{"a":' + "[" * 100_000), "can't be read"),
        (sealed("report", "k", 1, '{"id":"x","seq":4,"attempts":0,"tag":"gossip","report":{}}'), "gossip"),
        (sealed("report", "k", 1, '{"id":"x","seq":4,"attempts":0,"tag":"booted","report":7}'), "can't be read"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(row: Row, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        decode(row)


def test_no_single_changed_character_goes_unseen() -> None:
    row = encode(token("04A1B2C3"))
    for place in range(len(row.body)):
        changed = row.body[:place] + chr(ord(row.body[place]) ^ 1) + row.body[place + 1 :]
        with pytest.raises(Unreadable, match="check sum"):
            decode(row._replace(body=changed))
    for other in (row._replace(key="04A1B2C4"), row._replace(kind="setting"), row._replace(version=2)):
        with pytest.raises(Unreadable, match="check sum"):
            decode(other)


def test_text_that_is_no_text_is_refused_before_anything_is_written() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        encode(Setting("A", "B", "\ud800"))
