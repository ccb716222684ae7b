"""The token estimate: its rule, and what callers reckon with."""

from hypothesis import given
from hypothesis import strategies as st

from stemma.models import count_tokens


@given(st.text())
def test_tokens_are_a_quarter_of_the_utf8_bytes_rounded_up(text: str) -> None:
    """The estimate is exactly the rule its docstring states, for any text."""
    assert count_tokens(text) == -(-len(text.encode()) // 4)


@given(st.text(), st.text())
def test_a_whole_never_costs_more_than_its_parts(first: str, second: str) -> None:
    """Joining texts saves tokens or none, and never makes the first shorter."""
    assert count_tokens(first) <= count_tokens(first + second) <= count_tokens(first) + count_tokens(second)


def test_a_lone_surrogate_is_counted_rather_than_refused() -> None:
    """Damaged text from a provider can still be priced."""
    assert count_tokens("\ud800") == 1
