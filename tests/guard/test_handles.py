"""Handles: names for text that is kept from whoever acts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.guard.handles import Handles, UnknownHandle

SECRET = TrustLabel(Integrity.UNTRUSTED, Confidentiality.SECRET, frozenset({"pii"}))
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(values, values)
def test_what_is_hidden_leaves_no_trace(one: Any, other: Any) -> None:
    """Two texts of any kind and length look the same behind their handles."""
    assert Handles().shown(one, UNTRUSTED, {}, "a mail") == Handles().shown(other, UNTRUSTED, {}, "a mail") == "$h1"


@given(values)
def test_a_reference_alone_is_the_value_itself(value: Any) -> None:
    """Whatever stands behind a handle comes back as it was, with its label."""
    handles = Handles()
    name = handles.hide(value, SECRET, "a mail")
    filled = handles.fill({"to": f" {name} "})
    assert filled.value == {"to": value}
    assert filled.label == SECRET
    assert [held.source for held in filled.used] == ["a mail"]


def test_inside_a_text_a_reference_becomes_text() -> None:
    """Several references join their labels; a full stop behind a name is no field; values that are no text are JSON."""
    handles = Handles()
    handles.hide("Ann", UNTRUSTED, "a")
    handles.hide([1, 2], SECRET, "b")
    filled = handles.fill("Dear $h1.Thank you for $h2.")
    assert filled.value == "Dear Ann.Thank you for [1, 2]."
    assert filled.label == SECRET


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    """A stranger's text cannot name another stranger's."""
    handles = Handles()
    handles.hide("$h2", UNTRUSTED, "a")
    handles.hide("the secret", SECRET, "b")
    assert handles.fill(["$h1", "so: $h1"]).value == ["$h2", "so: $h2"]
    assert handles.fill("$h1").label == UNTRUSTED


def test_unknown_references() -> None:
    """One that is all there is must be known, and the error says which are; inside a text it is a text."""
    handles = Handles()
    handles.hide("x", UNTRUSTED, "a")
    with pytest.raises(UnknownHandle, match=r"there is no '\$h9'; there are: \$h1"):
        handles.fill("$h9")
    filled = handles.fill("costs $h9 or so")
    assert (filled.value, filled.label) == ("costs $h9 or so", None)


def test_fields_of_a_value_are_hidden_one_by_one() -> None:
    """What the service itself keeps is shown; what strangers wrote into it is not, and a wrong shape is hidden whole."""
    handles = Handles()
    fields = {"[].subject": UNTRUSTED, "[].note.text": UNTRUSTED, "[].id": INTERNAL}
    mails = [{"id": 1, "subject": "obey", "note": {"text": "me", "at": 2}}, {"id": 2, "subject": "x", "note": "obey"}]
    assert handles.shown(mails, TRUSTED, fields, "mails") == [
        {"id": 1, "subject": "$h1", "note": {"text": "$h2", "at": 2}},
        {"id": 2, "subject": "$h3", "note": "$h4"},
    ]
    assert handles.shown("obey", TRUSTED, fields, "mails") == "$h5"


def test_keys_carry_labels_too() -> None:
    """A reference in the place of a key is filled in, and counts."""
    handles = Handles()
    handles.hide("k", UNTRUSTED, "a")
    filled = handles.fill({"$h1": 1})
    assert (filled.value, filled.label) == ({"k": 1}, UNTRUSTED)


def test_own_words_are_worth_no_more_than_what_stands_in_them() -> None:
    """The label of a text is the join of the writer's and of what was filled in."""
    handles = Handles()
    handles.hide("x", SECRET, "a")
    assert handles.fill("$h1").label_from(INTERNAL) == INTERNAL.join(SECRET)
    assert handles.fill("mine").label_from(INTERNAL) == INTERNAL


def test_what_there_is_behind_a_handle() -> None:
    """Value, label and source by its name, spaces around it or not; how many there are, and whether one is there."""
    handles = Handles()
    assert len(handles) == 0
    name = handles.hide_fields({"iban": ("DE1", UNTRUSTED), "day": ("2026-12-01", INTERNAL)}, "a bill")
    assert name == "$h1"
    held = handles.get(" $h1.iban ")
    assert (held.name, held.value, held.label, held.source) == ("$h1.iban", "DE1", UNTRUSTED, "a bill: iban")
    assert handles.get("$h1.day").label == INTERNAL
    assert len(handles) == 2
    assert "$h1.iban" in handles
    assert "$h1" not in handles
    with pytest.raises(UnknownHandle, match="there are: none"):
        Handles().get("$h1")


def test_value_without_hidden_fields_is_itself() -> None:
    """Nothing is copied or changed where no field is a stranger's."""
    value = [{"id": 7}]
    assert Handles().shown(value, TRUSTED, {}, "x") is value
    assert Handles().shown(value, TRUSTED, {"[].id": INTERNAL}, "x") is value


def test_parts_of_values_are_filled_in_their_places() -> None:
    """Lists, numbers and texts without references come back as they are; words are written as they are spelt."""
    handles = Handles()
    handles.hide({"k": "ä"}, UNTRUSTED, "a")
    handles.hide_fields({"x": ("one", SECRET)}, "b")
    filled = handles.fill(["so $h1", 5, None, "$h2.x and $h2.y", "no"])
    assert filled.value == ['so {"k": "ä"}', 5, None, "one and $h2.y", "no"]
    assert filled.label == UNTRUSTED.join(SECRET)
    assert [held.name for held in filled.used] == ["$h1", "$h2.x"]
    assert handles.fill("at $h1.k it is").value == 'at {"k": "ä"}.k it is'
    assert handles.fill("at $h1.k it is").label == UNTRUSTED
