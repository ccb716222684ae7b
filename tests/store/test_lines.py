"""Rows as lines: what goes in comes out, and what is no row is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.store.lines import Kind, decode, encode

KINDS = (Kind.TEXT, Kind.INTEGER, Kind.REAL, Kind.BOOLEAN, Kind.BYTES)
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\\\t\n\rN.x"))
ROW = st.tuples(
    st.none() | TEXT,
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.none() | st.binary(),
)


@given(st.lists(ROW, max_size=6))
def test_rows_come_back_as_they_were(rows: list[tuple[object, ...]]) -> None:
    """Whatever stands in rows, one line is written for each, and reading the lines gives the rows."""
    lines = encode(rows, KINDS)
    assert lines.count(b"\n") == len(rows)
    assert decode(lines, KINDS) == rows


def test_a_number_that_is_none_comes_back() -> None:
    """NaN, which equals nothing, survives too."""
    [[value]] = decode(encode([(math.nan,)], [Kind.REAL]), [Kind.REAL])
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(b"bytes", Kind.TEXT), ("text", Kind.INTEGER), ("text", Kind.BYTES), (1.5, Kind.INTEGER), ("t", Kind.BOOLEAN)],
)
def test_a_value_of_another_kind_is_not_written(value: object, kind: Kind) -> None:
    """SQLite takes any value into any column; here it is an error."""
    with pytest.raises(InvalidInput, match="stands where another belongs"):
        encode([(value,)], [kind])


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (b"a\tb\n", Kind.TEXT),
        (b"a\nb\tc\n", Kind.TEXT),
        (b"\xff\n", Kind.TEXT),
        (b"one\n", Kind.INTEGER),
        (b"yes\n", Kind.BOOLEAN),
        (b"6869\n", Kind.BYTES),
        (b"\\\\x6\n", Kind.BYTES),
    ],
)
def test_lines_that_are_no_rows_are_refused(lines: bytes, kind: Kind) -> None:
    """Too many values, other bytes than UTF-8, and values of another kind raise InvalidInput."""
    with pytest.raises(InvalidInput, match="not rows of 1 columns"):
        decode(lines, [kind])
