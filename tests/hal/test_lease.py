"""A permission that ends by itself, and what is left of it."""

from __future__ import annotations

import pytest

from hal.contract import LEASE_MS, Lease, Limits
from hal.iec61851 import FAR_MS
from hal.lease import Permit

LIMITS = Limits(fallback_ma=8_000, grace_s=10)


def lease(until_ms: int, ma: int = 16_000, closes: bool = True) -> Lease:
    return Lease(1, ma, closes, True, until_ms)


def test_it_is_shortened_and_never_lengthened() -> None:
    permit = Permit(LIMITS)
    permit.grant(lease(10**9), 1_000)
    assert permit.lease is not None and permit.lease.until_ms == 1_000 + LEASE_MS
    permit.grant(lease(1_500), 1_000)
    assert permit.lease.until_ms == 1_500


def test_a_lease_that_closes_allows_its_amperes_until_its_last_millisecond() -> None:
    permit, mine = Permit(LIMITS), lease(5_000)
    assert permit.limit_ma(mine, False, 4_999) == 16_000 and permit.due_ms(mine, 4_999) == 5_000
    assert permit.limit_ma(mine, False, 5_000) == 0 and permit.due_ms(mine, 5_000) == FAR_MS


def test_none_and_one_that_does_not_close_allow_nothing() -> None:
    permit = Permit(LIMITS)
    assert permit.lease is None and permit.grace_until_ms == 0
    assert permit.limit_ma(None, True, 0) == 0 and permit.due_ms(None, 0) == FAR_MS
    assert permit.limit_ma(lease(5_000, closes=False), True, 0) == 0


def test_a_running_charge_keeps_the_fallback_for_the_grace() -> None:
    permit, mine = Permit(LIMITS), lease(5_000)
    assert permit.limit_ma(mine, True, 5_010) == 8_000 and permit.due_ms(mine, 5_010) == 15_000
    assert permit.limit_ma(mine, True, 14_999) == 8_000 and permit.due_ms(mine, 14_999) == 15_000
    assert permit.due_ms(mine, 15_000) == FAR_MS and permit.grace_until_ms == 15_000
    assert permit.limit_ma(mine, True, 15_000) == 0 and permit.grace_until_ms == 0


@pytest.mark.parametrize("after", [None, lease(30_000), lease(30_000, closes=False)])
def test_whatever_follows_ends_the_grace(after: Lease | None) -> None:
    permit = Permit(LIMITS)
    permit.limit_ma(lease(5_000), True, 5_010)
    assert permit.grace_until_ms == 15_000
    permit.limit_ma(after, True, 6_000)
    assert permit.grace_until_ms == 0


def test_the_grace_does_not_begin_again() -> None:
    permit, mine = Permit(LIMITS), lease(5_000)
    assert permit.limit_ma(mine, True, 5_010) == 8_000
    assert permit.limit_ma(mine, False, 6_000) == 0  # the car stopped
    assert permit.limit_ma(mine, True, 7_000) == 0 and permit.grace_until_ms == 0


def test_a_new_lease_has_a_grace_of_its_own() -> None:
    permit, first, second = Permit(LIMITS), lease(5_000), lease(30_000)
    permit.limit_ma(first, True, 20_000)
    assert permit.limit_ma(second, True, 25_000) == 16_000
    assert permit.limit_ma(second, True, 30_000) == 8_000


def test_the_fallback_never_raises_and_below_6_a_there_is_none() -> None:
    assert Permit(LIMITS).limit_ma(lease(0, 6_000), True, 1) == 6_000
    assert Permit(Limits(fallback_ma=6_000)).limit_ma(lease(0), True, 1) == 6_000
    assert Permit(Limits(fallback_ma=5_999)).limit_ma(lease(0), True, 1) == 0
    assert Permit(Limits(fallback_ma=0)).limit_ma(lease(0), True, 1) == 0
    assert Permit(Limits(grace_s=0)).limit_ma(lease(0), True, 0) == 0
