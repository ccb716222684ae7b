"""The embedded model's answers: they come from the prompt alone, and anything beyond it is refused."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.models.embedded import EmbeddedModel
from stemma.models.embedded.answering import split_prompt
from stemma.models.embedded.likeness import Recent
from stemma.models.encoders import HashedEncoder
from stemma.models.encoders.encoder import Vectors

TRIAGE = "Route the message.\n\nLabels:\n- billing: invoices, refunds, charges\n- shipping: parcels, delivery, couriers"
CONTEXT = "Context: Cards arrive within a week. Fees are listed in the app under Prices. Call us if a card is lost."
QUOTE = 'Answer the question from the context. If it is not in the context, answer "not stated".'


@pytest.fixture(scope="module")
def model() -> EmbeddedModel:
    return EmbeddedModel()


def test_a_label_is_chosen_by_its_description(model: EmbeddedModel) -> None:
    """The label whose description resembles the input is the answer, with a probability."""
    answer = model.answer(TRIAGE, "The courier left my parcel in the rain")
    assert (answer.text, answer.label, answer.encoder) == ("shipping", "shipping", "hashed")
    assert answer.confidence is not None
    assert 0.5 < answer.confidence <= 1.0


def test_the_answer_follows_the_prompt(model: EmbeddedModel) -> None:
    """Exchanging two descriptions exchanges the answers: there is no other knowledge."""
    swapped = TRIAGE.replace("billing:", "x:").replace("shipping:", "billing:").replace("x:", "shipping:")
    assert model.answer(swapped, "The courier left my parcel in the rain").label == "billing"


def test_demonstrations_teach_what_descriptions_do_not_say(model: EmbeddedModel) -> None:
    """A label takes inputs like those it was shown with, whatever its name."""
    shown = "Input: it meows\nOutput: a1\n\nInput: it barks\nOutput: b2\n\nInput: it purrs\nOutput: a1"
    prompt = f"Classify as a1 or b2.\n\nExamples:\n\n{shown}"
    assert [model.answer(prompt, text).label for text in ("purring loudly", "barking loudly")] == ["a1", "b2"]


def test_demonstrations_show_when_it_is_the_opening_that_counts(model: EmbeddedModel) -> None:
    """Where the opening words go with the labels and the topics do not, an input is taken by how it opens."""
    topics = ("the bridge", "a violin", "this novel", "our harbour")
    shown = [(f"Who made {topic}?", "a1") for topic in topics] + [(f"When was {topic} made?", "b2") for topic in topics]
    examples = "\n\n".join(f"Input: {text}\nOutput: {label}" for text, label in shown)
    prompt = f"Classify as a1 or b2.\n\nExamples:\n\n{examples}"
    crossed = ("Who was there when it was made?", "When did they who made it?")
    assert [model.answer(prompt, text).label for text in crossed] == ["a1", "b2"]


class MeaningsOnly:
    """An encoder that knows nothing of openings."""

    name, dimensions = "plain", 8192

    def encode(self, texts: Sequence[str]) -> Vectors:
        return HashedEncoder().encode(texts)


def test_any_encoder_will_do() -> None:
    """An encoder that gives meanings alone is enough."""
    plain = EmbeddedModel(MeaningsOnly())
    shown = "Input: it meows\nOutput: a1\n\nInput: it barks\nOutput: b2\n\nInput: it purrs\nOutput: a1"
    answer = plain.answer(f"Classify as a1 or b2.\n\nExamples:\n\n{shown}", "barking loudly")
    assert (answer.label, answer.encoder) == ("b2", "plain")


def test_a_label_without_demonstrations_is_not_drowned_by_the_others(model: EmbeddedModel) -> None:
    """Showing some labels leaves the others reachable through their descriptions."""
    prompt = (
        TRIAGE
        + "\n\nExamples:\n\n"
        + "\n\n".join(
            f"Input: {text}\nOutput: billing"
            for text in ("charged twice", "wrong invoice", "my refund", "extra fee", "a bill")
        )
    )
    assert model.answer(prompt, "my parcel and its delivery").label == "shipping"


def test_a_cue_in_the_input_decides(model: EmbeddedModel) -> None:
    """A keyword that occurs word for word outweighs a faint likeness; inside another word it does not count."""
    prompt = "Labels:\n- tall: about height. Keywords: how high\n- old: about age. Keywords: how long ago, age"
    assert model.answer(prompt, "How long ago was it?").label == "old"
    assert model.answer(prompt, "how high, by the package").label == "tall"


def test_nothing_alike_takes_the_label_for_everything_else(model: EmbeddedModel) -> None:
    """The fallback answers for what resembles nothing; without one the model refuses."""
    assert model.answer(TRIAGE + "\n- other\n\nOtherwise answer other.", "§§").label == "other"
    refused = model.answer(TRIAGE, "§§").refusal
    assert refused is not None
    assert refused.code == "no_evidence"


def test_a_json_answer_has_the_key_that_was_asked_for(model: EmbeddedModel) -> None:
    """Where the prompt wants JSON, the text is JSON and the label is still the label."""
    answer = model.answer(TRIAGE + '\n\nReply in JSON: {"team": "..."}', "refund my invoice")
    assert json.loads(answer.text) == {"team": "billing"}
    assert answer.label == "billing"


def test_a_prompt_may_carry_its_input(model: EmbeddedModel) -> None:
    """Without a system text the last open input, or the last paragraph, is what is answered."""
    assert model.answer("", f"{TRIAGE}\n\nInput: refund my invoice\nOutput:").label == "billing"
    assert model.answer("", f"{TRIAGE}\n\nwhere is my parcel").label == "shipping"
    assert split_prompt("Choose a or b.\n\nInput: x\nOutput: a\n\nInput: y\nOutput:")[1] == "y"


def test_a_system_text_without_a_task_leaves_it_to_the_user(model: EmbeddedModel) -> None:
    """A general instruction such as 'be helpful' does not hide the prompt in the user's turn."""
    assert model.answer("You are helpful.", f"{TRIAGE}\n\nInput: refund my invoice\nOutput:").label == "billing"


