"""Identifiers and timestamps."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from stemma.core.clock import timestamp
from stemma.core.ids import is_id, new_id


def test_identifiers_are_new_and_carry_their_prefix() -> None:
    """A thousand identifiers made in a row differ, and each is recognised by its own prefix alone."""
    made = [new_id("s") for _ in range(1_000)]
    assert len(set(made)) == 1_000
    assert all(is_id(name, "s") and not is_id(name, "r") for name in made)


def test_what_is_no_identifier_is_not_taken_for_one() -> None:
    """Letters that are easily misread, wrong lengths and foreign prefixes are turned down."""
    good = new_id("s")
    assert not any(is_id(text, "s") for text in ("", "s_", good[:-1], f"{good}0", f"{good[:-1]}u", good.upper()))


moments = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2999, 12, 30), timezones=st.just(UTC))


@given(moments, moments)
def test_timestamps_sort_like_the_moments(one: datetime, other: datetime) -> None:
    """Comparing timestamps as text compares the moments, whatever zone they were told in."""
    elsewhere = other.astimezone(timezone(timedelta(hours=-7)))
    assert (timestamp(one) < timestamp(elsewhere)) == (one < other)
