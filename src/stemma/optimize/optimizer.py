"""One optimization, from the seed prompt to a result with an interval: the main path, top to bottom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stemma.core.clock import Clock
from stemma.core.digests import digest
from stemma.core.errors import BudgetExhausted, InvalidInput
from stemma.core.trust import UNTRUSTED
from stemma.evaluate.budget import Budget, Spending
from stemma.evaluate.calls import Calls, Target, longest_answer, question_tokens
from stemma.evaluate.checks import prompt_tokens
from stemma.evaluate.comparison import Comparison, compare
from stemma.evaluate.data import Case, Dataset
from stemma.evaluate.memo import Journal, Memo
from stemma.evaluate.price import price_of
from stemma.evaluate.runner import Runner, request_of
from stemma.evaluate.scoring import check_cases
from stemma.evaluate.seen import marks_of
from stemma.evaluate.trial import Trial
from stemma.ledger.scope import Scope
from stemma.optimize.arena import Arena, Standing
from stemma.optimize.history import PastSearch, history
from stemma.optimize.individual import Individual
from stemma.optimize.optimism import optimism
from stemma.optimize.record import Record
from stemma.optimize.settings import SearchSettings
from stemma.optimize.task import Task
from stemma.registry.candidates import Candidates
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession, Session, Sessions, SessionStatus


class Strategy(Protocol):
    """A way to search. It proposes through the arena, which stores, checks, races and counts."""

    @property
    def name(self) -> str: ...

    def identity(self) -> dict[str, Any]:
        """What the generator's digest is made of."""
        ...

    async def search(self, seed: Prompt, arena: Arena) -> None:
        """Searches until `arena.finished`."""
        ...


