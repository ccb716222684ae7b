"""Messages and their labels."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, Confidentiality, Integrity, TrustLabel
from stemma.network.message import NOTHING, Inner, Message, MessageStatus, Part, PartKind

labels = st.builds(
    TrustLabel,
    st.sampled_from(Integrity),
    st.sampled_from(Confidentiality),
    st.frozensets(st.sampled_from(["pii", "health"])),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
parts = st.builds(Part, st.sampled_from(PartKind), st.text(min_size=1), values, labels)


@given(st.lists(parts, min_size=1, max_size=4), st.lists(labels, max_size=2))
def test_message_is_no_purer_than_its_parts(given_parts: list[Part], decided_by: list[TrustLabel]) -> None:
    """Every part, and every text that decided that the message was sent, flows into the label of the whole."""
    message = Message.compose("r.1.2", "r.1", sender="a", recipient="b", parts=given_parts, decided_by=decided_by)
    for label in [*(part.label for part in given_parts), *decided_by]:
        assert label.flows_to(message.label)
    assert message.depth == 1


@given(st.lists(parts, min_size=1, max_size=4))
def test_message_survives_json(given_parts: list[Part]) -> None:
    """A message read back is the message that was written."""
    message = Message.compose("r.1.1", "r.1", sender="caller", recipient="b", parts=given_parts)
    assert Message.from_json(message.to_json()) == message


def test_part_without_a_label_is_none() -> None:
    """Nothing is assumed about a part whose label is missing."""
    with pytest.raises(InvalidInput, match="label"):
        Part.from_json({"kind": "data", "name": "ticket", "value": "x"})


INNER = Inner(INTERNAL, {"subject": UNTRUSTED})


def test_part_keeps_the_labels_of_its_pieces() -> None:
    """They are written where there are any, and read back."""
    one = Part(PartKind.DATA, "mail", {"subject": "x"}, UNTRUSTED, INNER)
    assert Part.from_json(one.to_json()) == one
    assert "inner" not in replace(one, inner=None).to_json()


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        ({"own": INTERNAL.to_json()}, "labels of a value"),
        ({"fields": {}}, "labels of a value"),
        ({"own": INTERNAL.to_json(), "fields": ["subject"]}, "labels of a value"),
        ({"own": INTERNAL.to_json(), "fields": {"subject": "trusted"}}, "not a trust label"),
        (None, "labels of a value"),
    ],
)
def test_pieces_without_labels_are_refused(inner: object, problem: str) -> None:
    """No label of a piece is assumed either."""
    written = Part(PartKind.DATA, "mail", {"subject": "x"}, UNTRUSTED).to_json() | {"inner": inner}
    with pytest.raises(InvalidInput, match=problem):
        Part.from_json(written)


@pytest.mark.parametrize("missing", ["id", "run", "sender", "recipient", "parts", "label", "decided"])
def test_message_with_something_missing_is_none(missing: str) -> None:
    """Nothing is assumed about it."""
    written = {key: value for key, value in sent().to_json().items() if key != missing}
    with pytest.raises(InvalidInput, match="is not a message"):
        Message.from_json(written)
    with pytest.raises(InvalidInput, match="is not a message part"):
        Part.from_json({"kind": "order", "name": "x", "value": "y", "label": INTERNAL.to_json()})


def sent(*parts: Part, id: str = "r.1.2") -> Message:
    persona = {"prompt": "act.json", "role": "reader"}
    instruction = Part(PartKind.INSTRUCTION, "persona", persona, TRUSTED)
    return Message.compose(id, "r.1", sender="a", recipient="b", parts=(instruction, *parts), decided_by=[INTERNAL])


def test_message_is_decided_by_all_that_decided_it() -> None:
    """By nothing, where nothing is named."""
    assert sent().decided == INTERNAL.join(NOTHING)
    one = Part(PartKind.DATA, "x", "y", UNTRUSTED)
    assert Message.compose("r.1", "r", sender="a", recipient="b", parts=[one]).decided == NOTHING


def test_part_that_is_added_labels_the_message() -> None:
    """And those instructions that are filled in with it; no other part changes."""
    before = sent(Part(PartKind.DATA, "x", "y", INTERNAL))
    more = Part(PartKind.DATA, "z", "w", UNTRUSTED)
    filled, not_filled = (before.with_data(more, filled_in=filled_in) for filled_in in (True, False))
    assert filled.parts == (replace(before.parts[0], label=TRUSTED.join(UNTRUSTED)), before.parts[1], more)
    assert not_filled.parts == (*before.parts, more)
    assert filled.label == not_filled.label == before.label.join(UNTRUSTED)
    assert filled.decided == before.decided
    assert filled.data == {"x": "y", "z": "w"}


def test_role_is_the_one_that_another_made_up() -> None:
    """It stands in the instruction, which comes first; without one there is none, whatever data say."""
    assert sent().role == "reader"
    data = Part(PartKind.DATA, "persona", {"role": "chief"}, UNTRUSTED)
    assert sent(data).role == "reader"
    assert replace(sent(), parts=(data,)).role is None
    assert replace(sent(), parts=()).role is None
    plain = Part(PartKind.INSTRUCTION, "persona", "act", TRUSTED)
    assert replace(sent(), parts=(plain,)).role is None


def test_depth_counts_the_messages_above() -> None:
    """A run's own are at one, whatever dots the run's name has."""
    assert [sent(id=id).depth for id in ("r.1.2", "r.1.2.t1-1", "r.1.2.t1-1.1")] == [1, 2, 3]


def test_end_is_the_end() -> None:
    """What waits or is worked on has none yet."""
    assert [one.value for one in MessageStatus if not one.is_final] == ["waiting", "running"]
