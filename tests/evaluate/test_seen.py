"""Cases that were seen before, told by marks."""

from hypothesis import given
from hypothesis import strategies as st

from stemma.evaluate.data import Case, Dataset
from stemma.evaluate.seen import marks_of, marks_shown_by, unseen
from stemma.registry.prompt import Demonstration, Prompt
from stemma.registry.sessions import MARK_BYTES

TEXTS = st.text(min_size=1, max_size=12)


@given(texts=st.lists(TEXTS, unique_by=lambda text: " ".join(text.split()), min_size=1))
def test_what_was_seen_is_left_out_and_nothing_else(texts: list[str]) -> None:
    """Of any cases, those with a mark go, whatever their answers, and the others stay as they were."""
    data = Dataset(tuple(Case({"text": text}, "x", line) for line, text in enumerate(texts)))
    known = texts[::2]
    left = unseen(data, marks_of(Case({"note": f"\n{text}  "}, "y") for text in known))
    assert left.cases == data.cases[1::2]
    assert unseen(data, marks_shown_by(Prompt("", tuple(Demonstration(text, "z") for text in known)))) == left


def test_marks_are_short_and_do_not_hold_the_words() -> None:
    """Each is of one length, and several inputs have the same whatever the order of their columns."""
    one, other = Case({"a": "secret", "b": "2"}), Case({"b": "2", "a": "secret"})
    assert {len(mark) for mark in marks_of([one, other])} == {MARK_BYTES}
    assert not any(b"secret" in mark for mark in marks_of([one]))
    assert unseen(Dataset((one,)), marks_of([other])).cases == ()
    assert unseen(Dataset((Case({"a": "2", "b": "secret"}),)), marks_of([one])).cases != ()
