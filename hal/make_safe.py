"""Contactor off, enable dropped, pilot to +12 V: before the start, after the end, and whenever the tick failed.

Rules this file upholds:
- Every part is reached for, whatever the parts before it did.
- `python -m hal.make_safe --site …` does it once for a board that nobody else drives (ExecStartPre, ExecStopPost).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

from hal.boards import Board, assemble_bare
from hal.iec61851 import X1
from hal.options import board_file, parse_board
from hal.settings import SettingsError


def make_safe(board: Board) -> list[str]:
    """Make every outlet safe; returns a sentence for each part that refused."""
    refused = []
    for evse, outlet in board.outlets.items():
        parts = outlet.parts
        for name, act in _acts(parts.contactor.order, parts.enable.drop, parts.pilot.offer):
            try:
                act()
            except Exception as failure:  # a broken driver must not keep the next part from being made safe
                refused.append(f"outlet {evse}: {name}: {failure}")
    return refused


def _acts(
    contactor: Callable[[bool], None], drop: Callable[[], None], offer: Callable[[float], None]
) -> Iterator[tuple[str, Callable[[], None]]]:
    yield "contactor", lambda: contactor(False)
    yield "enable", drop
    yield "pilot", lambda: offer(X1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the board of a site safe once. 0 = done, 1 = a part refused, 2 = the settings cannot be obeyed."""
    try:
        options = parse_board("hal.make_safe", arguments)
        board = assemble_bare(board_file(options))
    except SettingsError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    refused = make_safe(board)
    board.close()
    for sentence in refused:
        sys.stderr.write(f"{sentence}\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
