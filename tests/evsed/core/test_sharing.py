from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evsed.core.sharing import Want, share

CAR = Want(most_ma=32_000, least_ma=6_000)


def test_alone_one_gets_all_that_it_can_use() -> None:
    assert share(20_000, {1: CAR}) == {1: 20_000}
    assert share(40_000, {1: CAR}) == {1: 32_000}


def test_two_get_half_each() -> None:
    assert share(32_000, {1: CAR, 2: CAR}) == {1: 16_000, 2: 16_000}


def test_what_one_cannot_use_goes_to_the_others() -> None:
    assert share(32_000, {1: CAR, 2: Want(10_000, 6_000)}) == {1: 22_000, 2: 10_000}


def test_who_came_later_waits_while_there_is_not_enough() -> None:
    assert share(11_900, {2: CAR, 1: CAR}) == {2: 11_900, 1: 0}
    assert share(12_000, {2: CAR, 1: CAR}) == {2: 6_000, 1: 6_000}
    assert share(5_900, {2: CAR, 1: CAR}) == {2: 0, 1: 0}


def test_one_that_needs_little_is_served_while_one_before_it_waits() -> None:
    assert share(16_000, {1: CAR, 2: Want(32_000, 12_000), 3: CAR}) == {1: 8_000, 2: 0, 3: 8_000}


def test_one_that_charges_badly_below_a_rate_gets_that_rate_or_waits() -> None:
    choosy = Want(32_000, 10_000)
    assert share(16_000, {1: CAR, 2: choosy}) == {1: 6_000, 2: 10_000}
    assert share(15_000, {1: CAR, 2: choosy}) == {1: 15_000, 2: 0}


def test_nothing_is_lost_by_dividing() -> None:
    assert share(32_000, {1: CAR, 2: CAR, 3: CAR}) == {1: 10_667, 2: 10_667, 3: 10_666}


WANTS = st.builds(Want, st.integers(0, 40_000), st.integers(6_000, 12_000))


@given(st.integers(0, 100_000), st.lists(WANTS, max_size=6))
def test_a_share_is_nothing_or_of_use_and_all_fit_into_the_whole(total_ma: int, wants: list[Want]) -> None:
    by_evse = dict(enumerate(wants, start=1))
    shares = share(total_ma, by_evse)
    assert list(shares) == list(by_evse)
    assert sum(shares.values()) <= total_ma
    for evse, want in by_evse.items():
        assert shares[evse] == 0 or want.least_ma <= shares[evse] <= want.most_ma
    served = {evse: want for evse, want in by_evse.items() if shares[evse]}
    # Nobody could have more unless one that has no more than it took less.
    if sum(shares.values()) < total_ma:
        assert all(shares[evse] == want.most_ma for evse, want in served.items())
    for evse, want in served.items():
        for other in served:
            if shares[evse] > shares[other] + 1:
                assert shares[evse] <= want.least_ma + 1 or shares[other] >= by_evse[other].most_ma - 1
    # Who waits found too little left when it was its turn.
    for evse, want in by_evse.items():
        before = sum(by_evse[e].least_ma for e in by_evse if e < evse and shares[e])
        assert shares[evse] or want.least_ma > want.most_ma or want.least_ma > total_ma - before
