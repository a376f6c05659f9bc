"""What every part of a role must do, whoever made it. A suite is a class; who runs it gives it a `rig` fixture.

A rig has the `part`, and the world behind it: `run(ms)` lets the world and its clock go on.
"""

from __future__ import annotations

from typing import Any


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
    """The rig's `alive` is a gate that lets go 500 ms after the last edge."""

    def test_without_a_beat_the_gate_stays_shut(self, rig: Any) -> None:
        rig.run(1_000)
        assert not rig.alive

    def test_beats_keep_it_alive_and_silence_ends_it(self, rig: Any) -> None:
        for _ in range(100):
            rig.part.beat()
            rig.run(10)
            assert rig.alive
        rig.run(510)
        assert not rig.alive

    def test_a_dropped_gate_comes_back_with_the_next_beat_only(self, rig: Any) -> None:
        for _ in range(3):  # whichever level the line has
            rig.part.beat()
            rig.run(10)
            rig.part.drop()
            rig.part.drop()
            rig.run(510)
            assert not rig.alive
            rig.part.beat()
            rig.run(10)
            assert rig.alive


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

    def test_it_begins_with_one_phase_and_follows_the_choice(self, rig: Any) -> None:
        rig.run(300)
        assert rig.part.three() is False
        for three in (True, True, False, False, True):
            rig.part.use(three)
            rig.run(300)
            assert rig.part.three() is three
