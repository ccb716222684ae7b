"""The whole of Stemma behind one object: every room, built from one settings record."""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stemma.core.clock import Clock, SystemClock
from stemma.core.errors import InvalidInput, NotFound
from stemma.ledger import Ledger, PublicKey, Signer
from stemma.ledger.scope import Scope
from stemma.models.catalog import Models
from stemma.platform.settings import Settings
from stemma.registry.candidates import Candidate, Candidates
from stemma.registry.contents import Contents
from stemma.registry.lineage import Lineage
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts
from stemma.registry.sessions import Sessions
from stemma.store import Store

if TYPE_CHECKING:
    # Whoever only reads or writes the registry waits for nothing else: pydantic_ai takes 0.6 s to import, the network's
    # engine as much, evaluation, search and gate together 0.1 s. Each is loaded by the first call that needs it.
    from pydantic_ai.models import Model

    from stemma.evaluate.budget import Budget, Spending
    from stemma.evaluate.calls import Target
    from stemma.evaluate.data import Dataset
    from stemma.evaluate.memo import Memo
    from stemma.evaluate.runner import Evaluation, Runner
    from stemma.evaluate.scoring import Scorer
    from stemma.network import Networks
    from stemma.optimize.arena import Standing
    from stemma.optimize.optimizer import Assignment, OptimizationResult, Optimizer
    from stemma.optimize.settings import SearchSettings
    from stemma.release import Gate, GatePolicy, GateVerdict


