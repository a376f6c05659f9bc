"""Work beside the tick, in a real thread."""

from __future__ import annotations

from threading import Event

from hal.drivers.beside import Beside


def test_asked_while_busy_it_works_once_more() -> None:
    begun, go_on, done = Event(), Event(), []

    def work() -> None:
        begun.set()
        go_on.wait(5)
        done.append(len(done))

    beside = Beside("bench", work)
    beside.ask()
    assert begun.wait(5)
    begun.clear()
    for _ in range(3):
        beside.ask()
    go_on.set()
    assert begun.wait(5)
    beside.close()
    assert done == [0, 1]


def test_unasked_it_rests() -> None:
    done: list[int] = []
    beside = Beside("bench", lambda: done.append(1))
    beside.close()
    assert done == []


def test_work_that_raises_ends_the_thread_and_says_so() -> None:
    bug = ZeroDivisionError("bug")

    def work() -> None:
        raise bug

    beside = Beside("bench", work)
    beside.ask()
    beside._thread.join(5)
    assert beside.ended_by is bug
