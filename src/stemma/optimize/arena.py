"""Where candidates meet: stored first, then raced against the best one on the same validation cases.

A race (Maron and Moore 1994, 'Hoeffding races'; here by successive halving, Jamieson and Talwalkar 2016) tries all
candidates of a generation on a few cases, drops the worse two thirds, and tries the rest on more. The few cases are others
in each generation, so that no candidate is chosen for suiting the first ones.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from random import Random
from statistics import fmean

from stemma.evaluate.budget import Cost
from stemma.evaluate.calls import Calls, Target
from stemma.evaluate.checks import CheckPolicy, problems_of, prompt_tokens
from stemma.evaluate.memo import Request
from stemma.evaluate.runner import Runner
from stemma.evaluate.seen import shown_input
from stemma.optimize.individual import Individual, Proposal
from stemma.optimize.operators import Question, Variation
from stemma.optimize.record import Record
from stemma.optimize.settings import SearchSettings
from stemma.optimize.task import Task
from stemma.registry.prompt import Prompt

_KEPT_EACH_ROUND = 1 / 3
_MARGIN = Decimal("1.1")  # held-out cases may be a little longer than validation cases


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the search is, for whoever watches."""

    session: str
    step: int
    steps: int
    best: float | None
    candidates: int
    calls: int
    budget: int | None


