"""A long suite, and its end before the end.

`python -m tests.suite tests.matrix …` runs the `main` of that package. Ctrl-C and SIGTERM end it with a sentence and
the code 130: no traceback, no process left, and what its worlds laid down in memory goes with them. A `Crew` is the
processes that a suite shares its work among: whoever is in the middle of something cleans up and takes nothing more.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import active_children
from types import TracebackType
from typing import NoReturn, Self, TypeVar

INTERRUPTED = 130

Given = TypeVar("Given")
Done = TypeVar("Done")


class Crew:
    """So many processes, in a `with`; leaving it early ends them."""

    def __init__(self, jobs: int) -> None:
        self._pool = ProcessPoolExecutor(jobs, initializer=_enlist)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            deaf()
            for worker in active_children():
                worker.terminate()
        self._pool.shutdown(cancel_futures=kind is not None)

    def map(self, do: Callable[[Given], Done], given: Iterable[Given], chunksize: int = 1) -> Iterator[Done]:
        """What comes of each, in order."""
        return self._pool.map(partial(_done, do), given, chunksize=chunksize)


def progress(text: str) -> None:
    """How far it is, for a person who waits at a terminal; an empty text takes that away."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _enlist() -> None:
    """A worker leaves Ctrl-C to its parent, which ends it by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)


def _leave(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would break off the cleaning up
    sys.unraisablehook = lambda _: None
    raise SystemExit(INTERRUPTED)


def _done(do: Callable[[Given], Done], given: Given) -> Done:
    try:
        return do(given)
    finally:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:  # also where a callback of C swallowed the exception
            os._exit(INTERRUPTED)  # else the pool would hand over the next


def deaf() -> None:
    """From here on everything is being cleaned up, and nothing may break that off."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _interrupt(*_: object) -> NoReturn:
    deaf()
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Run the suite of this name with the arguments behind it; its exit code, or INTERRUPTED."""
    name, *rest = arguments
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    sys.argv = [name, *rest]
    try:
        code: int = importlib.import_module(f"{name}.__main__").main()
    except KeyboardInterrupt:
        progress("")
        sys.stderr.write("\ninterrupted: what is told above is all that was found until then\n")
        return INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
