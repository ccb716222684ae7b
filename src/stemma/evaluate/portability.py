"""One prompt on several models: what each of them scores on the same cases, what that takes, and how far they differ."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from stemma.core.errors import InvalidInput, ModelError, NotConfigured
from stemma.evaluate.budget import Budget, Spending
from stemma.evaluate.comparison import Comparison, Estimate, compare
from stemma.evaluate.data import Case
from stemma.evaluate.runner import Runner, request_of
from stemma.registry.prompt import Prompt


@dataclass(frozen=True, slots=True)
class ModelScore:
    """What one model made of the prompt.

    `seconds` is the median time that a call took, when it was made; answers that are remembered keep theirs. `stand_ins`
    counts answers that another model of a chain gave, by its name. `difference` is this model's gain over the first one
    that could be asked, on the cases that both have a score for.
    """

    model: str
    score: Estimate
    spent: Spending
    seconds: float | None
    stand_ins: Mapping[str, int] = field(default_factory=dict)
    difference: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        score = self.score.to_json()
        return {
            "model": self.model,
            "n": score["n"],
            "score": score["mean"],
            "ci95": score["ci95"],
            "missing": score["missing"],
            "calls": self.spent.to_json(),
            "tokens": self.spent.cost.tokens,
            "cost": float(self.spent.cost.money),
            "seconds": self.seconds,
            "stand_ins": dict(self.stand_ins),
            "difference": None if self.difference is None else self.difference.to_json(),
            "problem": None,
        }


@dataclass(frozen=True, slots=True)
class Unasked:
    """A model that gave no score at all, and why."""

    model: str
    problem: str

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model, "n": 0, "score": None, "problem": self.problem}


@dataclass(frozen=True, slots=True)
class Portability:
    """A line for each model, in the order in which they were named. What follows from it is the reader's to say."""

    rows: tuple[ModelScore | Unasked, ...]

    @property
    def scored(self) -> list[ModelScore]:
        """The models that have a score; the first of them is what the others are compared with."""
        return [row for row in self.rows if isinstance(row, ModelScore)]

    def to_json(self) -> dict[str, Any]:
        return {
            "compared_with": self.scored[0].model if self.scored else None,
            "models": [row.to_json() for row in self.rows],
        }


async def portability(
    prompt: Prompt,
    cases: Sequence[Case],
    runners: Mapping[str, Runner | Unasked],
    *,
    progress: Callable[[int], None] | None = None,
) -> Portability:
    """How `prompt` does on each model, one after the other; a model that cannot be asked is a row with the reason.

    Each runner has its own model and the same scorer. `progress` is told how many answers are in, of all models together.
    Raises TemplateError when the prompt cannot be rendered for a case, before anything is asked.
    """
    rows: list[ModelScore | Unasked] = []
    baseline: Sequence[float | None] | None = None
    for place, (model, runner) in enumerate(runners.items()):
        if isinstance(runner, Unasked):
            rows.append(runner)
        else:
            row, scores = await _row(model, prompt, cases, runner, _onward(progress, place * len(cases)))
            if isinstance(row, ModelScore) and baseline is not None:
                row = replace(row, difference=compare(baseline, scores))
            elif isinstance(row, ModelScore):
                baseline = scores
            rows.append(row)
        if progress is not None:
            progress((place + 1) * len(cases))
    return Portability(tuple(rows))


def shares(budget: Budget, models: int) -> list[Budget]:
    """The budget, shared out evenly, so that each model is asked the same first cases; what does not divide is not spent.

    Raises InvalidInput when that leaves a model no call.
    """
    if budget.calls is not None and budget.calls < models:
        raise InvalidInput(f"{budget.calls} calls cannot be shared out among {models} models; give more, or name fewer")
    if budget.tokens is not None and budget.tokens < models:
        raise InvalidInput(
            f"{budget.tokens} tokens cannot be shared out among {models} models; give more, or name fewer"
        )
    calls, tokens = (None if limit is None else limit // models for limit in (budget.calls, budget.tokens))
    money = None if budget.money is None else budget.money / models
    return [Budget(calls=calls, tokens=tokens, money=money) for _ in range(models)]


async def _row(
    model: str, prompt: Prompt, cases: Sequence[Case], runner: Runner, progress: Callable[[int], None] | None
) -> tuple[ModelScore | Unasked, Sequence[float | None]]:
    requests = [request_of(prompt, case.inputs, runner.target) for case in cases]
    try:
        answers = await runner.calls.answers(runner.target, requests, kind="task", progress=progress)
        evaluation = await runner.evaluate(prompt, cases)  # which asks for nothing that has been answered
    except (ModelError, NotConfigured) as failure:
        return Unasked(model, str(failure)), ()
    budget, seconds = runner.calls.budget, [answer.seconds for answer in answers if answer.seconds is not None]
    if evaluation.estimate.n == 0:
        unpaid = f"a budget of {budget.limits} was too little for the first case"
        return Unasked(model, (evaluation.outages or [unpaid])[0]), ()
    row = ModelScore(
        model,
        evaluation.estimate,
        budget.spending,
        median(seconds) if seconds else None,
        Counter(answer.stand_in for answer in answers if answer.stand_in is not None),
    )
    return row, evaluation.scores


def _onward(progress: Callable[[int], None] | None, before: int) -> Callable[[int], None] | None:
    return None if progress is None else lambda done: progress(before + done)
