"""A whole wallbox and a central system that asks and answers whatever the schemas allow, nearly allow, or never would.

Whatever it says: each question gets one answer that is right and bounded, nothing crashes, the contactor stays safe,
and when the central system comes to its senses the link lives and the queue empties. EVSED_LONG_TESTS draws thousands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.evsed.ocpp.schema_kit import answers, requests
from tests.hardship.picks import LONG
from tests.hardship.walk import QUICK, conclude, in_memory
from tests.world.life import Evsed
from tests.world.messages import Message, Question
from tests.world.wallbox import TAG, Wallbox

LONGEST_REPLY = 65_536
ANSWERED_WITHIN_S = 61
NO_TIME = {"currentTime": "0001-01-01T00:00:00Z"}
FEW = settings(max_examples=2_000 if LONG else 40, suppress_health_check=[HealthCheck.too_slow])


def idle(world: Wallbox) -> None:
    world.advance(2)


def pending(world: Wallbox) -> None:
    world.csms.boot_status = "Pending"
    world.advance(2)


def remote_stop_comes_early(world: Wallbox) -> None:
    """A start lies unanswered."""
    world.advance(2)
    world.csms.holds("StartTransaction")
    begin(world)


def charging(world: Wallbox) -> None:
    world.advance(2)
    begin(world)


def finished(world: Wallbox) -> None:
    charging(world)
    world.swipe()
    world.advance(5)


def begin(world: Wallbox) -> None:
    world.order("swipe", TAG)
    world.order("plug-in", "--cable", "20")
    world.advance(5)


SCENES: tuple[Callable[[Wallbox], None], ...] = (idle, pending, remote_stop_comes_early, charging, finished)


def judged(world: Wallbox) -> None:
    """All but the books: who names wrong transactions, or none, has wrong books."""
    conclude(world)
    assert world.watch.breaches == []
    assert world.csms.breaches == []


@FEW
@given(st.sampled_from(SCENES), st.lists(requests(), min_size=1, max_size=6), st.booleans())
def test_whatever_is_asked_is_answered(
    scene: Callable[[Wallbox], None], asked: list[tuple[str, Any]], at_once: bool
) -> None:
    with in_memory() as folder:
        world = Wallbox(folder, leaps=True)
        scene(world)
        connection, longest = world.csms.connections, 0

        def carries(frame: str) -> bool:
            nonlocal longest
            longest = max(longest, len(frame))
            return True

        world.carries = carries
        questions: list[Question] = []
        for action, payload in asked:
            questions.append(world.csms.call(action, payload, wild=True))
            world.advance(0 if at_once else 0.5)
        world.becomes(lambda: all(answered(question) for question in questions), ANSWERED_WITHIN_S)
        if world.csms.connections == connection:  # a Reset ends it
            assert [question for question in questions if not answered(question)] == []
        assert longest <= LONGEST_REPLY
        judged(world)


def knows_time(evsed: Evsed) -> bool:
    """Without it no message of a transaction can be told."""
    return evsed.now().wall_ms is not None


def answered(question: Question) -> bool:
    return question.answer is not None or question.error is not None


@FEW
@given(st.lists(answers(), min_size=1, max_size=4))
@example([("BootNotification", NO_TIME | {"status": "Accepted", "interval": 600}), ("Heartbeat", NO_TIME)])
def test_whatever_is_answered_the_charge_comes_to_its_end(said: list[tuple[str, Any]]) -> None:
    """The next messages of these kinds get these answers, and no notice is taken of them."""
    with in_memory() as folder:
        world = Wallbox(folder, presets=QUICK, tags=(TAG,), leaps=True)
        world.csms.judges_statuses = False  # it may have told any time
        waiting = list(said)

        def fate(message: Message) -> bool:
            found = next((answer for answer in waiting if answer[0] == message.action), None)
            if found is None:
                return False
            waiting.remove(found)
            world.csms.miss(message)
            if message.action == "BootNotification":
                world.csms.registered = isinstance(found[1], dict) and found[1].get("status") == "Accepted"
            world.csms.say(json.dumps([3, message.id, found[1]]))
            return True

        world.csms.fate = fate
        world.advance(30)
        begin(world)
        world.advance(10)
        world.order("swipe", TAG)
        world.advance(5)
        waiting.clear()  # it comes to its senses
        if world.evsed is not None and not (world.evsed.station.registration.online and knows_time(world.evsed)):
            world.kill_evsed(restart_s=1)  # it may have been told to be silent, or not to ask for the time, for a day
        judged(world)
