"""The tape of an exchange: the frames of both sides as they may be told, and never too many of them."""

from __future__ import annotations

import json
import sys
from itertools import count

import pytest

from evsed.core.events import Delivered, Undelivered
from evsed.core.reports import AuthorizationAsked, HeartbeatDue
from evsed.core.words import Stamp, Token, Verdict
from evsed.ocpp.tape import LONGEST_LINE, MOST_BYTES, Tape
from tests.evsed.ocpp.world import Peers, at

CARD = "04A1B2C3D4"


@pytest.fixture
def tape() -> Tape:
    seconds = count()
    return Tape(lambda: at(next(seconds)))


@pytest.fixture
def peers(tape: Tape) -> Peers:
    return Peers(tape=tape)


def lines(tape: Tape) -> list[str]:
    return [line for _, line in tape]


def test_calls_and_answers_of_both_sides_with_their_payloads(peers: Peers, tape: Tape) -> None:
    peers.answer_to(AuthorizationAsked(1, Token(CARD)))
    read = peers.asks("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"})
    peers.replies(read, Verdict.ACCEPTED)
    ours, theirs, call, result = lines(tape)
    head, _, payload = ours.partition(" {")
    assert head == "> CALL item-1 Authorize"
    card = json.loads("{" + payload)["idTag"]
    assert card.startswith("[card ")
    assert theirs == '< RESULT item-1 Authorize {"idTagInfo":{"status":"Accepted"}}'
    assert call == '< CALL csms-1 ChangeConfiguration {"key":"HeartbeatInterval","value":"77"}'
    assert result == '> RESULT csms-1 ChangeConfiguration {"status":"Accepted"}'
    assert [stamp for stamp, _ in tape] == [at(n) for n in range(4)]
    assert list(tape.hidden) == [CARD]


def test_errors_of_both_sides_with_the_action_that_they_answer(peers: Peers, tape: Tape) -> None:
    peers.csms.rejects_next("Heartbeat", "InternalError")
    peers.report(HeartbeatDue())
    peers.asked("ChangeConfiguration", {"key": "AuthorizationKey", "value": CARD, CARD: CARD})
    told = lines(tape)
    assert told[1].startswith("< ERROR item-1 Heartbeat InternalError")
    assert told[2] == (
        '< CALL q ChangeConfiguration {"key":"AuthorizationKey","value":"[10 characters]","[not told]":1}'
    )
    assert told[3].startswith("> ERROR q ChangeConfiguration FormationViolation ") and told[3].endswith(" {}")
    assert CARD not in "".join(told)


def test_details_of_an_error_pass_the_veils_too(peers: Peers, tape: Tape) -> None:
    peers.csms.silent_on("Heartbeat")
    peers.report(HeartbeatDue())
    peers.hears(json.dumps([4, "item-1", "InternalError", "why", {"idTag": CARD, "stack": [CARD], "status": "sorry"}]))
    assert isinstance(peers.events[-1], Undelivered)
    found = lines(tape)[-1]
    assert found.startswith('< ERROR item-1 Heartbeat InternalError why {"idTag":"[card ')
    assert found.endswith('"status":"sorry","[not told]":1}')


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (f'{{"idTag": "{CARD}"', "< 22 characters, dropped: not valid JSON"),
        (f'"{CARD}"', "< 12 characters, dropped: not an array"),
        (CARD.encode(), "< 10 bytes, dropped: a binary frame"),
        (f'[2,"7","Reset",["{CARD}"]]', "< 30 characters, refused: the payload is no object"),
        (f'[3,"{CARD}",{{}}]', "< 19 characters, dropped: an answer that nobody waits for (unknown answers)"),
    ],
)
def test_what_is_no_message_is_kept_as_its_size(peers: Peers, tape: Tape, frame: str | bytes, line: str) -> None:
    peers.hears(frame)
    assert lines(tape)[0] == line


def test_an_answer_that_breaks_its_schema_is_kept_as_it_came(peers: Peers, tape: Tape) -> None:
    peers.csms.silent_on("Heartbeat")
    peers.report(HeartbeatDue())
    peers.hears('[3,"item-1",{"currentTime":7}]')
    assert not isinstance(peers.events[-1], Delivered)
    assert lines(tape)[-1] == '< RESULT item-1 Heartbeat {"currentTime":7}'


def test_it_is_bounded_and_the_newest_stay(tape: Tape) -> None:
    for n in range(3_000):
        tape.add(b"%06d %s" % (n, b"x" * (n * 7 % 9_000)))
    kept = list(tape)
    assert kept[-1][1].startswith("002999 ") and kept[0][1] > "000001"
    assert all(len(line) < LONGEST_LINE + 30 for _, line in kept)
    inside = tape._lines
    held = sys.getsizeof(inside) + sum(map(sys.getsizeof, (part for entry in inside for part in (entry, *entry))))
    held += sum(sys.getsizeof(number) for stamp, _ in inside for number in (stamp.mono_ms, stamp.wall_ms))
    assert MOST_BYTES * 0.9 < held + 16 * len(inside) <= MOST_BYTES


def test_small_frames_are_bounded_too() -> None:
    tape = Tape(lambda: Stamp("boot", 1 << 40, 1 << 41))
    for _ in range(10_000):
        tape.add(b"{}")
    assert len(list(tape)) < 1_100
