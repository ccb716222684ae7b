"""Canonical JSON and digests."""

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from stemma.core.digests import canonical_json, digest, thaw
from stemma.core.errors import InvalidInput

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)),
    max_leaves=12,
)


@given(values)
@example({"\U0001f600": 1, "\uffff": 2})  # RFC 8785 sorts by UTF-16 code units: the astral key comes first
@example([1.0, -0.0, 1e21, 1e-7])
def test_canonical_json_is_rfc_8785(value: Any) -> None:
    """For every JSON value the bytes are those of the reference implementation, whichever encoder wrote them."""
    assert canonical_json(value) == rfc8785.dumps(value)


@given(values)
def test_canonical_json_reads_back(value: Any) -> None:
    """What is written parses to an equal value, numbers being IEEE doubles as RFC 8785 has it."""
    assert json.loads(canonical_json(value), parse_int=float) == value


@given(st.dictionaries(st.text(max_size=6), scalars, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], random: Any) -> None:
    """Two objects with the same members have one digest, in whatever order they were built."""
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        b"bytes",
        {1, 2},
        object(),
        _nested(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_carry_is_refused(value: Any) -> None:
    """A value without one exact JSON form is InvalidInput, bare or inside a list."""
    for shown in (value, [value]):
        with pytest.raises(InvalidInput, match="cannot be written as canonical JSON"):
            canonical_json(shown)


def test_thaw_makes_mappings_and_tuples_plain() -> None:
    """A frozen value and its thawed form say the same, and the thawed one is dicts and lists alone."""
    assert thaw({"a": ({"b": (1, 2)},)}) == {"a": [{"b": [1, 2]}]}
