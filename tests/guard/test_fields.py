"""Fields: parts of a value that somebody else wrote than the rest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.guard.fields import labels_in, replaced, steps_of

FIELDS = {"[].subject": UNTRUSTED, "[].note.text": INTERNAL}
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["subject", "note", "text", "id"]), inner, max_size=3),
    ),
    max_leaves=10,
)


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
    assert seen({"subject": "a"}, FIELDS)[0] == {"subject": "a"}  # no list: nothing in it is an item


def test_without_fields_nothing_changes() -> None:
    """A value none of whose parts is named comes back as it is."""
    assert seen([{"subject": "a"}], {}) == ([{"subject": "a"}], [])


@given(values)
def test_labels_are_those_of_what_is_there(value: Any) -> None:
    """One for each field that the value has, and for each place where another shape stands."""
    assert list(labels_in(value, FIELDS)) == [label for _, label, _ in seen(value, FIELDS)[1]]
    assert list(labels_in(value, {"nowhere.at.all": TRUSTED})) in ([], [TRUSTED])
