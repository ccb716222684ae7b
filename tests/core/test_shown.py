"""What messages show of others' values."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.shown import shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=JSON)
def test_short_and_on_one_line(value: Any) -> None:
    """Whatever the value, a message of one line can hold what is shown of it."""
    told = shown(value)
    assert 0 < len(told) <= 200
    assert len(told.splitlines()) == 1


def test_small_values_are_shown_whole() -> None:
    """A value that fits is written as Python writes it."""
    assert shown({"id": 7, "to": ["a", None]}) == "{'id': 7, 'to': ['a', None]}"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x" * 98, f"'{'x' * 98}'"),
        ("x" * 99, f"'{'x' * 47}...{'x' * 48}'"),
        (10**39, str(10**39)),
        (10**40, f"1{'0' * 17}...{'0' * 19}"),
        ([[[["x"]]]], "[[[['x']]]]"),
        ([[[[["x"]]]]], "[[[[[...]]]]]"),
        (["x" * 96, "x" * 96], f"['{'x' * 96}', '{'x' * 96}']"),
        (["x" * 96, "x" * 97], f"['{'x' * 96}', '{'x' * 97}…"),
    ],
    ids=range(8),
)
def test_what_is_too_long_loses_its_middle_or_its_end(value: Any, told: str) -> None:
    """A text has 100 characters at most, a number 40 digits, lists four levels, and the whole 200 characters."""
    assert shown(value) == told


def nested() -> Any:
    value: Any = "x"
    for _ in range(50_000):
        value = [value, value]
    return value


@pytest.mark.parametrize("value", ["x" * 10_000_000, nested(), 10**10_000, [10**10_000], b"\n" * 1000], ids=range(5))
def test_no_more_is_looked_at_than_shown(value: Any) -> None:
    """A text of megabytes, a list that unfolds without end and a number of many digits cost nothing to show."""
    tracemalloc.start()
    try:
        assert 0 < len(shown(value)) <= 200
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
