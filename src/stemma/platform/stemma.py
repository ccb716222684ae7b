"""The whole of Stemma behind one object: every room, built from one settings record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from stemma.core.clock import Clock, SystemClock
from stemma.core.errors import InvalidInput, NotConfigured, NotFound
from stemma.guard.access import Access, StoredAuthority
from stemma.guard.access.principal import check_principal
from stemma.ledger import Ledger, PublicKey, Signer
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.ledger.signing import KEY_FILE
from stemma.models.catalog import Models
from stemma.models.names import canonical
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
    from stemma.evaluate.portability import Portability
    from stemma.evaluate.runner import Evaluation, Runner
    from stemma.evaluate.trial import Trial, TrialSettings
    from stemma.guard.vault import Vault
    from stemma.network import Networks
    from stemma.network.alarms import Alarms
    from stemma.network.state.memory import Memories
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
        self,
        settings: Settings,
        *,
        models: Mapping[str, "Model"] | None = None,
        clock: Clock | None = None,
        create: bool = True,
    ) -> None:
        check_principal(settings.actor, said_by="actor (STEMMA_ACTOR)")
        self.settings = settings
        self.clock = clock or SystemClock()
        self.store = Store.open(settings.store, create=create)
        try:
            signer = None if is_in_memory(settings.store) else self._signer(create=create)
            authority = StoredAuthority(self.clock, settings.token)
            actor = authority.principal(self.store) or settings.actor
        except BaseException:
            self.store.close()
            raise
        self.scope = Scope(self.store, Ledger(self.store, self.clock, signer), self.clock, actor, authority=authority)
        self.access = Access(self.scope, authority)
        self.models = Models(models or {})
        contents = Contents()
        self.sessions = Sessions(self.scope)
        self.candidates = Candidates(self.scope, contents)
        self.prompts = Prompts(self.scope, contents)
        self.lineage = Lineage(self.scope)
        self.public_key: PublicKey | None = None if signer is None else signer.public_key

    def _signer(self, *, create: bool) -> Signer | None:
        """The key of this store's log. Where another machine signed it, and its key is not here, a second key's signatures
        would make the log unverifiable: it is left unsigned until a process that has the key comes by."""
        folder = self.settings.keys_folder
        if (folder / KEY_FILE).exists():
            return Signer.load(folder)
        if not create or Ledger(self.store, self.clock).last_checkpoint() is not None:
            return None
        return Signer.load_or_create(folder)

    @property
    def ledger(self) -> Ledger:
        """The audit log, to read and to prove. Raises Unauthorized for whoever may not read it."""
        self.scope.require(Action.READ, "audit:/")
        return self.scope.ledger

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

        return Networks(
            self.scope,
            self.prompts,
            self.models,
            encoder=lambda size: self.models.encoder(dimensions=size),
            vault=self.vault,
        )

    @cached_property
    def memories(self) -> "Memories":
        """What agents remember across tasks, searched by meaning: with MiniLM where it is installed, else by hashed words."""
        return self.networks.memories

    @property
    def alarms(self) -> "Alarms":
        """What was noticed in the traffic of networks: refusals, floods, drift, loops, with the way that each took."""
        return self.networks.alarms

    @cached_property
    def vault(self) -> "Vault":
        """Personal data as tokens, and the keys that turn them back; in a store in memory they end with it."""
        from stemma.guard.vault import Vault

        return Vault(self.scope, None if is_in_memory(self.settings.store) else self.settings.keys_folder)

    def close(self) -> None:
        """Signs what the audit log gained, and gives the connections back."""
        try:
            ledger = self.scope.ledger
            if self.public_key is not None and ledger.size():
                ledger.checkpoint()
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
        """The named model, or the one from the settings. Raises NotConfigured and NotFound with the way out, Unauthorized."""
        from stemma.evaluate.calls import Target

        wanted = name or self.settings.model
        self.scope.require(Action.USE, f"models:/{canonical(wanted)}")
        return Target(canonical(wanted), self.models.get(wanted))

    # --- what most callers do -----------------------------------------------------------------------------------------

    def evaluate(
        self,
        prompt: Prompt,
        data: "Dataset",
        trial: "TrialSettings | None" = None,
        *,
        budget: "Budget | None" = None,
        progress: Callable[[int], None] | None = None,
    ) -> "tuple[Evaluation, Spending]":
        """The prompt's scores on `data`, and what it took. Cases beyond the budget are missing, never wrong. Blocks; call
        it from a thread where a loop runs.

        Raises what `Runner.evaluate` raises, and InvalidInput when the scorer cannot score the data.
        """
        import asyncio

        from stemma.evaluate.scoring import check_cases

        runner = self._runner(trial, budget)
        check_cases(runner.scorer, data)
        evaluation = asyncio.run(runner.evaluate(prompt, data.cases, progress=progress))
        with self.scope.write() as tx:
            told = {"data": data.digest, "model": runner.target.identity, "n": evaluation.estimate.n}
            tx.record("prompt.evaluated", subject=prompt.digest, data=told | {"scorer": runner.scorer.identity()})
        return evaluation, runner.calls.budget.spending

    def portability(
        self,
        prompt: Prompt,
        data: "Dataset",
        models: Sequence[str],
        trial: "TrialSettings | None" = None,
        *,
        budget: "Budget | None" = None,
        progress: Callable[[int], None] | None = None,
    ) -> "Portability":
        """How the prompt does on each of `models`, on the same cases; the one that `trial` names is not asked. Blocks.

        The budget is shared out evenly among the models. One that is not configured is a row with the reason. Raises what
        `portability` raises, NotConfigured for the judge, and InvalidInput when the scorer cannot score the data.
        """
        import asyncio

        from stemma.evaluate.budget import Budget
        from stemma.evaluate.portability import Unasked, portability, shares
        from stemma.evaluate.runner import Runner
        from stemma.evaluate.scoring import check_cases
        from stemma.evaluate.trial import TrialSettings

        named, names = trial or TrialSettings(), list(dict.fromkeys(map(canonical, models)))
        if not names:
            raise InvalidInput("no model is named to try the prompt on; name two or more, such as embedded")
        if named.judge is not None:
            self.target(named.judge)  # else it would seem to be what every model lacks
        runners: dict[str, Runner | Unasked] = {}
        for name, share in zip(names, shares(budget or Budget(), len(names)), strict=True):
            try:
                runners[name] = runner = self._runner(replace(named, model=name), share)
                check_cases(runner.scorer, data)
            except NotConfigured as missing:
                runners[name] = Unasked(name, str(missing))
        report = asyncio.run(portability(prompt, data.cases, runners, progress=progress))
        asked = {name: runner for name, runner in runners.items() if isinstance(runner, Runner)}
        with self.scope.write() as tx:
            for row in report.scored:
                runner = asked[row.model]
                told = {"data": data.digest, "model": runner.target.identity, "n": row.score.n}
                tx.record("prompt.evaluated", subject=prompt.digest, data=told | {"scorer": runner.scorer.identity()})
        return report

    def optimize(
        self,
        assignment: "Assignment",
        settings: "SearchSettings | None" = None,
        trial: "TrialSettings | None" = None,
        *,
        strategy: str = "genetic",
        writer: str | None = None,
        resume: str | None = None,
        progress: "Callable[[Standing], None] | None" = None,
    ) -> "OptimizationResult":
        """A better prompt, measured once on the held-out cases; see `Optimizer.run`. Blocks.

        `writer` names a model that also writes prompts; the one of the environment's settings unless given.
        """
        import asyncio

        from stemma.optimize.genetic import Genetic
        from stemma.optimize.optimizer import Search
        from stemma.optimize.settings import SearchSettings

        strategies = {"genetic": Genetic}
        if strategy not in strategies:
            raise InvalidInput(f"strategy {strategy!r} is not known; there are: {', '.join(strategies)}")
        named = writer or self.settings.writer
        search = Search(
            strategies[strategy](), settings or SearchSettings(), None if named is None else self.target(named)
        )
        running = self.optimizer.run(assignment, search, self._trial(trial), resume=resume, progress=progress)
        return asyncio.run(running)

    def judge(
        self,
        candidate: Prompt,
        incumbent: Prompt,
        data: "Dataset",
        policy: "GatePolicy | None" = None,
        trial: "TrialSettings | None" = None,
        *,
        training: "Dataset | None" = None,
    ) -> "GateVerdict":
        """The gate's verdict on `candidate` in `incumbent`'s place; see `Gate.judge`. Blocks."""
        import asyncio

        from stemma.evaluate.scoring import check_cases
        from stemma.release import GatePolicy

        runner = self._runner(trial, None)
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

    def _runner(self, settings: "TrialSettings | None", budget: "Budget | None") -> "Runner":
        from stemma.evaluate.budget import Budget
        from stemma.evaluate.calls import Calls
        from stemma.evaluate.memo import Journal
        from stemma.evaluate.runner import Runner

        trial = self._trial(settings)
        journal = Journal(self.scope, self.memo)
        calls = Calls(self.memo, journal, budget or Budget(), self.clock, concurrency=trial.concurrency)
        return Runner(calls, trial.target, trial.scorer, judge=trial.judge)

    def _trial(self, settings: "TrialSettings | None") -> "Trial":
        from stemma.evaluate.scorers import scorer_named
        from stemma.evaluate.trial import Trial, TrialSettings

        named = settings or TrialSettings()
        scorer = named.scorer
        return Trial(
            self.target(named.model),
            scorer_named(scorer, judge_model=named.judge) if isinstance(scorer, str) else scorer,
            None if named.judge is None else self.target(named.judge),
            named.concurrency,
        )


def is_in_memory(store: str) -> bool:
    """Whether a store ends with its process, so that nothing of it may be kept in files either."""
    return store.rstrip("/") in ("sqlite:", "sqlite:///:memory:")


def open_stemma(
    *, models: Mapping[str, "Model"] | None = None, clock: Clock | None = None, create: bool = True, **settings: Any
) -> Stemma:
    """Opens Stemma with the environment's settings, and those given by name (see `Settings`) on top.

    `models` adds pydantic-ai models under names of your own. A store that is not there is made, with a key for its log;
    unless `create`, it is NotFound, and nothing is made: whoever only reads would take an empty store for the answer.
    """
    return Stemma(Settings.read(**settings), models=models, clock=clock, create=create)
