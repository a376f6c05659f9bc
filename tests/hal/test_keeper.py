"""What is kept is written beside tick and server, however long the disk takes."""

from __future__ import annotations

import threading

from hal.keeper import Keeper

PATIENCE_S = 20


def test_a_disk_at_work_holds_up_nobody_who_has_more_to_keep() -> None:
    disk, at_it = threading.Event(), threading.Semaphore(0)
    kept: list[int] = []
    wanted = [1]

    def flush() -> None:
        if wanted[0] in kept:
            return
        now = wanted[0]
        at_it.release()
        assert disk.wait(PATIENCE_S)
        kept.append(now)

    keeper = Keeper(lambda: None)
    keeper.wake()
    keeper.start(flush)
    assert at_it.acquire(timeout=PATIENCE_S)
    wanted[0] = 2
    keeper.wake()  # returns though the disk is at work
    assert kept == []
    disk.set()
    assert at_it.acquire(timeout=PATIENCE_S), "what came meanwhile is written next, and not after a long look"
    keeper.stop()
    assert kept == [1, 2] and keeper.failure is None


def test_a_bug_is_said() -> None:
    ended = threading.Event()

    def flush() -> None:
        raise ValueError

    keeper = Keeper(ended.set)
    keeper.start(flush)
    assert ended.wait(PATIENCE_S)
    keeper.stop()
    assert isinstance(keeper.failure, ValueError)


def test_one_that_never_began_ends() -> None:
    Keeper(lambda: None).stop()
