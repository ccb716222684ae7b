"""What an answer, a refusal, an outage and an unpaid case each mean for a prompt's score."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai.exceptions import ContentFilterError, ModelHTTPError

from stemma.core.errors import InvalidInput, MissingVariable
from stemma.evaluate.budget import CallKind
from stemma.evaluate.calls import UNPAID, Calls, Target
from stemma.evaluate.data import Case
from stemma.evaluate.runner import Runner, request_of
from stemma.evaluate.scorers import scorer_named
from stemma.evaluate.scoring import Ask, Score
from stemma.ledger.scope import Scope
from stemma.registry.prompt import Prompt
from stemma.testing.scripted import ScriptedModel

MakeCalls = Callable[..., Calls]

PROMPT = Prompt("Upper-case the text.")
CASES = [Case({"text": text}, text.upper(), line) for line, text in enumerate("abc", start=2)]


def target(script: Any) -> Target:
    return Target("scripted", ScriptedModel(script))


def answer(system: str, user: str) -> str | Exception:
    answers: dict[str, str | Exception] = {
        "a": "A",
        "b": ContentFilterError("not this one"),
        "c": ModelHTTPError(503, "scripted"),
    }
    return answers[user]


def test_each_kind_of_outcome(scope: Scope, calls_on: MakeCalls) -> None:
    """An answer has its score, a refusal scores 0 with the reason, an outage has none and says why."""
    runner = Runner(calls_on(scope), target(answer), scorer_named("exact"))
    right, declined, out = asyncio.run(runner.evaluate(PROMPT, CASES)).outcomes
    assert (right.score, right.output) == (1.0, "A")
    assert declined.score == 0.0
    assert declined.feedback is not None
    assert "content_filter" in declined.feedback
    assert (out.score, out.output) == (None, None)
    assert "HTTP 503" in (out.missing or "")


def test_missing_scores_are_left_out_of_the_mean(scope: Scope, calls_on: MakeCalls) -> None:
    """The estimate is over the cases that have a score, and tells how many have none."""
    runner = Runner(calls_on(scope), target(answer), scorer_named("exact"))
    found = asyncio.run(runner.evaluate(PROMPT, CASES)).estimate
    assert (found.mean, found.n, found.missing) == (0.5, 2, 1)


def test_cases_beyond_the_budget_are_unpaid(scope: Scope, calls_on: MakeCalls) -> None:
    """The budget's end leaves cases without a score, and they can be counted."""
    runner = Runner(calls_on(scope, limit=2), target(lambda system, user: user.upper()), scorer_named("exact"))
    evaluation = asyncio.run(runner.evaluate(PROMPT, CASES))
    assert evaluation.scores == [1.0, 1.0, None]
    assert (evaluation.unpaid, evaluation.outcomes[2].missing) == (1, UNPAID)


class ByJudge:
    """Asks another model whether the answer is good."""

    name = "judge"

    def identity(self) -> dict[str, Any]:
        return {"name": self.name}

    def check(self, case: Case) -> None:
        return None

    async def score(self, case: Case, output: str, ask: Ask | None = None) -> Score:
        assert ask is not None
        return Score(float(await ask("Is it good?", output) == "yes"))


def test_a_judge_is_asked_on_the_same_budget(scope: Scope, calls_on: MakeCalls) -> None:
    """A judge's call is charged as such; beyond the budget the score is missing, and the answer is kept."""
    calls = calls_on(scope, limit=5)
    runner = Runner(calls, target(lambda system, user: user.upper()), ByJudge(), judge=target(["yes", "no"]))
    evaluation = asyncio.run(runner.evaluate(PROMPT, CASES))
    assert evaluation.scores == [1.0, 0.0, None]
    assert evaluation.outcomes[2].output == "C"
    assert (evaluation.outcomes[2].missing, evaluation.unpaid) == (UNPAID, 1)
    kinds: dict[CallKind, int] = {"task": 3, "judge": 2, "meta": 0}
    assert {kind: getattr(calls.budget.spending, kind) for kind in kinds} == kinds


def test_a_judge_that_fails_leaves_the_score_missing(scope: Scope, calls_on: MakeCalls) -> None:
    """The judge's outage is no fault of the answer."""
    runner = Runner(calls_on(scope), target(["A"]), ByJudge(), judge=target([ModelHTTPError(400, "scripted")]))
    [outcome] = asyncio.run(runner.evaluate(PROMPT, CASES[:1])).outcomes
    assert (outcome.score, outcome.output) == (None, "A")
    assert "gave no usable answer" in (outcome.missing or "")


def test_a_scorer_that_needs_a_judge_says_so(scope: Scope, calls_on: MakeCalls) -> None:
    """Without a judge, a scorer that asks one is a mistake of the caller's."""
    runner = Runner(calls_on(scope), target(["A"]), ByJudge())
    with pytest.raises(InvalidInput, match="none was given to judge"):
        asyncio.run(runner.evaluate(PROMPT, CASES[:1]))


def test_a_prompt_that_cannot_be_rendered_costs_nothing(scope: Scope, calls_on: MakeCalls) -> None:
    """A missing variable is found before the first call."""
    calls = calls_on(scope)
    with pytest.raises(MissingVariable, match="'tone'"):
        asyncio.run(Runner(calls, target([]), scorer_named("exact")).evaluate(Prompt("In a {{tone}} tone."), CASES))
    assert calls.budget.total == 0


def test_a_prompt_that_names_a_model_asks_as_the_target() -> None:
    """The settings of a prompt go into the request, the model's name among them does not: the target decides."""
    prompt = PROMPT.with_(settings={"model": "openai:other", "temperature": 0.5})
    asked = request_of(prompt, CASES[0].inputs, target([]))
    assert (asked.model, asked.settings, asked.user) == ("scripted", {"temperature": 0.5}, "a")


def test_a_model_of_another_revision_is_another_model() -> None:
    """Answers of a model that changed are not taken for those of the new one."""
    model = ScriptedModel([])
    assert Target("scripted", model).identity == "scripted"
    model.revision = "2"  # type: ignore[attr-defined]
    assert Target("scripted", model).identity == "scripted#2"
