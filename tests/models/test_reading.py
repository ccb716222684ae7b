"""From a prompt's text to the task it sets: every notation that the model understands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.models.embedded.demonstrations import part_demonstrations, unmarked
from stemma.models.embedded.reading import read_task
from stemma.models.embedded.task import Kind, Shown

LISTED = {
    "bullets": "Labels:\n- cat: meows and purrs\n- dog: barks",
    "bold bullets": "Categories\n\n* **cat** - meows and purrs\n* **dog** - barks",
    "a dash": "Choose one of these classes:\n- cat — meows and purrs\n- dog — barks",
    "numbers": "Intents:\n1. cat: meows and purrs\n2. dog: barks",
    "under a sentence": "Triage the animal.\n- cat: meows and purrs\n- dog: barks",
    "plain lines": "Route to one of the following agents:\ncat: meows and purrs\ndog: barks",
    "sub-bullets": "Labels:\n- cat\n  - meows and purrs\n- dog\n  - barks",
    "headings": "# Task\nClassify.\n\n## Labels\n\n### cat\nmeows and purrs\n\n### dog\nbarks",
    "a table": "| label | meaning |\n|---|---|\n| cat | meows and purrs |\n| dog | barks |",
    "named tags": '<label name="cat">meows and purrs</label>\n<label name="dog">barks</label>',
    "tags in a group": "<labels>\n<cat>meows and purrs</cat>\n<dog>barks</dog>\n</labels>",
    "name and description tags": (
        "<option><name>cat</name><description>meows and purrs</description></option>"
        "<option><name>dog</name><description>barks</description></option>"
    ),
    "a schema with a list": 'Output: {"enum": ["cat", "dog"]}\n- cat: meows and purrs\n- dog: barks',
}
INLINE = [
    "Classify the animal as cat or dog.",
    "Is it a cat? Answer cat or dog.",
    "Choose one of: cat, dog",
    "Pick one of [cat, dog].",
    "Labels are cat and dog.",
    "Sort it into: `cat` or `dog`.",
    'Answer only with "cat" or "dog".',
    "Return a Literal['cat', 'dog'].",
    "Categories: cat, dog. Pick the best one.",
    "It is either cat or dog.",
]
SHOWN = {
    "input and output": "Input: it meows\nOutput: cat\n\nInput: it barks\nOutput: dog\n\nInput: it purrs\nOutput: cat",
    "questions and answers": "Q: it meows\nA: cat\n\nQ: it barks\nA: dog\n\nQ: it purrs\nA: cat",
    "numbered": "Example 1\nText 1: it meows\nLabel 1: cat\nText 2: it barks\nLabel 2: dog\nText 3: it purrs\nLabel 3: cat",
    "bold": "**Input:** it meows\n**Output:** cat\n**Input:** it barks\n**Output:** dog\n**Input:** it purrs\n**Output:** cat",
    "turns": "User: it meows\nAssistant: cat\nUser: it barks\nAssistant: dog\nUser: it purrs\nAssistant: cat",
    "arrows": '"it meows" -> cat\n"it barks" -> dog\n"it purrs" -> cat',
    "JSON lines": (
        '{"text": "it meows", "label": "cat"}\n{"text": "it barks", "label": "dog"}\n{"text": "it purrs", "label": "cat"}'
    ),
    "tags": (
        "<example><input>it meows</input><output>cat</output></example>\n"
        "<example><input>it barks</input><output>dog</output></example>\n"
        "<example><input>it purrs</input><output>cat</output></example>"
    ),
    "output below": "Input: it meows\nOutput:\ncat\n\nInput: it barks\nOutput:\ndog\n\nInput: it purrs\nOutput:\ncat",
    "JSON outputs": (
        'Input: it meows\nOutput: {"animal": "cat"}\n\nInput: it barks\nOutput: {"animal": "dog"}\n\n'
        'Input: it purrs\nOutput: {"animal": "cat"}'
    ),
}
PAIRS = (Shown("it meows", "cat"), Shown("it barks", "dog"), Shown("it purrs", "cat"))
ANIMALS = "Classify.\n\nLabels:\n- cat: meows\n- dog: barks\n- fish\n\n"


@pytest.mark.parametrize("notation", LISTED)
def test_labels_are_read_with_their_descriptions(notation: str) -> None:
    """However a prompt lists its labels, their names and what is said about each are found."""
    task = read_task(LISTED[notation])
    assert [(label.name, label.description) for label in task.labels] == [("cat", "meows and purrs"), ("dog", "barks")]


@pytest.mark.parametrize("prompt", INLINE)
def test_labels_are_read_from_a_sentence(prompt: str) -> None:
    """An enumeration inside a sentence names labels too."""
    assert [label.name for label in read_task(prompt).labels] == ["cat", "dog"]


@pytest.mark.parametrize("notation", SHOWN)
def test_demonstrations_are_read(notation: str) -> None:
    """However a prompt writes its demonstrations, inputs and outputs are found, and outputs alone give labels."""
    task = read_task(f"Classify the sound.\n\nExamples:\n\n{SHOWN[notation]}")
    assert task.demonstrations == PAIRS
    assert [label.name for label in task.labels] == ["cat", "dog"]


def test_turns_of_the_conversation_are_demonstrations() -> None:
    """What was answered before shows what is wanted."""
    task = read_task("Classify as cat or dog.", turns=[("Input: it meows", "cat")])
    assert task.demonstrations == (Shown("it meows", "cat"),)


def test_an_output_no_list_names_is_a_label_too() -> None:
    """A label that only a demonstration uses is added behind the listed ones; its spelling is the list's."""
    task = read_task(ANIMALS + "Input: hiss\nOutput: snake\n\nInput: woof\nOutput: Dog")
    assert [label.name for label in task.labels] == ["cat", "dog", "fish", "snake"]
    assert task.demonstrations == (Shown("hiss", "snake"), Shown("woof", "dog"))


