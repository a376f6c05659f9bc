"""One limit for several outlets: who gets how much of it.

Rules this file upholds:
- The shares together are never more than the whole (OCPP 1.6 §3.13.3).
- Nobody gets less than a car can take: who came first is served first, the others wait with nothing.
- Among those who are served it is shared evenly; what one can't use goes to the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Want(Struct, frozen=True):
    """What one outlet can use at most, and the least that is of use to it."""

    most_ma: int
    least_ma: int


def share(total_ma: int, wants: Mapping[int, Want]) -> dict[int, int]:
    """Milliamperes for each outlet; `wants` by outlet, who came first stands first."""
    served: dict[int, Want] = {}
    left_ma = total_ma
    for evse, want in wants.items():
        if want.least_ma <= min(want.most_ma, left_ma):
            served[evse] = want
            left_ma -= want.least_ma
    level_ma = _level(total_ma, served)
    shares = dict.fromkeys(wants, 0) | {evse: _at(level_ma, want) for evse, want in served.items()}
    rest_ma = total_ma - sum(shares.values())
    for evse, want in served.items():  # the milliamperes that can't be divided
        if rest_ma > 0 and shares[evse] < want.most_ma:
            shares[evse] += 1
            rest_ma -= 1
    return shares


def in_turn(
    total_ma: int, shares: Mapping[int, int], held: Mapping[int, int], offered: Mapping[int, int]
) -> dict[int, int]:
    """What each may take of its share now: what others still hold above theirs is not free yet.

    Who comes down does so at once, and only who would get more has to wait: `offered` is not taken back.
    """
    taken = {evse: max(share_ma, held[evse]) for evse, share_ma in shares.items()}
    free_ma = total_ma - sum(taken.values())
    may = {evse: share_ma if held[evse] else offered[evse] for evse, share_ma in shares.items()}
    return {evse: min(share_ma, max(free_ma + taken[evse], may[evse])) for evse, share_ma in shares.items()}


def _at(level_ma: int, want: Want) -> int:
    return min(max(level_ma, want.least_ma), want.most_ma)


def _level(total_ma: int, served: Mapping[int, Want]) -> int:
    """The highest even share that the whole allows, by halving the interval it must be in."""
    low, high = 0, total_ma
    while low < high:
        middle = (low + high + 1) // 2
        if sum(_at(middle, want) for want in served.values()) <= total_ma:
            low = middle
        else:
            high = middle - 1
    return low
