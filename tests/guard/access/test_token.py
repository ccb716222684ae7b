"""Tokens as texts: what they look like, and what of them is told and kept."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.guard.access.token import MOST_DAYS, Shown, expiry, new_token
from stemma.platform import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_new_token_knows_its_own_hash_alone() -> None:
    """A token shows its id and the hash of 256 random bits, which no other token has."""
    (one, shown), (other, strange) = new_token(), new_token()
    assert one == f"stm_{shown.id}_{one.rpartition('_')[2]}"
    assert len(one.rpartition("_")[2]) == 64
    assert Shown.parse(f" {one}\n") == shown
    assert (shown.knows(shown.hash), shown.knows(strange.hash), other == one) == (True, False, False)


@given(st.text())
def test_what_is_no_token_is_refused_without_being_told(text: str) -> None:
    """A wrong secret may be a right one with a slip of the finger: the message does not repeat it."""
    with pytest.raises(InvalidInput) as refused:
        Shown.parse(text)
    assert str(refused.value) == (
        "the token given is not of the form stm_<id>_<secret>; copy it whole into STEMMA_TOKEN"
    )


@given(st.floats(allow_nan=True))
def test_a_token_lives_for_a_year_at_most(days: float) -> None:
    """There is none for ever, and none that is over before it begins."""
    if 0 < days <= MOST_DAYS:
        assert expiry(NOW, days) <= "2027-01-01T00:00:00.000000Z"
    else:
        with pytest.raises(InvalidInput, match="365 at most"):
            expiry(NOW, days)


def test_settings_take_the_token_and_do_not_show_it() -> None:
    """It comes from the environment, and is in no line that a program prints of its settings."""
    settings = Settings.read({"STEMMA_TOKEN": "stm_secret"})
    assert settings.token == "stm_secret"
    assert "secret" not in repr(settings)
