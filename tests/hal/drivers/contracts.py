"""What every part of a role must do, whoever made it. A suite is a class; who runs it gives it a `rig` fixture.

A rig has the `part`, and the world behind it: `run(ms)` lets the world and its clock go on.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from hal.drivers.protocols import NoReading, PartFailed
from hal.drivers.tags import AWAY_POLLS


class ContactorContract:
    """The rig's relay follows its coil; `hold(True)` keeps the contacts where they are, whatever the coil does."""

    def test_it_begins_open(self, rig: Any) -> None:
        rig.run(100)
        assert rig.part.closed() is False

    def test_it_closes_and_opens_as_ordered(self, rig: Any) -> None:
        for _ in range(2):
            rig.part.order(True)
            rig.run(300)
            assert rig.part.closed() is True
            rig.part.order(False)
            rig.run(300)
            assert rig.part.closed() is False

    def test_an_order_may_be_repeated(self, rig: Any) -> None:
        for closed in (True, True, False, False):
            rig.part.order(closed)
            rig.run(300)
            assert rig.part.closed() is closed

    def test_the_feedback_is_believed_and_not_the_order(self, rig: Any) -> None:
        rig.hold(True)
        rig.part.order(True)
        rig.run(300)
        assert rig.part.closed() is False  # a dead coil
        rig.hold(False)
        rig.run(300)
        assert rig.part.closed() is True
        rig.hold(True)
        rig.part.order(False)
        rig.run(300)
        assert rig.part.closed() is True  # a weld
        rig.hold(False)
        rig.run(300)
        assert rig.part.closed() is False


class EnableContract:
    """The rig's `alive` is a gate that lets go within 500 ms after the last edge; `beats` make it come alive."""

    beats = 1

    def feed(self, rig: Any, beats: int) -> None:
        for _ in range(beats):
            rig.part.beat()
            rig.run(10)

    def test_without_a_beat_the_gate_stays_shut(self, rig: Any) -> None:
        rig.run(1_000)
        assert not rig.alive

    def test_beats_keep_it_alive_and_silence_ends_it(self, rig: Any) -> None:
        self.feed(rig, self.beats)
        for _ in range(100):
            assert rig.alive
            self.feed(rig, 1)
        rig.run(510)
        assert not rig.alive

    def test_a_dropped_gate_comes_back_with_the_next_beat_only(self, rig: Any) -> None:
        for more in range(3):  # whichever level the line has
            self.feed(rig, self.beats + more)
            assert rig.alive
            rig.part.drop()
            rig.part.drop()
            rig.run(510)
            assert not rig.alive


class LockContract:
    """The rig's bolt needs some time for its way; `jam(True)` lets it stick."""

    def test_it_begins_unlocked(self, rig: Any) -> None:
        rig.run(1_000)
        assert rig.part.locked() is False

    def test_it_locks_and_unlocks_as_ordered(self, rig: Any) -> None:
        for locked in (True, False, True, True, False):
            rig.part.order(locked)
            rig.run(1_000)
            assert rig.part.locked() is locked

    def test_on_its_way_it_is_not_locked(self, rig: Any) -> None:
        rig.part.order(True)
        rig.run(50)
        assert rig.part.locked() is False

    def test_a_jammed_bolt_is_told_as_it_is(self, rig: Any) -> None:
        rig.jam(True)
        rig.part.order(True)
        rig.run(3_000)
        assert rig.part.locked() is False


class ResidualContract:
    """`leak(on)` makes the device trip."""

    def test_it_follows_its_output(self, rig: Any) -> None:
        for leaking in (False, True, True, False):
            rig.leak(leaking)
            rig.run(100)
            assert rig.part.tripped() is leaking


class InputContract:
    """`press(on)` works the contact."""

    def test_it_follows_its_contact(self, rig: Any) -> None:
        for pressed in (False, True, False, True):
            rig.press(pressed)
            rig.run(200)
            assert rig.part.active() is pressed


class PhasesContract:
    """The relay of the rig follows its coil."""

    def test_it_follows_the_choice(self, rig: Any) -> None:
        for three in (False, True, True, False, False, True):
            rig.part.use(three)
            rig.run(300)
            assert rig.part.three() is three


class MeterContract:
    """`cut(True)` takes the meter from its line, `now_ms()` is the clock of its readings."""

    def test_a_reading_is_whole_and_dated_by_its_question(self, rig: Any) -> None:
        began_ms = rig.now_ms()
        reading = rig.part.read()
        assert began_ms <= reading.at_ms <= rig.now_ms()
        assert reading.energy_wh >= 0 and len(reading.current_ma) in (0, 1, 3)
        assert all(0 <= mv < 300_000 for mv in reading.voltage_mv)
        assert all(0 <= ma < 100_000 for ma in reading.current_ma)

    def test_its_register_never_falls(self, rig: Any) -> None:
        for before, after in pairwise(rig.part.read() for _ in range(4)):
            assert before.at_ms <= after.at_ms and before.energy_wh <= after.energy_wh

    def test_without_its_line_there_is_no_reading_and_after_it_there_is(self, rig: Any) -> None:
        rig.cut(True)
        for _ in range(2):
            with pytest.raises(NoReading):
                rig.part.read()
        rig.cut(False)
        assert rig.part.read().energy_wh >= 0


def heard(rig: Any, polls: int = 4) -> list[str]:
    """All cards that a reader tells."""
    return [tag for _ in range(polls) if (tag := rig.poll()) is not None]


class ReaderContract:
    """`show(n)` holds one of two cards to the reader; `tags` are theirs, "" where nobody knows them."""

    def hears(self, rig: Any, card: int, polls: int = 4) -> str:
        rig.show(card)
        [tag] = heard(rig, polls)
        assert tag == tag.upper().strip() != "" and rig.tags[card] in ("", tag)
        return str(tag)

    def test_a_card_is_told_once_however_long_it_stays(self, rig: Any) -> None:
        assert heard(rig) == []
        first = self.hears(rig, 0, 4 * AWAY_POLLS)
        rig.remove()
        assert heard(rig, AWAY_POLLS) == []
        assert self.hears(rig, 1) != first

    def test_a_card_that_was_away_is_told_again(self, rig: Any) -> None:
        told = []
        for _ in range(2):
            told.append(self.hears(rig, 0))
            rig.remove()
            assert heard(rig, AWAY_POLLS + 1) == []
        assert told[0] == told[1]

    def test_a_reader_that_is_pulled_out_says_so_and_comes_back(self, rig: Any) -> None:
        self.hears(rig, 0)
        rig.remove()
        rig.pull_out()
        for _ in range(2):
            with pytest.raises(PartFailed, match="reader"):
                rig.poll()
        rig.plug_in()
        self.hears(rig, 1)

    def test_it_is_closed_twice_without_harm(self, rig: Any) -> None:
        rig.poll()
        rig.reader.close()
