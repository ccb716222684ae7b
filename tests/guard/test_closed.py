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


def test_how_many_values_there_are() -> None:
    """Days and minutes of three centuries; numbers from one end to the other, in steps of their last decimal."""
    days = 365 * 300 + 24 * 3 + 1  # 2000 has a leap day, 1900 and 2100 have none
    assert spec("date").bound == days
    assert spec("datetime").bound == days * 1440
    assert FieldSpec.read("n", {"type": "number", "minimum": 0, "maximum": 1, "decimals": 1}).bound == 11
    assert FieldSpec.read("n", {"type": "number", "minimum": 0, "maximum": 1}).bound == 101
    assert FieldSpec.read("n", {"type": "number", "minimum": 0, "maximum": 1, "decimals": 0}).bound == 2
    assert FieldSpec.read("n", {"type": "integer", "minimum": 3, "maximum": 1}).bound == 0
    assert FieldSpec.read("n", {"type": "integer", "maximum": 1}).bound is None
    assert FieldSpec.read("n", {"type": "enum", "values": ["a", "a", "b"]}).bound == 2


def test_what_a_reader_is_told() -> None:
    """The schema has the values or the JSON type, the bounds of numbers, and in words what to look for, its type and form."""
    assert spec("enum").schema == {"enum": ["a", "b", None], "description": "enum"}
    assert spec("id").schema == {"enum": ["a", "b", None], "description": "id"}
    assert spec("integer").schema == {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 3,
        "description": "integer",
    }
    assert FieldSpec.read("n", {"type": "number", "maximum": 3}).schema == {
        "type": ["number", "null"],
        "maximum": 3,
        "description": "number",
    }
    assert spec("boolean").schema == {"type": ["boolean", "null"], "description": "boolean"}
    day = FieldSpec.read("d", {"type": "date", "about": "when it is due"})
    assert day.schema == {"type": ["string", "null"], "description": "when it is due; date; YYYY-MM-DD"}
    assert spec("datetime").schema["description"] == "datetime; YYYY-MM-DD HH:MM"
    assert spec("text").schema == {"type": ["string", "null"], "description": "text"}


def test_edges() -> None:
    """The first and the last day, the longest text, the bounds themselves, the numbers that are still whole."""
    assert [spec("date").fitting(day) for day in ("1900-01-01", "2199-12-31")] == ["1900-01-01", "2199-12-31"]
    assert [spec("date").fitting(day) for day in ("1899-12-31", "2200-01-01")] == [None, None]
    assert spec("text").fitting("x" * 20_000) == "x" * 20_000
    assert spec("text").fitting("x" * 20_001) is None
    free = FieldSpec.read("n", "number")
    assert (free.fitting(0.126), free.fitting(1e15), free.fitting(-1e15)) == (0.13, None, None)
    assert free.fitting(999_999_999_999_999.0) == 999_999_999_999_999.0
    assert isinstance(spec("integer").fitting(2.0), int)
    assert spec("iban").fitting("de02 1203 0000 0000 2020 51") == "DE02120300000000202051"
    assert FieldSpec.read("n", {"type": "number", "decimals": 0}).fitting(2.4) == 2.0
    assert FieldSpec.read("n", {"type": "number", "decimals": 6}).decimals == 6


@pytest.mark.parametrize("name", ["a b", "", "1a", "a.b", "x" * 65])
def test_names_of_fields(name: str) -> None:
    """A field is called like a variable, so that a handle of it reads as one."""
    with pytest.raises(InvalidInput, match="cannot name a field"):
        FieldSpec.read(name, "date")


@pytest.mark.parametrize(
    "bounds",
    [
        {"minimum": True},
        {"maximum": 1e15},
        {"minimum": "x"},
        {"decimals": True},
        {"decimals": 7},
        {"decimals": -1},
        {"decimals": 1.0},
    ],
)
def test_bounds_that_are_none(bounds: dict[str, Any]) -> None:
    """Only numbers bound numbers, and only few decimals are kept."""
    with pytest.raises(InvalidInput, match="of field 'f'"):
        FieldSpec.read("f", {"type": "number", **bounds})


@pytest.mark.parametrize(
    ("schema", "bound"),
    [
        ({"enum": ["a", "b"]}, 2),
        ({"enum": []}, None),
        ({"const": "a"}, 1),
        ({"const": 1}, None),
        ({"type": "boolean"}, 2),
        ({"type": "integer", "minimum": 1, "maximum": 4}, 4),
        ({"type": "integer", "minimum": 1}, None),
        ({"type": "integer", "minimum": 1, "maximum": True}, None),
        ({"type": "integer", "minimum": 1, "maximum": 1e15}, None),
        ({"type": "number", "minimum": 1, "maximum": 4}, None),
        ({"type": "string", "format": "date"}, spec("date").bound),
        ({"type": "string", "format": "email"}, None),
        ("enum", None),
    ],
)
def test_what_schemas_close(schema: Any, bound: int | None) -> None:
    """A schema closes a value when it can be counted by it; a name that is none closes nothing."""
    found = closed_by("f", schema)
    assert (None if found is None else found.bound) == bound
    assert closed_by("not a name", schema) is None
