"""A whole optimization: what it finds, what it spends, what it refuses, and that it repeats itself."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai.models import Model

from stemma.core.errors import BudgetExhausted, Conflict, InvalidInput
from stemma.evaluate.calls import Target
from stemma.evaluate.data import Case, Dataset
from stemma.evaluate.scorers import scorer_named
from stemma.evaluate.seen import marks_of
from stemma.evaluate.trial import Trial
from stemma.ledger.scope import Scope
from stemma.models.embedded import EmbeddedModel
from stemma.optimize.genetic import Genetic
from stemma.optimize.optimizer import Assignment, OptimizationResult, Optimizer, Search
from stemma.optimize.settings import SearchSettings
from stemma.registry.candidates import Candidates, Status
from stemma.registry.contents import Contents
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession, Sessions, SessionStatus
from stemma.testing.scripted import CountingModel, ScriptedModel

OptimizerOn = Callable[[Scope], Optimizer]
CALLS = 250
SMALL = SearchSettings(population=6, generations=4, max_calls=CALLS, token_cap=150, seed=3)


def search(
    optimizer: Optimizer,
    assignment: Assignment,
    *,
    model: Model | None = None,
    settings: SearchSettings = SMALL,
    writer: Target | None = None,
    concurrency: int = 4,
    **options: Any,
) -> OptimizationResult:
    trial = Trial(Target("embedded", model or EmbeddedModel()), scorer_named("normalised"), concurrency=concurrency)
    return asyncio.run(optimizer.run(assignment, Search(Genetic(), settings, writer), trial, **options))


def test_a_search_makes_a_prompt_better(scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment) -> None:
    """From names that say nothing it comes to many more held-out cases right, with an interval above zero."""
    model = CountingModel(EmbeddedModel())
    result = search(optimizer_on(scope), assignment, model=model)
    assert result.holdout.gain is not None
    assert result.holdout.gain > 0.2
    assert result.holdout.ci95[0] > 0
    assert result.improved
    assert result.steps > 2
    assert model.started == model.finished == result.spending.total <= CALLS


def test_the_record_tells_where_the_winner_came_from(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """The session is finished with its result, every candidate is stored, and the winner's line leads to the seed."""
    result = search(optimizer_on(scope), assignment)
    session = Sessions(scope).get(result.session.id)
    assert session.status == SessionStatus.FINISHED
    assert session.result is not None
    assert session.result["best_digest"] == result.best.digest
    stored = {one.id: one for one in Candidates(scope, Contents()).of_session(session)}
    assert len(stored) == result.candidates
    winner = stored[result.candidate]
    assert (winner.digest, winner.status) == (result.best.digest, Status.STORED)
    while winner.parents:
        winner = stored[winner.parents[0]]
    assert (winner.operator, winner.digest) == ("seed", assignment.prompt.digest)
    assert any(one.status == Status.REJECTED and one.reason for one in stored.values())


def test_one_seed_gives_one_result(
    new_scope: Callable[[], Scope], optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """In a fresh store, and again where every answer is remembered: the same winner, the same charge, no new call."""
    first_scope = new_scope()
    first = search(optimizer_on(first_scope), assignment)
    fresh = search(optimizer_on(new_scope()), assignment)
    silent = CountingModel(ScriptedModel([]))
    silent.revision = EmbeddedModel().revision  # type: ignore[attr-defined]
    warm = search(optimizer_on(first_scope), assignment, model=silent)
    assert first.best.digest == fresh.best.digest == warm.best.digest
    assert first.spending == fresh.spending == warm.spending
    assert silent.started == 0


def test_another_seed_takes_another_path(
    new_scope: Callable[[], Scope], optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """The seed decides what is tried."""
    one = search(optimizer_on(new_scope()), assignment)
    other = search(optimizer_on(new_scope()), assignment, settings=replace(SMALL, seed=4))
    assert one.best.digest != other.best.digest


def test_concurrency_plays_no_part(
    new_scope: Callable[[], Scope], optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """One call at a time or eight: the same winner."""
    one = search(optimizer_on(new_scope()), assignment, concurrency=1)
    other = search(optimizer_on(new_scope()), assignment, concurrency=8)
    assert one.best.digest == other.best.digest


def test_a_finished_session_may_be_asked_again(scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment) -> None:
    """Resuming what has ended repeats it without a call and comes to the same."""
    first = search(optimizer_on(scope), assignment)
    silent = CountingModel(EmbeddedModel())
    again = search(optimizer_on(scope), assignment, model=silent, resume=first.session.id)
    assert (again.best.digest, again.resumed, silent.started) == (first.best.digest, True, 0)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"settings": replace(SMALL, seed=9)}, "the seed differs"),
        ({"settings": replace(SMALL, elite=0.3)}, "the prompt, the scorer or a setting differs"),
        ({"model": ScriptedModel([])}, "the model differs"),
    ],
)
def test_a_session_goes_on_only_as_it_began(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment, changed: dict[str, Any], told: str
) -> None:
    """Resuming with something else than it was started with is refused, and says what differs."""
    first = search(optimizer_on(scope), assignment)
    with pytest.raises(InvalidInput, match=told):
        search(optimizer_on(scope), assignment, resume=first.session.id, **changed)


