"""Instruction text comes apart and together again without a loss."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stemma.optimize.anatomy import Anatomy

NAMES = ("refund", "refund_late", "repair")
LINES = st.one_of(
    st.text(alphabet=st.characters(exclude_characters="\n"), max_size=30),
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(["- ", "* ", "  1) ", "12. ", "-", "• "]),
            st.sampled_from(NAMES),
            st.sampled_from(["", " ", ":", ": late ", " – broken", " - broken", "s of money", ":x"]),
        ),
    ),
)


@given(lines=st.lists(LINES, max_size=12))
@example(lines=["- refund – money back  ", "* repair:", "", "- refund_late"])
def test_any_text_comes_back_as_it_stood(lines: list[str]) -> None:
    """Reading a text and writing it is no change, whatever it looks like."""
    text = "\n".join(lines)
    assert str(Anatomy.of(text, NAMES)) == text


@given(lines=st.lists(LINES, max_size=12), description=st.text(alphabet="abc ,", min_size=1).map(str.strip))
def test_describing_one_label_changes_its_lines_alone(lines: list[str], description: str) -> None:
    """Every other line stays as it stood."""
    text = "\n".join(lines)
    changed = str(Anatomy.of(text, NAMES).described("refund", description)).split("\n")
    for before, after in zip(text.split("\n"), changed, strict=True):
        assert before == after or "refund" in before


@pytest.mark.parametrize(
    ("line", "name", "description"),
    [
        ("- refund", "refund", ""),
        ("* refund: money back", "refund", "money back"),
        ("2. refund – money back", "refund", "money back"),
        ("• refund - money back", "refund", "money back"),
        ("- refund_late: money comes late", "refund_late", "money comes late"),
    ],
)
def test_label_lines_are_read_in_the_ways_people_write_them(line: str, name: str, description: str) -> None:
    """Bullets, numbers, colons and dashes; the longest name that fits is meant."""
    assert Anatomy.of(f"Choose.\n{line}", NAMES).descriptions == {name: description}


@pytest.mark.parametrize("line", ["- refunds are slow", "refund: money", "- give a refund", "-refund"])
def test_prose_is_not_taken_for_a_label(line: str) -> None:
    """A line that only begins like a label, or is no list item, stays prose."""
    assert Anatomy.of(line, NAMES).labels == ()


def test_missing_labels_are_listed_behind_the_others() -> None:
    """A list that lacks labels gets them at its end, and a text without a list gets one."""
    text = "Choose.\n\n- refund: money\n\nBe brief."
    assert str(Anatomy.of(text, NAMES).with_labels(NAMES)) == (
        "Choose.\n\n- refund: money\n- refund_late\n- repair\n\nBe brief."
    )
    assert str(Anatomy.of("Choose.", ("yes", "no")).with_labels(("yes", "no"))) == "Choose.\n\nLabels:\n- yes\n- no"
    assert str(Anatomy.of("", ("yes",)).with_labels(("yes",))) == "Labels:\n- yes"


def test_labels_that_stand_in_a_second_list_are_not_listed_twice() -> None:
    """Only what is listed nowhere is missing."""
    text = "Money:\n- refund\n- refund_late\n\nMachines:\n- repair"
    assert str(Anatomy.of(text, NAMES).with_labels(NAMES)) == text