def test_a_question_is_answered_by_quoting(model: EmbeddedModel) -> None:
    """The answer is a sentence of the text as it stands there."""
    answer = model.answer(QUOTE, f"{CONTEXT}\nQuestion: When do cards arrive?")
    assert answer.text == "Cards arrive within a week."
    assert model.answer(f"{QUOTE}\n\n{CONTEXT}", "Where are the fees?").text.startswith("Fees are listed")


def test_what_the_text_does_not_hold_is_not_answered(model: EmbeddedModel) -> None:
    """A question far from every sentence gets the words that the prompt wants said, or a refusal."""
    assert model.answer(QUOTE, f"{CONTEXT}\nQuestion: Who won the marathon?").text == "not stated"
    refused = model.answer(
        "Answer the question from the context.", f"{CONTEXT}\nQuestion: Who won the marathon?"
    ).refusal
    assert refused is not None
    assert refused.code == "not_in_text"


@pytest.mark.parametrize(
    "system",
    [QUOTE, 'Quote the sentence that answers. If nothing in the context bears on the question, say "not stated".'],
)
def test_an_empty_context_holds_no_answer(model: EmbeddedModel, system: str) -> None:
    """Where a search found nothing, the model says what the prompt wants said."""
    assert model.answer(system, "Context:\n\n\nQuestion: When do cards arrive?").text == "not stated"


def test_a_summary_quotes_in_the_order_of_the_text(model: EmbeddedModel) -> None:
    """As many sentences as were asked for, the most central ones, unchanged."""
    text = (
        "Cards are sent by post. Bananas are yellow. Post takes a week, so cards take a week. "
        "Sent cards can be traced by post."
    )
    answer = model.answer("Summarise in two sentences.", text)
    assert answer.text == "Cards are sent by post. Sent cards can be traced by post."


@pytest.mark.parametrize(
    ("system", "user", "code"),
    [
        ("Translate into French.", "hello", "translation"),
        ("Write a reply.", "hello", "free_text"),
        (TRIAGE, "  ", "no_input"),
        (QUOTE, "When do cards arrive?", "no_text"),
    ],
)
def test_a_refusal_says_why_in_one_sentence(model: EmbeddedModel, system: str, user: str, code: str) -> None:
    """What the model cannot do it says at once, with a stable code."""
    answer = model.answer(system, user)
    assert answer.refusal is not None
    assert answer.refusal.code == code
    assert answer.text.startswith("I cannot do this: ")
    assert "\n" not in answer.text


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200), st.text(max_size=100))
def test_every_prompt_gets_the_same_answer_twice(prompt: str, user: str) -> None:
    """Two models asked the same say the same, and none fails."""
    assert EmbeddedModel().answer(prompt, user) == EmbeddedModel().answer(prompt, user)


@settings(deadline=None, max_examples=25)
@given(st.permutations(["my invoice", "a refund", "the parcel", "a courier", "§", ""]))
def test_answers_do_not_depend_on_what_was_asked_before(order: list[str]) -> None:
    """The caches change speed and nothing else."""
    fresh = {text: EmbeddedModel().answer(TRIAGE, text) for text in order}
    used = EmbeddedModel()
    assert {text: used.answer(TRIAGE, text) for text in order} == fresh


def test_memory_is_bounded() -> None:
    """What was not used for longest goes first, by weight."""
    kept: Recent[str, str] = Recent(6, weigh=len)
    for key in ("a", "b", "c"):
        kept.keep(key, key * 2)
    kept.get("a")
    kept.keep("d", "dd")
    assert [kept.get(key) for key in "abcd"] == ["aa", None, "cc", "dd"]
    kept.keep("d", "ddd")
    assert len(kept) == 2
