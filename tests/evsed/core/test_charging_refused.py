"""Of several refusals of a card in one transaction the first counts: there MaxEnergyOnInvalidId begins."""

from __future__ import annotations

import pytest

from evsed.core.charging import judged
from evsed.core.events import TokenAnswer
from evsed.core.records import Transaction
from evsed.core.words import Stamp, Token, TokenStatus

OPEN = Transaction("t1", 1, Token("04A1B2C3"), None, Stamp("boot1", 1, None), 0, 0)


@pytest.mark.parametrize("status", [status for status in TokenStatus if status is not TokenStatus.ACCEPTED])
def test_the_first_refusal_counts(status: TokenStatus) -> None:
    once = judged(OPEN, TokenAnswer(status), 1_000)
    assert once.refused_wh == 1_000
    assert judged(once, TokenAnswer(status), 9_000).refused_wh == 1_000
    assert judged(once, TokenAnswer(TokenStatus.ACCEPTED), 9_000).refused_wh == 1_000


def test_who_is_accepted_was_never_refused() -> None:
    assert judged(OPEN, TokenAnswer(TokenStatus.ACCEPTED), 1_000).refused_wh is None
