"""How the durable engine writes values down."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput
from stemma.network.codec import JsonCodec, WorkflowError

CODEC = JsonCodec()
keys = st.text() | st.just("$stemma")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(keys, inner),
    max_leaves=8,
)


@given(values)
def test_values_come_back_as_they_went(value: object) -> None:
    """JSON, tuples and mappings that look like tags are read back as what they were."""
    assert CODEC.deserialize(CODEC.serialize(value)) == value


def test_unlisted_types_are_not_written() -> None:
    """A type that could not be read back is refused when it is written."""
    with pytest.raises(InvalidInput, match="Decimal"):
        CODEC.serialize({"args": (Decimal(1),), "kwargs": {}})


def test_unlisted_tags_are_not_read() -> None:
    """A tag that nobody allowed is refused, so that a row cannot choose what is built."""
    with pytest.raises(InvalidInput, match="'Popen'"):
        CODEC.deserialize(json.dumps({"$stemma": "Popen", "value": ["ls"]}))


def test_errors_come_back_as_words() -> None:
    """Of an error its name and message survive, in a type of our own."""
    back = CODEC.deserialize(CODEC.serialize(ValueError("too long")))
    assert isinstance(back, WorkflowError)
    assert str(back) == "ValueError: too long"
