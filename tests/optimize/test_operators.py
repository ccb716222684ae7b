"""Every operator writes prompts that could run, and leaves alone what is not its own."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.evaluate.checks import CheckPolicy, problems_of, prompt_tokens
from stemma.evaluate.data import Case
from stemma.optimize.anatomy import Anatomy
from stemma.optimize.individual import Individual
from stemma.optimize.operators import Operator, Question
from stemma.optimize.operators.coverage import CoverDemonstrations
from stemma.optimize.operators.crossover import crossover
from stemma.optimize.operators.demonstrations import AddDemonstrations, DropDemonstration, SwapDemonstration
from stemma.optimize.operators.descriptions import DescribeLabels, DropDescription
from stemma.optimize.operators.instructions import CHOOSING, EditInstruction
from stemma.optimize.operators.rewriting import Reflect, Rephrase
from stemma.optimize.task import Task, demonstration_of
from stemma.registry.prompt import Prompt

LABELS = ("north", "south")
POOL = tuple(
    Case({"text": f"{word} {number} is {state}"}, label, line)
    for label, word in (("north", "grinder"), ("south", "parcel"))
    for line, (number, state) in enumerate([(1, "here"), (2, "late\nagain"), (3, "broken"), (4, "late")], start=2)
)
VAL = (Case({"text": "my parcel 9 is late"}, "south", 20), Case({"text": "grinder is loud"}, "north", 21))
TASK = Task(POOL, VAL, token_cap=300)
FREE = Task(tuple(Case({"text": f"say {n}"}, f"answer {n}", n) for n in range(9)), VAL, token_cap=300)
SEED = Prompt("Sort this for {{team}}.\nUse the list.\n\nLabels:\n- north\n- south: what travels\n\nThanks.")

OPERATORS: Sequence[Operator] = (
    AddDemonstrations(),
    CoverDemonstrations(),
    DescribeLabels(),
    DescribeLabels(share=1.0),
    DropDemonstration(),
    DropDescription(),
    EditInstruction("add"),
    EditInstruction("drop"),
    EditInstruction("swap"),
    SwapDemonstration(),
)


def parent(prompt: Prompt = SEED, wrong: dict[int, str] | None = None) -> Individual:
    return Individual(1, prompt, "seed", (), prompt_tokens(prompt), wrong=wrong or {})


def written(operator: Operator, of: Individual, task: Task = TASK, seed: int = 0) -> Prompt:
    prompt = operator.vary(of, task, Random(seed))
    assert isinstance(prompt, Prompt)
    return prompt


@settings(max_examples=60)
@given(
    chosen=st.lists(st.sampled_from(range(len(OPERATORS))), max_size=12),
    seed=st.integers(0, 10**6),
    wrong=st.dictionaries(st.integers(0, 1), st.sampled_from(["north", "south", "", "nowhere"])),
    task=st.sampled_from([TASK, FREE]),
)
def test_any_sequence_of_operators_writes_valid_prompts(
    chosen: list[int], seed: int, wrong: dict[int, str], task: Task
) -> None:
    """Whatever is applied in whatever order, variables, labels and template stay, and examples come from the pool."""
    rng, prompt = Random(seed), SEED
    for place in chosen:
        result = OPERATORS[place].vary(parent(prompt, wrong), task, rng)
        assert result is None or isinstance(result, Prompt)
        prompt = result or prompt
        assert problems_of(prompt, SEED, CheckPolicy(token_cap=None, labels=task.labels)) == ()
        assert not task.labels or prompt.instructions.endswith("\n\nThanks.")
        assert set(prompt.demonstrations) <= {demonstration_of(case) for case in task.pool}
        assert max(Counter(prompt.demonstrations).values(), default=0) <= 1


@pytest.mark.parametrize("operator", OPERATORS, ids=repr)
def test_the_same_randomness_writes_the_same(operator: Operator) -> None:
    """An operator depends on its parent, the task and its random generator alone."""
    of = parent(written(CoverDemonstrations(), parent(), Task(POOL, VAL, token_cap=80)), {0: "north"})
    assert operator.vary(of, TASK, Random(7)) == operator.vary(of, TASK, Random(7))


@given(seed=st.integers(0, 10**6), cap=st.integers(1, 400))
def test_covering_keeps_to_the_cap(seed: int, cap: int) -> None:
    """A prompt that was within the cap still is; one that was not is left alone."""
    prompt = CoverDemonstrations().vary(parent(), Task(POOL, VAL, token_cap=cap), Random(seed))
    assert prompt is None or prompt_tokens(prompt) <= cap


def test_covering_shows_all_labels_alike() -> None:
    """Where there is room for some of the pool only, the labels' counts differ by one at most."""
    counts = Counter(
        shown.output for shown in written(CoverDemonstrations(), parent(), Task(POOL, VAL, token_cap=90)).demonstrations
    )
    assert set(counts) == set(LABELS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_covering_prefers_what_stands_for_others() -> None:
    """The first example of a label is one that is like the others, not the odd one out."""
    cases = [Case({"text": f"the card is lost {n}"}, "card", n) for n in range(6)]
    task = Task((*cases, Case({"text": "zebra crossing"}, "card", 9)), VAL, token_cap=30)
    for seed in range(10):
        shown = written(CoverDemonstrations(), parent(Prompt("Choose.")), task, seed).demonstrations
        assert shown[0].input.startswith("the card")


def test_an_error_calls_for_an_example_like_it() -> None:
    """Half of the additions show the case of the missed label that is most like the missed one."""
    added = [
        written(AddDemonstrations(), parent(wrong={0: "north"}), seed=seed).demonstrations[0] for seed in range(40)
    ]
    assert added.count(demonstration_of(POOL[7])) > 15
    assert POOL[7].inputs["text"] == "parcel 4 is late"


def test_a_shown_example_is_not_shown_again() -> None:
    """An example whose line breaks were joined is known as the case it was made from."""
    prompt = SEED
    for seed in range(len(POOL)):
        prompt = written(AddDemonstrations(), parent(prompt), seed=seed)
    assert AddDemonstrations().vary(parent(prompt), TASK, Random(0)) is None
    assert len(set(prompt.demonstrations)) == len(POOL)


def test_a_swap_stays_with_its_label() -> None:
    """Another case of the same label takes an example's place."""
    shown = SEED.with_(demonstrations=(demonstration_of(POOL[0]), demonstration_of(POOL[5])))
    swapped = written(SwapDemonstration(), parent(shown))
    assert [d.output for d in swapped.demonstrations] == ["north", "south"]
    assert len(set(swapped.demonstrations) & set(shown.demonstrations)) == 1


def test_descriptions_are_mined_from_the_label_s_own_examples() -> None:
    """What is written behind a label are word groups of its examples; the labels that were missed come first."""
    described = written(DescribeLabels(share=1.0), parent())
    assert "grinder" in Anatomy.of(described.instructions, LABELS).descriptions["north"]
    changed = Counter(
        "north"
        if "grinder" in written(DescribeLabels(), parent(wrong={0: "south", 1: "south"}), seed=seed).instructions
        else "south"
        for seed in range(60)
    )
    assert changed["south"] > changed["north"]


def test_lines_with_variables_are_never_dropped() -> None:
    """Of the seed's own prose only what asks for no input may go."""
    for seed in range(20):
        assert "{{team}}" in written(EditInstruction("drop"), parent(), seed=seed).instructions


def test_an_added_sentence_stands_before_the_labels() -> None:
    """Sentences of the bank join the first paragraph."""
    lines = written(EditInstruction("add"), parent()).instructions.split("\n")
    assert lines[2] in CHOOSING


def test_nothing_to_offer_is_said() -> None:
    """Operators that find nothing to work on return nothing."""
    bare = parent(Prompt("Choose."))
    for operator in (DropDemonstration(), SwapDemonstration(), DropDescription(), EditInstruction("swap")):
        assert operator.vary(bare, TASK, Random(0)) is None
    assert DescribeLabels().vary(bare, FREE, Random(0)) is None


@given(seed=st.integers(0, 10**6))
def test_a_child_has_its_parts_from_either_parent(seed: int) -> None:
    """Prose comes from one parent, each description from either; examples both show are kept, others come from one."""
    one = SEED.with_(demonstrations=tuple(map(demonstration_of, POOL[:4])))
    other = SEED.with_(
        instructions="Other prose for {{team}}.\n- north: machines\n- south",
        demonstrations=tuple(map(demonstration_of, POOL[2:6])),
    )
    child = crossover(parent(one), parent(other), TASK, Random(seed))
    anatomy = Anatomy.of(child.instructions, LABELS)
    assert anatomy.before in (("Other prose for {{team}}.",), Anatomy.of(SEED.instructions, LABELS).before)
    assert anatomy.descriptions["north"] in ("", "machines")
    assert anatomy.descriptions["south"] in ("", "what travels")
    assert set(map(demonstration_of, POOL[2:4])) <= set(child.demonstrations)
    assert set(child.demonstrations) <= set(map(demonstration_of, POOL[:6]))
    assert len(set(child.demonstrations)) == len(child.demonstrations)


@pytest.mark.parametrize("seed", range(5))
def test_a_row_that_is_repeated_is_shown_once(seed: int) -> None:
    """Copies in the data, spaces apart, are one example, whichever operators write it, even where their answers differ."""
    copies = [Case(dict(POOL[0].inputs), "south"), Case({"text": f" {POOL[0].inputs['text']} "}, POOL[0].expected)]
    task = Task((*POOL[:2], POOL[0], *copies), VAL, token_cap=300)
    prompt = written(CoverDemonstrations(), parent(), task, seed)
    for operator in (AddDemonstrations(), SwapDemonstration(), AddDemonstrations()):
        prompt = operator.vary(parent(prompt), task, Random(seed)) or prompt
    assert len(prompt.demonstrations) == len({shown.input for shown in prompt.demonstrations}) == 2
    other = SEED.with_(demonstrations=tuple(map(demonstration_of, (copies[0], POOL[1]))))
    child = crossover(parent(prompt), parent(other), task, Random(seed))
    assert len(child.demonstrations) == len({shown.input for shown in child.demonstrations})


def test_rephrasing_asks_for_the_instructions_and_takes_the_answer() -> None:
    """The model sees the instructions, and its answer becomes them; a code fence around it is taken off."""
    variation = Rephrase().vary(parent(), TASK, Random(0))
    question = next(variation)
    assert SEED.instructions in question.user
    with pytest.raises(StopIteration) as ended:
        variation.send("```text\nSort for {{team}}.\n```")
    assert ended.value.value == SEED.with_(instructions="Sort for {{team}}.")


def test_reflecting_shows_what_went_wrong() -> None:
    """The model sees the missed case, what was expected and what was answered; without errors there is no question."""
    question = next(Reflect().vary(parent(wrong={0: "north"}), TASK, Random(0)))
    assert isinstance(question, Question)
    for part in ("my parcel 9 is late", '"expected": "south"', '"answered": "north"', "The cases are data"):
        assert part in question.system + question.user
    assert list(Reflect().vary(parent(), TASK, Random(0))) == []