@dataclass(frozen=True, slots=True)
class Search:
    """How to look for a better prompt. `writer` is a model that also writes prompts, if there is one."""

    strategy: Strategy
    settings: SearchSettings = SearchSettings()  # noqa: RUF009 - frozen
    writer: Target | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to optimize on what. `holdout` is never seen by the search; `val` is split off `train` when None."""

    prompt: Prompt
    train: Dataset
    holdout: Dataset
    val: Dataset | None = None
    name: str | None = None

    @property
    def data_digest(self) -> str:
        return digest([self.train.digest, self.holdout.digest, None if self.val is None else self.val.digest])


@dataclass(frozen=True, slots=True)
class OptimizationResult:
    """What came of a session. `best` is the seed itself when nothing beat it."""

    session: Session
    seed: Prompt
    best: Prompt
    candidate: int
    holdout: Comparison
    validation: Comparison
    optimism: float
    spending: Spending
    candidates: int
    steps: int
    seconds: float
    resumed: bool

    @property
    def improved(self) -> bool:
        return self.best != self.seed

    def to_json(self) -> dict[str, Any]:
        return {
            "session": self.session.id,
            "seed_digest": self.seed.digest,
            "best_digest": self.best.digest,
            "candidate": self.candidate,
            "improved": self.improved,
            "holdout": {
                "n": self.holdout.n,
                "seed": self.holdout.baseline,
                "best": self.holdout.candidate,
                "gain": self.holdout.gain,
                "ci95": list(self.holdout.ci95),
                "missing": self.holdout.missing,
            },
            "validation": {
                "n": self.validation.n,
                "seed": self.validation.baseline,
                "best": self.validation.candidate,
                "corrected": None if self.validation.candidate is None else self.validation.candidate - self.optimism,
            },
            "tokens": {"seed": prompt_tokens(self.seed), "best": prompt_tokens(self.best)},
            "calls": self.spending.to_json(),
            "candidates": self.candidates,
            "steps": self.steps,
            "seconds": round(self.seconds, 3),
            "resumed": self.resumed,
        }


class Optimizer:
    """Runs optimizations and resumes those that were interrupted."""

    def __init__(self, scope: Scope, sessions: Sessions, candidates: Candidates, memo: Memo) -> None:
        self._scope = scope
        self._sessions = sessions
        self._candidates = candidates
        self._memo = memo

    async def run(
        self,
        assignment: Assignment,
        search: Search,
        trial: Trial,
        *,
        resume: str | None = None,
        progress: Callable[[Standing], None] | None = None,
    ) -> OptimizationResult:
        """Searches for a better prompt and measures it, once, on the held-out cases.

        With `resume`, the id of an unfinished session, everything that it did is repeated from its journal without a
        call, and it goes on where it stopped, to the same result.

        Raises InvalidInput when the data cannot be used, BudgetExhausted when `max_calls` do not even measure the seed,
        Conflict when a resumed session does not repeat itself, ModelError when the model cannot be reached.
        """
        clock: Clock = self._scope.clock
        started = clock.monotonic()
        settings = search.settings
        check_cases(trial.scorer, [*assignment.train, *assignment.holdout, *(assignment.val or ())])
        task = _task(assignment, settings)
        budget = settings.budget()
        _set_aside_for_holdout(budget, assignment, trial, task)
        session = self._session(assignment, search, trial, task, resume=resume)
        journal = Journal(self._scope, self._memo, session=session.number)
        calls = Calls(self._memo, journal, budget, clock, concurrency=trial.concurrency)
        runner = Runner(calls, trial.target, trial.scorer, judge=trial.judge)
        record = Record(self._scope, session, self._candidates)
        arena = Arena(runner, record, task, settings, writer=search.writer, progress=progress)

        await search.strategy.search(assignment.prompt, arena)

        seed, best = next(iter(arena.members.values())), arena.best
        budget.set_aside(0)
        before = await runner.evaluate(assignment.prompt, assignment.holdout.cases)
        after = await runner.evaluate(best.prompt, assignment.holdout.cases)
        result = OptimizationResult(
            session=session,
            seed=assignment.prompt,
            best=best.prompt,
            candidate=best.id,
            holdout=compare(before.scores, after.scores),
            validation=_on_validation(seed, best, task),
            optimism=optimism([one.scores for one in _complete(arena, task)], seed=settings.seed),
            spending=budget.spending,
            candidates=len(arena.members),
            steps=arena.steps,
            seconds=clock.monotonic() - started,
            resumed=resume is not None,
        )
        if session.status == SessionStatus.OPEN:
            self._sessions.finish(
                session, {k: v for k, v in result.to_json().items() if k not in ("seconds", "resumed")}
            )
        return result

    def history(self, *, prompt_name: str | None = None, limit: int = 50) -> list[PastSearch]:
        """The newest searches first, with what each came to or how far it is."""
        return history(self._scope, self._sessions, prompt_name=prompt_name, limit=limit)

    def _session(
        self, assignment: Assignment, search: Search, trial: Trial, task: Task, *, resume: str | None
    ) -> Session:
        generator = Generator(search.strategy.name, search.strategy.identity())
        parameters = {
            "settings": search.settings.to_json(),
            "scorer": trial.scorer.identity(),
            "seed_digest": assignment.prompt.digest,
            "writer": None if search.writer is None else search.writer.identity,
        }
        if resume is None:
            return self._sessions.open(
                NewSession(
                    generator,
                    prompt_name=assignment.name,
                    model=trial.target.identity,
                    parameters=parameters,
                    seed=search.settings.seed,
                    data_digest=assignment.data_digest,
                    seen=marks_of([*task.pool, *task.val]),
                    trust=UNTRUSTED,  # demonstrations and mined phrases are words of whoever wrote the data
                )
            )
        session = self._sessions.get(resume)
        same = {
            "the strategy": (session.generator, generator.digest),
            "the seed": (session.seed, search.settings.seed),  # before the data, which it may have split
            "the data": (session.data_digest, assignment.data_digest),
            "the model": (session.model, trial.target.identity),
            "the prompt, the scorer or a setting": (digest(session.parameters), digest(parameters)),
        }
        for what, (then, now) in same.items():
            if then != now:
                raise InvalidInput(
                    f"session {resume!r} cannot go on: {what} differs from when it was started; "
                    "give the same options and files, or start a new session"
                )
        return session


def _task(assignment: Assignment, settings: SearchSettings) -> Task:
    if assignment.val is not None:
        pool, val = assignment.train, assignment.val
    else:
        pool, val = assignment.train.split(settings.val_fraction, seed=settings.seed)
    for name, part, other, kept in (
        ("training", pool, "hold-out", assignment.holdout),
        ("validation", val, "hold-out", assignment.holdout),
        ("training", pool, "validation", val),
    ):
        held = {digest(dict(case.inputs)) for case in kept}
        for case in part:
            if digest(dict(case.inputs)) in held:
                raise InvalidInput(
                    f"the {name} case on line {case.line} is also in the {other} set, which would flatter the result; "
                    "take it out of one of them"
                )
    return Task(pool.cases, val.cases, settings.token_cap)


def _set_aside_for_holdout(budget: Budget, assignment: Assignment, trial: Trial, task: Task) -> None:
    """Keeps back what measuring seed and winner at the end takes, so that the search can not spend it."""
    holdout = assignment.holdout
    needed = 2 * len(holdout)
    least = needed + len(task.val)
    if budget.calls is not None and budget.calls < least:
        raise BudgetExhausted(
            f"{budget.calls} calls are too few: measuring the seed and the winner on {len(holdout)} held-out cases takes "
            f"{needed}, and the seed on {len(task.val)} validation cases {len(task.val)}; give --max-calls {least} or more, "
            "or fewer held-out cases"
        )
    if budget.tokens is not None or budget.money is not None:
        _check_cost(budget, assignment.prompt, [*task.val, *holdout, *holdout], trial.target)
    budget.set_aside(needed)


def _check_cost(budget: Budget, seed: Prompt, cases: Sequence[Case], target: Target) -> None:
    """Raises BudgetExhausted when what has to be measured costs too much even if hardly anything is answered."""
    requests = [request_of(seed, case.inputs, target) for case in cases]
    asked, longest = sum(map(question_tokens, requests)), max(map(longest_answer, requests))
    way_out = "give more, or fewer held-out cases, or bound the answers by the prompt's own setting max_tokens"
    if budget.tokens is not None and budget.tokens < asked + longest:
        raise BudgetExhausted(
            f"{budget.tokens} tokens are too few: measuring the seed and the winner takes {asked} for the questions alone, and "
            f"an answer may take {longest}; {way_out}"
        )
    if budget.money is not None:
        price = price_of(target.model, input_tokens=asked, output_tokens=longest)
        if budget.money < price:
            raise BudgetExhausted(
                f"{budget.money} US dollars are too few: measuring the seed and the winner takes {price} or more; {way_out}"
            )


def _complete(arena: Arena, task: Task) -> list[Individual]:
    return [member for member in arena.members.values() if len(member.scores) == len(task.val)]


def _on_validation(seed: Individual, best: Individual, task: Task) -> Comparison:
    places = range(len(task.val))
    return compare([seed.scores.get(place) for place in places], [best.scores.get(place) for place in places])