def test_history_has_what_each_search_came_to(scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment) -> None:
    """The newest first, of one prompt or of all; a session that learned from no data is no search."""
    optimizer = optimizer_on(scope)
    first = search(optimizer, replace(assignment, name="triage"))
    second = search(optimizer, assignment)
    Sessions(scope).open(NewSession(Generator("desk/lead", {"kind": "brief"})))
    assert [past.session.id for past in optimizer.history()] == [second.session.id, first.session.id]
    [past] = optimizer.history(prompt_name="triage")
    assert (past.calls, past.candidates) == (first.spending.total, first.candidates)
    assert (past.best, past.held_out) == (first.validation.candidate, first.holdout.candidate)


def test_a_session_keeps_marks_of_what_it_learned_from(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """Every case to learn from and to choose by has its marks with the session, those held out have none, nor have the seed's
    words."""
    result = search(optimizer_on(scope), assignment)
    assert result.improved
    seen = Sessions(scope).seen_by([result.best.digest])
    assert seen == marks_of(assignment.train)
    assert seen.isdisjoint(marks_of(assignment.holdout))
    assert Sessions(scope).seen_by([result.seed.digest]) == frozenset()


def test_a_session_on_other_data_is_another_session(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """The data set's digest is a part of the session."""
    first = search(optimizer_on(scope), assignment)
    fewer = replace(assignment, holdout=assignment.holdout.sample(20, seed=0))
    with pytest.raises(InvalidInput, match="the data differs"):
        search(optimizer_on(scope), fewer, resume=first.session.id)


def test_a_model_that_changed_in_between_is_found_out(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """A run whose answers are not the recorded ones any more stops with a conflict; nothing is mixed."""

    class Interrupted(Exception):
        pass

    def interrupt(standing: Any) -> None:
        if standing.step == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        search(optimizer_on(scope), assignment, progress=interrupt)
    [session] = Sessions(scope).ls()
    assert session.status == SessionStatus.OPEN
    [past] = optimizer_on(scope).history()
    assert (past.session.id, past.held_out) == (session.id, None)
    assert past.calls > 0
    assert past.best is not None
    with scope.store.write() as connection:
        connection.exec_driver_sql("update completions set output = 'north'")
    with pytest.raises(Conflict, match="which is not what its first run did"):
        search(optimizer_on(scope), assignment, resume=session.id)


def test_the_search_stops_at_its_target(scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment) -> None:
    """When a candidate reaches the target early, the generations left are not run."""
    result = search(optimizer_on(scope), assignment, settings=replace(SMALL, generations=20, target=0.6))
    assert result.steps < 20
    assert result.validation.candidate is not None
    assert result.validation.candidate >= 0.6


def test_the_seed_is_returned_when_nothing_beats_it(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """For a model that answers the same whatever the prompt says, the seed wins by its length."""
    result = search(optimizer_on(scope), assignment, model=ScriptedModel(lambda system, user: "north"))
    assert (result.best, result.improved, result.holdout.gain) == (assignment.prompt, False, 0.0)


def test_a_budget_that_cannot_measure_the_seed_is_refused(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """Before anything is asked or written, it says how many calls it takes at least."""
    with pytest.raises(BudgetExhausted, match=r"77 calls are too few: .* give --max-calls 78 or more"):
        search(optimizer_on(scope), assignment, settings=replace(SMALL, max_calls=77))
    result = search(optimizer_on(scope), assignment, settings=replace(SMALL, max_calls=78))
    assert (result.spending.total, result.improved) == (18 + 30, False)


def test_a_limit_on_tokens_is_kept_and_leaves_enough_to_measure(
    new_scope: Callable[[], Scope], optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """The search ends early, every held-out case is measured, nothing is overshot, and it repeats."""
    limited = replace(SMALL, generations=20, max_calls=10_000, max_tokens=24_000)
    scope = new_scope()
    first = search(optimizer_on(scope), assignment, settings=limited, concurrency=1)
    again = search(optimizer_on(scope), assignment, settings=limited, concurrency=8)
    assert (first.holdout.n, first.holdout.missing) == (30, 0)
    assert first.steps < 20
    assert 5_000 < first.spending.cost.tokens <= 24_000
    assert first.spending.total < search(optimizer_on(new_scope()), assignment).spending.total
    assert (first.best.digest, first.spending) == (again.best.digest, again.spending)


@pytest.mark.parametrize("tokens", [12_000, 13_000, 14_000, 16_000, 18_000])
def test_a_winner_is_one_that_can_be_measured(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment, tokens: int
) -> None:
    """However soon the budget ends, what is left pays for the seed and the winner on every held-out case."""
    settings = replace(SMALL, generations=20, max_calls=10_000, token_cap=600, max_tokens=tokens)
    result = search(optimizer_on(scope), assignment, settings=settings)
    assert (result.holdout.n, result.holdout.missing) == (30, 0)
    assert result.spending.cost.tokens <= tokens


def test_a_limit_on_cost_is_kept(scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment) -> None:
    """A priced model is asked for no more than it may cost, and all held-out cases are measured."""
    priced = ScriptedModel(lambda system, user: "north", name="gpt-4o-mini", provider="openai")
    result = search(
        optimizer_on(scope), assignment, model=priced, settings=replace(SMALL, max_calls=10_000, max_cost=0.005)
    )
    assert result.holdout.missing == 0
    assert 0 < result.spending.cost.money <= Decimal("0.005")


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"max_tokens": 5_000}, r"5000 tokens are too few: .* an answer may take 4096; give more, or fewer"),
        ({"max_cost": 0.001}, r"0.001 US dollars are too few: .* takes 0.00\d+ or more"),
    ],
)
def test_a_cost_that_cannot_measure_the_seed_is_refused(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment, limits: dict[str, Any], told: str
) -> None:
    """Limits on tokens and money that do not reach for the measurements open no session."""
    priced = ScriptedModel([], name="gpt-4o-mini", provider="openai")
    with pytest.raises(BudgetExhausted, match=told):
        search(optimizer_on(scope), assignment, model=priced, settings=replace(SMALL, **limits))
    assert Sessions(scope).ls() == []


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_case_on_both_sides_is_refused(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment, part: str
) -> None:
    """A held-out case that the search could see would flatter the result, whatever its label says."""
    leaked = Case(assignment.holdout.cases[3].inputs, "south", 77)
    if part == "training":
        val = Dataset(assignment.train.cases[:20])
        bad = replace(assignment, train=Dataset((*assignment.train.cases[20:], leaked)), val=val)
    else:
        bad = replace(assignment, val=Dataset((leaked,)))
    with pytest.raises(InvalidInput, match=f"the {part} case on line 77 is also in the hold-out set"):
        search(optimizer_on(scope), bad)
    assert Sessions(scope).ls() == []


def test_a_validation_case_may_not_be_shown(scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment) -> None:
    """A case in training and validation would be answered by its own example."""
    with pytest.raises(InvalidInput, match="is also in the validation set"):
        search(optimizer_on(scope), replace(assignment, val=Dataset(assignment.train.cases[:20])))


def test_a_writer_s_calls_are_counted_as_meta_calls(
    scope: Scope, optimizer_on: OptimizerOn, assignment: Assignment
) -> None:
    """A language model that writes instructions is charged to the same budget; what it writes badly is dropped."""
    texts = iter(range(10**6))

    def write(system: str, user: str) -> str:
        number = next(texts)
        if number % 3 == 0:
            return "Choose {{something}} unknown."
        return f"Choose the queue, attempt {number}.\n- north\n- south\n- east"

    writer = ScriptedModel(write)
    result = search(optimizer_on(scope), assignment, writer=Target("writer", writer))
    assert result.spending.meta == len(writer.calls) > 0
    assert result.spending.total <= CALLS
    operators = {one.operator for one in Candidates(scope, Contents()).of_session(result.session)}
    assert any("rephrase" in name or "reflect" in name for name in operators)
    assert all("something" not in call.system for call in writer.calls)


def test_free_text_answers_are_searched_without_labels(scope: Scope, optimizer_on: OptimizerOn) -> None:
    """Where no two answers are the same there are no labels to describe, and examples still help."""
    cases = tuple(Case({"text": f"word {number}"}, f"WORD {number}", number) for number in range(60))

    def answer(system: str, user: str) -> str:
        return user.upper() if "Examples:" in system else user[::-1]

    work = Assignment(Prompt("Do as asked."), Dataset(cases[:40]), Dataset(cases[40:]))
    result = search(optimizer_on(scope), work, model=ScriptedModel(answer))
    assert result.holdout.candidate == 1.0
    assert result.best.demonstrations
