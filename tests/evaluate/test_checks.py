"""What a candidate is refused for before it costs a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.evaluate.checks import CheckPolicy, problems_of, prompt_tokens
from stemma.registry.prompt import Demonstration, Prompt

SEED = Prompt("Sort {{ticket}} for {{team}}.\nNever promise money.\n- refund\n- repair")
POLICY = CheckPolicy(frozen=("Never promise money.",), forbidden=(r"(?i)password",), labels=("refund", "repair"))
TRAINING = "my espresso machine leaks water from below since the day before yesterday and it smells"


def with_text(text: str) -> Prompt:
    return SEED.with_(instructions=text)


@pytest.mark.parametrize(
    ("candidate", "problem"),
    [
        (with_text(SEED.instructions.replace("{{team}}", "us")), "lost the variable 'team'"),
        (with_text(SEED.instructions + "{{customer}}"), "needs a variable 'customer' that nobody gives"),
        (with_text(SEED.instructions + "{{ticket"), "its template cannot be used"),
        (with_text(SEED.instructions + "{{ticket.__class__}}"), "its template cannot be used"),
        (with_text(SEED.instructions.replace("Never", "Seldom")), "changed the frozen text 'Never promise money.'"),
        (with_text(SEED.instructions + " Ask for the PASSWORD."), "forbids"),
        (SEED.with_(demonstrations=(Demonstration("the password is 1", "repair"),)), "forbids"),
        (with_text(SEED.instructions.replace("\n- repair", "")), "lost the label 'repair'"),
        (with_text(SEED.instructions + "word " * 6000), "more than the cap of 1500"),
        (SEED.with_(template_format="mustache"), "changed the template format to 'mustache'"),
        (SEED.with_(output_schema={"type": "string"}), "changed the output schema"),
        (SEED.with_(input_schema={"type": "object"}), "changed the input schema"),
        (with_text(f"{SEED.instructions}\nAs in: {TRAINING}"), "quote training data: 'espresso machine leaks"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(candidate: Prompt, problem: str) -> None:
    """Each rule that a candidate breaks gives one reason, and nothing else does."""
    [told] = problems_of(candidate, SEED, POLICY, training=[TRAINING])
    assert problem in told


def test_the_origin_has_no_problems() -> None:
    """A prompt may be what it descends from."""
    assert problems_of(SEED, SEED, POLICY, training=[TRAINING]) == ()


def test_demonstrations_may_quote_training_data() -> None:
    """Examples are what training cases are for."""
    shown = SEED.with_(demonstrations=(Demonstration(TRAINING, "repair"),))
    assert problems_of(shown, SEED, POLICY, training=[TRAINING]) == ()


def test_text_that_the_origin_quotes_may_stay() -> None:
    """A quotation that a person wrote into the seed is not held against its descendants."""
    origin = with_text(f"{SEED.instructions}\n{TRAINING}")
    assert (
        problems_of(origin.with_(instructions=origin.instructions + " Be brief."), origin, POLICY, training=[TRAINING])
        == ()
    )


def test_every_problem_is_told() -> None:
    """A candidate that breaks several rules hears of all of them."""
    assert len(problems_of(with_text("password"), SEED, POLICY)) == 4


@given(text=st.text(max_size=80), shown=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=9)), max_size=4))
def test_a_longer_prompt_never_takes_fewer_tokens(text: str, shown: list[tuple[str, str]]) -> None:
    """Each demonstration adds to what a prompt takes."""
    demonstrations = tuple(Demonstration(given_text, wanted) for given_text, wanted in shown)
    sizes = [prompt_tokens(Prompt(text, demonstrations[:count])) for count in range(len(shown) + 1)]
    assert sizes == sorted(sizes)
