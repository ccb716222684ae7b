"""Word groups that tell labels apart."""

from hypothesis import given
from hypothesis import strategies as st

from stemma.optimize.mining import Phrase, cover, mine

EXAMPLES = {
    "card": ["my card is lost", "I lost the card", "where is my card", "please send money"],
    "cash": ["the cash machine kept it", "no cash came out", "please send money", "cash machine broken"],
}
TEXTS = st.lists(
    st.sampled_from(["card", "cash", "lost", "machine", "my", "the", "it", "not", "yet", "arrived"]), max_size=6
).map(" ".join)


def test_the_most_telling_group_comes_first() -> None:
    """What many examples of one label hold, and none of the others, ranks highest."""
    mined = mine(EXAMPLES)
    assert {label: phrases[0].text for label, phrases in mined.items()} == {"card": "card", "cash": "cash"}


def test_what_all_labels_hold_tells_nothing() -> None:
    """A group that is as common elsewhere is not offered, nor one that a single example holds."""
    texts = {phrase.text for phrases in mine(EXAMPLES).values() for phrase in phrases}
    assert texts.isdisjoint({"send money", "money", "broken", "the", "is"})


def test_what_is_commoner_elsewhere_is_not_offered() -> None:
    """A group that several examples hold describes the label that it sets apart, and no other."""
    mined = mine({"one": ["send money"] * 3, "two": ["send money"] * 3 + ["lost card"] * 6})
    assert {phrase.text for phrase in mined["one"]} == {"send", "money", "send money"}
    assert {phrase.text for phrase in mined["two"]} == {"lost", "card", "lost card"}


@given(examples=st.dictionaries(st.sampled_from("abc"), st.lists(TEXTS, max_size=6), max_size=3))
def test_groups_stand_in_their_label_s_examples(examples: dict[str, list[str]]) -> None:
    """Every group is found, word for word, in the examples that it is said to cover; at least two of them."""
    mined = mine(examples)
    assert mined.keys() == examples.keys()
    for label, phrases in mined.items():
        for phrase in phrases:
            assert len(phrase.covers) >= 2
            assert all(f" {phrase.text} " in f" {examples[label][place]} " for place in phrase.covers)


def test_a_cover_reaches_examples_that_are_not_reached_yet() -> None:
    """The second group taken is the one for the other examples, though a third one weighs more."""
    phrases = (
        Phrase("lost card", 3.0, frozenset({0, 1, 2})),
        Phrase("missing", 2.5, frozenset({0, 1, 2})),
        Phrase("stolen", 2.0, frozenset({3, 4})),
    )
    assert cover(phrases, most=2) == ("lost card", "stolen")


def test_a_part_of_a_taken_group_adds_nothing() -> None:
    """Words that were said already are not said again."""
    phrases = (Phrase("lost card", 3.0, frozenset({0, 1})), Phrase("card", 2.0, frozenset({0, 1, 2})))
    assert cover(phrases, most=5) == ("lost card",)
