"""What a model is shown when a conversation is too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.models.tokens import count_tokens
from stemma.network.state.window import Measure, TooLong, Window, fit

TEXTS = st.text("ab €\n", max_size=120)
LISTS = st.lists(TEXTS, max_size=5)
WINDOWS = st.builds(
    Window,
    instructions=TEXTS,
    data=st.dictionaries(st.sampled_from(["ticket", "mail", "log"]), st.text("xy€", max_size=400), max_size=3),
    passages=st.dictionaries(st.sampled_from(["context", "memory"]), LISTS, max_size=2),
    history=LISTS,
    exchanges=LISTS,
)
LIMITS = st.integers(0, 1500)
MEASURES = st.sampled_from([len, count_tokens])

FULL = Window(
    "Answer the mail.",
    data={"mail": "m" * 200, "name": "Ada"},
    passages={"context": ["c0" * 40, "c1" * 40, "c2" * 40], "memory": ["m0" * 40, "m1" * 40]},
    history=["h0" * 50, "h1" * 50],
    exchanges=["e0" * 50, "e1" * 50],
)
BEFORE = "2 earlier turns, 1 earlier tool exchange"


def fitted(whole: Window, limit: int, measure: Measure) -> Window | None:
    try:
        return fit(whole, limit, measure=measure)
    except TooLong:
        return None


@given(WINDOWS, LIMITS, MEASURES)
def test_a_window_is_never_over_its_limit(whole: Window, limit: int, measure: Measure) -> None:
    """Whatever is shown fits, the line on what was left out included; what fits already is not touched."""
    shown = fitted(whole, limit, measure)
    if shown is not None:
        assert shown.size(measure) <= limit
        assert (shown == whole) == (whole.size(measure) <= limit)


@given(WINDOWS, LIMITS, MEASURES)
def test_instructions_and_the_newest_exchange_stay_whole(whole: Window, limit: int, measure: Measure) -> None:
    """They are shown as they are, or nothing is; and nothing is only when they have no room."""
    shown = fitted(whole, limit, measure)
    if shown is None:
        fixed = [whole.instructions, *whole.exchanges[-1:]]
        assert sum(map(measure, fixed)) + measure("Left out for want of room: ." + "x" * 300) > limit
    else:
        assert shown.instructions == whole.instructions
        assert list(shown.exchanges[-1:]) == list(whole.exchanges[-1:])


@given(WINDOWS, LIMITS, st.integers(0, 300), MEASURES)
def test_a_greater_limit_never_leaves_out_more(whole: Window, limit: int, more: int, measure: Measure) -> None:
    """Every piece that a limit leaves in, a greater limit leaves in too, and cuts no shorter."""
    less, greater = fitted(whole, limit, measure), fitted(whole, limit + more, measure)
    if less is None:
        return
    assert greater is not None
    assert len(less.history) <= len(greater.history)
    assert len(less.exchanges) <= len(greater.exchanges)
    assert all(len(found) <= len(greater.passages[name]) for name, found in less.passages.items())
    assert set(greater.cut) <= set(less.cut)
    assert all(_kept(text) <= _kept(greater.data[name]) for name, text in less.data.items())


@given(WINDOWS, LIMITS)
def test_what_is_shown_is_a_part_of_what_there_was(whole: Window, limit: int) -> None:
    """History and exchanges keep their newest, passages their most relevant, and data both of its ends."""
    shown = fitted(whole, limit, len)
    if shown is None:
        return
    for all_of, kept in ((whole.history, shown.history), (whole.exchanges, shown.exchanges)):
        assert list(kept) == list(all_of[len(all_of) - len(kept) :])
    for name, found in shown.passages.items():
        assert list(found) == list(whole.passages[name][: len(found)])
    for name, text in shown.data.items():
        head, _, tail = text.partition("[… ")
        assert whole.data[name].startswith(head)
        assert whole.data[name].endswith(tail.partition("…]")[2])


def _kept(text: str) -> int:
    """The characters of `text` without a mark in it."""
    head, mark, rest = text.partition("[… ")
    return len(head) + len(rest.partition("…]")[2]) if mark else len(head)


@pytest.mark.parametrize(
    ("limit", "note"),
    [
        (1019, ""),
        (1018, "1 earlier turn"),
        (960, "2 earlier turns"),
        (861, "2 earlier turns, 1 earlier tool exchange"),
        (786, "2 earlier turns, 1 earlier tool exchange, 1 of 3 passages of 'context'"),
        (736, f"{BEFORE}, 1 of 3 passages of 'context', 1 of 2 passages of 'memory'"),
        (525, f"{BEFORE}, 3 of 3 passages of 'context', 2 of 2 passages of 'memory'"),
        (445, f"{BEFORE}, 3 of 3 passages of 'context', 2 of 2 passages of 'memory', the middle of 'mail'"),
        (318, f"{BEFORE}, 3 of 3 passages of 'context', 2 of 2 passages of 'memory', all of 'mail'"),
    ],
)
def test_pieces_go_in_the_stated_order(limit: int, note: str) -> None:
    """Earlier turns go first, then earlier exchanges, then the least relevant passages, then the middle of the longest data."""
    shown = fit(FULL, limit)
    assert shown.note == (note and f"Left out for want of room: {note}.")


def test_the_longest_data_is_cut_to_the_length_of_the_next() -> None:
    """Cutting takes from the longest part until others are as long, so a short part beside a long one stays whole."""
    shown = fit(Window("", data={"a": "a" * 2000, "b": "b" * 300, "c": "c" * 50}), 500)
    assert shown.cut == ("a", "b")
    assert shown.data["c"] == "c" * 50
    assert len(shown.data["a"]) == len(shown.data["b"])
    assert "characters left out …]" in shown.data["a"]


def test_the_mark_says_how_much_is_missing() -> None:
    """What the mark counts and what is shown around it make up the whole text."""
    shown = fit(Window("", data={"a": "a" * 5000}), 200).data["a"]
    left_out = int(shown.partition("[… ")[2].partition(" ")[0].replace(",", ""))
    assert left_out + _kept(shown) == 5000
    assert "," in shown


def test_instructions_over_the_limit_are_an_error_with_sizes() -> None:
    """What has to stay whole and does not fit is refused, naming each size and the limit."""
    with pytest.raises(TooLong) as refused:
        fit(Window("i" * 1200, data={"a": "b"}, exchanges=["e" * 90]), 1000)
    assert (refused.value.instructions, refused.value.newest, refused.value.limit) == (1200, 90, 1000)
    assert "1,200" in str(refused.value)
