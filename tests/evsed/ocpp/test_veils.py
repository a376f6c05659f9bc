"""What may be told of a payload, and that of all else nothing is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.ocpp.veils import MOST_REMEMBERED, Curtain, Hidden, Veil, Veils, length, shown_address

FIELDS = {
    "word": Veil.OPEN,
    "inside": Veil.HOLDS,
    "place": Veil.ADDRESS,
    "card": Veil.CARD,
    "file": Veil.DIGEST,
    "bulk": Veil.CLOSED,
    "measured": Veil.NUMBER,
    "value": Veil.SETTING,
}
VEILS = Veils(FIELDS, {"inside": {"place": Veil.OPEN}}, lambda key: key == "Known")
CANARY = "canary4711"


@pytest.fixture
def hidden() -> Hidden:
    return Hidden()


@pytest.fixture
def curtain(hidden: Hidden) -> Curtain:
    return Curtain(VEILS, hidden)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({"word": "x", "inside": {"word": [1, True, None, 2.5]}}, None),
        ({"word": "y" * 201}, {"word": "y" * 200 + "…"}),
        ({"other": CANARY, CANARY: {"word": CANARY}}, {"[not told]": 2}),
        (
            {"inside": {"place": "Outlet"}, "place": "Outlet"},
            {"inside": {"place": "Outlet"}, "place": "[6 characters]"},
        ),
        ({"inside": CANARY}, {"inside": "[10 characters]"}),
        ({"word": {"word": CANARY}}, {"word": "[an object]"}),
        ({"bulk": CANARY}, {"bulk": "[10 characters]"}),
        ({"bulk": [CANARY, {"word": CANARY}, 4711]}, {"bulk": ["[10 characters]", "[an object]", "[a number]"]}),
        ({"measured": "-230.1"}, None),
        ({"measured": CANARY}, {"measured": "[10 characters]"}),
        ({"key": 1, "value": CANARY}, {"value": "[10 characters]", "[not told]": 1}),
        ({"key": "Known", "value": "7"}, {"value": "7", "[not told]": 1}),
        ({"key": "Other", "value": CANARY}, {"value": "[10 characters]", "[not told]": 1}),
        ({"word": ["w"] * 103}, {"word": ["w"] * 100 + ["[3 more]"]}),
    ],
)
def test_what_is_told(curtain: Curtain, payload: dict[str, Any], told: dict[str, Any] | None) -> None:
    assert curtain.veiled(payload) == (payload if told is None else told)


def test_of_cards_is_told_whether_they_are_the_same(curtain: Curtain) -> None:
    told = curtain.veiled({"card": ["04A1B2C3", "04a1b2c3", "04A1B2C4"]})["card"]
    assert told[0] == told[1] != told[2]
    assert told[0].startswith("[card ") and len(told[0]) == 15
    assert Curtain(VEILS, Hidden()).veiled({"card": "04A1B2C3"})["card"] != told[0]  # nobody can try them all out


def test_of_a_certificate_is_told_whether_it_is_the_same(curtain: Curtain) -> None:
    told = curtain.veiled({"file": "-----BEGIN PRIVATE KEY-----"})["file"]
    assert told.startswith("[27 characters, sha256 ") and "PRIVATE" not in told
    assert curtain.veiled({"file": "-----BEGIN PRIVATE KEY----."})["file"] != told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://files.test/in/", "https://files.test/in/"),
        (f"https://u:{CANARY}@files.test:8443/in?sig={CANARY}#{CANARY}", "https://files.test:8443/in"),
        (f"ftp://{CANARY}@[2001:db8::1]:21/in", "ftp://[2001:db8::1]:21/in"),
        (f"ftp://u:pw/{CANARY}@files.test/in", None),
        (f"ftp://u:pw#{CANARY}@files.test/in", None),
        (f"ftp://u:12?{CANARY}@files.test/in", None),
        (f"http:\\\\u:{CANARY}@files.test", None),
        (f"u:{CANARY}@files.test", None),
        (f"//u:{CANARY}@files.test/", None),
        (f"http://[{CANARY}", None),
        (f"http://{CANARY} x/", None),
        ("Outlet", None),
    ],
)
def test_of_an_address_only_what_surely_is_no_secret(text: str, shown: str | None) -> None:
    assert shown_address(text) == (length(text) if shown is None else shown)
    assert CANARY not in shown_address(text)


def test_what_was_hidden_can_be_looked_for_elsewhere(curtain: Curtain, hidden: Hidden) -> None:
    curtain.veiled({"card": "04A1B2C3", "place": "ftp://u:pass%2Fword@h.test/?sig=4711-0815", "value": "hunter2"})
    curtain.veiled({"place": f"no address {CANARY}", "card": "short"})
    assert set(hidden) >= {"04A1B2C3", "pass%2Fword", "pass/word", "sig=4711-0815", "hunter2", f"no address {CANARY}"}
    assert not {"u", "short"} & set(hidden)


def test_cards_push_out_cards_and_no_secret() -> None:
    hidden = Hidden()
    hidden.add(CANARY)
    for n in range(1_000):
        hidden.add(f"CARD{n:08}", card=True)
    kept = set(hidden)
    assert CANARY in kept and "CARD00000999" in kept and len(kept) == MOST_REMEMBERED + 1


SHUT = Veils({name: veil for name, veil in FIELDS.items() if veil is not Veil.OPEN}, {}, lambda key: False)
VALUES = st.recursive(
    st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, CANARY]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, CANARY]), VALUES, max_size=4))
def test_wherever_it_stands_but_in_the_open_it_is_not_told(payload: dict[str, Any]) -> None:
    assert CANARY not in json.dumps(Curtain(SHUT, Hidden()).veiled(payload))