class Stemma:
    """The rooms, wired. Open with `stemma.open`; close it, or use it as a context manager, so that the log is signed.

    >>> import stemma
    >>> with stemma.open(store="sqlite://") as here:
    ...     here.prompts.save("greeting", stemma.Prompt("Say hello in {{language}}.")).reference
    'prompts:/greeting/1'
    """

    def __init__(
        self, settings: Settings, *, models: Mapping[str, "Model"] | None = None, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.store = Store.open(settings.store)
        in_memory = settings.store.rstrip("/") in ("sqlite:", "sqlite:///:memory:")
        try:
            signer = None if in_memory else Signer.load_or_create(settings.keys_folder)
        except BaseException:
            self.store.close()
            raise
        self.ledger = Ledger(self.store, self.clock, signer)
        self.scope = Scope(self.store, self.ledger, self.clock, settings.actor)
        self.models = Models(models or {})
        contents = Contents()
        self.sessions = Sessions(self.scope)
        self.candidates = Candidates(self.scope, contents)
        self.prompts = Prompts(self.scope, contents)
        self.lineage = Lineage(self.scope)
        self.public_key: PublicKey | None = None if signer is None else signer.public_key

    @cached_property
    def memo(self) -> "Memo":
        """What models answered before, so that no call is paid twice."""
        from stemma.evaluate.memo import Memo

        return Memo(self.scope)

    @cached_property
    def gate(self) -> "Gate":
        """What stands between a candidate and a version number."""
        from stemma.release import Gate

        return Gate(self.scope, self.prompts, self.candidates, self.sessions)

    @cached_property
    def optimizer(self) -> "Optimizer":
        """The search for better prompts."""
        from stemma.optimize.optimizer import Optimizer

        return Optimizer(self.scope, self.sessions, self.candidates, self.memo)

    @cached_property
    def networks(self) -> "Networks":
        """Networks of agents, as durable workflows."""
        from stemma.network import Networks

        return Networks(self.scope, self.prompts, self.models)

    def close(self) -> None:
        """Signs what the audit log gained, and gives the connections back."""
        try:
            if self.public_key is not None and self.ledger.size():
                self.ledger.checkpoint()
        finally:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:  # what went wrong is told; signing it must not hide it
            self.store.close()

    def target(self, name: str | None = None) -> "Target":
        """The named model, or the one from the settings. Raises NotConfigured and NotFound with the way out."""
        from stemma.evaluate.calls import Target

        wanted = name or self.settings.model
        return Target(wanted, self.models.get(wanted))

    # --- what most callers do -----------------------------------------------------------------------------------------

    def evaluate(
        self,
        prompt: Prompt,
        data: "Dataset",
        *,
        model: str | None = None,
        scorer: "str | Scorer" = "normalised",
        judge: str | None = None,
        max_calls: int | None = None,
        concurrency: int = 4,
        progress: Callable[[int], None] | None = None,
    ) -> "tuple[Evaluation, Spending]":
        """The prompt's scores on `data`, and the calls it took. Blocks; call it from a thread where a loop runs.

        Raises what `Runner.evaluate` raises, and InvalidInput when the scorer cannot score the data.
        """
        import asyncio

        from stemma.evaluate.budget import Budget
        from stemma.evaluate.scoring import check_cases

        runner = self._runner(model, scorer, judge, budget=Budget(calls=max_calls), concurrency=concurrency)
        check_cases(runner.scorer, data)
        evaluation = asyncio.run(runner.evaluate(prompt, data.cases, progress=progress))
        with self.scope.write() as tx:
            told = {"data": data.digest, "model": runner.target.identity, "n": evaluation.estimate.n}
            tx.record("prompt.evaluated", subject=prompt.digest, data=told | {"scorer": runner.scorer.identity()})
        return evaluation, runner.calls.budget.spending

    def optimize(
        self,
        assignment: "Assignment",
        *,
        strategy: str = "genetic",
        model: str | None = None,
        writer: str | None = None,
        scorer: "str | Scorer" = "normalised",
        judge: str | None = None,
        settings: "SearchSettings | None" = None,
        resume: str | None = None,
        concurrency: int = 4,
        progress: "Callable[[Standing], None] | None" = None,
    ) -> "OptimizationResult":
        """A better prompt, measured once on the held-out cases; see `Optimizer.run`. Blocks."""
        import asyncio

        from stemma.optimize.genetic import Genetic
        from stemma.optimize.settings import SearchSettings

        strategies = {"genetic": Genetic}
        if strategy not in strategies:
            raise InvalidInput(f"strategy {strategy!r} is not known; there are: {', '.join(strategies)}")
        writer = writer or self.settings.writer
        return asyncio.run(
            self.optimizer.run(
                assignment,
                strategies[strategy](),
                target=self.target(model),
                scorer=_scorer(scorer, judge),
                settings=settings or SearchSettings(),
                judge=None if judge is None else self.target(judge),
                writer=None if writer is None else self.target(writer),
                resume=resume,
                concurrency=concurrency,
                progress=progress,
            )
        )

    def judge(
        self,
        candidate: Prompt,
        incumbent: Prompt,
        data: "Dataset",
        *,
        policy: "GatePolicy | None" = None,
        training: "Dataset | None" = None,
        model: str | None = None,
        scorer: "str | Scorer" = "normalised",
        judge: str | None = None,
        concurrency: int = 4,
    ) -> "GateVerdict":
        """The gate's verdict on `candidate` in `incumbent`'s place; see `Gate.judge`. Blocks."""
        import asyncio

        from stemma.evaluate.budget import Budget
        from stemma.evaluate.scoring import check_cases
        from stemma.release import GatePolicy

        runner = self._runner(model, scorer, judge, budget=Budget(), concurrency=concurrency)
        check_cases(runner.scorer, data)
        judged = self.gate.judge(candidate, incumbent, data, runner, policy=policy or GatePolicy(), training=training)
        return asyncio.run(judged)

    def candidate_named(self, text: str) -> Candidate:
        """The candidate that a person means: its number, the id of the session whose winner it is, or digits of its digest.

        Raises NotFound.
        """
        if text.isdigit():
            return self.candidates.get(int(text))
        if text.startswith("s_"):
            session = self.sessions.get(text)
            if session.result is None:
                raise NotFound(f"session {text!r} has no result yet; go on with it: stemma optimize … --resume {text}")
            return self.candidates.get(int(session.result["candidate"]))
        found = self.candidates.of_digest(text) if len(text) == 64 else []
        if not found:
            raise NotFound(
                f"there is no candidate {text!r}; name one by its number, its session's id or its whole digest"
            )
        return found[-1]

    def _runner(
        self, model: str | None, scorer: "str | Scorer", judge: str | None, *, budget: "Budget", concurrency: int
    ) -> "Runner":
        from stemma.evaluate.calls import Calls
        from stemma.evaluate.memo import Journal
        from stemma.evaluate.runner import Runner

        journal = Journal(self.scope, self.memo)
        calls = Calls(self.memo, journal, budget, self.clock, concurrency=concurrency)
        asked = None if judge is None else self.target(judge)
        return Runner(calls, self.target(model), _scorer(scorer, judge), judge=asked)


def open_stemma(*, models: Mapping[str, "Model"] | None = None, clock: Clock | None = None, **settings: Any) -> Stemma:
    """Opens Stemma with the environment's settings, and those given by name (see `Settings`) on top.

    `models` adds pydantic-ai models under names of your own.
    """
    return Stemma(Settings.read(**settings), models=models, clock=clock)


def _scorer(scorer: "str | Scorer", judge: str | None) -> "Scorer":
    from stemma.evaluate.scorers import scorer_named

    return scorer_named(scorer, judge_model=judge) if isinstance(scorer, str) else scorer
