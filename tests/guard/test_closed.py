"""Closed types: what a stranger's text can choose, and what it can not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.guard.closed import FieldSpec, FieldType, closed_by, closed_fields

CLOSED = ("enum", "id", "boolean", "integer", "number", "date", "datetime")


def spec(type: str) -> FieldSpec:
    return FieldSpec.read("f", {"type": type, "values": ["a", "b"], "minimum": 1, "maximum": 3})


@pytest.mark.parametrize("type", list(FieldType))
@given(
    value=st.one_of(st.text(), st.integers(), st.floats(allow_nan=True), st.booleans(), st.none(), st.lists(st.text()))
)
def test_whatever_comes_fits_or_is_nothing(type: FieldType, value: Any) -> None:
    """No value makes a check fail, and what fits once fits again, in the same spelling."""
    fitted = spec(type).fitting(value)
    assert fitted is None or spec(type).fitting(fitted) == fitted


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        ("enum", ["a", "b"], ["c", "a ", 1]),
        ("boolean", [True, False], [0, "true"]),
        ("integer", [1, 3, 2.0], [0, 4, 2.5, True, "2"]),
        ("number", [1, 2.25, 3.0], [0.99, 3.01, float("nan"), True]),
        ("date", ["2026-02-28"], ["2026-02-29", "28.02.2026", "2026-2-28x", "0001-01-01"]),
        ("datetime", ["2026-02-28 09:05"], ["2026-02-28", "2026-02-28T09:05:00Z"]),
        ("email", ["a.b@example.org"], ["a@b@c", "Ann <a@b.org>", "a b@c.org", "a@b.org\nBcc: x@y.z"]),
        ("iban", ["DE02 1203 0000 0000 2020 51", "de02120300000000202051"], ["DE02", "pay DE02120300000000202051"]),
        ("url", ["https://example.org/a?b=1", "www.example.org"], ["javascript:alert(1)", "https://a b", "a\nb"]),
    ],
)
def test_forms(type: str, good: list[Any], bad: list[Any]) -> None:
    """Each type takes what it is for, and nothing with anything else around it."""
    assert all(spec(type).fitting(value) is not None for value in good)
    assert [value for value in bad if spec(type).fitting(value) is not None] == []


def test_only_closed_types_can_be_counted() -> None:
    """A type has a bound when it holds a choice: numbers only between two ends, and never an address or a text."""
    assert {type for type in FieldType if spec(type).bound is not None} == set(CLOSED)
    assert FieldSpec.read("n", {"type": "integer", "minimum": 1}).bound is None
    assert [spec(type).bound for type in ("enum", "boolean", "integer", "number")] == [2, 2, 3, 201]


@pytest.mark.parametrize(
    "written",
    [
        "word",
        {"type": "enum"},
        {"type": "integer", "minimum": "1"},
        {"type": "date", "shape": 1},
        7,
        {"type": "number", "decimals": 99},
    ],
)
def test_what_is_no_type_is_refused(written: Any) -> None:
    """An unknown type, one without its values, and bounds that are none are said to be wrong."""
    with pytest.raises(InvalidInput, match="'f'"):
        FieldSpec.read("f", written)


def test_schemas_that_close_their_values() -> None:
    """An argument, or an answer, holds a choice when its schema says so and the value keeps to it."""
    assert closed_by("k", {"enum": ["a", 1]}) is None
    assert closed_by("k", {"type": "integer", "minimum": 0, "maximum": 9}) is not None
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}, "why": {"type": "string"}},
        "required": ["kind", "why"],
        "additionalProperties": False,
    }
    assert list(closed_fields(schema, "v", {"kind": "a", "why": "x"})) == ["kind"]
    assert closed_fields(schema, "v", {"kind": "c", "why": "x"}) == {}
    assert closed_fields({**schema, "additionalProperties": True}, "v", {"kind": "a", "why": "x"}) == {}
    assert closed_fields({**schema, "required": ["why"]}, "v", {"kind": "a", "why": "x"}) == {}
    assert list(closed_fields({"enum": ["yes", "no"]}, "v", "yes")) == [""]
