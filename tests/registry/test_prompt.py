"""The prompt: its content, its digest, and what it renders to."""

import hashlib
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidInput, MissingVariable, TemplateError, UnsafeTemplate
from stemma.registry.prompt import Demonstration, Prompt, Rendered
from stemma.registry.templates import TemplateFormat

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=20)
json_objects = st.dictionaries(texts, st.one_of(st.none(), st.booleans(), st.integers(-9, 9), texts), max_size=3)
prompts = st.builds(
    Prompt,
    texts,
    st.lists(st.builds(Demonstration, texts, texts), max_size=2).map(tuple),
    user=st.one_of(st.none(), texts),
    template_format=st.sampled_from(get_args(TemplateFormat)),
    input_schema=st.one_of(st.none(), json_objects),
    output_schema=st.one_of(st.none(), json_objects),
    settings=json_objects,
)


@given(prompts)
def test_a_prompt_is_what_its_json_says(prompt: Prompt) -> None:
    """Any prompt comes back from its JSON equal, with the same digest, which is the SHA-256 of the canonical bytes."""
    back = Prompt.from_json(prompt.to_json())
    assert back == prompt
    assert back.digest == prompt.digest == hashlib.sha256(prompt.canonical).hexdigest()
    assert hash(back) == hash(prompt)


@given(prompts, prompts)
def test_prompts_are_equal_when_their_bytes_are(one: Prompt, other: Prompt) -> None:
    """Equality, hash and digest agree, whatever Python thinks of the values inside."""
    assert (one == other) == (one.digest == other.digest) == (one.canonical == other.canonical)


def test_numbers_are_equal_as_in_json() -> None:
    """`1` and `1.0` are one number in JSON; `true` is none."""
    assert Prompt("a", settings={"n": 1}) == Prompt("a", settings={"n": 1.0})
    assert Prompt("a", settings={"n": 1}) != Prompt("a", settings={"n": True})
    assert Prompt("a") != "a"


def test_the_digest_never_changes_between_versions() -> None:
    """A digest names a prompt for ever: this one is written down."""
    prompt = Prompt("Name the colour.", (Demonstration("sky", "blue"),), settings={"temperature": 0.5})
    assert prompt.canonical == (
        b'{"demonstrations":[{"input":"sky","output":"blue"}],"instructions":"Name the colour.",'
        b'"settings":{"temperature":0.5},"template_format":"jinja2"}'
    )
    assert prompt.digest == hashlib.sha256(prompt.canonical).hexdigest()


def test_with_new_values_is_another_prompt() -> None:
    """`with_` leaves the prompt as it was."""
    prompt = Prompt("a")
    assert prompt.with_(instructions="b").instructions == "b"
    assert prompt.instructions == "a"


@pytest.mark.parametrize(
    ("prompt", "values", "rendered"),
    [
        (Prompt("Hi."), {"text": "grass"}, Rendered("Hi.", "grass")),
        (Prompt("Hi {{ who }}."), {"who": "Bo", "text": "grass"}, Rendered("Hi Bo.", "grass")),
        (Prompt("Hi."), {"a": 1, "b": "x"}, Rendered("Hi.", "a: 1\nb: x")),
        (Prompt("Hi.", user="<{{ text }}>"), {"text": "x"}, Rendered("Hi.", "<x>")),
        (Prompt("", user="{text}", template_format="f-string"), {"text": "{x}"}, Rendered("", "{x}")),
        (
            Prompt("Hi.", (Demonstration("{{ x }}", "b"),)),
            {"text": "x"},
            Rendered("Hi.\n\nExamples:\n\nInput: {{ x }}\nOutput: b", "x"),
        ),
    ],
)
def test_rendering_fills_templates_and_leaves_data_alone(
    prompt: Prompt, values: Mapping[str, Any], rendered: Rendered
) -> None:
    """Inputs that the instructions do not mention are the user's turn; demonstrations are never evaluated."""
    assert prompt.render(values) == rendered


def test_variables_are_those_of_both_templates() -> None:
    """The names come in order of first use, each once."""
    assert Prompt("{{ b }}{{ a }}", user="{{ a }}{{ c }}").variables == ("b", "a", "c")


def test_every_missing_variable_of_both_templates_is_named_at_once() -> None:
    """Rendering says exactly what the templates need and were not given."""
    with pytest.raises(MissingVariable, match="'who', 'why'") as caught:
        Prompt("Hi {{ who }}.", user="{{ why }} {{ who }} {{ text }}").render({"text": "x"})
    assert (caught.value.names, caught.value.given) == (("who", "why"), ("text",))


def test_reaching_for_python_is_refused() -> None:
    """A prompt whose author is a model cannot leave the sandbox."""
    with pytest.raises(UnsafeTemplate, match="__class__"):
        Prompt("{{ text.__class__ }}").render({"text": "x"})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ([], "a JSON object"),
        ({}, "needs 'instructions'"),
        ({"instructions": 1}, "needs 'instructions'"),
        ({"instructions": "a", "colour": 1}, "'colour'"),
        ({"instructions": "a", "user": 1}, "'user'"),
        ({"instructions": "a", "template_format": "erb"}, "'erb'"),
        ({"instructions": "a", "settings": []}, "'settings'"),
        ({"instructions": "a", "input_schema": 1}, "'input_schema'"),
        ({"instructions": "a", "demonstrations": [{"input": "x"}]}, "demonstration"),
        ({"instructions": "a", "demonstrations": [{"input": "x", "output": 1}]}, "demonstration"),
        ({"instructions": "a", "demonstrations": 5}, "demonstration"),
    ],
)
def test_json_that_is_no_prompt_says_which_part(content: Any, problem: str) -> None:
    """The part that does not fit is named."""
    with pytest.raises(InvalidInput, match=problem):
        Prompt.from_json(content)


def test_content_that_json_cannot_carry_has_no_digest() -> None:
    """A digest is only given to what every machine writes the same."""
    with pytest.raises(InvalidInput):
        _ = Prompt("a", settings={"temperature": float("nan")}).digest


def test_a_broken_template_is_a_template_error() -> None:
    """A prompt may be held before its template is judged; rendering judges it."""
    with pytest.raises(TemplateError, match="line 1"):
        Prompt("{{ ").render({})