class Arena:
    """What a strategy may do: propose candidates, race them, ask for their fitness."""

    def __init__(
        self,
        runner: Runner,
        record: Record,
        task: Task,
        settings: SearchSettings,
        *,
        writer: Target | None = None,
        progress: Callable[[Standing], None] | None = None,
    ) -> None:
        self.task = task
        self.settings = settings
        self.writer = writer
        self._runner = runner
        self._record = record
        self._progress = progress
        self._order = _mixed_order(task, settings.seed)
        self._members: dict[int, Individual] = {}
        self._seen: set[str] = set()
        self._origin: Prompt | None = None
        self._best: Individual | None = None
        self._step = 0
        self._judged: dict[int, tuple[float | None, bool]] = {}
        self._spent: dict[int, tuple[Cost, int]] = {}

    # --- proposing ----------------------------------------------------------------------------------------------------

    def admit(self, proposals: Sequence[Proposal]) -> list[Individual]:
        """Stores those proposals that are new and pass the static checks, whatever becomes of them later."""
        if self._origin is None:
            self._origin = proposals[0].prompt
        policy = CheckPolicy(token_cap=self.settings.token_cap, labels=self.task.labels)
        training = [shown_input(case) for case in self.task.pool]
        fit: list[Proposal] = []
        for proposal in proposals:
            if proposal.prompt.digest in self._seen:
                continue
            self._seen.add(proposal.prompt.digest)
            is_seed = proposal.prompt == self._origin
            if is_seed or not problems_of(proposal.prompt, self._origin, policy, training=training):
                fit.append(proposal)
        admitted = [
            Individual(number, item.prompt, item.operator, item.parents, prompt_tokens(item.prompt))
            for number, item in zip(self._record.store(fit), fit, strict=True)
        ]
        self._members.update((individual.id, individual) for individual in admitted)
        return admitted

    async def answered(self, waiting: Sequence[tuple[Variation, Random]]) -> list[Prompt | None]:
        """Runs operators that ask a language model to their ends, all questions of a round together."""
        results: list[Prompt | None] = [None] * len(waiting)
        if self.writer is None:
            return results
        open_ones: dict[int, Question] = {}
        for place, (variation, _) in enumerate(waiting):
            _advance(variation, None, place, open_ones, results)
        while open_ones:
            requests = [
                Request(
                    self.writer.identity, question.system, question.user, {}, draw=waiting[place][1].getrandbits(31)
                )
                for place, question in open_ones.items()
            ]
            answers = await self.calls.answers(self.writer, requests, kind="meta")
            following: dict[int, Question] = {}
            for place, answer in zip(list(open_ones), answers, strict=True):
                if answer.missing is None and answer.refusal is None and answer.text:
                    _advance(waiting[place][0], answer.text, place, following, results)
            open_ones = following
        return results

    # --- judging ------------------------------------------------------------------------------------------------------

    @property
    def calls(self) -> Calls:
        return self._runner.calls

    @property
    def best(self) -> Individual:
        """The fittest member that was tried on every validation case; the seed until there is one."""
        return self._best or next(iter(self._members.values()))

    @cached_property
    def population(self) -> int:
        """How many make up a generation: as many as set, or as few as it takes to race the first on half of the budget.

        A search that spends all it has on a first look at many candidates ends without having tried any one in full. To be
        asked for once the seed was tried, as that is when the price of a call is known.
        """
        left = self.calls.budget.left_at(self._longest_call)
        if left is None:
            return self.settings.population
        a_member = sum(block * _KEPT_EACH_ROUND**place for place, block in enumerate(self._blocks))
        return min(self.settings.population, max(4, int(left / 2 / a_member)))

    @property
    def finished(self) -> bool:
        """Whether the target is met or the budget is spent."""
        mean = self.best.mean if self._is_complete(self.best) else None
        return (
            (mean is not None and mean >= self.settings.target) or self.calls.exhausted or self.calls.budget.left == 0
        )

    def fitness(self, individual: Individual) -> float:
        """Mean score less the price of its tokens, comparable between members tried on different cases.

        Members tried on a part of the cases are compared with the best one on that part (a control variate), and a gain
        counts for as much as the part is of the whole: few cases prove little.
        """
        best = self.best
        if self._is_complete(individual) or not individual.scores or not self._is_complete(best):
            return self._worth(individual)
        gain = fmean(score - best.scores[place] for place, score in individual.scores.items())
        share = len(individual.scores) / len(self.task.val)
        return (best.mean or 0.0) + (gain * share if gain > 0 else gain) - self._price(individual)

    async def race(self, individuals: Sequence[Individual]) -> list[Individual]:
        """Tries all of them on some cases and the better ones on more; returns them with what was learned."""
        start = self._step * self._blocks[0]
        order = self._order[start % len(self._order) :] + self._order[: start % len(self._order)]
        running = list(individuals)
        begin = 0
        for block in self._blocks:
            places = order[begin : begin + block]
            begin += block
            running = [await self._tried(individual, places) for individual in running]
            running = [individual for individual in running if len(individual.scores) >= begin * 0.5]
            running.sort(key=lambda individual: (-round(self.fitness(individual), 9), individual.tokens, individual.id))
            if begin < len(order):
                running = running[: max(1, math.ceil(len(running) * _KEPT_EACH_ROUND))]
        return [self._members[individual.id] for individual in individuals]

    async def complete(self, individual: Individual) -> Individual:
        """Tries an individual on every validation case that it has not seen."""
        return await self._tried(individual, [place for place in self._order if place not in individual.scores])

    def end_step(self, population: Sequence[Individual]) -> None:
        """Records what this step decided, and tells whoever watches."""
        survivors = {individual.id for individual in population} | {self.best.id}
        judged = {member.id: (member.mean, member.id in survivors) for member in self._members.values()}
        verdicts = [
            (number, mean, None if survives else "others did better")
            for number, (mean, survives) in judged.items()
            if self._judged.get(number) != (mean, survives)
        ]
        self._judged = judged
        state = {
            "population": [[individual.id, round(self.fitness(individual), 9)] for individual in population],
            "best": self.best.id,
            "calls": self.calls.budget.total,
        }
        summary = {"best": self.best.mean, "calls": self.calls.budget.total, "candidates": len(self._members)}
        self._record.step(self._step, state, summary, verdicts)
        self._step += 1
        self.report()

    def report(self) -> None:
        """Tells whoever watches how far the search is."""
        if self._progress is not None:
            budget = self.calls.budget
            mean = self.best.mean if self._members else None
            self._progress(
                Standing(
                    self._record.session.id,
                    self._step,
                    self.settings.generations + 1,
                    mean,
                    len(self._members),
                    budget.total,
                    budget.calls,
                )
            )

    @property
    def steps(self) -> int:
        """Steps that have ended: the seed's measurement, then one a generation."""
        return self._step

    @property
    def members(self) -> Mapping[int, Individual]:
        """Everyone who was ever admitted, by id."""
        return self._members

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _blocks(self) -> tuple[int, ...]:
        n = len(self._order)
        first = min(n, max(8, n // 8))
        second = min(n - first, max(8, n // 4))
        return tuple(block for block in (first, second, n - first - second) if block)

    async def _tried(self, individual: Individual, places: Sequence[int]) -> Individual:
        open_places = [place for place in places if place not in individual.scores]
        before = self.calls.budget.cost
        evaluation = await self._runner.evaluate(individual.prompt, [self.task.val[place] for place in open_places])
        scores, wrong = dict(individual.scores), dict(individual.wrong)
        for place, outcome in zip(open_places, evaluation.outcomes, strict=True):
            if outcome.score is not None:
                scores[place] = outcome.score
                if outcome.score < 1:
                    wrong[place] = outcome.output or ""
        updated = replace(individual, scores=scores, wrong=wrong)
        self._members[individual.id] = updated
        spent, cases = self._spent.get(individual.id, (Cost(), 0))
        self._spent[individual.id] = spent + (self.calls.budget.cost - before), cases + len(open_places)
        if self._is_complete(updated) and self._is_better(updated):
            self._best = updated
            self.calls.budget.appraise(self._final_cost(updated))
        self.report()
        return updated

    @property
    def _longest_call(self) -> Cost:
        """What a call costs with a prompt as long as the cap allows, judging by the seed."""
        seed = next(iter(self._members.values()))
        cost, cases = self._spent[seed.id]
        if not cost.tokens:
            return cost
        growth = cases * max(0, self.settings.token_cap - seed.tokens)
        return cost.times(Decimal(cost.tokens + growth) / cost.tokens).divided(cases)

    def _is_better(self, individual: Individual) -> bool:
        """Whether it takes the best one's place. One that could not be measured on what is left of the budget does not."""
        if self._best is None:
            return True
        better = self._rank(individual) > self._rank(self._best)
        return better and self.calls.budget.affords(self._final_cost(individual))

    def _final_cost(self, best: Individual) -> Cost:
        """What a held-out case costs on average when the seed and this one are measured, each on all of them."""
        means = [
            cost.divided(max(1, cases))
            for cost, cases in (self._spent[next(iter(self._members))], self._spent[best.id])
        ]
        return (means[0] + means[1]).times(_MARGIN).divided(2)

    def _rank(self, individual: Individual) -> tuple[float, int, int]:
        return round(self._worth(individual), 9), -individual.tokens, -individual.id

    def _is_complete(self, individual: Individual) -> bool:
        # A provider's outage may leave a hole or two; a member is not shut out for it.
        return len(individual.scores) >= 0.95 * len(self.task.val)

    def _price(self, individual: Individual) -> float:
        return self.settings.token_price * individual.tokens

    def _worth(self, individual: Individual) -> float:
        return (individual.mean or 0.0) - self._price(individual)


def _advance(
    variation: Variation, answer: str | None, place: int, questions: dict[int, Question], results: list[Prompt | None]
) -> None:
    """Runs an operator to its next question or its end, and notes which it was."""
    try:
        questions[place] = next(variation) if answer is None else variation.send(answer)
    except StopIteration as end:
        results[place] = end.value


def _mixed_order(task: Task, seed: int) -> list[int]:
    """The validation cases in an order in which every stretch holds the labels in turn."""
    rng = Random(f"{seed}:order")
    grouped: dict[str, list[int]] = {}
    for place, case in enumerate(task.val):
        grouped.setdefault((case.expected or "") if task.labels else "", []).append(place)
    queues = [grouped[label] for label in sorted(grouped)]
    for queue in queues:
        rng.shuffle(queue)
    order: list[int] = []
    while any(queues):
        turn = [queue.pop() for queue in queues if queue]
        rng.shuffle(turn)
        order += turn
    return order
