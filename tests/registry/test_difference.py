"""What changed between two prompts."""

from hypothesis import example, given
from hypothesis import strategies as st

from stemma.registry.difference import difference
from stemma.registry.prompt import Demonstration, Prompt

texts = st.text(alphabet="ab \n", max_size=8)
prompts = st.builds(
    Prompt,
    texts,
    demonstrations=st.lists(st.builds(Demonstration, texts, texts), max_size=2).map(tuple),
    user=st.none() | texts,
    template_format=st.sampled_from(["jinja2", "mustache", "none"]),
    output_schema=st.none() | st.fixed_dictionaries({"enum": st.lists(texts, max_size=2)}),
    settings=st.dictionaries(texts, st.integers(0, 2), max_size=1),
)


@given(prompts, prompts)
@example(Prompt("a"), Prompt("a\n"))
@example(Prompt("a", settings={"top": 1}), Prompt("a", settings={"top": 1.0}))
def test_a_difference_is_empty_exactly_when_nothing_changed(old: Prompt, new: Prompt) -> None:
    """Two prompts with other digests always show a changed line, a final newline included; equal ones show none."""
    assert bool(difference(old, new)) == (old.digest != new.digest)
    assert not difference(old, old).lines


@given(prompts, prompts)
def test_what_stays_and_what_goes_is_the_old_text_and_what_stays_and_what_comes_the_new(
    old: Prompt, new: Prompt
) -> None:
    """With all context, the lines of the instructions that are not marked + are the old ones, not marked - the new."""
    lines = [line for line in difference(old, new, context=1000).lines if line.part == "instructions"]
    if old.instructions == new.instructions:
        assert lines == []
        return
    assert "\n".join(line.text for line in lines if line.mark != "+") == old.instructions
    assert "\n".join(line.text for line in lines if line.mark != "-") == new.instructions


def test_a_reviewer_reads_parts_and_lines() -> None:
    """Parts are headed, unchanged lines are cut to the context, a demonstration is one line, a schema is a tree."""
    old = Prompt("Be kind.\nBe brief.\nBe sure.\nAsk.\nEnd.", settings={"temperature": 0})
    new = old.with_(
        instructions="Be kind.\nBe brief.\nBe sure.\nAsk.\nStop.",
        demonstrations=(Demonstration("My card\nis gone", "card"),),
        output_schema={"enum": ["card"]},
    )
    shown = difference(old, new, context=1)
    assert str(shown).splitlines() == [
        "@@ instructions @@",
        "  Ask.",
        "- End.",
        "+ Stop.",
        "@@ demonstrations @@",
        "+ My card⏎is gone → card",
        "@@ output_schema @@",
        "+ {",
        '+   "enum": [',
        '+     "card"',
        "+   ]",
        "+ }",
    ]
    assert (shown.added, shown.removed) == (7, 1)
