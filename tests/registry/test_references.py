"""Names, labels and references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidName
from stemma.registry.references import Reference, check_label, check_name

segments = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,8}", fullmatch=True).filter(lambda text: ".." not in text)
names = st.lists(segments, min_size=1, max_size=4).map("/".join).filter(lambda name: not name.split("/")[-1].isdigit())
labels = st.from_regex(r"[a-z0-9_.-]{1,36}", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{8,64}", fullmatch=True)
references = st.one_of(
    st.builds(Reference, names, version=st.integers(1, 999_999_999)),
    st.builds(Reference, names, label=labels),
    st.builds(Reference, names, digest=digests),
)


@given(references)
def test_a_reference_reads_back_what_it_writes(reference: Reference) -> None:
    """Every reference, written in full or without the scheme, parses to itself."""
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(str(reference).removeprefix("prompts:/")) == reference


@given(st.text(alphabet="ab1/@#.-:AÄ \n", max_size=30))
def test_any_text_is_a_reference_or_an_invalid_name(text: str) -> None:
    """No text makes the parser fail in another way, and what it accepts is written the same."""
    try:
        reference = Reference.parse(text)
    except InvalidName:
        return
    assert str(reference).removeprefix("prompts:/") == text.removeprefix("prompts:/")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("prompts:/triage/3", Reference("triage", version=3)),
        ("support/triage/12", Reference("support/triage", version=12)),
        ("2024/triage@production", Reference("2024/triage", label="production")),
        ("triage#0123abcd", Reference("triage", digest="0123abcd")),
    ],
)
def test_the_three_selectors_have_long_and_short_forms(text: str, reference: Reference) -> None:
    """A number, a label or a digest picks a version; a folder may be a number, since only the last part is a version."""
    assert Reference.parse(text) == reference


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("triage", "say which version"),
        ("support/triage", "say which version"),
        ("triage/0", "whole number from 1"),
        ("triage/03", "whole number from 1"),
        ("triage@Production", "a label has 1 to 36"),
        ("triage@", "a label has 1 to 36"),
        ("triage#0123abc", "8 to 64"),
        ("triage#0123ABCD", "8 to 64"),
        ("../triage/3", "never contains"),
        ("Triage/3", "upper case; write 'triage'"),
        ("My  Desk!/3", "upper case; write 'my-desk'"),
        ("Ä/3", "upper case; write it with a-z 0-9"),
        ("a#b@c", "may only have"),
        ("3/4", "would read as a version"),
        ("", "not empty"),
    ],
)
def test_a_reference_that_breaks_the_grammar_says_which_rule(text: str, rule: str) -> None:
    """The message names the rule, so that the reader can mend the reference."""
    with pytest.raises(InvalidName, match=rule):
        Reference.parse(text)


def test_a_reference_has_exactly_one_selector() -> None:
    """A reference that would pick two versions, or none, cannot be made."""
    with pytest.raises(InvalidName, match="say which version"):
        Reference("triage")
    with pytest.raises(InvalidName, match="say which version"):
        Reference("triage", version=1, label="production")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a/../b", "never contains"),
        ("a//b", "empty part"),
        ("/a", "empty part"),
        ("a/", "empty part"),
        ("a b", "may only have"),
        ("-a", "may only have"),
        ("ä", "may only have"),
        ("a\n", "may only have"),
        ("a" * 65, "at most 64"),
        ("a/" * 100 + "a", "at most 200"),
        ("reports/2024", "would read as a version"),
    ],
)
def test_a_name_that_breaks_the_grammar_says_which_rule(name: str, rule: str) -> None:
    """Names that could leave their folder, or be misread, are refused with the reason."""
    with pytest.raises(InvalidName, match=rule):
        check_name(name)


@given(names)
def test_a_valid_name_is_given_back(name: str) -> None:
    """`check_name` returns what it was given, so that it can stand where the name is used."""
    assert check_name(name) == name


@given(labels)
def test_a_valid_label_is_given_back(label: str) -> None:
    """`check_label` returns what it was given."""
    assert check_label(label) == label


@pytest.mark.parametrize("label", ["", "A", "a b", "a/b", "a" * 37, "a\n"])
def test_an_invalid_label_is_refused(label: str) -> None:
    """A label has 1 to 36 characters of a-z 0-9 _ . - and nothing else."""
    with pytest.raises(InvalidName, match="1 to 36"):
        check_label(label)
