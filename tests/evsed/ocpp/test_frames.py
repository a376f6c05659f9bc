"""The envelope: what is read, what is refused, and that refusing is cheap. The inputs of the malformed corpus."""

from __future__ import annotations

import json
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.ocpp.frames import (
    DEEPEST,
    LONGEST_FRAME,
    MOST_COMMAS,
    Call,
    Error,
    Result,
    call_frame,
    error_frame,
    read,
    result_frame,
)
from evsed.ocpp.violations import Flaw, LocalViolation, RemoteViolation

HEAD = '[2,"id-1","Reset",'


def refusal(frame: str | bytes) -> RemoteViolation:
    with pytest.raises(RemoteViolation) as caught:
        read(frame)
    return caught.value


def test_the_three_kinds_are_read() -> None:
    assert read('[2,"a","Heartbeat",{}]') == Call("a", "Heartbeat", {})
    assert read('[3,"a",{"x":1}]') == Result("a", {"x": 1})
    assert read('[4,"a","InternalError","why",{}]') == Error("a", "InternalError", "why", {})


def test_a_null_payload_is_an_empty_one() -> None:
    assert read('[2,"a","Heartbeat",null]') == Call("a", "Heartbeat", {})
    assert read('[3,"a",null]') == Result("a", {})


def test_what_is_written_is_read_back() -> None:
    payload = {"idTag": 'a"\\\u00e9\u0000', "n": [1, -2.5, True, None]}
    assert read(call_frame("a", "X", payload)) == Call("a", "X", payload)
    assert read(result_frame("a", payload)) == Result("a", payload)
    assert read(error_frame("a", "C", "t" * 999)) == Error("a", "C", "t" * 255, {})


@pytest.mark.parametrize(
    "frame",
    [
        b'[2,"a","Reset",{}]',
        "",
        " ",
        "\ufeff[]",
        "[]",
        "{}",
        "null",
        '"x"',
        "1",
        "Heartbeat",
        "[2",
        '[2,"a"',
        "[2]",
        "[2,7]",
        '[2,7,"Reset",{}]',
        '[2,null,"Reset",{}]',
        '[2,["a"],"Reset",{}]',
        '[2,{"a":1},"Reset",{}]',
        f'[2,"{"i" * 300}","Reset",{{}}]',
        "[3]",
        "[3,1,{}]",
        "[4,null]",
    ],
)
def test_without_a_readable_id_nothing_can_be_answered(frame: str | bytes) -> None:
    broken = refusal(frame)
    assert (broken.flaw, broken.id) == (Flaw.MALFORMED, None)


@pytest.mark.parametrize("kind", ["0", "1", "5", "6", "-1", "true", "false", "2.0", '"2"', "null", "[2]", "{}", "1e1"])
def test_an_unknown_message_type_is_told_apart(kind: str) -> None:
    assert refusal(f'[{kind},"a","Reset",{{}}]').flaw is Flaw.UNKNOWN_TYPE


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "{}",
        "{},{}",
        "[]",
        '"x"',
        "7",
        "true",
        '{"a":1,"a":2}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":1e999}',
        '{"a":' + "9" * 5000 + "}",
        '{"a":0.' + "1" * 5000 + "}",
        '{"a":"\\ud800"}',
        '{"a":"\\udc00 \\ud800"}',
        '{"a":"\x01"}',
        '{"a":1}] trailing',
        "{",
        '{"a":"never ends',
        "[" * 200_000,
        '{"a":' * 200_000,
        '{"a":"' + "x" * LONGEST_FRAME,
        "[" + "," * (MOST_COMMAS + 1),
    ],
)
def test_with_a_readable_id_the_call_is_refused_under_it(rest: str) -> None:
    frame = HEAD[:-1] + "]" if rest == "" else HEAD + rest + "]"
    if rest == "{}":
        frame = '[2,"id-1",{},"Reset"]'
    broken = refusal(frame)
    assert (broken.flaw, broken.id) == (Flaw.MALFORMED, "id-1")


