"""What of a card may be shown."""

from __future__ import annotations

import pytest

from evsed.core.status import masked
from evsed.core.words import Token


@pytest.mark.parametrize(
    ("tag", "shown"),
    [("04A1B2C3D4", "…C3D4"), ("12345", "…45"), ("1234", "…34"), ("1", "…"), ("", "…")],
)
def test_a_card_shows_at_most_half_of_itself(tag: str, shown: str) -> None:
    assert masked(Token(tag)) == shown


def test_no_card_is_none() -> None:
    assert masked(None) is None