def test_cue_words_and_exclusions_are_kept_apart() -> None:
    """Keywords and quoted phrases speak for a label, what follows 'Not:' against it."""
    task = read_task('Labels:\n- cat: an animal, says "meow". Keywords: purr, hiss. Not: bark, cat food\n- dog: barks')
    assert task.labels[0].cues == ("purr", "hiss", "meow")
    assert task.labels[0].bans == ("bark", "cat food")


@pytest.mark.parametrize(
    ("rule", "cues"),
    [
        ('If the text contains "wet nose", answer dog.', ("wet nose",)),
        ("- When it mentions a leash or a bone, choose dog", ("leash", "bone")),
        ("dog: if it says woof", ("woof",)),
        ("If it mentions a leash, then dog rather than cat.", ("leash",)),
    ],
)
def test_a_rule_adds_cues_to_its_label(rule: str, cues: tuple[str, ...]) -> None:
    """A condition on the words of the input becomes cues of the label that it leads to."""
    labels = {label.name: label for label in read_task(ANIMALS + "Rules:\n" + rule).labels}
    assert labels["dog"].cues == cues
    assert labels["cat"].cues == ()


def test_a_rule_without_words_to_look_for_describes_its_label() -> None:
    """Any other condition says more about the label."""
    labels = read_task(ANIMALS + "If the animal is walked in the park, answer dog.").labels
    assert labels[1].description == "barks; the animal is walked in the park"


@pytest.mark.parametrize(
    "rule",
    [
        "Otherwise, answer fish.",
        "If unsure, use fish.",
        "Default: fish",
        "If none of these fits, answer fish.",
        "When in doubt: fish",
    ],
)
def test_the_label_for_everything_else_is_read(rule: str) -> None:
    """A prompt may say what to answer when nothing fits."""
    assert read_task(ANIMALS + rule).fallback == "fish"


def test_a_label_never_to_be_used_is_dropped() -> None:
    """A ban without a condition takes the label away."""
    assert [label.name for label in read_task(ANIMALS + "Never answer fish.").labels] == ["cat", "dog"]


@pytest.mark.parametrize(
    "ask", ['Answer with JSON: {"animal": "<label>"}', 'Return a JSON object with the key "animal".']
)
def test_a_json_key_is_read(ask: str) -> None:
    """A prompt may want its answer as a JSON object."""
    assert read_task(ANIMALS + ask).json_key == "animal"


def test_a_label_named_like_a_mark_is_still_a_label() -> None:
    """A list item such as 'human: …' is not the beginning of a demonstration."""
    task = read_task("Labels:\n- human: a person\n- place: a city\n- question: anything asked")
    assert [label.name for label in task.labels] == ["human", "place", "question"]


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("Answer the customer's question from the context.", Kind.ANSWER),
        ("Quote the sentence that answers it.", Kind.ANSWER),
        ("Context: Cards are blue.\nQuestion: What colour are cards?", Kind.ANSWER),
        ("Summarise the text in two sentences.", Kind.SUMMARIZE),
        ("tl;dr", Kind.SUMMARIZE),
    ],
)
def test_prompts_that_ask_for_quotations_are_recognised(prompt: str, kind: Kind) -> None:
    """Answering and summarising by quoting are tasks of their own."""
    assert read_task(prompt).kind is kind


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("Translate to French.", "translation"),
        ("Calculate the total.", "arithmetic"),
        ("Write a Python function that sorts.", "code"),
        ("Write a poem.", "free_text"),
        ("Write an e-mail.\n- Tone: friendly\n- Length: short", "free_text"),
        ("Classify the message.", "no_labels"),
    ],
)
def test_what_the_model_cannot_do_is_refused_by_kind(prompt: str, code: str) -> None:
    """Anything else is a refusal whose code says what it would have taken."""
    task = read_task(prompt)
    assert task.kind is Kind.REFUSE
    assert task.refusal is not None
    assert task.refusal.code == code


@given(st.text(max_size=400))
def test_any_text_can_be_read(prompt: str) -> None:
    """No prompt, however strange, makes reading fail, and reading twice gives the same."""
    assert read_task(prompt) == read_task(prompt)


@given(
    st.lists(
        st.tuples(st.text("abc ,?!é", min_size=1, max_size=30), st.sampled_from(["red", "blue_sky", "light green"])),
        min_size=1,
        max_size=6,
    )
)
def test_rendered_demonstrations_are_read_back(pairs: list[tuple[str, str]]) -> None:
    """What a prompt renders as Input and Output lines comes back as it was, but for surrounding space."""
    text = "\n\n".join(f"Input: {given}\nOutput: {wanted}" for given, wanted in pairs)
    assert part_demonstrations(text).shown == tuple(Shown(given.strip(), wanted) for given, wanted in pairs)


@pytest.mark.parametrize(
    "turn", ["Input: my card\nOutput:", "**Text:** my card", '"my card"', "my card", "Q: my card\nA:"]
)
def test_the_marks_around_an_input_are_taken_off(turn: str) -> None:
    """The input is the same whether a template wraps it or not."""
    assert unmarked(turn) == "my card"