def test_length_is_judged_exactly() -> None:
    room = LONGEST_FRAME - len('[2,"a","X",{"t":""}]')
    assert isinstance(read('[2,"a","X",{"t":"' + "x" * room + '"}]'), Call)
    assert "longer" in refusal('[2,"a","X",{"t":"' + "x" * (room + 1) + '"}]').text


def test_an_id_is_at_most_36_characters_and_echoed_as_it_is() -> None:
    assert read(f'[2,"{"i" * 36}","Reset",{{}}]') == Call("i" * 36, "Reset", {})
    assert refusal(f'[2,"{"i" * 37}","Reset",{{}}]').id == "i" * 37
    assert refusal('[2,"","Reset",{}]').id == ""
    assert read('[2,"\\u0000\\n","Reset",{}]') == Call("\x00\n", "Reset", {})


def test_the_action_is_a_string() -> None:
    for action in ("[]", "{}", "7", "null", "true"):
        assert refusal(f'[2,"a",{action},{{}}]').id == "a"


def test_brackets_in_strings_are_not_depth() -> None:
    text = "[{" * 1000 + '\\"' + "[" * 50
    assert read(f'[2,"a","X",{{"t":"{text}"}}]') == Call("a", "X", {"t": text.replace('\\"', '"')})


def test_depth_is_judged_exactly() -> None:
    def nested(depth: int) -> str:
        inner = depth - 2
        siblings = "".join(f',"k{n}":[]' for n in range(40))
        return '[2,"a","X",{"t":' + "[" * inner + "]" * inner + siblings + "}]"

    assert isinstance(read(nested(DEEPEST)), Call)
    assert refusal(nested(DEEPEST + 1)).text == f"nested deeper than {DEEPEST}"


def test_a_string_of_escapes_that_never_ends_is_looked_at_once() -> None:
    # Quadratic scanning would take minutes here.
    refusal('[2,"id-1","X",{"a":"' + '\\"' * 100_000 + "[" * 50)
    refusal("[" * (DEEPEST - 1) + '"' + "\\" * 200_001)


def test_results_of_a_wrong_shape_still_name_their_call() -> None:
    for frame in ('[3,"a"]', '[3,"a",7]', '[3,"a",[]]', '[3,"a",{},{}]', '[3,"a",false]'):
        assert read(frame) == Result("a", None)


def test_errors_are_taken_as_they_come() -> None:
    assert read('[4,"a"]') == Error("a", "", "", {})
    assert read('[4,"a",7,[],3,4,5]') == Error("a", "", "", {})
    assert read(f'[4,"a","{"c" * 999}"]') == Error("a", "c" * 255, "", {})
    assert read('[4,"a","C","t",{"idTag":"x"}]') == Error("a", "C", "t", {"idTag": "x"})


def test_our_own_frames_are_checked() -> None:
    for id in ("", "i" * 37):
        with pytest.raises(LocalViolation):
            call_frame(id, "X", {})
    for payload in ({"a": "\ud800"}, {"a": object()}):
        with pytest.raises(LocalViolation):
            result_frame("a", payload)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100)
@given(st.lists(JSON, max_size=6), st.integers(2, 4))
def test_any_array_is_read_or_refused(rest: list[object], kind: int) -> None:
    for message in ([kind, "a", *rest], rest):
        with suppress(RemoteViolation):
            assert read(json.dumps(message)) is not None


@settings(max_examples=100)
@given(st.text(alphabet='[]{}",:\\u0dDeE1-+.2nulltrue ', max_size=60), st.randoms(use_true_random=False))
def test_any_text_is_read_or_refused(text: str, chance: random.Random) -> None:
    whole = '[2,"id-1","ChangeConfiguration",{"key":"a","value":"b"}]'
    cut = chance.randrange(len(whole))
    for frame in (text, whole[:cut] + text + whole[cut:], whole[:cut], text.encode()):
        with suppress(RemoteViolation):
            assert read(frame) is not None
