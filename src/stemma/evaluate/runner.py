"""Running a prompt over cases and scoring what comes back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stemma.core.errors import BudgetExhausted, InvalidInput, ModelError
from stemma.evaluate.calls import UNPAID, Calls, Target
from stemma.evaluate.comparison import Estimate, estimate
from stemma.evaluate.data import Case
from stemma.evaluate.memo import Answer, Request
from stemma.evaluate.scoring import Score, Scorer, score_output
from stemma.models.settings import settings_for
from stemma.registry.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: what was answered and how good it was, or why there is no score."""

    case: Case
    output: str | None
    score: float | None
    feedback: str | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """A prompt's outcomes, in the order of the cases."""

    outcomes: tuple[Outcome, ...]

    @cached_property
    def scores(self) -> list[float | None]:
        return [outcome.score for outcome in self.outcomes]

    @cached_property
    def estimate(self) -> Estimate:
        """The mean score with its 95 % interval."""
        return estimate(self.scores)

    @property
    def unpaid(self) -> int:
        """Cases that the budget did not reach, be it for the answer or for a judge's word on it."""
        return sum(outcome.missing == UNPAID for outcome in self.outcomes)

    @property
    def outages(self) -> list[str]:
        """Why cases that were asked have no score, in the order of the cases."""
        return [outcome.missing for outcome in self.outcomes if outcome.missing and outcome.missing != UNPAID]


class Runner:
    """Evaluates prompts on one model with one scorer."""

    def __init__(self, calls: Calls, target: Target, scorer: Scorer, *, judge: Target | None = None) -> None:
        self.calls = calls
        self.target = target
        self.scorer = scorer
        self._judge = judge

    async def evaluate(
        self, prompt: Prompt, cases: Sequence[Case], *, progress: Callable[[int], None] | None = None
    ) -> Evaluation:
        """The prompt's answers to all cases, scored. A refusal scores 0: declining is an answer; an outage is not.

        Raises TemplateError when the prompt cannot be rendered for a case, before anything is asked.
        """
        requests = [request_of(prompt, case.inputs, self.target) for case in cases]
        answers = await self.calls.answers(self.target, requests, kind="task", progress=progress)
        return Evaluation(
            tuple([await self._outcome(case, answer) for case, answer in zip(cases, answers, strict=True)])
        )

    async def _outcome(self, case: Case, answer: Answer) -> Outcome:
        if answer.missing is not None or answer.text is None:
            return Outcome(case, None, None, missing=answer.missing or "no answer")
        if answer.refusal is not None:
            return Outcome(case, None, 0.0, feedback=f"the model declined ({answer.refusal}): {answer.text}")
        try:
            scored = score_output(self.scorer, case, answer.text, self._ask)
            score = scored if isinstance(scored, Score) else await scored
        except BudgetExhausted:
            return Outcome(case, answer.text, None, missing=UNPAID)
        except ModelError as failure:
            return Outcome(case, answer.text, None, missing=str(failure))
        return Outcome(case, answer.text, score.value, score.feedback)

    async def _ask(self, system: str, user: str) -> str:
        if self._judge is None:
            raise InvalidInput(f"scorer {self.scorer.name!r} asks a model, and none was given to judge")
        request = Request(self._judge.identity, system, user, {"temperature": 0.0})
        return await self.calls.text(self._judge, request, kind="judge")


def request_of(prompt: Prompt, inputs: Mapping[str, Any], target: Target) -> Request:
    """The question that `prompt` puts to the model for these inputs. Raises TemplateError, and what `settings_for` raises."""
    rendered = prompt.render(inputs)
    settings = settings_for(prompt.settings, target.name)
    return Request(target.identity, rendered.system, rendered.user, settings, prompt.output_schema)
