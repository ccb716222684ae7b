"""Fields: parts of a value that somebody else wrote than the rest."""

from typing import Any

import pytest

from stemma.core.errors import InvalidInput
from stemma.core.trust import INTERNAL, UNTRUSTED, TrustLabel
from stemma.guard.fields import replaced, steps_of

FIELDS = {"[].subject": UNTRUSTED, "[].note.text": INTERNAL}


def seen(value: Any, fields: dict[str, TrustLabel]) -> tuple[Any, list[tuple[Any, TrustLabel, str]]]:
    """The value with stars where fields were, and what was asked for each."""
    found: list[tuple[Any, TrustLabel, str]] = []

    def star(item: Any, label: TrustLabel, path: str) -> str:
        found.append((item, label, path))
        return "*"

    return replaced(value, fields, star), found


@pytest.mark.parametrize(
    ("path", "steps"),
    [("a", ("a",)), ("a.b", ("a", "b")), ("[]", ("[]",)), ("[].a", ("[]", "a")), ("a[].b", ("a", "[]", "b"))],
)
def test_paths(path: str, steps: tuple[str, ...]) -> None:
    """Keys are parted by dots, items by brackets."""
    assert steps_of(path) == steps


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "[0]", "a[", "[]a", "a.[]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    """Anything else is said to be none, with how one looks."""
    with pytest.raises(InvalidInput, match="is not the path of a field"):
        steps_of(path)


def test_each_field_is_replaced_where_it_stands() -> None:
    """In every item, at its depth, with its own label and path; the rest is left as it is."""
    mails = [{"id": 1, "subject": "a", "note": {"text": "b", "at": 2}}, {"subject": ["c"]}]
    value, found = seen(mails, FIELDS)
    assert value == [{"id": 1, "subject": "*", "note": {"text": "*", "at": 2}}, {"subject": "*"}]
    assert found == [("a", UNTRUSTED, "[].subject"), ("b", INTERNAL, "[].note.text"), (["c"], UNTRUSTED, "[].subject")]


def test_another_shape_counts_as_the_worst_of_what_was_expected() -> None:
    """What stands where an object or a list with fields should be is replaced as a whole."""
    assert seen("text", FIELDS) == ("*", [("text", UNTRUSTED, "[].subject")])
    assert seen([{"note": 5}], FIELDS) == ([{"note": "*"}], [(5, INTERNAL, "[].note.text")])
    assert seen({"subject": "a"}, FIELDS)[0] == "*"  # an object where a list should be


def test_without_fields_nothing_changes() -> None:
    """A value none of whose parts is named comes back as it is."""
    assert seen([{"subject": "a"}], {}) == ([{"subject": "a"}], [])
