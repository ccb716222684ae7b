"""Messages and their labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.core.trust import Confidentiality, Integrity, TrustLabel
from stemma.network.message import Message, Part, PartKind

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
