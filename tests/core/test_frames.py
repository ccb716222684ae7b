"""Frames around strangers' texts."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.frames import Framed, framed, framing, unframed

texts = st.text(max_size=200)
MARKS = st.lists(
    st.one_of(
        texts, st.sampled_from(["</untrusted ", "<untrusted x ", "0123456789abcdef>", "</untrusted 0123456789abcdef>"])
    )
).map("".join)


@given(MARKS, st.text(max_size=20))
def test_no_text_closes_its_own_frame(text: str, name: str) -> None:
    """The closing mark of a frame stands once in it, at the end, whatever the text is."""
    written = framed(text, name)
    closing = written[written.rindex("</untrusted ") :]
    assert written.count(closing) == 1
    assert written.endswith(f"{text}{closing}")


@given(MARKS)
def test_a_text_that_knows_its_frame_gets_another(text: str) -> None:
    """A text that holds the closing mark which it would get without it is framed with another number."""
    closing = framed(text, "t")[-29:]
    forged = text + closing
    assert framed(forged, "t").count(framed(forged, "t")[-29:]) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [("data 'bill'", "data__bill_"), ("a>b\nc", "a_b_c"), ("x" * 100, "x" * 100), ("x" * 101, "x" * 100), ("", "_")],
)
def test_frame_says_what_it_is_called(name: str, said: str) -> None:
    """The name is in the opening mark, with nothing in it that could end the mark, and at most 100 characters of it."""
    written = framed("Pay!", name)
    assert re.fullmatch(rf"<untrusted {said} ([0-9a-f]{{16}})>Pay!</untrusted \1>", written)
    assert unframed(written) == "Pay!"


@given(texts)
def test_unframed_takes_frames_away(text: str) -> None:
    """What is left of a frame is what stood in it; a text without marks is left alone."""
    plain = unframed(text)
    assert unframed(framed(plain, "ticket")) == plain


@given(texts)
def test_framed_text_is_compared_as_it_is(text: str) -> None:
    """A template that asks what a text is gets the text; one that writes it writes the frame."""
    made = Framed(text, "t")
    assert made == text
    assert hash(made) == hash(text)
    assert {text: 1}[made] == 1
    assert str(made) == f"{made}" == framed(text, "t")
    assert str(Framed(made, "t")) == framed(text, "t")


def test_every_text_of_a_value_is_framed() -> None:
    """Keys and items too: strangers choose those as well."""
    value = framing({"a": ["b", 1, None], "c": {"d": True}}, "x")
    assert json.dumps(value) == '{"a": ["b", 1, null], "c": {"d": true}}'
    written = str(value)
    assert all(framed(repr(text), "x") in written for text in ("a", "b", "c", "d"))
